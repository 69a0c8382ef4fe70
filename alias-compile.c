/*
 * alias-compile: compiles settings, aliases, virtual hosts and users into the
 * tables that the other programs read.
 *
 * Descriptors: 1 the counts that newaliases prints; 2 messages about the
 * sources, "file:line: text", all of a run.
 * Arguments: [-nv]; called newaliases it prints the counts, as with -v, and
 * ignores names.
 * Exit codes: 0 the new tables are live (-n: would be); 100 the sources are
 * wrong or unsafe, the old tables stay; 111 temporary.
 *
 * Runs as whoever owns PREFIX/etc/postchaise.  Trusts only sources that
 * nobody else can write (lib/source.h).  The tables: INTERFACES 6.
 */
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <cdb.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "compile.h"
#include "fdio.h"
#include "id.h"
#include "log.h"
#include "paths.h"

enum { LOCK_SECONDS = 30, LINK_MAX_LEN = 255 };

#define NEW "tables.NEW"

/* Who may read a table: the programs' users, named in `modes'. */
static const struct output {
	const char *name;
	size_t table; /* offset in struct compile */
	mode_t mode;
	const char *owner;
	const char *group;
} outputs[] = {
	{"mail.cdb", offsetof(struct compile, mail), 0640, NULL, "pcmail"},
	{"public.cdb", offsetof(struct compile, public), 0644, NULL, NULL},
	{"auth.cdb", offsetof(struct compile, auth), 0400, "pcp", NULL},
	{"relay.cdb", offsetof(struct compile, relay), 0640, NULL, "pcr"},
};

static struct {
	struct compile c;
	int confdir; /* PREFIX/etc/postchaise */
	int newdir;  /* tables.NEW in it */
} self = {.confdir = -1, .newdir = -1};

/* A system call failed: permanent where a retry cannot help. */
static void
trouble(const char *what, const char *name)
{
	if (errno == EACCES || errno == EPERM || errno == EROFS ||
	    errno == ENOTDIR)
		die_perm(what, "file=%s err=%m", name);
	die_temp(what, "file=%s err=%m", name);
}

static void
write_cdb(int fd, const struct table *t, const char *name)
{
	struct cdb_make make;
	struct table_record r;
	size_t at = 0;

	if (cdb_make_start(&make, fd) == -1)
		trouble("cannot-write", name);
	while (table_next(t, &at, &r))
		if (cdb_make_add(&make, r.key, r.klen, r.val, r.vlen) == -1)
			trouble("cannot-write", name);
	if (cdb_make_finish(&make) == -1)
		trouble("cannot-write", name);
}

/* The last checks are made on the written mail.cdb itself. */
static void
check_written(int fd)
{
	struct map m;
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1)
		trouble("cannot-read", "mail.cdb");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		trouble("cannot-read", "mail.cdb");
	m.p = p;
	m.size = (size_t)st.st_size;
	compile_check(&self.c, &m);
	map_close(&m);
}

/* Prints the messages; ends the program if there are errors. */
static void
report(void)
{
	struct diag *d = &self.c.diag;

	/* Nobody to tell is no reason to go on. */
	(void)write_all(2, d->text.p, d->text.len);
	d->text.len = 0;
	if (d->errors > 0)
		exit(d->temporary ? 111 : 100);
}

/* Removes a generation and what is in it; names are those of outputs. */
static void
remove_tables(const char *name)
{
	size_t i;
	int fd = openat(self.confdir, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return;
	for (i = 0; i < sizeof outputs / sizeof outputs[0]; i++)
		unlinkat(fd, outputs[i].name, 0);
	close(fd);
	unlinkat(self.confdir, name, AT_REMOVEDIR);
}

static void
remove_new(void)
{
	remove_tables(NEW);
}

/* One run at a time: the lock is given up when the program ends. */
static void
lock(void)
{
	const struct timespec pause = {0, 50000000};
	char *dir = path_make(PATH_CONF);
	uint64_t deadline = clock_ms() + LOCK_SECONDS * 1000;
	int fd;

	if (mkdir(dir, 0755) == -1 && errno != EEXIST)
		trouble("cannot-make", dir);
	self.confdir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (self.confdir == -1)
		trouble("cannot-open", dir);
	fd = openat(self.confdir, "tables.lock",
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		trouble("cannot-lock", dir);
	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK || clock_ms() > deadline)
			trouble("cannot-lock", dir);
		nanosleep(&pause, NULL);
	}
	free(dir);
}

/* The owner and group that root gives a table; who is missing stays root. */
static int
give(int fd, const struct output *o)
{
	const struct passwd *pw = o->owner ? getpwnam(o->owner) : NULL;
	const struct group *g = o->group ? getgrnam(o->group) : NULL;

	return fchown(fd, pw != NULL ? pw->pw_uid : (uid_t)-1,
	    g != NULL ? g->gr_gid : (gid_t)-1);
}

/* A file of tables.NEW with the mode and owner that it is to have. */
static int
create(const struct output *o)
{
	int fd = openat(self.newdir, o->name,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd == -1 || (geteuid() == 0 && give(fd, o) == -1) ||
	    fchmod(fd, o->mode) == -1)
		trouble("cannot-create", o->name);
	return fd;
}

/* Writes and checks tables.NEW; when this returns it is right and on disk. */
static void
write_tables(void)
{
	size_t i;
	int fd;

	remove_new();
	if (mkdirat(self.confdir, NEW, 0700) == -1)
		trouble("cannot-make", NEW);
	atexit(remove_new);
	self.newdir = openat(self.confdir, NEW,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (self.newdir == -1 || fchmod(self.newdir, 0755) == -1)
		trouble("cannot-make", NEW);
	for (i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
		fd = create(&outputs[i]);
		write_cdb(fd, (const struct table *)(const void *)
		    ((const char *)&self.c + outputs[i].table),
		    outputs[i].name);
		if (i == 0) {
			check_written(fd);
			report();
		}
		if (fsync(fd) == -1 || close(fd) == -1)
			trouble("cannot-write", outputs[i].name);
	}
	if (fsync(self.newdir) == -1)
		trouble("cannot-write", NEW);
}

/* Removes all generations but these two, and closes the directory. */
static void
prune(const char *now, const char *before)
{
	DIR *d = fdopendir(self.confdir);
	const struct dirent *e;
	const char *id;

	if (d == NULL)
		return;
	rewinddir(d);
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "tables.", 7) != 0)
			continue;
		id = e->d_name + 7;
		if (id_valid(id, strlen(id)) && strcmp(e->d_name, now) != 0 &&
		    strcmp(e->d_name, before) != 0)
			remove_tables(e->d_name);
	}
	closedir(d);
	self.confdir = -1;
}

/*
 * Makes tables.NEW the generation in force.  Until the rename of the link the
 * old one is, after it the new one: a reader finds one or the other whole.
 */
static void
switch_tables(void)
{
	char gen[sizeof "tables." + ID_LEN] = "tables.";
	char before[LINK_MAX_LEN + 1] = "";

	id_make(gen + 7);
	if (readlinkat(self.confdir, "tables", before, LINK_MAX_LEN) == -1 &&
	    errno != ENOENT)
		trouble("cannot-switch", "tables");
	if (renameat(self.confdir, NEW, self.confdir, gen) == -1)
		trouble("cannot-rename", NEW);
	unlinkat(self.confdir, "tables.link", 0);
	if (symlinkat(gen, self.confdir, "tables.link") == -1 ||
	    renameat(self.confdir, "tables.link", self.confdir,
		"tables") == -1) {
		int err = errno;

		remove_tables(gen);
		errno = err;
		trouble("cannot-switch", "tables");
	}
	if (fsync(self.confdir) == -1)
		trouble("cannot-sync", PATH_CONF);
	prune(gen, before);
}

/* -n: mail.cdb goes to a file without a name. */
static void
check_only(void)
{
	char name[] = "/tmp/alias-compile.XXXXXX";
	int fd = mkstemp(name);

	if (fd == -1 || unlink(name) == -1)
		trouble("cannot-create", name);
	write_cdb(fd, &self.c.mail, name);
	check_written(fd);
	close(fd);
	report();
}

int
main(int argc, char *argv[])
{
	int c, check = 0, verbose = 0, newaliases;

	fd_guard();
	log_init(argv[0]);
	umask(022);
	newaliases = strcmp(log_program(), "newaliases") == 0;
	while ((c = getopt(argc, argv, "nv")) != -1) {
		if (c == 'n')
			check = 1;
		else if (c == 'v')
			verbose = 1;
		else
			die_usage("[-nv]");
	}
	if (optind < argc && !newaliases)
		die_usage("[-nv]");
	if (!check)
		lock();
	compile_sources(&self.c);
	if (self.c.diag.errors > 0)
		report();
	if (check) {
		check_only();
	} else {
		write_tables();
		switch_tables();
	}
	if ((verbose || newaliases) &&
	    write_all(1, self.c.counts.p, self.c.counts.len) == -1)
		trouble("cannot-write", "-");
	compile_free(&self.c);
	return 0;
}
