/* Address lists of header fields as they are met (RFC 5322 3.4 and 4.4). */
#ifndef HDRADDR_H
#define HDRADDR_H
#include <stddef.h>

#include "buf.h"

/*
 * Appends the addresses in a field's value (folded or not) to out, each in
 * canonical form (lib/addr) with a NUL; those without a domain stay so.
 * Groups, comments, display names, quoted strings and routes are read as
 * they must be; `;' also separates, as some programs write it, and dots and @
 * in an unquoted display name are let pass.  Returns how many were appended,
 * or -1 at the first that is no address: out is as before, and *bad and *nbad
 * (if not NULL) are its text in p.
 */
int hdraddr_parse(const char *p, size_t n, int utf8, struct buf *out,
    const char **bad, size_t *nbad);
#endif
