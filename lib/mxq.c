#include <sys/socket.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "buf.h"
#include "child.h"
#include "fdio.h"
#include "mxq.h"
#include "paths.h"
#include "str.h"

/* Above what mx-lookup gives (lib/mxresolve.h). */
enum { HOSTS_MAX = 64, ADDRS_MAX = 64, ANSWER_MAX = 131072 };

/* What is not parsed yet of an answer, or of a line of it. */
struct text {
	const char *p;
	size_t n;
};

static void
give_up(struct mx_answer *a, int code, const char *status, const char *why)
{
	mx_free(a);
	a->code = code;
	snprintf(a->status, sizeof a->status, "%s", status);
	snprintf(a->text, sizeof a->text, "%s", why);
}

/* Takes what stands before the next sep, and sep; 0 when nothing is left. */
static int
cut(struct text *t, char sep, struct text *out)
{
	const char *e;

	if (t->n == 0)
		return 0;
	e = memchr(t->p, sep, t->n);
	out->p = t->p;
	out->n = e != NULL ? (size_t)(e - t->p) : t->n;
	t->p += out->n + (e != NULL);
	t->n -= out->n + (e != NULL);
	return 1;
}

static int
is_word(const struct text *w, const char *s)
{
	return w->n == strlen(s) && memcmp(w->p, s, w->n) == 0;
}

static char *
copy(const struct text *w)
{
	char *s = xalloc(w->n + 1);

	memcpy(s, w->p, w->n);
	s[w->n] = '\0';
	return s;
}

static int
is_address(const struct text *w)
{
	char s[INET6_ADDRSTRLEN];
	struct in6_addr a;

	if (w->n >= sizeof s)
		return 0;
	memcpy(s, w->p, w->n);
	s[w->n] = '\0';
	return inet_pton(AF_INET, s, &a) == 1 ||
	    inet_pton(AF_INET6, s, &a) == 1;
}

/* The addresses of an mx line, at least one. */
static int
parse_addrs(struct mx_host *h, struct text *line)
{
	struct text w;

	while (cut(line, ' ', &w)) {
		if (h->naddrs == ADDRS_MAX || !is_address(&w))
			return -1;
		h->addrs = xrealloc(h->addrs,
		    (h->naddrs + 1) * sizeof *h->addrs);
		h->addrs[h->naddrs++] = copy(&w);
	}
	return h->naddrs > 0 ? 0 : -1;
}

/* PREF HOST DNSSEC ADDR...; preferences may not fall from line to line. */
static int
parse_host(struct mx_answer *a, struct text *line)
{
	struct mx_host *h;
	struct text pref, name, sec;
	uint64_t n;

	if (a->nhosts == HOSTS_MAX || !cut(line, ' ', &pref) ||
	    !cut(line, ' ', &name) || !cut(line, ' ', &sec) ||
	    parse_u64(pref.p, pref.n, &n) == -1 || n > 65535 ||
	    (a->nhosts > 0 && n < a->hosts[a->nhosts - 1].pref) ||
	    !addr_domain_valid(name.p, name.n, 0, 1) ||
	    (!is_word(&sec, "secure") && !is_word(&sec, "insecure")))
		return -1;
	a->hosts = xrealloc(a->hosts, (a->nhosts + 1) * sizeof *a->hosts);
	h = &a->hosts[a->nhosts++];
	memset(h, 0, sizeof *h);
	h->pref = (unsigned)n;
	h->name = copy(&name);
	h->dnssec = copy(&sec);
	return parse_addrs(h, line);
}

/* X.Y.Z with X 4 or 5, Y and Z of one to three digits (RFC 3463 2). */
static int
is_status(const struct text *w)
{
	struct text all = *w, f;
	uint64_t n;
	int i;

	for (i = 0; cut(&all, '.', &f); i++)
		if (i == 3 || f.n == 0 || f.n > 3 ||
		    parse_u64(f.p, f.n, &n) == -1 ||
		    (i == 0 && n != 4 && n != 5))
			return 0;
	return i == 3 && w->p[w->n - 1] != '.';
}

/* STATUS TEXT; bytes of the text that are not printable become `?'. */
static int
parse_fail(struct mx_answer *a, struct text *line)
{
	struct text w;
	size_t i;

	if (a->code != 0 || !cut(line, ' ', &w) || !is_status(&w))
		return -1;
	a->code = w.p[0] == '5' ? 100 : 111;
	memcpy(a->status, w.p, w.n);
	a->status[w.n] = '\0';
	for (i = 0; i < line->n && i < sizeof a->text - 1; i++)
		a->text[i] = line->p[i] >= ' ' && line->p[i] <= '~' ? line->p[i]
								    : '?';
	a->text[i] = '\0';
	return 0;
}

void
mx_parse(struct mx_answer *a, const char *p, size_t n)
{
	struct text all = {p, n}, line, word;
	int bad = n == 0 || n > ANSWER_MAX || p[n - 1] != '\n';

	memset(a, 0, sizeof *a);
	while (!bad && cut(&all, '\n', &line)) {
		if (!cut(&line, ' ', &word))
			bad = 1;
		else if (is_word(&word, "mx"))
			bad = parse_host(a, &line);
		else if (is_word(&word, "fail"))
			bad = parse_fail(a, &line);
		/* Other first words are for later versions. */
	}
	if (bad || (a->nhosts == 0) == (a->code == 0))
		give_up(a, 111, "4.4.3", "malformed answer of mx-lookup");
}

void
mx_free(struct mx_answer *a)
{
	struct mx_host *h;
	size_t i;

	for (h = a->hosts; h != NULL && h < a->hosts + a->nhosts; h++) {
		for (i = 0; i < h->naddrs; i++)
			free(h->addrs[i]);
		free(h->addrs);
		free(h->name);
		free(h->dnssec);
	}
	free(a->hosts);
	memset(a, 0, sizeof *a);
}

/* Has the line `.' come? */
static int
complete(const struct buf *b)
{
	return b->len >= 2 && memcmp(b->p + b->len - 2, ".\n", 2) == 0 &&
	    (b->len == 2 || b->p[b->len - 3] == '\n');
}

/* Appends what fd gives until its end or the `.': 1 with the `.'; 0 at the
 * end; -1 with errno (ETIMEDOUT, EMSGSIZE). */
static int
collect(int fd, struct buf *b, uint64_t deadline)
{
	ssize_t r;
	int w;

	for (;;) {
		w = wait_readable(fd, deadline);
		if (w == 0)
			errno = ETIMEDOUT;
		if (w == 0 || (w == -1 && errno != EINTR))
			return -1;
		if (w == -1)
			continue;
		buf_room(b, 4096);
		r = read(fd, b->p + b->len, 4096);
		if (r == 0)
			return 0;
		if (r == -1 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (r > 0)
			b->len += (size_t)r;
		if (complete(b))
			return 1;
		if (b->len > ANSWER_MAX) {
			errno = EMSGSIZE;
			return -1;
		}
	}
}

static int
connect_service(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char *path = path_make(PATH_RUN "/mx-lookup");
	size_t n = strlen(path);
	int fd = -1;

	if (n < sizeof sa.sun_path)
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd != -1) {
		memcpy(sa.sun_path, path, n + 1);
		fd_cloexec(fd);
		fd_nonblock(fd);
		if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == -1) {
			close(fd);
			fd = -1;
		}
	}
	free(path);
	return fd;
}

/* Asks the service: 0 with a filled; -1: there is none, or it went away. */
static int
ask_service(struct mx_answer *a, const char *domain, uint64_t deadline)
{
	struct buf b = {0};
	int fd = connect_service(), r = -1;

	if (fd == -1)
		return -1;
	buf_str(&b, domain);
	buf_byte(&b, '\n');
	/* MSG_NOSIGNAL: a service that ended is no reason to end too. */
	if (send(fd, b.p, b.len, MSG_NOSIGNAL) == (ssize_t)b.len) {
		b.len = 0;
		r = collect(fd, &b, deadline);
		if (r == 1)
			mx_parse(a, b.p, b.len - 2);
		else if (r == -1 && errno == ETIMEDOUT)
			give_up(a, 111, "4.4.3", "mx-lookup gave no answer");
		r = r == 1 || a->code != 0 ? 0 : -1;
	}
	close(fd);
	buf_free(&b);
	return r;
}

/* Starts mx-lookup for one question; its output can be read from *out. */
static pid_t
start(const char *domain, uint64_t ms, int *out)
{
	struct child_fd map[2] = {{.to = 0}, {.to = 1}};
	char secs[24], *path;
	char *argv[] = {"mx-lookup", "-t", secs, "--",
	    (char *)(uintptr_t)domain, NULL};
	int p[2], null;
	pid_t pid = -1;

	snprintf(secs, sizeof secs, "%llu",
	    (unsigned long long)(ms < 1000 ? 1 : ms / 1000));
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null != -1 && pipe_cloexec(p) == 0) {
		map[0].from = null;
		map[1].from = p[1];
		path = path_program("mx-lookup");
		pid = child_start(path, argv, NULL, map, 2, NULL);
		free(path);
		close(p[1]);
		if (pid == -1)
			close(p[0]);
		*out = p[0];
	}
	if (null != -1)
		close(null);
	return pid;
}

static void
ask_once(struct mx_answer *a, const char *domain, uint64_t deadline)
{
	uint64_t now = clock_ms();
	struct buf b = {0};
	int fd, r, code, late;
	pid_t pid;

	pid = start(domain, deadline > now ? deadline - now : 0, &fd);
	if (pid == -1) {
		give_up(a, 111, "4.3.0", "mx-lookup cannot be started");
		return;
	}
	r = collect(fd, &b, deadline);
	late = r == -1 && errno == ETIMEDOUT;
	close(fd);
	if (r != 0)
		kill(pid, SIGKILL);
	code = child_wait(pid);
	if (r == 0)
		mx_parse(a, b.p, b.len);
	/* What it printed before a crash is not believed. */
	if (r != 0 || a->code != code)
		give_up(a, 111, "4.4.3", late ? "mx-lookup gave no answer"
					      : "mx-lookup failed");
	buf_free(&b);
}

void
mx_ask(struct mx_answer *a, const char *domain, size_t len, uint64_t timeout)
{
	uint64_t deadline = clock_ms() + timeout;
	char name[300];
	size_t i;

	memset(a, 0, sizeof *a);
	for (i = 0; i < len && len < sizeof name; i++) {
		/* A newline would be a second question. */
		if ((unsigned char)domain[i] <= ' ' || domain[i] == 0x7f)
			break;
		name[i] = domain[i];
	}
	if (len == 0 || i < len) {
		give_up(a, 100, "5.1.2", "not a domain name");
		return;
	}
	name[len] = '\0';
	if (ask_service(a, name, deadline) == -1)
		ask_once(a, name, deadline);
}
