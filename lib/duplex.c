#include <sys/socket.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "duplex.h"
#include "fdio.h"

/* What came of a call on plain that waits for `what'. */
static long
plain_result(struct duplex *d, ssize_t r, short what)
{
	if (r > 0)
		return (long)r;
	if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR)) {
		d->want_plain |= what;
		return DUPLEX_AGAIN;
	}
	return DUPLEX_END;
}

/* Bytes, or what else came of it, were read into w.  Did anything happen? */
static int
took(struct duplex_way *w, long r)
{
	w->ended = r < 0;
	w->at = 0;
	w->len = r > 0 ? (size_t)r : 0;
	return r != DUPLEX_AGAIN;
}

/* So many bytes of w were written. */
static int
gave(struct duplex_way *w, size_t n)
{
	w->at += n;
	w->len -= n;
	return n > 0;
}

/* Network to plain.  Was anything moved? */
static int
move_up(struct duplex *d)
{
	struct duplex_way *w = &d->up;
	int moved = 0;
	long r;

	if (w->len == 0 && !w->ended) {
		r = d->net->read(d->arg, w->buf, sizeof w->buf, &d->want_net);
		d->lost |= r == DUPLEX_LOST;
		moved = took(w, r);
	}
	if (w->len > 0 && !w->told) {
		r = plain_result(d, write(d->plain, w->buf + w->at, w->len),
		    POLLOUT);
		moved |= gave(w, r > 0 ? (size_t)r : 0);
		w->told = r == DUPLEX_END; /* nobody reads it any more */
		d->gone |= w->told;
	}
	if (w->told)
		moved |= gave(w, w->len);
	if (w->ended && w->len == 0 && !w->told) {
		shutdown(d->plain, SHUT_WR);
		w->told = 1;
	}
	return moved;
}

/* Plain to network: 1 when its end has been passed on, or cannot be. */
static int
end_down(struct duplex *d)
{
	long r = d->lost ? DUPLEX_LOST : d->net->end(d->arg, &d->want_net);

	if (r != DUPLEX_AGAIN)
		shutdown(d->out, SHUT_WR); /* no matter if it is no socket */
	return r != DUPLEX_AGAIN;
}

static int
move_down(struct duplex *d)
{
	struct duplex_way *w = &d->down;
	int moved = 0;
	long r;

	if (w->len == 0 && !w->ended)
		moved = took(w, plain_result(d, read(d->plain, w->buf,
		    sizeof w->buf), POLLIN));
	if (w->len > 0 && !d->lost) {
		r = d->net->write(d->arg, w->buf + w->at, w->len,
		    &d->want_net);
		moved |= gave(w, r > 0 ? (size_t)r : 0);
		d->lost |= r < 0;
	}
	if (d->lost) /* nobody is there to read it */
		moved |= gave(w, w->len);
	if (w->ended && w->len == 0 && !w->told)
		w->told = end_down(d);
	return moved;
}

/* How long to wait.  Once the program has ended there is an end to all, even if
 * the client moves something now and then: nobody else counts this session any
 * more. */
static int
patience(struct duplex *d)
{
	uint64_t now;

	if (!d->down.ended && !d->gone)
		return d->up.ended || *d->stop ? d->half_ms : d->idle_ms;
	now = clock_ms();
	if (d->end == 0)
		d->end = now + (uint64_t)d->half_ms;
	if (now >= d->end)
		return 0;
	return d->end - now < (uint64_t)d->last_ms ? (int)(d->end - now)
	    : d->last_ms;
}

/* Waits until something can be moved: 0 when that took too long.  A descriptor
 * of which nothing is wanted is left out: that it has ended would be told
 * again and again.  Of plain it is told once, as much as is still to be read
 * from it. */
static int
await(struct duplex *d)
{
	struct pollfd p[3] = {{.fd = -1, .events = POLLIN},
	    {.fd = -1, .events = POLLOUT},
	    {.fd = -1, .events = d->want_plain}};
	int ms = patience(d), r;

	if (d->want_net & POLLIN)
		p[0].fd = d->in;
	if (d->want_net & POLLOUT)
		p[1].fd = d->out;
	if (d->want_plain || d->down.told || !d->gone)
		p[2].fd = d->plain;
	r = poll(p, 3, ms);
	if (r > 0 && (p[2].revents & (POLLHUP | POLLERR))) {
		d->gone = 1;
		/* Once its end has been passed on, it may be so both ways. */
		d->up.told |= d->down.told;
	}
	return r != 0;
}

void
duplex_run(struct duplex *d)
{
	int moved;

	do {
		d->want_net = d->want_plain = 0;
		moved = move_up(d);
		moved |= move_down(d);
	} while (!(d->up.told && d->down.told) && patience(d) > 0 &&
	    (moved || await(d)));
}
