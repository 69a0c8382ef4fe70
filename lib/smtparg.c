#include <string.h>

#include "smtparg.h"
#include "str.h"

enum { SIZE_DIGITS = 20 }; /* RFC 1870 5 */

int
smtparg_helo(char *out, size_t cap, const char *p, size_t n)
{
	size_t i;

	if (n == 0 || n >= cap)
		return -1;
	for (i = 0; i < n; i++) {
		out[i] = p[i] > ' ' && p[i] <= '~' &&
		    strchr("()<>\\\",;@", p[i]) == NULL ? p[i] : '?';
	}
	out[n] = '\0';
	return 0;
}

enum addr_result
smtparg_path(const char *keyword, const char **p, size_t *n, struct buf *out)
{
	size_t k = strlen(keyword), used = 0, start = out->len;
	enum addr_result r;

	if (*n < k || !mem_caseeq(*p, k, keyword, k))
		return ADDR_SYNTAX;
	while (k < *n && (*p)[k] == ' ')
		k++;
	*p += k;
	*n -= k;
	if (*n > 0 && **p == '<') {
		r = addr_path(*p, *n, 0, out, &used);
	} else {
		while (used < *n && (*p)[used] != ' ')
			used++;
		r = addr_parse(*p, used, 0, out);
	}
	if (r == ADDR_OK && used < *n && (*p)[used] != ' ')
		r = ADDR_SYNTAX;
	if (r != ADDR_OK) {
		out->len = start;
		return r;
	}
	*p += used;
	*n -= used;
	return ADDR_OK;
}

const char *
smtparg_bad(enum addr_result r, int rcpt)
{
	if (r == ADDR_UTF8)
		return "553 5.6.7 address is not ASCII";
	if (r == ADDR_TOO_LONG)
		return rcpt ? "501 5.1.3 address is too long"
			    : "501 5.1.7 address is too long";
	return rcpt ? "501 5.1.3 syntax: RCPT TO:<address>"
		    : "501 5.1.7 syntax: MAIL FROM:<address>";
}

/* Goes to the next word; its length, 0 when there is none. */
static size_t
next_word(const char **p, size_t *n)
{
	size_t k = 0;

	while (*n > 0 && **p == ' ') {
		(*p)++;
		(*n)--;
	}
	while (k < *n && (*p)[k] != ' ')
		k++;
	return k;
}

/* Is it NAME= with a value?  name has the `='. */
static int
is_param(const char *p, size_t n, const char *name)
{
	size_t k = strlen(name);

	return n > k && mem_caseeq(p, k, name, k);
}

const char *
smtparg_mail(struct smtparg_mail *m, const char *p, size_t n)
{
	int have_size = 0;
	size_t k;

	m->size = 0;
	m->body = 0;
	for (; (k = next_word(&p, &n)) > 0; p += k, n -= k) {
		if (is_param(p, k, "SIZE=")) {
			if (have_size++ || k - 5 > SIZE_DIGITS ||
			    parse_u64(p + 5, k - 5, &m->size) == -1)
				return "501 5.5.4 bad SIZE";
		} else if (is_param(p, k, "BODY=")) {
			if (m->body != 0)
				return "501 5.5.4 bad BODY";
			m->body = str_caseeq(p + 5, k - 5, "8BITMIME") ? 8
			    : str_caseeq(p + 5, k - 5, "7BIT") ? 7 : 0;
			if (m->body == 0)
				return "501 5.5.4 bad BODY";
		} else {
			return "555 5.5.4 unknown parameter";
		}
	}
	return NULL;
}

const char *
smtparg_rcpt(const char *p, size_t n)
{
	return next_word(&p, &n) > 0 ? "555 5.5.4 unknown parameter" : NULL;
}
