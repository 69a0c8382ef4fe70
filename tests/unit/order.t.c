/* lib/order: orders of a -k program, with the message or its descriptor. */
#include <unistd.h>

#include "msgin.h"
#include "packet.h"
#include "tap.h"

#define ORDER "I0123456789abcdef\0Bfirst\0Xname=x\0Fs@far.test\0Ta@b.test\0\0"

static int chan[2];
static struct order o;
static struct msgin m;

/* The read end of a pipe that holds text. */
static int
piped(const char *text)
{
	int p[2];

	if (pipe(p) == -1)
		return -1;
	if (write(p[1], text, strlen(text)) == -1)
		p[0] = -1;
	close(p[1]);
	return p[0];
}

static int
give(const char *p, size_t n, int message)
{
	int r = packet_send(chan[0], p, n, message);

	if (message != -1)
		close(message);
	return r == 0 ? order_next(&o, chan[1]) : -2;
}

int
main(void)
{
	static const char bare[] = ORDER, whole[] = ORDER "one\n\0two\n",
	    cut[] = "I0123456789abcdef\0Bfirst\0Fs@far.test\0Ta@b.test\0body";

	if (packet_pair(chan) == -1)
		return 1;
	/* The literals' own NULs are not sent. */
	is_int(give(bare, sizeof bare - 1, piped("hello\n")), 1,
	    "an order with a descriptor");
	is_str(o.id, "0123456789abcdef", "its id");
	is_int(msgin_order(&m, &o), 0, "its message");
	is_mem(m.p, m.len, "hello\n", "is what the descriptor holds");
	msgin_close(&m);
	order_done(&o);
	is_int(give(whole, sizeof whole - 1, -1), 1, "one with its message");
	is_str(order_extra(&o, "name"), "x", "its facts");
	is_int(o.env.nrcpt, 1, "its envelope");
	is_int(msgin_order(&m, &o), 0, "its message");
	ok(m.len == 9 && memcmp(m.p, "one\n\0two\n", 9) == 0,
	    "is what stands behind the envelope, to the last byte");
	msgin_close(&m);
	order_done(&o);
	is_int(give(bare, sizeof bare - 1, -1), -1, "one with neither");
	is_int(give(whole, sizeof whole - 1, piped("x")), -1, "one with both");
	is_int(give(cut, sizeof cut - 1, -1), -1,
	    "a message that would be part of the envelope");
	is_int(give(bare, sizeof bare - 1, piped("again\n")), 1,
	    "the next one is read");
	is_int(msgin_order(&m, &o), 0, "its message");
	is_mem(m.p, m.len, "again\n", "is its own");
	order_done(&o);
	close(chan[0]);
	is_int(order_next(&o, chan[1]), 0, "end of file");
	return done();
}
