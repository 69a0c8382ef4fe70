#include <string.h>

#include "pwhash.h"
#include "str.h"

enum { DES_LEN = 13, BSDI_LEN = 20, BCRYPT_LEN = 60, SHA1_LEN = 28 };

/* Letters of crypt(5)'s base64. */
static int
is_b64(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!((p[i] >= '.' && p[i] <= '9') ||
		    (p[i] >= 'A' && p[i] <= 'Z') ||
		    (p[i] >= 'a' && p[i] <= 'z')))
			return 0;
	return 1;
}

/* Base64 of RFC 4648, padded, of at least 20 bytes. */
static int
is_base64(const char *p, size_t n)
{
	size_t i;

	if (n < SHA1_LEN || n % 4 != 0)
		return 0;
	for (i = n; i > n - 2 && p[i - 1] == '='; i--)
		;
	for (n = i, i = 0; i < n; i++)
		if (p[i] != '+' && (p[i] == '.' || !is_b64(p + i, 1)))
			return 0;
	return 1;
}

/* Does p begin with the literal? */
static int
begins(const char *p, size_t n, const char *lit)
{
	return n >= strlen(lit) && memcmp(p, lit, strlen(lit)) == 0;
}

/* $method$...$hash, or one of the old forms without a $: crypt(5). */
static enum pwhash_kind
crypt_kind(const char *p, size_t n)
{
	static const char *const methods[] = {"$1$", "$3$", "$5$", "$6$",
	    "$7$", "$y$", "$gy$", "$sha1$", "$md5", "$2a$", "$2b$", "$2x$",
	    "$2y$", NULL};
	size_t i;

	if (n > 0 && p[0] != '$')
		return (n == DES_LEN && is_b64(p, n)) ||
		    (n == BSDI_LEN && p[0] == '_' && is_b64(p + 1, n - 1))
		    ? PWHASH_CRYPT : PWHASH_UNKNOWN;
	for (i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return PWHASH_UNKNOWN;
	if (begins(p, n, "$apr1$"))
		return memchr(p + 6, '$', n - 6) != NULL ? PWHASH_APR1
		    : PWHASH_UNKNOWN;
	for (i = 0; methods[i] != NULL; i++)
		if (begins(p, n, methods[i]))
			break;
	if (methods[i] == NULL || (p[1] == '2' && n != BCRYPT_LEN) ||
	    memchr(p + 3, '$', n - 3) == NULL || p[n - 1] == '$')
		return PWHASH_UNKNOWN;
	return PWHASH_CRYPT;
}

/* Dovecot's names of schemes, and what they say. */
static const struct scheme {
	const char *name;
	enum pwhash_kind kind;
} schemes[] = {
	{"CRYPT", PWHASH_CRYPT}, {"DES-CRYPT", PWHASH_CRYPT},
	{"MD5-CRYPT", PWHASH_CRYPT}, {"MD5", PWHASH_CRYPT},
	{"BLF-CRYPT", PWHASH_CRYPT}, {"SHA256-CRYPT", PWHASH_CRYPT},
	{"SHA512-CRYPT", PWHASH_CRYPT}, {"SHA", PWHASH_SHA},
	{"SHA1", PWHASH_SHA}, {"SSHA", PWHASH_SSHA}, {"PLAIN", PWHASH_PLAIN},
	{"PLAINTEXT", PWHASH_PLAIN}, {"CLEARTEXT", PWHASH_PLAIN}
};

static enum pwhash_kind
scheme_kind(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (str_caseeq(name, n, schemes[i].name))
			return schemes[i].kind;
	return PWHASH_UNKNOWN;
}

enum pwhash_kind
pwhash_kind(const char *p, size_t n, const char **text)
{
	enum pwhash_kind kind = PWHASH_CRYPT;
	const char *close = n > 0 && p[0] == '{' ? memchr(p, '}', n) : NULL;

	*text = p;
	if (close != NULL) {
		kind = scheme_kind(p + 1, (size_t)(close - p) - 1);
		*text = close + 1;
		n -= (size_t)(*text - p);
		p = *text;
	}
	if (kind == PWHASH_UNKNOWN)
		return kind;
	if (n == 0 || (kind != PWHASH_PLAIN && (p[0] == '*' || p[0] == '!')))
		return PWHASH_LOCKED;
	switch (kind) {
	case PWHASH_SHA:
		return n == SHA1_LEN && is_base64(p, n) ? kind : PWHASH_UNKNOWN;
	case PWHASH_SSHA:
		return n > SHA1_LEN && is_base64(p, n) ? kind : PWHASH_UNKNOWN;
	case PWHASH_PLAIN:
		return memchr(p, '\0', n) == NULL ? kind : PWHASH_UNKNOWN;
	default:
		return crypt_kind(p, n);
	}
}

size_t
pwhash_cost(const char *p, size_t n)
{
	const char *text;
	enum pwhash_kind kind = pwhash_kind(p, n, &text);
	size_t i = (size_t)(text - p), dollars = 2;

	if (kind != PWHASH_CRYPT && kind != PWHASH_APR1)
		return i;
	if (i == n || *text != '$')
		return i;
	/* $7$: N, r and p without a $ behind them. */
	if (text[1] == '7')
		return n - i < 14 ? n : i + 14;
	/* The parameters are the third field of these. */
	if (memchr("2ygs", text[1], 4) != NULL || (n - i > 10 &&
	    memcmp(text + 3, "rounds=", 7) == 0))
		dollars = 3;
	while (i < n && dollars > 0)
		dollars -= p[i++] == '$';
	return i;
}

int
pwhash_equal(const void *a, size_t an, const void *b, size_t bn)
{
	const volatile unsigned char *p = a, *q = b;
	unsigned char d = 0;
	size_t i;

	if (an != bn)
		return 0;
	for (i = 0; i < an; i++)
		d |= p[i] ^ q[i];
	return d == 0;
}
