/* xtext (RFC 3461 4): how envid and orcpt are written on the wire, and in
 * the attributes of an envelope. */
#ifndef XTEXT_H
#define XTEXT_H
#include <stddef.h>

#include "buf.h"

/* Appends p as xtext: bytes outside 0x21-0x7e, `+' and `=' become +XX. */
void xtext_encode(struct buf *out, const char *p, size_t n);
/* Appends the text that p stands for.  0; -1 when it is no xtext: out is as
 * before. */
int xtext_decode(struct buf *out, const char *p, size_t n);
#endif
