/* Messages about files that people edit: "file:line: text", as compilers. */
#ifndef DIAG_H
#define DIAG_H
#include "buf.h"

/* Zero-initialised is empty.  text holds whole lines. */
struct diag {
	struct buf text;
	unsigned errors;
	unsigned warnings;
	int temporary; /* some error is the machine's, not the file's */
};

/* Adds a line; line 0 is left out.  Control characters that came with the
 * arguments become `?': what a user wrote must not steer a terminal. */
void diag_error(struct diag *d, const char *file, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same with "warning: "; the configuration stays valid. */
void diag_warn(struct diag *d, const char *file, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* An error of a system call, errno's text added; counted as temporary unless
 * the file's place or mode explains it. */
void diag_errno(struct diag *d, const char *file, const char *what);
#endif
