#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "smtplink.h"

enum { WAIT_TIMEOUT = -1, WAIT_STOP = -2 };

/* Has the watched descriptor hung up, or the signal come? */
static int
must_stop(struct smtplink *l, const struct pollfd *p, int r)
{
	if ((r > 0 && p[1].revents & (POLLHUP | POLLERR | POLLNVAL)) ||
	    (l->stop != NULL && *l->stop))
		l->stopped = 1;
	return l->stopped;
}

/*
 * Waits for the connection.  What it is ready for, or WAIT_TIMEOUT, WAIT_STOP.
 * A message whose final dot is sent is waited for to the end (committed).
 */
static int
wait_link(struct smtplink *l, short events, uint64_t deadline, int committed)
{
	struct pollfd p[2] = {{.fd = l->fd, .events = events},
	    {.fd = committed ? -1 : l->watch}};
	struct timespec ts;
	uint64_t now, ms;
	int r;

	for (;;) {
		now = clock_ms();
		ms = now < deadline ? deadline - now : 0;
		ts.tv_sec = (time_t)(ms / 1000);
		ts.tv_nsec = (long)(ms % 1000) * 1000000;
		r = ppoll(p, 2, &ts, committed ? NULL : l->mask);
		if (!committed && must_stop(l, p, r))
			return WAIT_STOP;
		if (r > 0)
			return p[0].revents;
		if (r == 0)
			return WAIT_TIMEOUT;
		if (errno != EINTR)
			return POLLERR;
	}
}

int
smtplink_connect(struct smtplink *l, const struct sockaddr *sa, socklen_t n,
    uint64_t ms)
{
	socklen_t len = sizeof(int);
	int err = 0, one = 1, r;

	l->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (l->fd == -1)
		return -1;
	if (connect(l->fd, sa, n) == -1) {
		err = errno;
		if (err == EINPROGRESS) {
			r = wait_link(l, POLLOUT, clock_ms() + ms, 0);
			err = r == WAIT_TIMEOUT ? ETIMEDOUT : EINTR;
			if (r >= 0)
				getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err,
				    &len);
		}
	}
	if (err == 0) {
		/* Whole commands and the end of a message wait for nothing. */
		setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		return 0;
	}
	smtplink_close(l);
	errno = err;
	return -1;
}

void
smtplink_close(struct smtplink *l)
{
	if (l->fd != -1)
		close(l->fd);
	l->fd = -1;
}

/* Reads what is there and feeds it. */
static enum smtpc_next
take(struct smtplink *l, struct smtpc *c)
{
	char b[4096];
	ssize_t r = read(l->fd, b, sizeof b);

	if (r > 0)
		return smtpc_input(c, b, (size_t)r);
	if (r == -1 && (errno == EAGAIN || errno == EINTR))
		return SMTPC_WAIT;
	return smtpc_lost(c, SMTPC_EOF);
}

static enum smtpc_next
lost(struct smtpc *c, int why)
{
	return smtpc_lost(c, why == WAIT_STOP ? SMTPC_STOP : SMTPC_TIMEOUT);
}

/*
 * Writes p.  The server's bytes are taken while its window is full, so that
 * neither side waits for the other; what they make c want ends the writing
 * early.  SMTPC_WAIT: all is written.
 */
static enum smtpc_next
send_all(struct smtplink *l, struct smtpc *c, const char *p, size_t n,
    enum smtpc_next quiet)
{
	uint64_t deadline = clock_ms() + l->timeout;
	enum smtpc_next next;
	ssize_t w;
	int r;

	while (n > 0) {
		w = send(l->fd, p, n, MSG_NOSIGNAL);
		if (w > 0) {
			p += w;
			n -= (size_t)w;
			continue;
		}
		if (errno == EINTR)
			continue;
		/* Why a server hung up is often still to be read. */
		if (errno != EAGAIN) {
			next = take(l, c);
			return next == SMTPC_WAIT || next == quiet
			    ? smtpc_lost(c, SMTPC_EOF) : next;
		}
		r = wait_link(l, POLLIN | POLLOUT, deadline, 0);
		if (r < 0)
			return lost(c, r);
		next = r & POLLOUT ? SMTPC_WAIT : take(l, c);
		if (next != SMTPC_WAIT && next != quiet)
			return next;
	}
	return SMTPC_WAIT;
}

enum smtpc_next
smtplink_run(struct smtplink *l, struct smtpc *c)
{
	enum smtpc_next next = SMTPC_WAIT;
	unsigned seen = c->replies - 1;
	uint64_t deadline = 0;
	struct buf out;
	int r;

	while (next == SMTPC_WAIT) {
		if (c->out.len > 0) {
			out = c->out; /* it may be added to meanwhile */
			c->out = (struct buf){0};
			next = send_all(l, c, out.p, out.len, SMTPC_WAIT);
			buf_free(&out);
			/* An answer to what was not sent is no answer. */
			if (next == SMTPC_BODY || next == SMTPC_READY)
				next = smtpc_lost(c, SMTPC_EOF);
			if (next != SMTPC_WAIT)
				break;
		}
		if (seen != c->replies)
			deadline = clock_ms() + l->timeout *
			    (smtpc_committed(c) ? 2 : 1);
		seen = c->replies;
		r = wait_link(l, POLLIN, deadline, smtpc_committed(c));
		next = r < 0 ? lost(c, r) : take(l, c);
	}
	return next;
}

enum smtpc_next
smtplink_body(struct smtplink *l, struct smtpc *c, const char *p, size_t n,
    int last)
{
	/* A reply that came before the message is none to it. */
	enum smtpc_next next = smtpc_input(c, NULL, 0);

	if (next == SMTPC_WAIT)
		next = send_all(l, c, p, n, SMTPC_BODY);
	if (next != SMTPC_WAIT || !last)
		return next == SMTPC_WAIT ? SMTPC_BODY : next;
	smtpc_sent(c);
	/* Bytes may be here that came while the message went out. */
	next = smtpc_input(c, NULL, 0);
	return next == SMTPC_WAIT ? smtplink_run(l, c) : next;
}

void
smtplink_quit(struct smtplink *l, struct smtpc *c)
{
	ssize_t ignored;

	if (l->fd == -1)
		return;
	smtpc_quit(c);
	/* One try: a server that does not take six bytes is not waited for. */
	ignored = send(l->fd, c->out.p, c->out.len, MSG_NOSIGNAL);
	(void)ignored;
	smtplink_close(l);
}
