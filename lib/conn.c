#include <sys/socket.h>
#include <sys/time.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "conn.h"
#include "fdio.h"

enum { LINGER_MS = 2000, LINGER_BYTES = 1 << 20 };

static volatile sig_atomic_t terminated, interruptible;

/* A read that is about to block would miss the signal: shut down, the socket
 * has nothing more to wait for. */
static void
on_term(int sig)
{
	int err = errno;

	terminated = 1;
	if (interruptible)
		shutdown(0, SHUT_RD);
	errno = err;
}

void
conn_init(struct conn *c, uint64_t idle)
{
	struct sigaction sa = {.sa_handler = SIG_IGN};

	sigaction(SIGPIPE, &sa, NULL);
	sa.sa_handler = on_term;
	sigaction(SIGTERM, &sa, NULL);
	c->idle = idle;
	c->deadline = 0;
	conn_replaced(c);
}

void
conn_replaced(struct conn *c)
{
	c->line = 0;
	c->polled = 0;
	c->limit = 0;
}

int
conn_term(void)
{
	return terminated;
}

/* Milliseconds from now to at, max at most; 0: it has passed.  at 0 is
 * never. */
static uint64_t
until(uint64_t now, uint64_t at, uint64_t max)
{
	if (at == 0)
		return max;
	if (now >= at)
		return 0;
	return at - now < max ? at - now : max;
}

/* Milliseconds that the next read may take; 0: none is left. */
static uint64_t
allowance(struct conn *c, int command)
{
	uint64_t now = clock_ms(), ms = c->idle;

	if (!command)
		c->line = 0;
	else if (c->line == 0)
		c->line = now + c->idle;
	else
		ms = until(now, c->line, ms);
	return until(now, c->deadline, ms);
}

void
conn_line(struct conn *c)
{
	c->line = 0;
}

/* Gives the socket its limit, if it has another one. */
static void
set_limit(struct conn *c, uint64_t ms)
{
	struct timeval t;

	if (c->polled || ms == c->limit)
		return;
	t.tv_sec = (time_t)(ms / 1000);
	t.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	c->limit = ms;
	if (setsockopt(0, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == -1)
		c->polled = 1;
}

long
conn_read(struct conn *c, void *p, size_t n, int command)
{
	uint64_t ms = allowance(c, command);
	ssize_t r;
	int ready = 1, err;

	if (ms == 0)
		return CONN_TIMEOUT;
	set_limit(c, ms);
	interruptible = command;
	if (command && terminated) {
		interruptible = 0;
		return CONN_TERM;
	}
	do {
		if (c->polled)
			ready = wait_readable(0, clock_ms() + ms);
		r = ready == 1 ? read(0, p, n) : -1;
		err = ready == 0 ? EAGAIN : errno;
	} while (r == -1 && err == EINTR && !(command && terminated));
	interruptible = 0;
	if (r > 0)
		return r;
	if (command && terminated)
		return CONN_TERM;
	if (r == 0)
		return CONN_EOF;
	errno = err;
	return err == EAGAIN || err == EWOULDBLOCK ? CONN_TIMEOUT : CONN_LOST;
}

int
conn_spoke(uint64_t ms)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	uint64_t end = clock_ms() + ms, left;
	char c;

	while (!terminated && (left = until(clock_ms(), end, ms)) > 0) {
		/* A client that is gone makes it readable too. */
		if (poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left) == 1)
			return recv(0, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
	}
	return 0;
}

int
conn_write(struct conn *c, const void *p, size_t n)
{
	const char *s = p;
	uint64_t end = 0;
	ssize_t w;

	while (n > 0) {
		if (!c->polled)
			w = send(1, s, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			w = write(1, s, n);
		if (w == -1 && errno == ENOTSOCK) {
			c->polled = 1;
		} else if (w == -1 && errno == EAGAIN) {
			if (end == 0)
				end = clock_ms() + c->idle;
			if (wait_writable(1, end) == 0)
				return CONN_TIMEOUT;
		} else if (w == -1 && errno != EINTR) {
			return CONN_LOST;
		} else if (w > 0) {
			s += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

void
conn_linger(struct conn *c)
{
	char junk[1024];
	size_t left = LINGER_BYTES;
	uint64_t end = clock_ms() + LINGER_MS;
	ssize_t r = 1;

	if (shutdown(1, SHUT_WR) == -1)
		return;
	while (r > 0 && left > 0 && wait_readable(0, end) == 1) {
		r = read(0, junk, sizeof junk);
		left -= r > 0 ? (size_t)r : 0;
	}
}
