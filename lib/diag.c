#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "diag.h"

enum { TEXT = 900 }; /* of one message */

static void add(struct diag *d, const char *file, unsigned line,
    const char *kind, const char *fmt, va_list ap)
    __attribute__((format(printf, 5, 0)));

static void
add(struct diag *d, const char *file, unsigned line, const char *kind,
    const char *fmt, va_list ap)
{
	char text[TEXT];
	size_t start = d->text.len, i;

	vsnprintf(text, sizeof text, fmt, ap);
	buf_str(&d->text, file);
	if (line > 0)
		buf_fmt(&d->text, ":%u", line);
	buf_fmt(&d->text, ": %s%s", kind, text);
	for (i = start; i < d->text.len; i++)
		if ((unsigned char)d->text.p[i] < ' ' ||
		    d->text.p[i] == 0x7f)
			d->text.p[i] = '?';
	buf_byte(&d->text, '\n');
	/* One directory may be wrong for each of many files: say it once. */
	if (line == 0 && memmem(d->text.p, start, d->text.p + start,
	    d->text.len - start) != NULL)
		d->text.len = start;
}

void
diag_error(struct diag *d, const char *file, unsigned line, const char *fmt,
    ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, file, line, "", fmt, ap);
	va_end(ap);
	d->errors++;
}

void
diag_warn(struct diag *d, const char *file, unsigned line, const char *fmt,
    ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, file, line, "warning: ", fmt, ap);
	va_end(ap);
	d->warnings++;
}

void
diag_errno(struct diag *d, const char *file, const char *what)
{
	int err = errno;

	diag_error(d, file, 0, "%s: %s", what, strerror(err));
	if (err != EACCES && err != EPERM && err != ENOENT && err != ENOTDIR &&
	    err != EISDIR && err != ELOOP)
		d->temporary = 1;
}
