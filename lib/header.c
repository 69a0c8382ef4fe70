#include <string.h>

#include "header.h"
#include "str.h"

/* Behind the end of the line at p. */
static const char *
line_end(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	return lf != NULL ? lf + 1 : end;
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Length of the field name at p (printable bytes other than colon), 0 when
 * no colon follows it; *colon gets the colon's place. */
static size_t
name_length(const char *p, const char *end, const char **colon)
{
	const char *q = p, *stop;

	while (q < end && (unsigned char)*q > ' ' &&
	    (unsigned char)*q < 0x7f && *q != ':')
		q++;
	stop = q;
	while (q < end && is_blank(*q))
		q++;
	*colon = q;
	return q < end && *q == ':' ? (size_t)(stop - p) : 0;
}

int
header_next(const char **at, const char *end, struct header_field *f)
{
	const char *p = *at, *colon, *q;

	f->namelen = name_length(p, end, &colon);
	if (f->namelen == 0)
		return 0;
	q = line_end(colon, end);
	while (q < end && is_blank(*q))
		q = line_end(q, end);
	*at = q;
	f->raw = f->name = p;
	f->rawlen = (size_t)(q - p);
	f->value = colon + 1;
	if (q > f->value && q[-1] == '\n')
		q--;
	if (q > f->value && q[-1] == '\r')
		q--;
	f->valuelen = (size_t)(q - f->value);
	return 1;
}

int
header_is(const struct header_field *f, const char *name)
{
	return str_caseeq(f->name, f->namelen, name);
}

int
header_find(const char *p, size_t n, const char *name, struct header_field *f)
{
	const char *end = p + n;

	while (header_next(&p, end, f))
		if (header_is(f, name))
			return 1;
	return 0;
}

size_t
header_length(const char *p, size_t n, size_t *body)
{
	struct header_field f;
	const char *at = p, *end = p + n, *q;

	while (header_next(&at, end, &f))
		;
	q = at;
	if (q < end && *q == '\r')
		q++;
	*body = (size_t)((q < end && *q == '\n' ? q + 1 : at) - p);
	return (size_t)(at - p);
}

void
header_unfold(struct buf *out, const char *value, size_t n)
{
	size_t i, start;

	while (n > 0 && (is_blank(*value) || *value == '\r' || *value == '\n'))
		value++, n--;
	start = out->len;
	for (i = 0; i < n; i++) {
		if (value[i] == '\n' || (value[i] == '\r' && i + 1 < n &&
		    value[i + 1] == '\n'))
			continue;
		buf_byte(out, value[i]);
	}
	while (out->len > start && (is_blank(out->p[out->len - 1]) ||
	    out->p[out->len - 1] == '\r'))
		out->len--;
}
