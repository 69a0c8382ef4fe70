#include <string.h>

#include "smtpdata.h"
#include "str.h"

/*
 * LINE is the start of a line behind CRLF, LFLINE behind an LF alone: only
 * the first can become the end.  DOT and LFDOT have seen the line's first
 * dot, DOTCR and LFDOTCR a CR behind it; CR is a CR within a line.
 */
enum { LINE, LFLINE, DOT, LFDOT, DOTCR, LFDOTCR, TEXT, CR };

void
smtpdata_start(struct smtpdata *d, uint64_t size_max, unsigned hops_max,
    int accept_lf)
{
	memset(d, 0, sizeof *d);
	d->size_max = size_max;
	d->hops_max = hops_max;
	d->accept_lf = accept_lf;
	d->state = LINE;
}

/* Counts octets of the wire. */
static void
count(struct smtpdata *d, size_t n)
{
	d->size += n;
	if (d->size_max != 0 && d->size > d->size_max)
		d->flaws |= SMTPDATA_SIZE;
}

/* Stores bytes of a line. */
static void
put(struct smtpdata *d, const char *p, size_t n, struct buf *out)
{
	size_t k = sizeof d->field - d->fieldlen;

	if (!d->body && k > 0) {
		k = n < k ? n : k;
		memcpy(d->field + d->fieldlen, p, k);
		d->fieldlen += (unsigned)k;
	}
	count(d, n);
	if (d->flaws == 0)
		buf_add(out, p, n);
}

static int
field_is(const struct smtpdata *d, const char *name)
{
	size_t n = strlen(name);

	return d->fieldlen >= n && mem_caseeq(d->field, n, name, n);
}

/* Stores the end of a line, of n octets, and counts it if it was a trace
 * field. */
static void
put_eol(struct smtpdata *d, size_t n, struct buf *out)
{
	if (!d->body) {
		if (d->fieldlen == 0)
			d->body = 1;
		else if (field_is(d, "Received:") ||
		    field_is(d, "Delivered-To:"))
			d->hops++;
		if (d->hops > d->hops_max)
			d->flaws |= SMTPDATA_HOPS;
		d->fieldlen = 0;
	}
	count(d, n);
	if (d->flaws == 0)
		buf_byte(out, '\n');
}

/* Behind the line's first dot: the end, or a dot that was stuffed. */
static size_t
after_dot(struct smtpdata *d, char c, struct buf *out)
{
	int lf = d->state == LFDOT || d->state == LFDOTCR;

	if (d->state == DOT || d->state == LFDOT) {
		if (c == '\r') {
			d->state = lf ? LFDOTCR : DOTCR;
			return 1;
		}
		if (c == '\n')
			put(d, ".", 1, out);
		d->state = TEXT;
		return 0;
	}
	if (c == '\n' && !lf) {
		d->done = 1;
		return 1;
	}
	if (c == '\n')
		put(d, ".", 1, out);
	d->state = CR;
	return 0;
}

/* Up to and with the next CR or LF. */
static size_t
text(struct smtpdata *d, const char *p, size_t n, struct buf *out)
{
	const char *lf = memchr(p, '\n', n), *cr;
	size_t k = lf == NULL ? n : (size_t)(lf - p);

	cr = memchr(p, '\r', k);
	if (cr != NULL) {
		put(d, p, (size_t)(cr - p), out);
		d->state = CR;
		return (size_t)(cr - p) + 1;
	}
	put(d, p, k, out);
	if (lf == NULL)
		return n;
	if (!d->accept_lf)
		d->flaws |= SMTPDATA_BARE;
	put_eol(d, 2, out);
	d->state = LFLINE;
	return k + 1;
}

/* Behind a CR within a line. */
static size_t
after_cr(struct smtpdata *d, char c, struct buf *out)
{
	if (c == '\n') {
		put_eol(d, 2, out);
		d->state = LINE;
		return 1;
	}
	d->flaws |= SMTPDATA_BARE;
	d->state = TEXT;
	return 0;
}

size_t
smtpdata_feed(struct smtpdata *d, const char *p, size_t n, struct buf *out)
{
	size_t i = 0;

	buf_room(out, n + 2); /* what is stored is never longer */
	while (i < n && !d->done) {
		switch (d->state) {
		case LINE:
		case LFLINE:
			if (p[i] == '.' && !d->chunks) {
				d->state = d->state == LINE ? DOT : LFDOT;
				i++;
			} else {
				d->state = TEXT;
			}
			break;
		case TEXT:
			i += text(d, p + i, n - i, out);
			break;
		case CR:
			i += after_cr(d, p[i], out);
			break;
		default:
			i += after_dot(d, p[i], out);
		}
	}
	return i;
}

void
smtpdata_end(struct smtpdata *d, struct buf *out)
{
	if (d->state == CR)
		d->flaws |= SMTPDATA_BARE;
	else if (d->state == TEXT)
		put_eol(d, 0, out);
	d->done = 1;
}
