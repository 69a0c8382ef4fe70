#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "lineserv.h"

/* Makes the directories of path that are missing. */
static void
make_dirs(char *path)
{
	char *slash;

	for (slash = path; (slash = strchr(slash + 1, '/')) != NULL;) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

/* Binds fd to sa, over a socket left by a process that ended. */
static int
bind_over(int fd, const struct sockaddr_un *sa)
{
	const struct sockaddr *a = (const struct sockaddr *)sa;
	struct stat st;
	int probe, alive;

	if (bind(fd, a, sizeof *sa) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	/* A file that is no socket refuses connections too. */
	if (lstat(sa->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode)) {
		errno = EADDRINUSE;
		return -1;
	}
	probe = socket(AF_UNIX, SOCK_STREAM, 0);
	if (probe == -1)
		return -1;
	fd_nonblock(probe);
	alive = connect(probe, a, sizeof *sa) == 0 || errno != ECONNREFUSED;
	close(probe);
	if (alive) {
		errno = EADDRINUSE;
		return -1;
	}
	return unlink(sa->sun_path) == -1 ? -1 : bind(fd, a, sizeof *sa);
}

int
lineserv_open(struct lineserv *s, const char *path, mode_t mode)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	mode_t mask;
	int r, err;

	if (n >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sa.sun_path, path, n + 1);
	make_dirs(sa.sun_path);
	s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (s->fd == -1)
		return -1;
	fd_cloexec(s->fd);
	fd_nonblock(s->fd);
	/* The mode is there from the first moment. */
	mask = umask(~mode & 0777);
	r = bind_over(s->fd, &sa);
	umask(mask);
	if (r == 0 && listen(s->fd, 512) == 0)
		return 0;
	err = errno;
	close(s->fd);
	s->fd = -1;
	errno = err;
	return -1;
}

size_t
lineserv_poll(const struct lineserv *s, struct pollfd *p, uint64_t *deadline)
{
	const struct client *c;
	size_t i;
	int full = s->n == LINESERV_CLIENTS || s->paused != 0;

	p[0] = (struct pollfd){.fd = full ? -1 : s->fd, .events = POLLIN};
	if (s->paused != 0 && s->paused < *deadline)
		*deadline = s->paused;
	for (i = 0; i < s->n; i++) {
		c = s->clients[i];
		p[i + 1] = (struct pollfd){.fd = c->fd};
		if (c->out.len > 0)
			p[i + 1].events = POLLOUT;
		else if (c->waiting == NULL)
			p[i + 1].events = POLLIN;
		if (c->waiting == NULL && c->deadline < *deadline)
			*deadline = c->deadline;
	}
	return s->n + 1;
}

static void
accept_all(struct lineserv *s)
{
	struct client *c;
	int fd;

	while (s->n < LINESERV_CLIENTS) {
		fd = accept(s->fd, NULL, NULL);
		if (fd == -1) {
			/* Without this a lack of descriptors would spin. */
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOBUFS || errno == ENOMEM)
				s->paused = clock_ms() + 1000;
			return;
		}
		fd_cloexec(fd);
		fd_nonblock(fd);
		c = xalloc(sizeof *c);
		memset(c, 0, sizeof *c);
		c->fd = fd;
		c->deadline = clock_ms() + LINESERV_IDLE;
		s->clients[s->n++] = c;
	}
}

void
lineserv_answer(struct client *c, const char *p, size_t n)
{
	buf_add(&c->out, p, n);
	c->waiting = NULL;
	c->deadline = clock_ms() + LINESERV_IDLE;
}

/* Takes lines while they can be answered at once: 0, -1 for one too long. */
static int
take_lines(struct client *c, lineserv_line *line, void *arg)
{
	char *nl;
	size_t n;

	while (c->waiting == NULL && c->out.len == 0) {
		nl = memchr(c->in, '\n', c->got);
		if (nl == NULL)
			return c->got == sizeof c->in ? -1 : 0;
		n = (size_t)(nl - c->in);
		line(arg, c, c->in, n);
		c->got -= n + 1;
		memmove(c->in, nl + 1, c->got);
	}
	return 0;
}

/* Sends what there is: 0, also when not all of it went; -1: it is gone. */
static int
flush(struct client *c)
{
	ssize_t w;

	w = send(c->fd, c->out.p + c->sent, c->out.len - c->sent,
	    MSG_NOSIGNAL);
	if (w == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	c->sent += (size_t)w;
	if (c->sent == c->out.len) {
		buf_free(&c->out);
		c->sent = 0;
	}
	return 0;
}

static int
receive(struct client *c)
{
	ssize_t r = read(c->fd, c->in + c->got, sizeof c->in - c->got);

	if (r == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	c->eof = r == 0;
	c->got += (size_t)r;
	return 0;
}

/* One client's turn; -1 when it is to be closed. */
static int
serve(struct client *c, short revents, lineserv_line *line, void *arg,
    uint64_t now)
{
	/* While it waits nothing is read, so that this is how it is seen that
	 * a client went away. */
	if (revents & (POLLERR | POLLNVAL) ||
	    (revents & POLLHUP && (c->waiting != NULL || c->eof)))
		return -1;
	if (c->waiting == NULL && c->out.len == 0 &&
	    revents & (POLLIN | POLLHUP) && receive(c) == -1)
		return -1;
	do {
		if (take_lines(c, line, arg) == -1 ||
		    (c->out.len > 0 && flush(c) == -1))
			return -1;
	} while (c->waiting == NULL && c->out.len == 0 &&
	    memchr(c->in, '\n', c->got) != NULL);
	if (c->waiting != NULL)
		return 0;
	return (c->eof && c->out.len == 0) || now >= c->deadline ? -1 : 0;
}

void
lineserv_work(struct lineserv *s, const struct pollfd *p, size_t n,
    lineserv_line *line, void *arg)
{
	uint64_t now = clock_ms();
	struct client *c;
	size_t i;

	/* Backwards: the last client takes the place of one that is closed. */
	for (i = n - 1; i > 0; i--) {
		c = s->clients[i - 1];
		if (serve(c, p[i].revents, line, arg, now) == 0)
			continue;
		close(c->fd);
		buf_free(&c->out);
		free(c);
		s->clients[i - 1] = s->clients[--s->n];
	}
	if (now >= s->paused)
		s->paused = 0;
	if (p[0].revents & POLLIN)
		accept_all(s);
}
