#include <string.h>

#include "smtpreply.h"
#include "str.h"
#include "verdict.h"

/* The code of a line, 0 when it is malformed. */
static int
line_code(const char *p, size_t n)
{
	int code = 0;
	size_t i;

	if (n < 3 || p[0] < '2' || p[0] > '5')
		return 0;
	for (i = 0; i < 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return 0;
		code = code * 10 + (p[i] - '0');
	}
	return n == 3 || p[3] == ' ' || p[3] == '-' ? code : 0;
}

/* The line that ends at the end of text is complete: 1 if it is the last. */
static int
end_line(struct smtpreply *r)
{
	size_t n = r->text.len - r->line;
	char *p;

	if (n == 0)
		return -1;
	p = r->text.p + r->line;
	if (p[n - 1] == '\r')
		r->text.len--, n--;
	r->code = line_code(p, n);
	if (r->code == 0)
		return -1;
	r->whole = n == 3 || p[3] == ' ';
	buf_byte(&r->text, '\n');
	r->line = r->text.len;
	return r->whole;
}

int
smtpreply_feed(struct smtpreply *r, const char *p, size_t n, size_t *used)
{
	const char *nl;
	size_t len;
	int k = 0;

	if (r->whole)
		r->text.len = r->line = 0;
	r->whole = 0;
	*used = 0;
	while (k == 0 && *used < n) {
		nl = memchr(p + *used, '\n', n - *used);
		len = (nl == NULL ? n : (size_t)(nl - p)) - *used;
		if (len > SMTPREPLY_MAX - r->text.len)
			return -1;
		buf_add(&r->text, p + *used, len);
		*used += len;
		if (nl == NULL)
			return 0;
		++*used;
		if (r->text.len == SMTPREPLY_MAX)
			return -1;
		k = end_line(r);
	}
	return k;
}

void
smtpreply_status(const struct smtpreply *r, char class, char out[12])
{
	const char *p = r->text.p, *end = p + r->text.len - 1, *last = end;
	size_t n;

	while (last > p && last[-1] != '\n')
		last--;
	last = end - last > 4 ? last + 4 : end;
	n = status_scan(last, (size_t)(end - last));
	if (n > 0 && n < 12 && *last == class &&
	    (last + n == end || last[n] == ' ')) {
		memcpy(out, last, n);
		out[n] = '\0';
	} else {
		memcpy(out, "X.0.0", 6);
		out[0] = class;
	}
}

void
smtpreply_text(const struct smtpreply *r, size_t max, struct buf *b)
{
	size_t i, n = r->text.len - 1;

	for (i = 0; i < n && i < max; i++)
		buf_byte(b, r->text.p[i] == '\n' ? ' ' : r->text.p[i]);
}

/* One line of an EHLO reply without its code: keyword and parameters. */
static unsigned
extension(const char *p, size_t n, uint64_t *limit)
{
	static const struct {
		const char *name;
		unsigned ext;
	} known[] = {{"PIPELINING", SMTPEXT_PIPELINING}, {"SIZE", SMTPEXT_SIZE},
	    {"8BITMIME", SMTPEXT_8BITMIME}, {"SMTPUTF8", SMTPEXT_SMTPUTF8},
	    {"DSN", SMTPEXT_DSN}};
	const char *sp = memchr(p, ' ', n);
	size_t word = sp == NULL ? n : (size_t)(sp - p), i;

	for (i = 0; i < sizeof known / sizeof *known; i++) {
		if (!str_caseeq(p, word, known[i].name))
			continue;
		if (known[i].ext == SMTPEXT_SIZE && sp != NULL &&
		    parse_u64(sp + 1, n - word - 1, limit) == -1)
			*limit = 0;
		return known[i].ext;
	}
	return 0;
}

unsigned
smtpreply_extensions(const struct smtpreply *r, uint64_t *limit)
{
	const char *p = r->text.p, *end = p + r->text.len, *nl;
	unsigned ext = 0;
	int first = 1;

	*limit = 0;
	for (; p < end; p = nl + 1, first = 0) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!first && nl - p > 4)
			ext |= extension(p + 4, (size_t)(nl - p) - 4, limit);
	}
	return ext;
}

void
smtpreply_free(struct smtpreply *r)
{
	buf_free(&r->text);
	r->line = 0;
	r->whole = 0;
}
