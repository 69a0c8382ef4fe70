/*
 * auth-system: checks passwords of the system's users, for auth-check.
 *
 * Resident, on the socket SOCKET (/var/run/postchaise/auth-system): a client
 * sends login\0password\0address\0, at most 512 bytes, and gets one line: ok,
 * no, or later.  Descriptors: 2 the log.  Arguments: [SOCKET].
 * Exit codes: 100 misused; 111 it cannot listen.
 *
 * Runs as root, for PAM or shadow.  The socket is pcp's, mode 600.  Each
 * request is served in a process of its own, killed after 30 s.  Trusts
 * nobody's bytes; checks no password of uid 0.  See auth-system(8),
 * INTERFACES 11.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if __has_include(<security/pam_appl.h>)
#include <security/pam_appl.h>
#define HAVE_PAM
#endif
#if __has_include(<shadow.h>)
#include <shadow.h>
#define HAVE_SHADOW
#endif
#if __has_include(<crypt.h>)
#include <crypt.h>
#endif

#include "authreq.h"
#include "child.h"
#include "fdio.h"
#include "lineserv.h"
#include "log.h"
#include "paths.h"
#include "pwhash.h"
#include "sysuser.h"

enum {
	CHILDREN = 16,     /* requests at once; more wait in the backlog */
	TIMEOUT = 30,      /* seconds for one; auth-check waits 40 */
	READ_MS = 5000,    /* for the request to come */
	DAY = 86400
};

#define SERVICE "postchaise" /* PAM's; without such a file it is `other' */
#define CLIENT "pcp"         /* auth-check's user */

enum answer { OK, NO, LATER };

struct worker {
	pid_t pid; /* 0: free */
	uint64_t deadline;
};

static struct {
	struct lineserv serv;
	struct worker worker[CHILDREN];
	unsigned running;
	sigset_t unblocked; /* while it waits */
} self = {.serv = {.fd = -1}};

#if defined(HAVE_PAM) || defined(HAVE_SHADOW)
/* Is this a private system, with a passwd and shadow of its own? */
static int
is_private(void)
{
	char *file = sysuser_file();
	int private = file != NULL;

	free(file);
	return private;
}
#endif

#ifdef HAVE_PAM
/* Answers PAM's questions with the password, or the login where it is shown. */
static int
converse(int n, const struct pam_message **msg, struct pam_response **resp,
    void *arg)
{
	const struct authreq *r = arg;
	struct pam_response *a;
	const char *text;
	int i;

	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	a = calloc((size_t)n, sizeof *a);
	for (i = 0; a != NULL && i < n; i++) {
		text = msg[i]->msg_style == PAM_PROMPT_ECHO_OFF ? r->pass
		    : msg[i]->msg_style == PAM_PROMPT_ECHO_ON ? r->login : NULL;
		if (text != NULL)
			a[i].resp = strdup(text);
	}
	*resp = a;
	return a != NULL ? PAM_SUCCESS : PAM_BUF_ERR;
}

#ifdef PAM_FAIL_DELAY
/* check-rate limits the tries; a wrong one is not to keep a place here. */
static void
no_delay(int result, unsigned usec, void *arg)
{
	(void)result, (void)usec, (void)arg;
}
#endif

/* What a result of PAM means to the client. */
static enum answer
translate(int r)
{
	switch (r) {
	case PAM_SUCCESS:
		return OK;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_PERM_DENIED:
	case PAM_CRED_INSUFFICIENT:
	case PAM_CRED_EXPIRED:
	case PAM_AUTHTOK_EXPIRED:
		return NO;
	default:
		return LATER;
	}
}

static enum answer
ask_pam(const struct authreq *r, const char **why)
{
	struct pam_conv conv = {converse, (void *)(uintptr_t)r};
	const void *user = NULL;
	pam_handle_t *h;
	int rc = pam_start(SERVICE, r->login, &conv, &h);

	*why = "pam_start";
	if (rc != PAM_SUCCESS)
		return LATER;
#ifdef PAM_FAIL_DELAY
	pam_set_item(h, PAM_FAIL_DELAY, (const void *)(uintptr_t)no_delay);
#endif
	if (r->extra[0] != '\0')
		pam_set_item(h, PAM_RHOST, r->extra);
	pam_set_item(h, PAM_TTY, SERVICE);
	rc = pam_authenticate(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (rc == PAM_SUCCESS)
		rc = pam_acct_mgmt(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	*why = pam_strerror(h, rc);
	/* A module may have made another user of the name. */
	if (rc == PAM_SUCCESS && (pam_get_item(h, PAM_USER, &user) !=
	    PAM_SUCCESS || user == NULL || strcmp(user, r->login) != 0)) {
		rc = PAM_PERM_DENIED;
		*why = "other-user";
	}
	pam_end(h, rc);
	return translate(rc);
}
#endif

#ifdef HAVE_SHADOW
/* A user's line of the private system's shadow file, or of the system's;
 * NULL with errno 0 when there is none. */
static const struct spwd *
find_shadow(const char *login)
{
	char *file = path_make("/etc/shadow");
	const struct spwd *sp;
	FILE *f;

	errno = 0;
	if (!is_private()) {
		sp = getspnam(login);
	} else if ((f = fopen(file, "re")) == NULL) {
		sp = NULL;
	} else {
		while ((sp = fgetspent(f)) != NULL)
			if (strcmp(sp->sp_namp, login) == 0)
				break;
		if (sp == NULL && !ferror(f))
			errno = 0;
		fclose(f);
	}
	free(file);
	return sp;
}

/* Is the account or its password out of date? */
static int
expired(const struct spwd *sp)
{
	long today = (long)(time(NULL) / DAY);

	return (sp->sp_expire > 0 && today >= sp->sp_expire) ||
	    sp->sp_lstchg == 0 || (sp->sp_lstchg > 0 && sp->sp_max >= 0 &&
	    sp->sp_max < 99999 && today > sp->sp_lstchg + sp->sp_max);
}

static const char *
find_hash(const char *login, int *old)
{
	const struct spwd *sp = find_shadow(login);

	*old = sp != NULL && expired(sp);
	return sp != NULL ? sp->sp_pwdp : NULL;
}
#else
/* Root gets the hash here on the BSDs. */
static const char *
find_hash(const char *login, int *old)
{
	const struct passwd *pw = (errno = 0, getpwnam(login));

	*old = 0;
	return pw != NULL ? pw->pw_passwd : NULL;
}
#endif

/* Without PAM, and in a private system. */
static enum answer
ask_shadow(const struct authreq *r, const char **why)
{
	/* Of no password, for users that are not there. */
	static const char dummy[] = "$6$dummydummydummy$";
	const char *text, *made, *hash;
	int old = 0, locked;

	hash = find_hash(r->login, &old);
	*why = "shadow";
	if (hash == NULL && errno != 0 && errno != ENOENT && errno != ESRCH)
		return LATER;
	locked = hash == NULL ||
	    pwhash_kind(hash, strlen(hash), &text) != PWHASH_CRYPT ||
	    text != hash;
	made = crypt(r->pass, locked ? dummy : hash);
	*why = hash == NULL ? "unknown-user" : locked ? "locked"
	    : old ? "expired" : "wrong-password";
	if (locked || made == NULL || made[0] == '*' ||
	    !pwhash_equal(made, strlen(made), hash, strlen(hash)))
		return NO;
	return old ? NO : OK;
}

/* Who may be asked for at all: no password of uid 0 is ever tried, and an
 * empty one never fits. */
static enum answer
check(const struct authreq *r, const char **why)
{
	struct sysuser u = {0};
	int found;

	*why = "malformed";
	if (!auth_name_valid(r->login) || r->pass[0] == '\0')
		return NO;
	found = sysuser_find(&u, r->login);
	*why = "passwd";
	if (found == -1)
		return LATER;
	sysuser_free(&u);
	*why = "root";
	if (found == 1 && u.uid == 0)
		return NO;
#ifdef HAVE_PAM
	if (!is_private())
		return ask_pam(r, why);
#endif
	return ask_shadow(r, why);
}

/* Reads the request: up to its third NUL.  0, -1. */
static int
read_request(int fd, struct buf *b, struct authreq *r)
{
	uint64_t deadline = clock_ms() + READ_MS;
	size_t i, nuls = 0, seen = 0;
	ssize_t n;

	while (nuls < 3) {
		buf_room(b, AUTHREQ_MAX + 1);
		if (wait_readable(fd, deadline) != 1)
			return -1;
		n = read(fd, b->p + b->len, AUTHREQ_MAX + 1 - b->len);
		if (n <= 0)
			return -1;
		b->len += (size_t)n;
		for (i = seen; i < b->len; i++)
			nuls += b->p[i] == '\0';
		seen = b->len;
		if (b->len > AUTHREQ_MAX)
			return -1;
	}
	buf_cstr(b);
	return authreq_parse(r, b->p, b->len);
}

/* One request, in a process of its own. */
static void
serve(int fd)
{
	static const char *const lines[] = {"ok\n", "no\n", "later\n"};
	struct buf b = {0};
	struct authreq r;
	const char *why = "";
	enum answer a;

	if (read_request(fd, &b, &r) == -1) {
		log_warn("system-request", "err=malformed");
		buf_free(&b);
		return;
	}
	a = check(&r, &why);
	if (a == NO)
		log_info("system-refuse", "client=[%s] user=%s reason=%s",
		    r.extra, r.login, why);
	else if (a == LATER)
		log_warn("system-defer", "client=[%s] user=%s reason=%s",
		    r.extra, r.login, why);
	if (write_all(fd, lines[a], strlen(lines[a])) == -1)
		log_warn("system-answer", "client=[%s] user=%s err=%m",
		    r.extra, r.login);
	buf_free(&b);
}

static void
on_child(int sig)
{
	(void)sig;
}

/* Starts a process for the client. */
static void
start(int fd)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	struct worker *w = self.worker;

	while (w->pid != 0)
		w++;
	w->pid = fork();
	if (w->pid == 0) {
		close(self.serv.fd);
		setpgid(0, 0); /* what modules start is killed with us */
		sigaction(SIGCHLD, &dfl, NULL);
		sigprocmask(SIG_SETMASK, &self.unblocked, NULL);
		alarm(TIMEOUT); /* should the parent be gone */
		serve(fd);
		exit(0);
	}
	if (w->pid == -1) {
		log_warn("fork", "err=%m");
		w->pid = 0;
		return;
	}
	w->deadline = clock_ms() + TIMEOUT * 1000;
	self.running++;
}

static void
reap(void)
{
	struct worker *w;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (w = self.worker; w < self.worker + CHILDREN; w++) {
			if (w->pid != pid)
				continue;
			w->pid = 0;
			self.running--;
			if (status != 0)
				log_warn("system-died", "status=%d", status);
		}
	}
}

/* Kills who is late; the time until the next will be. */
static struct timespec
kill_late(void)
{
	uint64_t now = clock_ms(), next = now + 3600000;
	struct worker *w;

	for (w = self.worker; w < self.worker + CHILDREN; w++) {
		if (w->pid == 0)
			continue;
		if (w->deadline <= now) {
			kill(w->pid, SIGKILL);
			kill(-w->pid, SIGKILL);
			w->deadline = now + 1000;
		}
		if (w->deadline < next)
			next = w->deadline;
	}
	next -= now;
	return (struct timespec){(time_t)(next / 1000),
	    (long)(next % 1000) * 1000000};
}

/* Waits for a client or the end of a child; clients wait while all places are
 * taken. */
static void
turn(void)
{
	struct pollfd p = {.fd = self.serv.fd, .events = POLLIN};
	struct timespec until = kill_late();
	int fd;

	if (self.running == CHILDREN)
		p.fd = -1;
	if (ppoll(&p, 1, &until, &self.unblocked) == -1 && errno != EINTR)
		die_temp("poll", "err=%m");
	reap();
	if (p.fd == -1 || self.running == CHILDREN)
		return;
	fd = accept(self.serv.fd, NULL, NULL);
	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			sleep(1); /* else this would spin */
		return;
	}
	fd_cloexec(fd);
	start(fd);
	close(fd);
}

/*
 * Makes the socket, pcp's from its first moment.  Its directory is the queue's
 * user's: root must not change the owner of a name there, which could be
 * another file by then.  So pcp makes it, as one of the directory's group.
 */
static void
listen_on(char *path)
{
	const struct passwd *pw = geteuid() == 0 ? getpwnam(CLIENT) : NULL;
	struct stat st;
	char *slash = strrchr(path, '/');
	int r;

	if (pw != NULL && slash != NULL) {
		*slash = '\0';
		if (stat(path, &st) == -1 || setegid(st.st_gid) == -1 ||
		    seteuid(pw->pw_uid) == -1)
			die_temp("socket-open", "dir=%s err=%m", path);
		*slash = '/';
	}
	r = lineserv_open(&self.serv, path, 0600);
	if (r == -1)
		die_temp("socket-open", "path=%s err=%m", path);
	if (pw != NULL && (seteuid(0) == -1 || setegid(getgid()) == -1))
		die_temp("socket-open", "err=%m");
	log_info("ready", "socket=%s", path);
}

int
main(int argc, char *argv[])
{
	struct sigaction sa = {.sa_handler = on_child};
	sigset_t mask;
	char *path;

	log_init("auth-system");
	fd_guard();
	if (argc > 2 || (argc == 2 && argv[1][0] != '/'))
		die_usage("[/socket]");
	sigemptyset(&mask);
	self.unblocked = mask;
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	path = path_make(PATH_RUN "/auth-system");
	listen_on(argc == 2 ? argv[1] : path);
	free(path);
	for (;;)
		turn();
}
