#include <string.h>

#include "str.h"

char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

void
str_lower(char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = ascii_lower(p[i]);
}

int
str_8bit(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)p[i] >= 0x80)
			return 1;
	return 0;
}

int
mem_caseeq(const char *a, size_t an, const char *b, size_t bn)
{
	size_t i;

	if (an != bn)
		return 0;
	for (i = 0; i < an; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return 0;
	return 1;
}

int
str_caseeq(const char *p, size_t n, const char *lit)
{
	return mem_caseeq(p, n, lit, strlen(lit));
}

size_t
scan_u64(const char *p, size_t n, uint64_t *out)
{
	uint64_t v = 0;
	unsigned d;
	size_t i;

	for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
		d = (unsigned)(p[i] - '0');
		if (v > (UINT64_MAX - d) / 10)
			return 0;
		v = v * 10 + d;
	}
	if (i)
		*out = v;
	return i;
}

int
parse_u64(const char *p, size_t n, uint64_t *out)
{
	return n > 0 && scan_u64(p, n, out) == n ? 0 : -1;
}

/* A number and at most one unit letter, looked up in letters/factors. */
static int
parse_unit(const char *s, const char *letters, const uint64_t *factors,
    uint64_t *out)
{
	size_t n = strlen(s), used = scan_u64(s, n, out);
	const char *l;

	if (used == 0 || n - used > 1)
		return -1;
	if (used == n)
		return 0;
	l = strchr(letters, ascii_lower(s[used]));
	if (l == NULL || *out > UINT64_MAX / factors[l - letters])
		return -1;
	*out *= factors[l - letters];
	return 0;
}

int
parse_time(const char *s, uint64_t *out)
{
	static const uint64_t f[] = {1, 60, 3600, 86400, 604800};

	return parse_unit(s, "smhdw", f, out);
}

int
parse_size(const char *s, uint64_t *out)
{
	static const uint64_t f[] = {1, 1000, 1000000, 1000000000};

	return parse_unit(s, "bkmg", f, out);
}
