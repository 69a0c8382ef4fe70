#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "dnsq.h"
#include "fdio.h"
#include "paths.h"
#include "verdict.h"

int
dnsq_cut(struct words *t, char sep, struct words *out)
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

int
dnsq_is(const struct words *w, const char *s)
{
	return w->n == strlen(s) && memcmp(w->p, s, w->n) == 0;
}

char *
dnsq_copy(const struct words *w)
{
	char *s = xalloc(w->n + 1);

	memcpy(s, w->p, w->n);
	s[w->n] = '\0';
	return s;
}

void
dnsq_set_fail(struct dnsq_fail *f, int code, const char *status,
    const char *text)
{
	f->code = code;
	snprintf(f->status, sizeof f->status, "%s", status);
	snprintf(f->text, sizeof f->text, "%s", text);
}

int
dnsq_read_fail(struct dnsq_fail *f, struct words *line)
{
	struct words w;
	size_t i;

	if (f->code != 0 || !dnsq_cut(line, ' ', &w) ||
	    w.n >= sizeof f->status || w.p[0] == '2' ||
	    status_scan(w.p, w.n) != w.n)
		return -1;
	f->code = w.p[0] == '5' ? 100 : 111;
	memcpy(f->status, w.p, w.n);
	f->status[w.n] = '\0';
	for (i = 0; i < line->n && i < sizeof f->text - 1; i++)
		f->text[i] = line->p[i] >= ' ' && line->p[i] <= '~' ? line->p[i]
								    : '?';
	f->text[i] = '\0';
	return 0;
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
		if (b->len > DNSQ_ANSWER) {
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

/* Asks the service: 1 with lines, 0 with f filled; -1: there is none, or it
 * went away. */
static int
ask_service(struct dnsq_fail *f, struct buf *lines, const char *question,
    uint64_t deadline)
{
	int fd = connect_service(), r = -1;

	if (fd == -1)
		return -1;
	buf_str(lines, question);
	buf_byte(lines, '\n');
	/* MSG_NOSIGNAL: a service that ended is no reason to end too. */
	if (send(fd, lines->p, lines->len, MSG_NOSIGNAL) ==
	    (ssize_t)lines->len) {
		lines->len = 0;
		r = collect(fd, lines, deadline);
		if (r == 1)
			lines->len -= 2;
		else if (r == -1 && errno == ETIMEDOUT)
			dnsq_set_fail(f, 111, "4.4.3",
			    "mx-lookup gave no answer");
		r = r == 1 ? 1 : f->code != 0 ? 0 : -1;
	}
	close(fd);
	return r;
}

/* Starts mx-lookup for one question; its output can be read from *out. */
static pid_t
start(const char *question, uint64_t ms, int *out)
{
	struct child_fd map[2] = {{.to = 0}, {.to = 1}};
	char secs[24], *path;
	char *argv[] = {"mx-lookup", "-t", secs, "--",
	    (char *)(uintptr_t)question, NULL};
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

/* The exit code that belongs to an answer. */
static int
code_of(const struct buf *lines)
{
	if (lines->len < 6 || memcmp(lines->p, "fail ", 5) != 0)
		return 0;
	return lines->p[5] == '5' ? 100 : 111;
}

static int
ask_once(struct dnsq_fail *f, struct buf *lines, const char *question,
    uint64_t deadline)
{
	uint64_t now = clock_ms();
	int fd, r, code, late;
	pid_t pid;

	pid = start(question, deadline > now ? deadline - now : 0, &fd);
	if (pid == -1) {
		dnsq_set_fail(f, 111, "4.3.0", "mx-lookup cannot be started");
		return -1;
	}
	r = collect(fd, lines, deadline);
	late = r == -1 && errno == ETIMEDOUT;
	close(fd);
	if (r != 0)
		kill(pid, SIGKILL);
	code = child_wait(pid);
	/* What it printed before a crash is not believed. */
	if (r == 0 && code == code_of(lines))
		return 0;
	dnsq_set_fail(f, 111, "4.4.3", late ? "mx-lookup gave no answer"
					    : "mx-lookup failed");
	return -1;
}

int
dnsq_ask(struct dnsq_fail *f, struct buf *lines, const char *question,
    uint64_t timeout)
{
	uint64_t deadline = clock_ms() + timeout;
	int r;

	memset(f, 0, sizeof *f);
	lines->len = 0;
	r = ask_service(f, lines, question, deadline);
	if (r != -1)
		return r == 1 ? 0 : -1;
	lines->len = 0;
	return ask_once(f, lines, question, deadline);
}
