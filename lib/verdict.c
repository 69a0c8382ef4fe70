#include <string.h>

#include "str.h"
#include "verdict.h"

/* Digits at p, 1 to max of them; returns how many, 0 when none or more. */
static size_t
digits(const char *p, size_t n, size_t max)
{
	size_t i;

	for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		;
	return i <= max ? i : 0;
}

size_t
status_scan(const char *p, size_t n)
{
	size_t a, b;

	if (n < 5 || (p[0] != '2' && p[0] != '4' && p[0] != '5') || p[1] != '.')
		return 0;
	a = digits(p + 2, n - 2, 3);
	if (a == 0 || n - 2 - a < 2 || p[2 + a] != '.')
		return 0;
	b = digits(p + 3 + a, n - 3 - a, 3);
	return b ? 3 + a + b : 0;
}

int
verdict_parse(struct verdict *v, const char *line, size_t n)
{
	static const char kinds[] = "KZDF", classes[] = "245";
	const char *k;
	uint64_t index;
	size_t i, s;

	if (n < 3 || line[0] == '\0' || memchr(line, '\0', n) != NULL)
		return -1;
	k = strchr(kinds, line[0]);
	i = scan_u64(line + 1, n - 1, &index);
	if (k == NULL || i == 0 || index == 0 || index > 100000 ||
	    1 + i >= n || line[1 + i] != ' ')
		return -1;
	v->kind = line[0];
	v->index = (unsigned)index;
	v->status[0] = '\0';
	i += 2;
	if (v->kind != 'F') {
		s = status_scan(line + i, n - i);
		if (s == 0 || s >= sizeof v->status ||
		    line[i] != classes[k - kinds])
			return -1;
		memcpy(v->status, line + i, s);
		v->status[s] = '\0';
		i += s;
		if (i < n && line[i++] != ' ')
			return -1;
	} else if (i >= n) {
		return -1;
	}
	v->text = line + i;
	v->len = n - i;
	return 0;
}

void
verdict_addn(struct buf *b, char kind, unsigned index, const char *status,
    const char *text, size_t len)
{
	size_t i;
	char c;

	buf_fmt(b, "%c%u %s ", kind, index, status);
	for (i = 0; i < len && i < VERDICT_TEXT; i++) {
		c = text[i];
		buf_byte(b, c >= ' ' && c <= '~' ? c : '?');
	}
	buf_byte(b, '\n');
}

void
verdict_add(struct buf *b, char kind, unsigned index, const char *status,
    const char *text)
{
	verdict_addn(b, kind, index, status, text, strlen(text));
}

int
verdict_forward(struct buf *b, unsigned index, const char *target, size_t len)
{
	if (len == 0 || memchr(target, '\n', len) != NULL ||
	    memchr(target, '\0', len) != NULL)
		return -1;
	buf_fmt(b, "F%u ", index);
	buf_add(b, target, len);
	buf_byte(b, '\n');
	return 0;
}
