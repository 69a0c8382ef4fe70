/* Reads aliases(5): `name: target, target' with continuation lines. */
#ifndef ALIASFILE_H
#define ALIASFILE_H
#include "diag.h"

/* No target is longer: it must fit in a record of an order (INTERFACES 4). */
enum { ALIAS_TARGET_MAX = 900 };

/* One entry; the pointers are good during the call only. */
struct alias {
	const char *name;    /* canonical (lib/addr.h), lower case; "*" */
	const char *targets; /* NUL-terminated strings one after another */
	size_t targetslen;
	unsigned line;       /* where the entry begins */
};

typedef void alias_fn(void *arg, const struct alias *a);

/*
 * Parses the n bytes at p and calls fn for each right entry.  Targets come out
 * as the tables hold them (INTERFACES 6): |command, /file, :include:/file,
 * user@domain, and a bare name or \name; in the file of a virtual domain these
 * two get @domain (domain is "" for the system's).  A target that is the
 * entry's own name becomes \name.  `*: *@other' comes as target "*@other".
 * Errors are added to d under the name file.
 */
void aliasfile_parse(const char *file, const char *p, size_t n,
    const char *domain, struct diag *d, alias_fn *fn, void *arg);
#endif
