#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "buf.h"
#include "checks.h"
#include "log.h"
#include "login.h"
#include "netaddr.h"
#include "runlimit.h"
#include "settings.h"
#include "str.h"

enum {
	CREDENTIALS = 512, /* checkpassword's limit; a pipe holds it */
	RATE_MS = 10000,
	AUTH_MS = 30000
};

/* Runs check-rate: its exit code, 0 when it could not be asked, since limits
 * are no reason to be out of order.  said has room for CHECKS_TEXT. */
static int
ask_rate(const char *what, char *said, size_t *n)
{
	char name[] = "check-rate", arg[16];
	char *argv[] = {name, arg, NULL};
	struct runlimit r = {.ms = RATE_MS, .out = said, .cap = CHECKS_TEXT};
	int code;

	snprintf(arg, sizeof arg, "%s", what);
	code = runlimit(&r, argv);
	*n = r.outlen;
	if (r.failed == NULL && (code == 0 || code == 100 ||
	    (code == 111 && r.outlen > 0)))
		return code;
	log_warn("rate-failed", "what=%s why=%s code=%d", what,
	    r.failed != NULL ? r.failed : "exit", code);
	return 0;
}

/* There is no limit for a client whose address is unknown. */
static int
client_known(void)
{
	const char *ip = getenv("TCPREMOTEIP");
	struct netaddr a;

	return ip != NULL && netaddr_parse(&a, ip, strlen(ip)) == 0;
}

/* Read end of a pipe with what checkpassword(8) reads on 3; -1: it is not to
 * be had, -2: the login is longer than any. */
static int
credentials(const char *user, const char *pass)
{
	char text[CREDENTIALS];
	int n, fd[2];

	n = snprintf(text, sizeof text, "%s%c%s%c%lld%c", user, '\0', pass,
	    '\0', (long long)time(NULL), '\0');
	if (n < 0 || (size_t)n > sizeof text - 1)
		fd[0] = -2;
	else if (pipe_cloexec(fd) == -1)
		fd[0] = -1;
	else if (write(fd[1], text, (size_t)n) != n) {
		close(fd[0]);
		close(fd[1]);
		fd[0] = -1;
	} else {
		close(fd[1]);
	}
	explicit_bzero(text, sizeof text);
	return fd[0];
}

static enum login_result
ask_program(const struct map *tables, const char *user, int fd)
{
	struct child_fd in = {fd, 3};
	struct runlimit r = {.ms = AUTH_MS, .fds = &in, .nfds = 1};
	char *argv[RUNLIMIT_WORDS + 1];
	struct buf words = {0};
	int code = 111;

	buf_str(&words, setting(tables, "auth-program"));
	if (runlimit_words(buf_cstr(&words), argv) == -1)
		r.failed = "not a command";
	else
		code = runlimit(&r, argv);
	buf_free(&words);
	if (r.failed == NULL && code == 0)
		return LOGIN_OK;
	if (r.failed == NULL && code == 1)
		return LOGIN_WRONG;
	log_warn("auth-program", "user=%s program=%s why=%s code=%d", user,
	    setting(tables, "auth-program"),
	    r.failed != NULL ? r.failed : "exit", code);
	return LOGIN_LATER;
}

enum login_result
login_check(const struct map *tables, const char *user, const char *pass)
{
	char said[CHECKS_TEXT];
	int known = client_known(), fd;
	enum login_result result;
	size_t n;

	if (known && ask_rate("login", said, &n) == 100)
		return LOGIN_LIMIT;
	fd = credentials(user, pass);
	if (fd == -1)
		log_warn("auth-program", "user=%s err=%m", user);
	if (fd < 0)
		return fd == -2 ? LOGIN_WRONG : LOGIN_LATER;
	result = ask_program(tables, user, fd);
	close(fd);
	/* A try that could not be judged is not held against the client. */
	if (known && result != LOGIN_WRONG)
		ask_rate("good", said, &n);
	return result;
}

/* Is there a limit for any login? */
static int
limited(const struct map *tables)
{
	static const char *const names[] = {"login-messages-hour",
	    "login-messages-day", "login-recipients-hour",
	    "login-recipients-day"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (setting_num(tables, names[i]) > 0)
			return 1;
	return 0;
}

/* What a login is counted as: one of the system's users is the same at any of
 * their domains, as for who may send as whom (lib/policy). */
static char *
account(const struct map *tables, const char *user)
{
	struct buf b = {0};
	struct addr a;
	const char *v;
	size_t n;

	buf_str(&b, user);
	str_lower(b.p, b.len);
	addr_split(b.p, b.len, &a);
	if (a.dlen > 0 && map_get2(tables, 'd', a.domain, a.dlen, &v, &n) ==
	    1 && n >= sizeof "local" && memcmp(v, "local", sizeof "local") == 0)
		b.len = a.llen;
	return buf_cstr(&b);
}

const char *
login_quota(const struct map *tables, const char *user, unsigned nrcpt)
{
	static char reply[CHECKS_REPLY];
	char said[CHECKS_TEXT], num[16], *who;
	int had = getenv("AUTH_USER") != NULL, code;
	size_t n;

	if (!limited(tables))
		return NULL;
	snprintf(num, sizeof num, "%u", nrcpt);
	who = account(tables, user);
	code = setenv("AUTH_USER", who, 1) | setenv("RECIPIENTS", num, 1);
	free(who);
	if (code != 0)
		return "451 4.3.0 out of memory";
	code = ask_rate("message", said, &n);
	unsetenv("RECIPIENTS");
	if (!had)
		unsetenv("AUTH_USER");
	if (code == 0)
		return NULL;
	checks_reply(reply, code, said, n);
	return reply;
}
