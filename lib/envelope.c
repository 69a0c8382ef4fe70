#include <string.h>

#include "envelope.h"

/* An attribute record is name=value, the name of lower-case letters and,
 * behind the first, digits. */
static int
attr_valid(const char *t, size_t n)
{
	size_t i;

	for (i = 0; i < n && ((t[i] >= 'a' && t[i] <= 'z') ||
	    (i > 0 && t[i] >= '0' && t[i] <= '9')); i++)
		;
	return i > 0 && i < n && t[i] == '=';
}

int
envelope_parse(struct envelope *e, const char *p, size_t n)
{
	struct records r = {p, p + n};
	const char *t, *at = p;
	size_t len;
	char tag;
	int k;

	memset(e, 0, sizeof *e);
	e->attrs = p;
	while ((k = record_next(&r, &tag, &t, &len)) == 1) {
		if (tag == 'A' && e->sender == NULL && attr_valid(t, len)) {
			;
		} else if (tag == 'F' && e->sender == NULL) {
			e->sender = t;
			e->senderlen = len;
			e->rcpts = r.p;
		} else if (tag == 'T' && e->sender != NULL && len > 0) {
			e->nrcpt++;
		} else if (tag != 'a' || e->nrcpt == 0 ||
		    !attr_valid(t, len)) {
			return -2;
		}
		at = r.p;
	}
	(void)at;
	if (k < 0)
		return k;
	if (e->sender == NULL)
		return -2;
	e->end = r.p;
	return 0;
}

int
envelope_rcpt(const struct envelope *e, const char **at, struct recipient *r)
{
	const char *p = *at;

	if (p >= e->end || *p != 'T')
		return 0;
	r->addr = p + 1;
	r->len = strlen(p + 1);
	p += r->len + 2;
	r->attrs = p;
	while (*p == 'a')
		p += strlen(p) + 1;
	r->end = p;
	*at = p;
	return 1;
}

/* The value of name among the records with this tag in [p, end). */
static const char *
find(const char *p, const char *end, char tag, const char *name)
{
	size_t n = strlen(name);

	for (; p < end && *p == tag; p += strlen(p) + 1)
		if (strncmp(p + 1, name, n) == 0 && p[1 + n] == '=')
			return p + n + 2;
	return NULL;
}

const char *
envelope_attr(const struct envelope *e, const char *name)
{
	return find(e->attrs, e->sender - 1, 'A', name);
}

const char *
recipient_attr(const struct recipient *r, const char *name)
{
	return find(r->attrs, r->end, 'a', name);
}

int
envelope_bounded(const struct envelope *e)
{
	const char *at = e->rcpts;
	struct recipient r;

	if (e->nrcpt > ENVELOPE_RCPTS ||
	    e->sender - e->attrs > ENVELOPE_ATTRS)
		return 0;
	while (envelope_rcpt(e, &at, &r))
		if (r.end - r.attrs > RECIPIENT_ATTRS)
			return 0;
	return 1;
}
