#include <string.h>

#include "smtpauth.h"

/* The six bits that a letter of base64 stands for, -1 if it is none. */
static int
bits(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long
smtpauth_base64(char *out, const char *p, size_t n)
{
	size_t i, end = n, len = 0;
	unsigned long v = 0;
	int b;

	if (n % 4 != 0)
		return -1;
	while (end > 0 && n - end < 2 && p[end - 1] == '=')
		end--;
	for (i = 0; i < end; i++) {
		b = bits(p[i]);
		if (b == -1)
			return -1;
		v = (v << 6 | (unsigned long)b) & 0xffffff;
		/* The second letter of four completes a byte, and so on. */
		if (i % 4 != 0)
			out[len++] = (char)(v >> (6 - i % 4 * 2) & 0xff);
	}
	if ((end % 4 == 2 && (v & 15) != 0) || (end % 4 == 3 && (v & 3) != 0))
		return -1;
	return (long)len;
}

int
smtpauth_text(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			return 0;
	return n > 0;
}

enum smtpauth_result
smtpauth_plain(const char *p, size_t n, const char **user, const char **pass)
{
	const char *end = p + n, *first, *second;

	first = memchr(p, '\0', n);
	if (first == NULL)
		return SMTPAUTH_SYNTAX;
	second = memchr(first + 1, '\0', (size_t)(end - first - 1));
	if (second == NULL)
		return SMTPAUTH_SYNTAX;
	*user = first + 1;
	*pass = second + 1;
	if (!smtpauth_text(*user, (size_t)(second - *user)) ||
	    !smtpauth_text(*pass, (size_t)(end - *pass)))
		return SMTPAUTH_SYNTAX;
	return first > p && strcmp(p, *user) != 0 ? SMTPAUTH_OTHER
						 : SMTPAUTH_OK;
}
