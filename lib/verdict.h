/* What a delivery program answers: a line a recipient (INTERFACES 4.2). */
#ifndef VERDICT_H
#define VERDICT_H
#include <stddef.h>

#include "buf.h"

enum { VERDICT_TEXT = 400 }; /* bytes of text kept of one line */

struct verdict {
	char kind;      /* K done, Z later, D never, F forward to */
	unsigned index; /* recipient, from 1 */
	char status[12]; /* X.Y.Z; empty for F */
	const char *text; /* into the parsed line; F: the target */
	size_t len;
};

/* Parses one line without its newline: 0, or -1 when it is malformed. */
int verdict_parse(struct verdict *v, const char *line, size_t n);
/*
 * Appends "K1 2.0.0 text\n".  Control bytes and bytes over 0x7e in text become
 * `?', and it is cut to VERDICT_TEXT.  status has the class that kind wants
 * (2, 4, 5).
 */
void verdict_add(struct buf *b, char kind, unsigned index, const char *status,
    const char *text);
void verdict_addn(struct buf *b, char kind, unsigned index, const char *status,
    const char *text, size_t len);
/* Appends "F1 target\n"; a target with a newline or NUL is not added: -1. */
int verdict_forward(struct buf *b, unsigned index, const char *target,
    size_t len);
/* Is it X.Y.Z with class 2, 4 or 5?  Returns its length at p, else 0. */
size_t status_scan(const char *p, size_t n);
#endif
