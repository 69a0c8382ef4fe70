/*
 * check-rate: the limits of failed logins, and of mail by login.
 *
 * Arguments: login, good or message; list, or forget KEY.
 * Environment: TCPREMOTEIP, TCPREMOTEHOST; message: AUTH_USER, RECIPIENTS.
 * Descriptors: 1 why not, or the list; 2 the log.
 * Exit codes: 0 it may (and is counted); 100 it may not; 111 not now.
 *
 * Set-uid to pcs, the only user that reads and writes the database; started
 * by smtp-recv's group.  Trusts the environment for who the client is, for
 * nothing else.  The database is a cache: where it fails, all may pass, and
 * the log says so.  See check-rate(8), INTERFACES 11.
 */
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "child.h"
#include "fdio.h"
#include "log.h"
#include "paths.h"
#include "ratelimit.h"
#include "settings.h"
#include "str.h"

enum {
	MAP_SIZE = 64 << 20,
	ENTRIES = 200000, /* fit in it, however full its pages are */
	SWEEP = 8,        /* entries looked at for expiry in a call */
	BUSY_S = 5        /* wait for other calls */
};

/* Where the sweep goes on: a key before all others. */
static char mark_key[] = "!";

static struct {
	struct map tables;
	uint64_t now;
	struct netaddr addr; /* of the client, if it is known: */
	const char *client;  /* as text, NULL if not */
	const char *host;
	char *data;          /* path of the database */
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	int lock;
} c;

static void
load_client(void)
{
	static char text[NETADDR_TEXT];
	const char *ip = getenv("TCPREMOTEIP");

	c.host = getenv("TCPREMOTEHOST");
	if (c.host == NULL || !addr_domain_valid(c.host, strlen(c.host), 0, 0))
		c.host = "unknown";
	if (ip != NULL && netaddr_parse(&c.addr, ip, strlen(ip)) == 0) {
		netaddr_text(&c.addr, text);
		c.client = text;
	}
}

static const char *
client(void)
{
	return c.client != NULL ? c.client : "unknown";
}

/* The database cannot be asked: nobody is refused for that. */
static void __attribute__((noreturn))
give_up(const char *what, const char *why)
{
	log_warn("rate-open", "client=%s[%s] what=%s err=%s", c.host, client(),
	    what, why);
	exit(0);
}

/* An error of LMDB's.  One that would come again is ended by a new database:
 * it is damaged, or full. */
static void __attribute__((noreturn))
failed(const char *what, int r)
{
	if (r == MDB_INVALID || r == MDB_CORRUPTED || r == MDB_PANIC ||
	    r == MDB_PAGE_NOTFOUND || r == MDB_VERSION_MISMATCH ||
	    r == MDB_INCOMPATIBLE || r == MDB_MAP_FULL)
		unlink(c.data);
	give_up(what, mdb_strerror(r));
}

/* LMDB believes what it reads: in a damaged file it falls. */
static void
on_damage(int sig)
{
	unlink(c.data);
	log_warn("rate-open", "client=%s[%s] what=read err=signal signal=%d",
	    c.host, client(), sig);
	_exit(0);
}

static void
on_alarm(int sig)
{
	(void)sig; /* it only has to end flock */
}

/* Opens the file; the directories on the way are made where they are missing,
 * the last one for us alone. */
static int
open_lock(char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char *p;

	if (fd != -1 || errno != ENOENT)
		return fd;
	for (p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, strchr(p + 1, '/') != NULL ? 0755 : 0700);
		*p = '/';
	}
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* One call at a time: with a lock of our own a killed one leaves nothing, and
 * a damaged database can be replaced.  It is held to the end of the process. */
static void
lock(void)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	char *path = path_make(PATH_STATE "/rate/lock");
	int fd = open_lock(path);

	c.lock = fd;
	if (fd == -1)
		give_up("lock", strerror(errno));
	sigaction(SIGALRM, &sa, NULL);
	alarm(BUSY_S);
	if (flock(fd, LOCK_EX) == -1)
		give_up("lock", errno == EINTR ? "busy" : strerror(errno));
	alarm(0);
	free(path);
	sa.sa_handler = on_damage;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGABRT, &sa, NULL);
}

/* Nothing is synced: what a power cut takes are limits. */
static void
open_database(void)
{
	const unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC;
	struct rlimit as;
	int r;

	/* A softlimit that is meant for smtp-recv has no room for the map. */
	if (getrlimit(RLIMIT_AS, &as) == 0) {
		as.rlim_cur = as.rlim_max;
		setrlimit(RLIMIT_AS, &as);
	}
	c.data = path_make(PATH_STATE "/rate/data.mdb");
	lock();
	if ((r = mdb_env_create(&c.env)) != 0 ||
	    (r = mdb_env_set_mapsize(c.env, MAP_SIZE)) != 0 ||
	    (r = mdb_env_open(c.env, c.data, flags, 0600)) != 0 ||
	    (r = mdb_txn_begin(c.env, NULL, 0, &c.txn)) != 0 ||
	    (r = mdb_dbi_open(c.txn, NULL, 0, &c.dbi)) != 0)
		failed("open", r);
}

static void
commit(void)
{
	int r = mdb_txn_commit(c.txn);

	if (r != 0)
		failed("commit", r);
}

static void
load(struct ratelimit_entry *e)
{
	MDB_val k = {e->klen, e->key}, v;
	int r = mdb_get(c.txn, c.dbi, &k, &v);

	if (r == 0)
		ratelimit_value(e, v.mv_data, v.mv_size);
	else if (r != MDB_NOTFOUND)
		failed("read", r);
}

/* Writes the entry; one that counts nothing is removed. */
static void
save(struct ratelimit_entry *e)
{
	MDB_val k = {e->klen, e->key}, v = {ratelimit_value_size(e), e->w};
	int r = ratelimit_empty(e) ? mdb_del(c.txn, c.dbi, &k, NULL)
	    : mdb_put(c.txn, c.dbi, &k, &v, 0);

	if (r != 0 && r != MDB_NOTFOUND)
		failed("write", r);
}

/* An entry from the database: 0, -1 if it is the mark. */
static int
entry(struct ratelimit_entry *e, const MDB_val *k, const MDB_val *v)
{
	if (ratelimit_key(e, k->mv_data, k->mv_size) == -1)
		return -1;
	ratelimit_value(e, v->mv_data, v->mv_size);
	return 0;
}

/* Looks at some entries, others in each call, and removes the expired. */
static void
sweep(void)
{
	MDB_val mark = {1, mark_key}, k = mark, v;
	struct ratelimit_entry e;
	MDB_cursor *cur;
	MDB_stat st;
	int i, r;

	if (mdb_get(c.txn, c.dbi, &mark, &v) == 0 && v.mv_size > 0)
		k = v;
	if ((r = mdb_stat(c.txn, c.dbi, &st)) != 0 ||
	    (r = mdb_cursor_open(c.txn, c.dbi, &cur)) != 0)
		failed("sweep", r);
	r = mdb_cursor_get(cur, &k, &v, MDB_SET_RANGE);
	for (i = 0; i < SWEEP && r == 0; i++) {
		if (entry(&e, &k, &v) == 0 && ratelimit_expired(&e, &c.tables,
		    c.now, st.ms_entries > ENTRIES))
			mdb_cursor_del(cur, 0);
		r = mdb_cursor_get(cur, &k, &v, MDB_NEXT);
	}
	/* At the end it begins anew; e keeps the key while pages change. */
	if (r != 0 || entry(&e, &k, &v) == -1)
		v = mark;
	else
		v = (MDB_val){e.klen, e.key};
	mdb_cursor_close(cur);
	r = mdb_put(c.txn, c.dbi, &mark, &v, 0);
	if (r != 0)
		failed("sweep", r);
}

/* Says that rule i forbids it: the exit code. */
static int
refuse(struct ratelimit_entry *e, unsigned i, uint32_t nrcpt)
{
	const struct ratelimit_rule *r = &e->rules[i];
	uint64_t max = ratelimit_max(r, &c.tables);
	int user = e->kind == RATELIMIT_USER;
	/* What can never pass is not worth another try. */
	int never = r->rcpts && nrcpt > max;
	struct buf key = {0};

	ratelimit_text(e, &key);
	log_info("rate-refuse", "client=%s[%s] key=%s window=%s count=%llu "
	    "limit=%llu", c.host, client(), buf_cstr(&key), r->name,
	    (unsigned long long)window_count(&e->w[i], c.now, r->len),
	    (unsigned long long)max);
	if (user)
		printf("%s your limit is %llu %s\n", never ? "5.7.1" : "4.7.1",
		    (unsigned long long)max, r->text);
	else
		printf("4.7.0 %s\n", r->text);
	(void)fflush(stdout); /* the verdict is the exit code */
	buf_free(&key);
	return user && !never ? 111 : 100;
}

/* May all of the n keys do this once more?  Counts it then. */
static int
count(struct ratelimit_entry *e, size_t n, uint32_t nrcpt)
{
	size_t k;
	int i;

	open_database();
	for (k = 0; k < n; k++) {
		load(&e[k]);
		i = ratelimit_count(&e[k], &c.tables, c.now, nrcpt);
		if (i != -1)
			return refuse(&e[k], (unsigned)i, nrcpt);
	}
	for (k = 0; k < n; k++)
		save(&e[k]);
	sweep();
	commit();
	return 0;
}

static int
login(int good)
{
	struct ratelimit_entry e[2];
	int k;

	if (c.client == NULL)
		return 0;
	ratelimit_address(&e[0], &c.addr);
	ratelimit_network(&e[1], &c.addr);
	if (!ratelimit_any(&e[0], &c.tables) && !ratelimit_any(&e[1], &c.tables))
		return 0;
	if (!good)
		return count(e, 2, 1);
	open_database();
	for (k = 0; k < 2; k++) {
		load(&e[k]);
		ratelimit_back(&e[k]);
		save(&e[k]);
	}
	commit();
	return 0;
}

static int
message(void)
{
	const char *user = getenv("AUTH_USER"), *rcpts = getenv("RECIPIENTS");
	struct ratelimit_entry e;
	uint64_t n;

	if (user == NULL || user[0] == '\0')
		return 0;
	if (rcpts == NULL || parse_u64(rcpts, strlen(rcpts), &n) == -1)
		n = 1;
	ratelimit_user(&e, user, strlen(user));
	if (!ratelimit_any(&e, &c.tables))
		return 0;
	return count(&e, 1, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
}

static void
print(struct buf *out, struct ratelimit_entry *e)
{
	struct buf key = {0};
	unsigned i;
	uint64_t n;

	ratelimit_text(e, &key);
	buf_cstr(&key);
	for (i = 0; i < e->n; i++) {
		n = window_count(&e->w[i], c.now, e->rules[i].len);
		if (n > 0)
			buf_fmt(out, "%s %s %llu %llu\n", key.p, e->rules[i].name,
			    (unsigned long long)n, (unsigned long long)
			    ratelimit_max(&e->rules[i], &c.tables));
	}
	buf_free(&key);
}

static int
list(void)
{
	struct ratelimit_entry e;
	struct buf out = {0};
	MDB_cursor *cur;
	MDB_val k, v;
	int r;

	open_database();
	r = mdb_cursor_open(c.txn, c.dbi, &cur);
	while (r == 0) {
		r = mdb_cursor_get(cur, &k, &v, MDB_NEXT);
		if (r == 0 && entry(&e, &k, &v) == 0)
			print(&out, &e);
	}
	if (r != MDB_NOTFOUND)
		failed("list", r);
	/* Whoever reads it slowly keeps no login waiting. */
	mdb_txn_abort(c.txn);
	close(c.lock);
	if (write_all(1, out.p, out.len) == -1)
		die_temp("cannot-write", "err=%m");
	buf_free(&out);
	return 0;
}

/* 1 if there was such an entry. */
static int
removed(struct ratelimit_entry *e)
{
	MDB_val k = {e->klen, e->key};
	int r = mdb_del(c.txn, c.dbi, &k, NULL);

	if (r != 0 && r != MDB_NOTFOUND)
		failed("forget", r);
	return r == 0;
}

/* Removes what the text may name: an address or a network, or a login. */
static int
forget(const char *text)
{
	struct ratelimit_entry e;
	struct netprefix x;
	size_t n = strlen(text);
	int found;

	open_database();
	ratelimit_user(&e, text, n);
	found = removed(&e);
	if (netprefix_parse(&x, text, n) == 0) {
		if (strchr(text, '/') != NULL)
			ratelimit_network(&e, &x.net);
		else
			ratelimit_address(&e, &x.net);
		found |= removed(&e);
	}
	commit();
	return found ? 0 : 100;
}

int
main(int argc, char **argv)
{
	static const char usage[] =
	    "login | good | message | list | forget KEY";

	fd_guard();
	log_init("check-rate");
	umask(022);
	if (argc != 2 && (argc != 3 || strcmp(argv[1], "forget") != 0))
		die_usage(usage);
	c.now = clock_us() / 1000000;
	load_client();
	if (tables_open(&c.tables, "public.cdb") == -1)
		log_warn("tables-open", "err=%m"); /* defaults hold then */
	if (strcmp(argv[1], "login") == 0)
		return login(0);
	if (strcmp(argv[1], "good") == 0)
		return login(1);
	if (strcmp(argv[1], "message") == 0)
		return message();
	/* Whom we run for may look and forget; the receiver may not. */
	if (getuid() != 0 && getuid() != geteuid())
		die_perm("not-allowed", "uid=%u", (unsigned)getuid());
	/* What pcs may have written into the database is not read as root. */
	if (setreuid(geteuid(), geteuid()) == -1 || getuid() != geteuid())
		die_temp("become", "err=%m");
	if (strcmp(argv[1], "list") == 0)
		return list();
	if (argc == 3)
		return forget(argv[2]);
	die_usage(usage);
}
