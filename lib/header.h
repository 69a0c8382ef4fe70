/* The header of a message in memory (RFC 5322 2.2, 3.6 and obsolete 4.5). */
#ifndef HEADER_H
#define HEADER_H
#include <stddef.h>

#include "buf.h"

/* One field; the pointers are into the walked memory.  Lines end in LF or
 * CRLF. */
struct header_field {
	const char *raw; /* the whole field with its last line end */
	size_t rawlen;
	const char *name; /* without blanks before the colon */
	size_t namelen;
	const char *value; /* behind the colon, folded as it came, without the
	                      last line end */
	size_t valuelen;
};

/*
 * The field at *at; *at moves behind it.  1: a field; 0: *at is at the line
 * that ends the header (empty, or no field) or at end.  A field that the
 * memory ends in the middle of is taken as it is.
 */
int header_next(const char **at, const char *end, struct header_field *f);
/* The first field called name (any case): 1, or 0. */
int header_find(const char *p, size_t n, const char *name,
    struct header_field *f);
int header_is(const struct header_field *f, const char *name);
/*
 * Bytes of the header at p.  *body gets the offset of the body: behind the
 * empty line if there is one, else the same.  Of a message that is still
 * being read give whole lines: the answer is final when *body < n.
 */
size_t header_length(const char *p, size_t n, size_t *body);
/* Appends a value with line breaks taken out (RFC 5322 2.2.3) and blanks at
 * both ends removed. */
void header_unfold(struct buf *out, const char *value, size_t n);
#endif
