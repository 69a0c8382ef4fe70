#include <string.h>
#include <time.h>

#include "date.h"
#include "id.h"
#include "str.h"
#include "trace.h"

enum { SPAM_MAX = 900 }; /* a line has at most 998 bytes (RFC 5322 2.1.1) */

/* Somebody's words in one line of ASCII. */
static void
add_clean(struct buf *b, const char *s, size_t max)
{
	size_t i;

	for (i = 0; i < max && s[i] != '\0'; i++)
		buf_byte(b, s[i] >= ' ' && s[i] <= '~' ? s[i] : '?');
}

void
trace_head(struct letter *l)
{
	struct buf *b = &l->head;

	b->len = 0;
	buf_str(b, "Return-Path: <");
	buf_add(b, l->sender, l->senderlen);
	buf_str(b, ">\n");
	if (l->orig != NULL && l->orig[0] != '\0') {
		buf_str(b, "X-Original-To: ");
		buf_str(b, l->orig);
		buf_byte(b, '\n');
	}
	buf_str(b, "Delivered-To: ");
	buf_add(b, l->rcpt, l->rcptlen);
	buf_byte(b, '\n');
	if (l->spam != NULL && l->spam[0] != '\0') {
		buf_str(b, "X-Spam: ");
		add_clean(b, l->spam, SPAM_MAX);
		buf_byte(b, '\n');
	}
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Is the line's value, blanks and brackets around it apart, the recipient? */
static int
names(const char *p, size_t n, const struct letter *l)
{
	while (n > 0 && is_blank(p[n - 1]))
		n--;
	while (n > 0 && is_blank(p[0])) {
		p++;
		n--;
	}
	if (n > 2 && p[0] == '<' && p[n - 1] == '>') {
		p++;
		n -= 2;
	}
	return mem_caseeq(p, n, l->rcpt, l->rcptlen);
}

/* Bytes of the field at p: its line and the folded ones after it. */
static size_t
field_length(const char *p, size_t n)
{
	const char *nl;
	size_t i = 0;

	do {
		nl = memchr(p + i, '\n', n - i);
		i = nl == NULL ? n : (size_t)(nl - p) + 1;
	} while (i < n && (p[i] == ' ' || p[i] == '\t'));
	return i;
}

int
trace_loops(const struct letter *l)
{
	static const char field[] = "Delivered-To:";
	const char *p = l->msg, *end = p + l->msglen;
	size_t n, k = sizeof field - 1;

	while (p < end && *p != '\n' && *p != '\r') {
		n = field_length(p, (size_t)(end - p));
		if (n > k && str_caseeq(p, k, field) &&
		    names(p + k, n - k, l))
			return 1;
		p += n;
	}
	return 0;
}

int64_t
trace_time(const struct letter *l)
{
	if (id_valid(l->id, strlen(l->id)))
		return (int64_t)(id_time(l->id) / 1000000);
	return (int64_t)time(NULL);
}

void
trace_from_line(struct buf *b, const struct letter *l)
{
	size_t i;

	buf_str(b, "From ");
	if (l->senderlen == 0)
		buf_str(b, "MAILER-DAEMON");
	/* Readers split the line at blanks; a quoted local part may have
	 * some. */
	for (i = 0; i < l->senderlen; i++)
		buf_byte(b, is_blank(l->sender[i]) ? '-' : l->sender[i]);
	buf_byte(b, ' ');
	date_asctime(b, trace_time(l));
	buf_byte(b, '\n');
}
