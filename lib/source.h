/* Reading files that decide where mail goes: only safe ones. */
#ifndef SOURCE_H
#define SOURCE_H
#include <sys/types.h>

#include "diag.h"

/* What of the tables' sources is remembered: "stamp path\0" each, as in the
 * key h (INTERFACES 6). */
struct sources {
	struct buf list;
	uid_t owners[2]; /* who may own files besides root and the caller */
	size_t nowners;
};

/*
 * Appends the file to text and notes it in s.  1: read; 0: there is no such
 * file; -1: refused or unreadable, and d says why.  Refused is a file that
 * anybody but its owner could change: it and each directory above it, up to
 * the prefix, must belong to root, the caller or one of s->owners, must not be
 * writable by others, and by a group only if that is 0 or the owner's own.
 */
int source_read(struct sources *s, const char *path, struct buf *text,
    struct diag *d);
#endif
