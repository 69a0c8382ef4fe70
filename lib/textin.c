#include <string.h>

#include "textin.h"

/* One byte while something is held, or a dot at the beginning of a line.
 * Returns 1 if it was used. */
static int
slow(struct textin *t, struct buf *out, char c)
{
	if (t->nheld == 0) {
		t->held[t->nheld++] = c;
		t->bol = 0;
		return 1;
	}
	if (c == '\n') {
		if (t->held[0] == '.')
			t->ended = 1;
		else
			buf_byte(out, '\n');
		t->nheld = 0;
		t->bol = 1;
		return 1;
	}
	if (t->nheld == 1 && t->held[0] == '.' && c == '\r') {
		t->held[t->nheld++] = c;
		return 1;
	}
	buf_byte(out, t->held[0]);
	t->held[0] = t->held[1];
	t->nheld--;
	return 0;
}

/* A line, or what there is of it; returns the bytes used. */
static size_t
fast(struct textin *t, struct buf *out, const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);
	size_t len = lf != NULL ? (size_t)(lf - p) : n, used = len;

	if (len > 0 && p[len - 1] == '\r') {
		len--;
		if (lf == NULL)
			t->held[t->nheld++] = '\r';
	}
	buf_add(out, p, len);
	t->bol = lf != NULL;
	if (lf != NULL) {
		buf_byte(out, '\n');
		used++;
	}
	return used;
}

void
textin_add(struct textin *t, struct buf *out, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && !t->ended) {
		if (t->nheld > 0 || (t->bol && t->dots && p[i] == '.'))
			i += (size_t)slow(t, out, p[i]);
		else
			i += fast(t, out, p + i, n - i);
	}
}

void
textin_end(struct textin *t, struct buf *out)
{
	buf_add(out, t->held, t->nheld);
	t->nheld = 0;
}
