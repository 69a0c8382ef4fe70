#include <string.h>

#include "xtext.h"

static const char hex[] = "0123456789ABCDEF";

void
xtext_encode(struct buf *out, const char *p, size_t n)
{
	unsigned char c;
	size_t i;

	for (i = 0; i < n; i++) {
		c = (unsigned char)p[i];
		if (c > ' ' && c < 0x7f && c != '+' && c != '=') {
			buf_byte(out, (char)c);
		} else {
			buf_byte(out, '+');
			buf_byte(out, hex[c >> 4]);
			buf_byte(out, hex[c & 15]);
		}
	}
}

/* Value of an upper-case hex digit, -1 for another byte. */
static int
digit(char c)
{
	const char *d = c != '\0' ? strchr(hex, c) : NULL;

	return d != NULL ? (int)(d - hex) : -1;
}

int
xtext_decode(struct buf *out, const char *p, size_t n)
{
	size_t i, before = out->len;
	int hi, lo;

	for (i = 0; i < n; i++) {
		if (p[i] == '+' && n - i > 2) {
			hi = digit(p[i + 1]);
			lo = digit(p[i + 2]);
			if (hi == -1 || lo == -1)
				break;
			buf_byte(out, (char)(hi << 4 | lo));
			i += 2;
		} else if (p[i] > ' ' && p[i] < 0x7f && p[i] != '+' &&
		    p[i] != '=') {
			buf_byte(out, p[i]);
		} else {
			break;
		}
	}
	if (i == n)
		return 0;
	out->len = before;
	return -1;
}
