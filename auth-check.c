/*
 * auth-check: checks a password, by the checkpassword interface.
 *
 * Descriptors: 3 login\0password\0timestamp\0, at most 512 bytes; 2 the log.
 * Arguments: [PROGRAM ARGS...], run when the password is right.
 * Exit codes: 0 right (without PROGRAM); 1 wrong; 2 misused; 111 temporary.
 *
 * Runs set-uid to pcp, who owns auth.cdb; only the receiver's group may start
 * it.  Trusts nothing of the environment then but TCPREMOTEIP and
 * TCPREMOTEHOST, which it only logs, and PC_AUTH, which can only forbid.
 * Hashes come from domains' owners: what they may cost is bounded.  Gives the
 * id up for good before PROGRAM.  See auth-check(8), INTERFACES 11.
 */
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <apr_base64.h>
#include <apr_md5.h>
#include <apr_sha1.h>
#if __has_include(<crypt.h>)
#include <crypt.h>
#endif
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authreq.h"
#include "child.h"
#include "fdio.h"
#include "log.h"
#include "paths.h"
#include "peer.h"
#include "peeruid.h"
#include "pwhash.h"
#include "settings.h"
#include "sysuser.h"

enum {
	EX_WRONG = 1,
	EX_MISUSE = 2,
	EX_TEMP = 111,
	CPU_SECONDS = 20,     /* for one hash */
	MEMORY = 1 << 30,     /* bytes, the same */
	DESCRIPTORS = 256,    /* that a caller may have left open */
	SHOWN = 200,          /* bytes of a login in the log */
	WALL_SECONDS = 50,    /* for all; smtp-recv waits 60 (lib/login.h) */
	SYSTEM_MS = 40000     /* for auth-system, which takes up to 30 s */
};

static struct {
	struct peer peer;
	struct buf raw;       /* what came on 3 */
	struct authreq req;
	struct map auth;
	struct map public;
	struct rlimit cpu;    /* as they were */
	struct rlimit memory;
} self;

/* Bytes of the login that are logged: the line has to hold more. */
static int
shown(void)
{
	size_t n = strlen(self.req.login);

	return n > SHOWN ? SHOWN : (int)n;
}

/* The one line of a failure. */
static int
refuse(const char *why)
{
	log_info("login-refuse", "client=%s[%s] user=%.*s reason=%s",
	    self.peer.name, self.peer.ip, shown(), self.req.login, why);
	return EX_WRONG;
}

static int
later(const char *why)
{
	log_warn("login-defer", "client=%s[%s] user=%.*s reason=%s err=%m",
	    self.peer.name, self.peer.ip, shown(), self.req.login, why);
	return EX_TEMP;
}

static void
timed_out(int sig)
{
	log_warn("login-defer", "client=%s[%s] user=%.*s reason=%s",
	    self.peer.name, self.peer.ip, shown(), self.req.login,
	    sig == SIGXCPU ? "slow-hash" : "timeout");
	_exit(EX_TEMP);
}

/* Lowers a limit for the time of our own work; *was is how it was. */
static void
limit(int what, rlim_t most, struct rlimit *was)
{
	struct rlimit l;

	if (getrlimit(what, was) == -1)
		die_temp("limit", "err=%m");
	l = *was;
	if (l.rlim_cur == RLIM_INFINITY || l.rlim_cur > most)
		l.rlim_cur = most;
	setrlimit(what, &l);
}

/* The caller's signals and limits are not to decide; PROGRAM keeps his
 * descriptors. */
static void
prepare(int keeps)
{
	int sigs[] = {SIGXCPU, SIGALRM};
	struct sigaction sa = {.sa_handler = timed_out};
	sigset_t none;
	size_t i;
	int fd;

	fd_cloexec(3);
	for (fd = 4; !keeps && fd < DESCRIPTORS; fd++)
		close(fd);
	for (i = 0; i < sizeof sigs / sizeof sigs[0]; i++)
		sigaction(sigs[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
#ifdef __linux__
	prctl(PR_SET_DUMPABLE, 0L); /* whatever fs.suid_dumpable says */
#endif
	limit(RLIMIT_CPU, CPU_SECONDS, &self.cpu);
#ifndef __SANITIZE_ADDRESS__ /* whose shadow alone is larger */
	limit(RLIMIT_AS, MEMORY, &self.memory);
#else
	getrlimit(RLIMIT_AS, &self.memory);
#endif
	alarm(WALL_SECONDS);
	peer_find(&self.peer);
	self.req.login = "";
}

/* {SSHA}: SHA-1 of password and salt, which stands behind it. */
static int
ssha(const char *pass, const char *text)
{
	unsigned char made[APR_SHA1_DIGESTSIZE], *raw;
	apr_sha1_ctx_t ctx;
	int n, ok;

	raw = xalloc((size_t)apr_base64_decode_len(text) + 1);
	n = apr_base64_decode_binary(raw, text);
	apr_sha1_init(&ctx);
	apr_sha1_update(&ctx, pass, (unsigned)strlen(pass));
	if (n > APR_SHA1_DIGESTSIZE)
		apr_sha1_update_binary(&ctx, raw + APR_SHA1_DIGESTSIZE,
		    (unsigned)n - APR_SHA1_DIGESTSIZE);
	apr_sha1_final(made, &ctx);
	ok = n > APR_SHA1_DIGESTSIZE &&
	    pwhash_equal(made, sizeof made, raw, sizeof made);
	free(raw);
	return ok;
}

/* Is it the password?  1, 0; -1 when it cannot be computed. */
static int
verify(const char *pass, const char *hash)
{
	char made[200];
	const char *text, *got = made;

	switch (pwhash_kind(hash, strlen(hash), &text)) {
	case PWHASH_CRYPT:
		got = crypt(pass, text);
		if (got == NULL || got[0] == '*')
			return -1;
		break;
	case PWHASH_APR1:
		apr_md5_encode(pass, text, made, sizeof made);
		break;
	case PWHASH_SHA:
		apr_sha1_base64(pass, (int)strlen(pass), made);
		got = made + APR_SHA1PW_IDLEN;
		break;
	case PWHASH_SSHA:
		return ssha(pass, text);
	case PWHASH_PLAIN:
		got = pass;
		break;
	default:
		return 0;
	}
	return pwhash_equal(got, strlen(got), text, strlen(text));
}

/* A password that cannot be right is computed all the same, so that the time
 * does not tell whether there is such a user. */
static int
waste(const char *why)
{
	const char *v;
	size_t n;

	if (map_get(&self.auth, "n", 1, &v, &n) == 1 && n > 0 &&
	    v[n - 1] == '\0')
		verify(self.req.pass, v);
	return refuse(why);
}

static int
check_virtual(const struct auth_user *u)
{
	const char *text;

	if (pwhash_kind(u->hash, strlen(u->hash), &text) <= PWHASH_LOCKED)
		return waste("locked");
	switch (verify(self.req.pass, u->hash)) {
	case 1:
		return 0;
	case 0:
		return refuse("wrong-password");
	}
	/* Malformed, too large, or of a method that this crypt(3) has not (it
	 * does not tell which): not the client's fault. */
	return later("unusable-hash");
}

/* Who made the socket?  Anybody who could make one in its directory would get
 * the passwords. */
static int
peer_trusted(int fd)
{
	const struct passwd *pw;
	uid_t uid;

	if (peer_uid(fd, &uid) == -1)
		return 0;
	if (uid == 0 || uid == geteuid())
		return 1;
	/* Started by root by hand. */
	pw = geteuid() == 0 ? getpwnam("pcp") : NULL;
	errno = EPERM;
	return pw != NULL && pw->pw_uid == uid;
}

/* A connection to auth-system, or -1 with errno. */
static int
connect_system(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char *path = path_make(PATH_RUN "/auth-system");
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), err;

	if (fd == -1)
		return -1;
	fd_cloexec(fd);
	if (strlen(path) < sizeof sa.sun_path) {
		strcpy(sa.sun_path, path);
		if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 &&
		    peer_trusted(fd)) {
			free(path);
			return fd;
		}
	} else {
		errno = ENAMETOOLONG;
	}
	err = errno;
	close(fd);
	free(path);
	errno = err;
	return -1;
}

/* Sends the request and reads the answer's line into ans, a string: 0, -1. */
static int
ask_system(int fd, const struct buf *req, char *ans, size_t cap)
{
	uint64_t deadline = clock_ms() + SYSTEM_MS;
	size_t n = 0;
	ssize_t r;

	if (write_all(fd, req->p, req->len) == -1)
		return -1;
	while (n < cap - 1) {
		if (wait_readable(fd, deadline) != 1)
			return -1;
		r = read(fd, ans + n, cap - 1 - n);
		if (r <= 0)
			return -1;
		n += (size_t)r;
		ans[n] = '\0';
		if (ans[n - 1] == '\n')
			return 0;
	}
	return -1;
}

/* A user of the system, whose password auth-system knows. */
static int
check_system(const struct auth_user *u)
{
	struct buf req = {0};
	char ans[16] = "";
	int fd = connect_system(), r;

	if (fd == -1)
		return later("auth-system");
	buf_strz(&req, u->name);
	buf_strz(&req, self.req.pass);
	buf_strz(&req, self.peer.ip);
	r = req.len > AUTHREQ_MAX ? 1 : ask_system(fd, &req, ans, sizeof ans);
	buf_free(&req);
	close(fd);
	if (r == 1)
		return refuse("too-long");
	if (r == 0 && strcmp(ans, "ok\n") == 0)
		return 0;
	if (r == 0 && strcmp(ans, "no\n") == 0)
		return refuse("system");
	errno = r == 0 ? EAGAIN : ETIMEDOUT;
	return later("auth-system");
}

/* The level in force: PC_AUTH of the client's rules can lower it, even where
 * the environment is not trusted. */
static enum auth_level
level(void)
{
	const char *e = getenv("PC_AUTH");
	enum auth_level set = auth_level(setting(&self.public, "auth"));

	return e != NULL && auth_level(e) < set ? auth_level(e) : set;
}

/* Reads the request: 0, or an exit code. */
static int
read_request(void)
{
	int r = read_to_end(3, &self.raw, AUTHREQ_MAX + 1);

	if (r == -1) {
		log_warn("cannot-read", "descriptor=3 err=%m");
		return errno == EBADF ? EX_MISUSE : EX_TEMP;
	}
	close(3);
	buf_cstr(&self.raw);
	r = authreq_parse(&self.req, self.raw.p, self.raw.len);
	if (self.raw.len > AUTHREQ_MAX)
		return refuse("too-long");
	if (r == 0)
		return 0;
	log_warn("malformed-request", "descriptor=3");
	return EX_MISUSE;
}

static int
check(struct auth_user *u, enum auth_whose *whose)
{
	*whose = AUTH_NOBODY;
	if (self.req.pass[0] == '\0')
		return refuse("empty-password");
	if (tables_open(&self.auth, "auth.cdb") == -1 ||
	    tables_open(&self.public, "public.cdb") == -1)
		return later("tables");
	*whose = auth_find(u, &self.auth, level(), self.req.login);
	switch (*whose) {
	case AUTH_USER:
		return check_virtual(u);
	case AUTH_SYSTEM:
		return check_system(u);
	case AUTH_DAMAGED:
		errno = EIO;
		return later("tables");
	default:
		return waste("unknown-user");
	}
}

/* Home directory and ids of who logged in. */
static void
find_home(struct auth_user *u, enum auth_whose whose, struct buf *home)
{
	struct sysuser s = {0};

	if (whose == AUTH_USER) {
		const char *at = strrchr(u->name, '@');

		buf_fmt(home, "%s" PATH_VSPOOL "/%s/%.*s", path_prefix(),
		    at + 1, (int)(at - u->name), u->name);
	} else if (sysuser_find(&s, u->name) == 1) {
		buf_add(home, s.home.p, s.home.len);
		u->uid = s.uid;
		u->gid = s.gid;
	} else {
		die_temp("no-such-user", "user=%s err=%m", u->name);
	}
	buf_cstr(home);
	sysuser_free(&s);
}

/* Back to the caller's id for good; root becomes the user, as checkpassword(8)
 * does it. */
static void
drop(const struct auth_user *u, const char *home)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (setresuid(uid, uid, uid) == -1)
		die_temp("drop", "err=%m");
	if (uid == 0) {
		uid = u->uid;
		gid = u->gid;
		if (uid == 0 || setgroups(1, &gid) == -1 ||
		    setresgid(gid, gid, gid) == -1 ||
		    setresuid(uid, uid, uid) == -1)
			die_temp("drop", "user=%s err=%m", u->name);
		if (chdir(home) == -1)
			die_temp("chdir", "dir=%s err=%m", home);
	} else if (setresgid(gid, gid, gid) == -1) {
		die_temp("drop", "err=%m");
	}
}

/* Runs PROGRAM with what the caller gave us. */
static void
run(struct auth_user *u, enum auth_whose whose, char *argv[])
{
	struct buf home = {0};

	find_home(u, whose, &home);
	alarm(0);
	setrlimit(RLIMIT_CPU, &self.cpu);
	setrlimit(RLIMIT_AS, &self.memory);
	signal(SIGPIPE, SIG_DFL);
	drop(u, home.p);
	setenv("USER", u->name, 1);
	setenv("HOME", home.p, 1);
	setenv("SHELL", "/bin/sh", 1);
	execvp(argv[0], argv);
	die_temp("cannot-run", "program=%s err=%m", argv[0]);
}

int
main(int argc, char *argv[])
{
	struct auth_user u;
	enum auth_whose whose;
	int r;

	log_init("auth-check");
	fd_guard();
	if (argc > 1 && argv[1][0] == '-') {
		fprintf(stderr, "usage: auth-check [program argument ...]\n");
		return EX_MISUSE;
	}
	prepare(argc > 1);
	r = read_request();
	if (r == 0)
		r = check(&u, &whose);
	if (r == 0 && argc > 1)
		run(&u, whose, argv + 1);
	return r;
}
