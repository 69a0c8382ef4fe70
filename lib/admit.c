#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "admit.h"
#include "child.h"
#include "fdio.h"
#include "mxq.h"
#include "paths.h"
#include "route.h"
#include "str.h"

enum {
	LOOKUP_MS = 10000, /* for user-lookup */
	DNS_MS = 30000,    /* for mx-lookup */
	ASKED_MAX = 65536  /* bytes of domains remembered */
};

/* What DNS said of a sender's domain; the letter is how it is remembered. */
static const struct {
	char letter;
	const char *reply;
} answers[] = {
	{'K', NULL},
	{'D', "553 5.1.8 sender's domain takes no mail"},
	{'N', "556 5.1.10 sender's domain takes no mail (null MX)"},
	{'Z', "451 4.4.3 sender's domain cannot be looked up now"}
};
enum { GOOD, BAD, NULLMX, LATER };

static int
ask_dns(const char *domain, size_t n)
{
	struct mx_answer m;
	int r;

	mx_ask(&m, domain, n, DNS_MS);
	if (m.code == 0)
		r = GOOD;
	else if (m.code != 100)
		r = LATER;
	else
		r = strcmp(m.status, "5.1.10") == 0 ? NULLMX : BAD;
	mx_free(&m);
	return r;
}

/* The answer to an earlier question of this session, -1 for none.  a->asked
 * holds a letter, the domain and a NUL for each. */
static int
remembered(const struct admit *a, const char *domain, size_t n)
{
	size_t i = 0, len;
	int k;

	for (; i < a->asked.len; i += len + 2) {
		len = strlen(a->asked.p + i + 1);
		if (!mem_caseeq(a->asked.p + i + 1, len, domain, n))
			continue;
		for (k = 0; answers[k].letter != a->asked.p[i]; k++)
			;
		return k;
	}
	return -1;
}

const char *
admit_sender(struct admit *a, const char *addr, size_t n)
{
	struct addr s;
	int k;

	addr_split(addr, n, &s);
	if (a->local || !a->verify_from || a->relayclient != NULL || s.dlen == 0 ||
	    s.domain[0] == '[')
		return NULL;
	k = route_ours(a->tables, s.domain, s.dlen);
	if (k == -1)
		return "451 4.3.0 tables are damaged";
	if (k == 1)
		return NULL;
	k = remembered(a, s.domain, s.dlen);
	if (k == -1) {
		k = ask_dns(s.domain, s.dlen);
		if (a->asked.len < ASKED_MAX) {
			buf_byte(&a->asked, answers[k].letter);
			buf_add(&a->asked, s.domain, s.dlen);
			buf_byte(&a->asked, '\0');
		}
	}
	return answers[k].reply;
}

/* Waits for the end of file on fd, which is the end of a program; kills it at
 * the deadline. */
static void
wait_end(int fd, pid_t pid, uint64_t deadline)
{
	char junk[256];
	ssize_t r = 1;
	int ready;

	while (r > 0 || (r == -1 && errno == EINTR)) {
		ready = wait_readable(fd, deadline);
		if (ready == 0) {
			kill(pid, SIGKILL);
			return;
		}
		r = ready == 1 ? read(fd, junk, sizeof junk) : -1;
	}
}

/* Exit code of a program that gets LOOKUP_MS; 111 when it took longer. */
static int
run_limited(const char *path, char *const argv[])
{
	struct child_fd map[] = {{-1, 0}, {-1, 1}};
	int out[2], code = 111;
	pid_t pid;

	if (pipe_cloexec(out) == -1)
		return 111;
	map[0].from = open("/dev/null", O_RDONLY | O_CLOEXEC);
	map[1].from = out[1];
	pid = map[0].from == -1 ? -1
	    : child_start(path, argv, NULL, map, 2, NULL);
	close(out[1]);
	if (map[0].from != -1)
		close(map[0].from);
	if (pid != -1) {
		wait_end(out[0], pid, clock_ms() + LOOKUP_MS);
		code = child_wait(pid);
	}
	close(out[0]);
	return code;
}

/* A system user that the snapshot lacks: NULL if there is one. */
static const char *
ask_system(const char *user)
{
	char name[] = "user-lookup", *argv[3], *path, *arg;
	int code;

	if (user[0] == '-')
		return "550 5.1.1 no such user here";
	arg = xalloc(strlen(user) + 1);
	memcpy(arg, user, strlen(user) + 1);
	argv[0] = name;
	argv[1] = arg;
	argv[2] = NULL;
	path = path_program(name);
	code = run_limited(path, argv);
	free(path);
	free(arg);
	return code == 0 ? NULL
	    : code == 100 ? "550 5.1.1 no such user here"
			  : "451 4.3.0 users cannot be looked up now";
}

static const char *
by_route(const struct admit *a, const char *addr, size_t n)
{
	struct route r;

	route_find(&r, a->tables, addr, n, 0, NULL, NULL);
	switch (r.kind) {
	case ROUTE_ALIAS:
	case ROUTE_VHOST:
	case ROUTE_USER:
	case ROUTE_RELAY:
		return NULL;
	case ROUTE_ASK:
		return ask_system(r.user);
	case ROUTE_REMOTE:
		return a->relayclient != NULL ? NULL
		    : "550 5.7.1 we do not relay for you";
	case ROUTE_UNKNOWN:
		return "550 5.1.1 no such user here";
	case ROUTE_ERROR:
		break;
	}
	return "451 4.3.0 recipients cannot be looked up now";
}

const char *
admit_rcpt(struct admit *a, struct buf *addr)
{
	struct addr s;

	if (a->local)
		return NULL;
	if (a->relayclient != NULL && a->relayclient[0] != '\0') {
		buf_str(addr, a->relayclient);
		if (!addr_valid(addr->p, addr->len, 0))
			return "550 5.1.3 not an address with RELAYCLIENT";
	}
	addr_split(addr->p, addr->len, &s);
	if (s.dlen == 0 && a->relayclient == NULL &&
	    !str_caseeq(addr->p, addr->len, "postmaster"))
		return "550 5.1.3 recipient needs a domain";
	return by_route(a, addr->p, addr->len);
}
