#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

enum { LINE = 1000 };

static const char *name = "?";

struct line {
	size_t len;
	char p[LINE];
};

void
log_init(const char *program)
{
	const char *slash = strrchr(program, '/');

	name = slash ? slash + 1 : program;
}

const char *
log_program(void)
{
	return name;
}

/* Adds a literal byte; the last place is kept for the newline. */
static void
put(struct line *l, char c)
{
	if (l->len < LINE - 1)
		l->p[l->len++] = c;
}

static void
put_text(struct line *l, const char *s)
{
	while (*s)
		put(l, *s++);
}

/* Adds one byte of a value so that it can only ever be part of that value. */
static void
put_value(struct line *l, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";

	if (c >= 0x21 && c <= 0x7e && c != '"' && c != '%') {
		put(l, (char)c);
	} else if (l->len + 3 < LINE) {
		put(l, '%');
		put(l, hex[c >> 4]);
		put(l, hex[c & 15]);
	}
}

static void
put_num(struct line *l, unsigned long long n, unsigned base, int neg)
{
	char d[24];
	size_t i = sizeof d;

	do {
		d[--i] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	if (neg)
		put(l, '-');
	while (i < sizeof d)
		put(l, d[i++]);
}

struct conv {
	int prec; /* -1: none */
	int longs;
	int size;
};

/* An integer argument of the width that the conversion says. */
static void
put_int(struct line *l, const struct conv *v, char c, va_list *ap)
{
	long long n;
	unsigned long long u;

	if (c == 'd') {
		n = v->longs == 2 ? va_arg(*ap, long long)
		    : v->longs == 1 || v->size ? va_arg(*ap, long)
		    : va_arg(*ap, int);
		u = n < 0 ? 0 - (unsigned long long)n : (unsigned long long)n;
		put_num(l, u, 10, n < 0);
		return;
	}
	u = v->longs == 2 ? va_arg(*ap, unsigned long long)
	    : v->longs == 1 || v->size ? va_arg(*ap, unsigned long)
	    : va_arg(*ap, unsigned);
	put_num(l, u, c == 'x' ? 16 : 10, 0);
}

static void
put_string(struct line *l, const char *s, int prec)
{
	size_t i, max = prec < 0 ? (size_t)-1 : (size_t)prec;

	if (s == NULL && max != 0)
		s = "-";
	for (i = 0; i < max && (prec >= 0 || s[i]); i++)
		put_value(l, (unsigned char)s[i]);
}

/* One conversion, fmt just behind its %; returns where the text goes on. */
static const char *
convert(struct line *l, const char *fmt, int err, va_list *ap)
{
	struct conv v = {-1, 0, 0};

	if (fmt[0] == '.' && fmt[1] == '*') {
		v.prec = va_arg(*ap, int);
		if (v.prec < 0)
			v.prec = 0;
		fmt += 2;
	}
	for (; *fmt == 'l' || *fmt == 'z'; fmt++) {
		v.longs += *fmt == 'l';
		v.size |= *fmt == 'z';
	}
	switch (*fmt) {
	case 's':
		put_string(l, va_arg(*ap, const char *), v.prec);
		break;
	case 'm':
		put_string(l, strerror(err), -1);
		break;
	case 'c':
		put_value(l, (unsigned char)va_arg(*ap, int));
		break;
	case 'd':
	case 'u':
	case 'x':
		put_int(l, &v, *fmt, ap);
		break;
	default:
		put(l, *fmt);
	}
	return *fmt ? fmt + 1 : fmt;
}

static void
emit(const char *level, const char *event, const char *fmt, va_list *ap)
{
	struct line l;
	int err = errno;
	ssize_t ignored;

	l.len = 0;
	put_text(&l, name);
	put(&l, '[');
	put_num(&l, (unsigned long long)getpid(), 10, 0);
	put_text(&l, "]: ");
	put_text(&l, level);
	put_text(&l, ": ");
	put_text(&l, event);
	if (*fmt)
		put(&l, ' ');
	while (*fmt) {
		if (*fmt == '%')
			fmt = convert(&l, fmt + 1, err, ap);
		else
			put(&l, *fmt++);
	}
	l.p[l.len++] = '\n';
	ignored = write(2, l.p, l.len);
	(void)ignored; /* a full log disk must not stop the mail */
	errno = err;
}

#define EMIT(level)                             \
	do {                                    \
		va_list ap;                     \
		va_start(ap, fmt);              \
		emit(level, event, fmt, &ap);   \
		va_end(ap);                     \
	} while (0)

void
log_info(const char *event, const char *fmt, ...)
{
	EMIT("info");
}

void
log_warn(const char *event, const char *fmt, ...)
{
	EMIT("warn");
}

void
log_fatal(const char *event, const char *fmt, ...)
{
	EMIT("fatal");
}

void
die_temp(const char *event, const char *fmt, ...)
{
	EMIT("fatal");
	exit(111);
}

void
die_perm(const char *event, const char *fmt, ...)
{
	EMIT("fatal");
	exit(100);
}

void
die_usage(const char *text)
{
	dprintf(2, "usage: %s %s\n", name, text);
	exit(100);
}
