/* Any bytes as the text of a message.  In pieces it is what it is in one; only
 * CRLF.CRLF ends it; and a text that a client sends by the rules, by DATA or
 * in chunks, is stored as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtpdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct smtpdata d;
static struct buf out, out1, wire, text;

static void
check(int good)
{
	if (!good)
		abort();
}

static int
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* Feeds p in pieces of step bytes; returns the bytes used. */
static size_t
feed(const char *p, size_t n, size_t step, int accept_lf, int chunks)
{
	size_t i = 0, k, used;

	smtpdata_start(&d, 0, 4, accept_lf);
	d.chunks = chunks;
	out.len = 0;
	while (i < n && !d.done) {
		k = n - i < step ? n - i : step;
		used = smtpdata_feed(&d, p + i, k, &out);
		check(used == k || d.done);
		i += used;
	}
	if (chunks) {
		check(!d.done);
		smtpdata_end(&d, &out);
	}
	return i;
}

static void
raw(const char *p, size_t n, size_t step, int accept_lf, int chunks)
{
	size_t used = feed(p, n, n, accept_lf, chunks);
	struct smtpdata whole = d;

	if (d.done && !chunks)
		check(used >= 3 && memcmp(p + used - 3, ".\r\n", 3) == 0 &&
		    (used == 3 || (used > 4 &&
		    memcmp(p + used - 5, "\r\n", 2) == 0)));
	out1.len = 0;
	buf_add(&out1, out.p, out.len);
	check(feed(p, n, step, accept_lf, chunks) == used);
	check(whole.flaws == d.flaws && whole.done == d.done &&
	    whole.hops == d.hops);
	if (d.flaws == 0)
		check(same(&out, &out1) && whole.size == d.size &&
		    memchr(out.p ? out.p : "", '\r', out.len) == NULL);
}

/* p as a text of lines, and how it is sent. */
static void
by_the_rules(const char *p, size_t n, size_t step, int chunks)
{
	size_t i, end;
	int start = 1;

	wire.len = text.len = 0;
	for (i = 0; i < n; i++) {
		if (p[i] == '\r')
			continue;
		buf_byte(&text, p[i]);
		if (start && p[i] == '.' && !chunks)
			buf_byte(&wire, '.');
		start = p[i] == '\n';
		if (start)
			buf_byte(&wire, '\r');
		buf_byte(&wire, p[i]);
	}
	if (!start) {
		buf_byte(&text, '\n');
		if (!chunks)
			buf_str(&wire, "\r\n");
	}
	if (!chunks)
		buf_str(&wire, ".\r\n");
	end = wire.len;
	if (!chunks)
		buf_str(&wire, "QUIT\r\n");
	check(feed(wire.p, wire.len, step, 0, chunks) == end && d.done);
	if (d.flaws == 0)
		check(same(&out, &text));
	else
		check(d.flaws == SMTPDATA_HOPS && d.hops > 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	size_t step;

	if (size < 2)
		return 0;
	step = data[0] / 4u + 1;
	raw(p, size - 1, step, data[0] & 1, data[0] >> 1 & 1);
	by_the_rules(p, size - 1, step, 0);
	by_the_rules(p, size - 1, step, 1);
	return 0;
}
