#include <arpa/inet.h>
#include <string.h>

#include "addr.h"
#include "str.h"

enum { LOCAL_MAX = 64, DOMAIN_MAX = 255, LABEL_MAX = 63 };

/* atext of RFC 5322 3.2.3; bytes from 0x80 on are UTF-8 (RFC 6531). */
static int
is_atext(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c >= 0x80 ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static int
is_ldh(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_' || c >= 0x80;
}

int
addr_utf8(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t i = 0, k, more;
	unsigned long v;

	while (i < n) {
		if (p[i] < 0x80) {
			i++;
			continue;
		}
		more = p[i] >= 0xf0 ? 3 : p[i] >= 0xe0 ? 2 : 1;
		if (p[i] < 0xc2 || p[i] > 0xf4 || n - i <= more)
			return 0;
		v = p[i] & (0x3fu >> more);
		for (k = 1; k <= more; k++) {
			if ((p[i + k] & 0xc0) != 0x80)
				return 0;
			v = v << 6 | (p[i + k] & 0x3f);
		}
		if ((more == 2 && v < 0x800) || (more == 3 && v < 0x10000) ||
		    (v >= 0xd800 && v < 0xe000) || v > 0x10ffff)
			return 0;
		i += more + 1;
	}
	return 1;
}

/* A dot-atom: atoms with single dots between them. */
static int
is_dot_atom(const char *p, size_t n)
{
	size_t i;

	if (n == 0 || p[0] == '.' || p[n - 1] == '.')
		return 0;
	for (i = 0; i < n; i++) {
		if (p[i] == '.' ? p[i - 1] == '.'
				: !is_atext((unsigned char)p[i]))
			return 0;
	}
	return 1;
}

/* [1.2.3.4], [IPv6:...] or [tag:content] (RFC 5321 4.1.3). */
static int
literal_valid(const char *p, size_t n)
{
	char t[64];
	struct in6_addr a;
	size_t i;

	if (n < 3 || p[0] != '[' || p[n - 1] != ']' || n - 2 >= sizeof t)
		return 0;
	memcpy(t, p + 1, n - 2);
	t[n - 2] = '\0';
	for (i = 0; i < n - 2; i++)
		if (t[i] <= ' ' || t[i] > '~' || strchr("[]\\", t[i]) != NULL)
			return 0;
	if (n > 7 && str_caseeq(t, 5, "IPv6:"))
		return inet_pton(AF_INET6, t + 5, &a) == 1;
	return inet_pton(AF_INET, t, &a) == 1;
}

int
addr_domain_valid(const char *p, size_t n, int utf8, int literal)
{
	size_t i, label = 0;

	if (n == 0 || n > DOMAIN_MAX)
		return 0;
	if (p[0] == '[')
		return literal && literal_valid(p, n);
	if (str_8bit(p, n) && (!utf8 || !addr_utf8(p, n)))
		return 0;
	for (i = 0; i < n; i++) {
		if (p[i] == '.') {
			if (label == 0 || p[i - 1] == '-')
				return 0;
			label = 0;
		} else {
			if (!is_ldh((unsigned char)p[i]) ||
			    (p[i] == '-' && label == 0) || ++label > LABEL_MAX)
				return 0;
		}
	}
	return label > 0 && p[n - 1] != '-';
}

/* Length of the quoted string at p, quotes included; 0 when malformed. */
static size_t
quoted_length(const char *p, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++) {
		if (p[i] == '"')
			return i + 1;
		if (p[i] == '\\' && ++i == n)
			break;
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			break;
	}
	return 0;
}

/* Length of the local part at p: up to @, >, or the end. */
static size_t
local_length(const char *p, size_t n)
{
	size_t i;

	if (n > 0 && p[0] == '"')
		return quoted_length(p, n);
	for (i = 0; i < n && p[i] != '@' && p[i] != '>'; i++)
		;
	return i;
}

/* Appends the local part, a quoted one in its shortest right form. */
static enum addr_result
add_local(const char *p, size_t n, struct buf *out)
{
	struct buf plain = {0};
	enum addr_result r = ADDR_OK;
	size_t i;

	if (n == 0 || p[0] != '"') {
		if (!is_dot_atom(p, n))
			return ADDR_SYNTAX;
		if (n > LOCAL_MAX)
			return ADDR_TOO_LONG;
		buf_add(out, p, n);
		return ADDR_OK;
	}
	for (i = 1; i < n - 1; i++) {
		if (p[i] == '\\')
			i++;
		buf_byte(&plain, p[i]);
	}
	if (plain.len > LOCAL_MAX) {
		r = ADDR_TOO_LONG;
	} else if (is_dot_atom(plain.p, plain.len)) {
		buf_add(out, plain.p, plain.len);
	} else {
		buf_byte(out, '"');
		for (i = 0; i < plain.len; i++) {
			if (plain.p[i] == '"' || plain.p[i] == '\\')
				buf_byte(out, '\\');
			buf_byte(out, plain.p[i]);
		}
		buf_byte(out, '"');
	}
	buf_free(&plain);
	return r;
}

/* local[@domain], the whole of p. */
static enum addr_result
mailbox(const char *p, size_t n, int utf8, struct buf *out)
{
	size_t start = out->len, l = local_length(p, n), d;
	enum addr_result r;

	if (l == 0)
		return ADDR_SYNTAX;
	if (str_8bit(p, n)) {
		if (!utf8)
			return ADDR_UTF8;
		if (!addr_utf8(p, n))
			return ADDR_SYNTAX;
	}
	r = add_local(p, l, out);
	if (r != ADDR_OK || l == n)
		return r;
	d = n - l - 1;
	if (p[l] == '@' && d > 1 && p[n - 1] == '.' && p[l + 1] != '[')
		d--;
	if (d > DOMAIN_MAX)
		r = ADDR_TOO_LONG;
	else if (p[l] != '@' || !addr_domain_valid(p + l + 1, d, utf8, 1))
		r = ADDR_SYNTAX;
	if (r != ADDR_OK) {
		out->len = start;
		return r;
	}
	buf_byte(out, '@');
	buf_add(out, p + l + 1, d);
	return ADDR_OK;
}

/* Bytes of an RFC 5321 A-d-l ("@a,@b:") at p, 0 for none. */
static size_t
route_length(const char *p, size_t n)
{
	size_t i;

	if (n == 0 || p[0] != '@')
		return 0;
	for (i = 0; i < n && p[i] != ':' && p[i] != '>'; i++)
		if (p[i] == '[')
			while (i < n && p[i] != ']' && p[i] != '>')
				i++;
	return i < n && p[i] == ':' ? i + 1 : 0;
}

/* Where the path's closing bracket is; n when there is none. */
static size_t
path_end(const char *p, size_t n)
{
	size_t i;
	int quoted = 0;

	for (i = 0; i < n; i++) {
		if (quoted && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			quoted = !quoted;
		else if (p[i] == '>' && !quoted)
			return i;
	}
	return n;
}

enum addr_result
addr_path(const char *p, size_t n, int utf8, struct buf *out, size_t *used)
{
	size_t end, route;

	if (n < 2 || p[0] != '<')
		return ADDR_SYNTAX;
	end = path_end(p, n);
	if (end == n)
		return ADDR_SYNTAX;
	*used = end + 1;
	if (end == 1)
		return ADDR_OK;
	route = route_length(p + 1, end - 1);
	return mailbox(p + 1 + route, end - 1 - route, utf8, out);
}

enum addr_result
addr_parse(const char *p, size_t n, int utf8, struct buf *out)
{
	return mailbox(p, n, utf8, out);
}

void
addr_split(const char *p, size_t n, struct addr *a)
{
	size_t l = 0, i;

	if (n == 0)
		p = ""; /* it may be NULL, which has no offset */
	else if (p[0] == '"')
		l = quoted_length(p, n);
	a->local = p;
	a->llen = n;
	a->domain = p + n;
	a->dlen = 0;
	for (i = n; i > l; i--) {
		if (p[i - 1] == '@') {
			a->llen = i - 1;
			a->domain = p + i;
			a->dlen = n - i;
			return;
		}
	}
}

int
addr_valid(const char *p, size_t n, int utf8)
{
	struct buf b = {0};
	int ok = mailbox(p, n, utf8, &b) == ADDR_OK && b.len == n &&
	    memcmp(b.p, p, n) == 0;

	buf_free(&b);
	return ok;
}
