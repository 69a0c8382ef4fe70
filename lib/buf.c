#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"

static void
nomem(void)
{
	static const char text[] = "fatal: out of memory\n";

	if (write(2, text, sizeof text - 1) == -1)
		_exit(111);
	_exit(111);
}

void (*buf_nomem)(void) = nomem;

void *
xalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (p == NULL)
		buf_nomem();
	return p;
}

void *
xrealloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (p == NULL)
		buf_nomem();
	return p;
}

void
buf_room(struct buf *b, size_t n)
{
	size_t cap;

	if (n <= b->cap - b->len)
		return;
	if (n > SIZE_MAX / 2 - b->len)
		buf_nomem();
	cap = b->len + n;
	/* Half as much again keeps repeated adding linear. */
	cap = cap < 120 ? 120 : cap + cap / 2;
	b->p = xrealloc(b->p, cap);
	b->cap = cap;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	buf_room(b, n);
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

void
buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_strz(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s) + 1);
}

void
buf_byte(struct buf *b, char c)
{
	buf_room(b, 1);
	b->p[b->len++] = c;
}

void
buf_num(struct buf *b, uint64_t n)
{
	char d[20];
	size_t i = sizeof d;

	do {
		d[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	buf_add(b, d + i, sizeof d - i);
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	buf_room(b, 1);
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= b->cap - b->len) {
		buf_room(b, (size_t)n + 1);
		va_start(ap, fmt);
		vsnprintf(b->p + b->len, b->cap - b->len, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}

char *
buf_cstr(struct buf *b)
{
	buf_room(b, 1);
	b->p[b->len] = '\0';
	return b->p;
}

void
buf_free(struct buf *b)
{
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
}
