#include <string.h>

#include "record.h"

int
record_next(struct records *r, char *tag, const char **text, size_t *len)
{
	size_t left = (size_t)(r->end - r->p), n;
	const char *nul;

	if (left == 0)
		return -1;
	nul = memchr(r->p, '\0', left);
	n = nul == NULL ? left : (size_t)(nul - r->p);
	if (n > RECORD_MAX)
		return -2;
	if (nul == NULL)
		return -1;
	if (n == 0) {
		r->p++;
		return 0;
	}
	if (memchr(r->p, '\n', n) != NULL || memchr(r->p, '\r', n) != NULL)
		return -2;
	*tag = r->p[0];
	*text = r->p + 1;
	*len = n - 1;
	r->p = nul + 1;
	return 1;
}

void
record_add(struct buf *b, char tag, const char *text, size_t len)
{
	buf_byte(b, tag);
	buf_add(b, text, len);
	buf_byte(b, '\0');
}

void
record_adds(struct buf *b, char tag, const char *text)
{
	record_add(b, tag, text, strlen(text));
}

void
record_attr(struct buf *b, char tag, const char *name, const char *value)
{
	buf_byte(b, tag);
	buf_str(b, name);
	buf_byte(b, '=');
	buf_strz(b, value);
}
