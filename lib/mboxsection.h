/* What one message is in an mbox: its From_ line, the trace fields, the
 * message with mboxrd quoting, an empty line.  Nothing is copied. */
#ifndef MBOXSECTION_H
#define MBOXSECTION_H
#include <stddef.h>

#include "trace.h"

struct mbox_section {
	struct buf top; /* From_ line and trace fields; owned */
	const char *msg;
	size_t len;
	const char *tail; /* ends the last line, if need be, and the section */
	size_t total;     /* bytes of the whole */
};

/* Fills s for l, whose head is made.  The same letter gives the same bytes at
 * each attempt.  s->top is reused. */
void mbox_section(struct mbox_section *s, const struct letter *l);
/* Writes n of them at the file's end: 0, or -1 with errno (some may be
 * written). */
int mbox_section_write(const struct mbox_section *s, unsigned n, int fd);
/* How many bytes at the start of p are those of s, or zero where the file has
 * lost them (then *holes is set). */
size_t mbox_section_match(const struct mbox_section *s, const char *p,
    size_t n, int *holes);
/* Is there an mbox separator line (`From ' sender, day, month) in p, at the
 * start of a line or, but for quoted ones, within? */
int mbox_has_from(const char *p, size_t n);

/*
 * What an earlier attempt left of s in the file p.  MBOX_WHOLE: it is there,
 * perhaps changed by a reader since; MBOX_TORN: a part of it, or all of it with
 * blocks that a power failure has lost, from *at to the end of the file;
 * MBOX_NONE: nothing, or a part that other mail follows.
 */
enum mbox_found { MBOX_NONE, MBOX_WHOLE, MBOX_TORN };
enum mbox_found mbox_section_find(const struct mbox_section *s, const char *p,
    size_t n, size_t *at);
#endif
