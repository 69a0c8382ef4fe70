/* NUL-terminated records: the envelope (INTERFACES 1) and the orders made of
 * it (INTERFACES 4). */
#ifndef RECORD_H
#define RECORD_H
#include <stddef.h>

#include "buf.h"

enum { RECORD_MAX = 1000 }; /* bytes of one record, tag included */

/* A walk over records in memory.  Set p and end; the rest by record_next. */
struct records {
	const char *p;
	const char *end;
};

/*
 * The next record.  1: *tag and its text (NUL-terminated, *len without it),
 * inside the walked memory; 0: the lone NUL that ends the list (p is behind
 * it); -1: the memory ends in the middle of a record or before the lone NUL;
 * -2: a record over RECORD_MAX or with CR or LF in it.
 */
int record_next(struct records *r, char *tag, const char **text, size_t *len);
/* Appends one record. */
void record_add(struct buf *b, char tag, const char *text, size_t len);
void record_adds(struct buf *b, char tag, const char *text);
/* Appends tag, "name=", value. */
void record_attr(struct buf *b, char tag, const char *name, const char *value);
#endif
