#include <string.h>

#include "smtpout.h"

static int
has_eight(const char *p, size_t n)
{
	uint64_t w, all = 0;

	for (; n >= sizeof w; p += sizeof w, n -= sizeof w) {
		memcpy(&w, p, sizeof w);
		all |= w;
	}
	for (; n > 0; p++, n--)
		all |= (unsigned char)*p;
	return (all & 0x8080808080808080u) != 0;
}

/* Is there a CR without LF behind it?  One at the very end is not known yet. */
static int
has_bare_cr(const struct smtpout *s, const char *p, size_t n)
{
	const char *end = p + n;

	if (s->cr && *p != '\n')
		return 1;
	while ((p = memchr(p, '\r', (size_t)(end - p))) != NULL) {
		if (++p == end)
			break;
		if (*p != '\n')
			return 1;
	}
	return 0;
}

/* A piece of a line of the header; with end its last. */
static void
in_header(struct smtpout *s, const char *p, size_t n, int end)
{
	if (!s->midline)
		s->blank = 1;
	if (n > 1 || (n == 1 && *p != '\r'))
		s->blank = 0;
	s->header8 |= has_eight(p, n);
	s->body = end && s->blank;
}

void
smtpout_add(struct smtpout *s, const char *p, size_t n, struct buf *out)
{
	const char *end = p + n, *nl;
	size_t start = out->len, dots = 0, len;

	if (n == 0)
		return;
	s->eight |= has_eight(p, n);
	s->barecr |= has_bare_cr(s, p, n);
	/* One allocation for most messages: lines of 30 bytes and more. */
	buf_room(out, n + n / 30 + 8);
	while (p < end) {
		if (!s->midline && *p == '.') {
			buf_byte(out, '.');
			dots++;
		}
		nl = memchr(p, '\n', (size_t)(end - p));
		len = (size_t)((nl != NULL ? nl : end) - p);
		if (!s->body)
			in_header(s, p, len, nl != NULL);
		s->midline = nl == NULL;
		buf_add(out, p, len);
		if (nl == NULL)
			break;
		if (!(len > 0 ? nl[-1] == '\r' : s->cr))
			buf_byte(out, '\r');
		buf_byte(out, '\n');
		s->cr = 0;
		p = nl + 1;
	}
	s->cr = end[-1] == '\r';
	s->size += out->len - start - dots;
}

void
smtpout_end(struct smtpout *s, struct buf *out)
{
	s->barecr |= s->cr;
	if (s->midline) {
		buf_add(out, "\r\n", 2);
		s->size += 2;
	}
	buf_add(out, ".\r\n", 3);
	s->midline = s->cr = 0;
}
