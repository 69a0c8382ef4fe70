/* What a message gathers after it was accepted: a file of records that
 * exists only if there is something to say (ARCHITECTURE.md, "The queue").
 *
 * Records as in lib/record.h, the first one "Hid gen": a file whose head names
 * another message is left over from an earlier one and counts as empty.  A
 * record cut off at the end is ignored.
 */
#ifndef JOURNAL_H
#define JOURNAL_H
#include "slot.h"

enum journal_kind {
	JOURNAL_DEFER = 'Z', /* the last of one recipient and place counts */
	JOURNAL_FAIL = 'D',
	JOURNAL_DONE = 'K',
	JOURNAL_ARRIVED = 'S', /* done, but the sender is to be told */
	JOURNAL_REPORT = 'B', /* of a failure that was reported */
	JOURNAL_HOLD = 'X',  /* text says who and why; index 0 */
	JOURNAL_RELEASE = 'R'
};

struct journal_entry {
	char kind;
	unsigned index;     /* recipient, from 0 */
	int64_t time;       /* seconds since 1970 */
	char status[12];    /* X.Y.Z, "-" for none */
	const char *place;  /* what the recipient was expanded to; "" itself */
	const char *text;
};

/* Reads the journal of slot s into b.  1: there is one; 0: none, or it is
 * another message's; -1 with errno. */
int journal_read(struct buf *b, const struct slot *s, int qdir);
/*
 * Walks b: set *at to 0 first; 1 while there is an entry.  place and text
 * are NUL-terminated (place is cut out of b in place, so walk b only once or
 * read it again).
 */
int journal_next(struct buf *b, size_t *at, struct journal_entry *e);
/*
 * Appends one entry, making or emptying the file first where needed.  sync:
 * durable when this returns.  0, or -1 with errno.  The place is cut to 700
 * bytes, the text to what then fits into a record.
 */
int journal_add(const struct slot *s, int qdir, const struct journal_entry *e,
    int sync);
/* Room on the disk for so many entries more, before what they will say is done:
 * 0, also where the file system cannot tell; -1 with errno when there is none. */
int journal_reserve(const struct slot *s, int qdir, unsigned entries);
/* Removes the file if there is one. */
void journal_remove(int qdir, uint32_t num);
#endif
