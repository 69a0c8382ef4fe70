/* .forward and :include: files (postchaise-forward(5)). */
#ifndef FORWARD_H
#define FORWARD_H
#include <sys/types.h>

#include "buf.h"

enum { FORWARD_MAX = 65536, INCLUDE_MAX = 10000000 };

/* The places that a file names, each NUL-terminated, one after another: an
 * address in canonical form, `|command', `/file', `\user', `:include:/file'. */
struct forward {
	struct buf items;
	unsigned n;
	unsigned line;     /* where it is wrong */
	const char *error; /* what is wrong there; NULL: nothing */
	unsigned skipped;  /* malformed addresses that were left out */
};

/*
 * Parses a file.  Zero-initialise f; its owner frees f->items.  -1 at the
 * first mistake.  A list (lenient) is not stopped by a malformed address: it
 * is counted in skipped, with the last one's line and error; commands, files
 * and other lists in it are a mistake.
 */
int forward_parse(struct forward *f, const char *p, size_t n, int list);
/* Is the text one of the items? */
int forward_has(const struct forward *f, const char *text);

enum forward_file {
	FORWARD_READ,
	FORWARD_MISSING,
	FORWARD_REFUSED /* errno, or 0 and *why: unsafe or no regular file */
};
/* Appends the file to b.  With owner it must be that user's or root's and not
 * be writable by others; (uid_t)-1 asks for neither. */
enum forward_file forward_load(struct buf *b, const char *path, size_t max,
    uid_t owner, const char **why);
#endif
