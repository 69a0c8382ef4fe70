#include <sys/stat.h>
#include <sys/uio.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "id.h"
#include "maildir.h"
#include "syncname.h"

/* A file's path is `PLACE/tmp/NAME'; what names it below the place: */
struct name {
	char tmp[320];   /* /tmp/SECONDS.IDrHASH.HOST */
	char new[320];   /* /new/... */
	size_t prefix;   /* bytes of SECONDS.IDrHASH. ; 0 by hand */
};
enum { DIRLEN = 5 }; /* strlen("/tmp/") */

static void
make_name(struct name *f, const struct letter *l)
{
	static unsigned count;
	char host[128];
	size_t i;
	int n;

	for (i = 0; i < sizeof host - 1 && l->host[i] != '\0'; i++)
		host[i] = l->host[i] == '/' || l->host[i] == ':' ||
		    l->host[i] <= ' ' ? '_' : l->host[i];
	host[i] = '\0';
	if (id_valid(l->id, strlen(l->id))) {
		n = snprintf(f->tmp, sizeof f->tmp, "/tmp/%lld.%sr%08x.",
		    (long long)trace_time(l), l->id,
		    hash_caseless(l->rcpt, l->rcptlen));
		f->prefix = (size_t)n - DIRLEN;
	} else {
		n = snprintf(f->tmp, sizeof f->tmp, "/tmp/%lld.P%ldQ%u.",
		    (long long)trace_time(l), (long)getpid(), ++count);
		f->prefix = 0;
	}
	snprintf(f->tmp + n, sizeof f->tmp - (size_t)n, "%s", host);
	memcpy(f->new, f->tmp, sizeof f->new);
	memcpy(f->new, "/new/", DIRLEN);
}

/* place + below, for the calls that take a path. */
static int
full(char out[PATH_MAX], const struct place *at, const char *below)
{
	if (snprintf(out, PATH_MAX, "%s%s", at->path, below) < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

static int
move(const struct place *at, const struct name *f)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (full(from, at, f->tmp) == -1 || full(to, at, f->new) == -1)
		return -1;
	return renameat(at->dirfd, from, at->dirfd, to);
}

static void
discard(const struct place *at, const char *below)
{
	char path[PATH_MAX];
	int err = errno;

	if (full(path, at, below) == 0)
		unlinkat(at->dirfd, path, 0);
	errno = err;
}

static int
sync_dir(const struct place *at, const char *below)
{
	int fd = place_open(at, below, O_RDONLY | O_DIRECTORY, 0);
	int r, err;

	if (fd == -1)
		return -1;
	r = fsync(fd);
	err = errno;
	close(fd);
	errno = err;
	return r;
}

/* Head and message, with one call where the system takes it whole. */
static int
write_letter(int fd, const struct letter *l)
{
	struct iovec v[2] = {
		{l->head.p, l->head.len},
		{(void *)(uintptr_t)l->msg, l->msglen}
	};
	ssize_t w;
	size_t k;
	int i = 0;

	while (i < 2) {
		w = writev(fd, v + i, 2 - i);
		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return -1;
		for (; i < 2 && (size_t)w >= v[i].iov_len; i++)
			w -= (ssize_t)v[i].iov_len;
		if (i < 2) {
			k = (size_t)w;
			v[i].iov_base = (char *)v[i].iov_base + k;
			v[i].iov_len -= k;
		}
	}
	return 0;
}

/* Durable in content and name: see sync_keeps_name. */
static int
commit(const struct place *at, const struct name *f, int fd)
{
	if (sync_keeps_name(fd)) {
		if (move(at, f) == -1)
			return -1;
		return fsync(fd);
	}
	if (fsync(fd) == -1 || move(at, f) == -1)
		return -1;
	return sync_dir(at, "/new");
}

static int
add(const struct place *at, const struct name *f, const struct letter *l)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL, fd, err;

	fd = place_open(at, f->tmp, flags, 0600);
	if (fd == -1 && errno == EEXIST) {
		/* Left by an attempt that was killed: nobody else's name. */
		discard(at, f->tmp);
		fd = place_open(at, f->tmp, flags, 0600);
	}
	if (fd == -1)
		return -1;
	if (write_letter(fd, l) == 0 && commit(at, f, fd) == 0) {
		if (close(fd) == 0)
			return 0;
		fd = -1; /* network file systems report a full disk here */
	}
	err = errno;
	if (fd != -1)
		close(fd);
	discard(at, f->tmp);
	discard(at, f->new);
	errno = err;
	return -1;
}

/* What an earlier attempt's file is, beside what is written now: from better
 * to worse. */
enum is { SAME, OTHER, TORN, UNREADABLE };

/* The n bytes at `at' of the file beside those at p.  A power failure can keep
 * a file's name and length and lose blocks: they are read as zeros. */
static enum is
compare(int fd, off_t at, const char *p, size_t n)
{
	char part[16384];
	enum is r = SAME;
	ssize_t k, i;

	for (; n > 0; p += k, n -= (size_t)k, at += k) {
		k = pread(fd, part, n < sizeof part ? n : sizeof part, at);
		if (k <= 0)
			return k == 0 ? TORN : UNREADABLE;
		if (memcmp(part, p, (size_t)k) == 0)
			continue;
		r = OTHER;
		for (i = 0; i < k; i++)
			if (part[i] == '\0' && p[i] != '\0')
				return TORN;
	}
	return r;
}

/*
 * Is the file `name' in directory d whole?  Then it and its name are made
 * durable, since the attempt that wrote it may have ended before that: 1.
 * One that a crash has torn: 0, and it is removed from new, as is one that
 * differs; what a reader has moved to cur is his and stays.  -1 with errno.
 */
static int
settle(int d, const char *name, int removable, const struct letter *l)
{
	enum is is, rest;
	int fd, r;

	fd = openat(d, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	is = compare(fd, 0, l->head.p, l->head.len);
	rest = compare(fd, (off_t)l->head.len, l->msg, l->msglen);
	if (rest > is)
		is = rest;
	if (is == UNREADABLE)
		r = -1;
	else if (is == SAME || (is == OTHER && !removable))
		r = fsync(fd) == 0 && fsync(d) == 0 ? 1 : -1;
	else
		r = removable ? unlinkat(d, name, 0) : 0;
	close(fd);
	return r;
}

/* Looks in /new or /cur for an earlier attempt's file: 1, 0, -1. */
static int
look(const struct place *at, const char *below, const struct name *f,
    const struct letter *l)
{
	struct dirent *e;
	DIR *dir;
	int d, r = 0;

	d = place_open(at, below, O_RDONLY | O_DIRECTORY, 0);
	if (d == -1)
		return errno == ENOENT ? 0 : -1;
	dir = fdopendir(d);
	if (dir == NULL) {
		close(d);
		return -1;
	}
	while (r == 0 && (errno = 0, e = readdir(dir)) != NULL)
		if (strncmp(e->d_name, f->tmp + DIRLEN, f->prefix) == 0)
			r = settle(d, e->d_name, below[1] == 'n', l);
	if (r == 0 && errno != 0)
		r = -1;
	d = errno;
	closedir(dir);
	errno = d;
	return r;
}

int
maildir_deliver(const struct place *at, const struct letter *l)
{
	struct name f;
	int r = 0;

	make_name(&f, l);
	if (l->again && f.prefix > 0) {
		/* cur again last: a reader moves files from new to cur. */
		r = look(at, "/new", &f, l);
		if (r == 0)
			r = look(at, "/cur", &f, l);
	}
	if (r != 0)
		return r == 1 ? 0 : -1;
	return add(at, &f, l);
}

int
maildir_make(const struct place *at)
{
	static const char *const sub[] = {"cur", "new", "tmp"};
	int made, fd, r = 0, err;
	size_t i;

	made = mkdirat(at->dirfd, at->path, 0700);
	if (made == -1 && errno != EEXIST)
		return -1;
	fd = place_open(at, "", O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return -1;
	for (i = 0; i < 3 && r == 0; i++)
		if (mkdirat(fd, sub[i], 0700) == -1 && errno != EEXIST)
			r = -1;
	if (r == 0)
		r = fsync(fd);
	if (r == 0 && made == 0)
		r = place_sync_parent(at);
	err = errno;
	close(fd);
	errno = err;
	return r;
}
