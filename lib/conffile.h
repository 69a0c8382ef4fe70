/* Reads postchaise.conf(5): Postoffice's name=value lines. */
#ifndef CONFFILE_H
#define CONFFILE_H
#include "diag.h"
#include "settings.h"

struct conf_value {
	const struct setting *s;
	struct buf text; /* NUL-terminated; len without it */
	unsigned line;   /* of the first time it is given */
};

/* What a file sets.  Zero-initialised is nothing. */
struct conffile {
	struct conf_value *v;
	size_t n;
};

/*
 * Parses the n bytes at p and adds what they set.  Unknown names and values
 * that do not fit are errors in d, options that only Postoffice has are
 * warnings; file is the name in those messages.
 */
void conffile_parse(struct conffile *c, const char *file, const char *p,
    size_t n, struct diag *d);
/* What is set, NULL if it is not. */
const struct conf_value *conffile_find(const struct conffile *c,
    const char *name);
/* The value of a setting: what is set, else its default. */
const char *conffile_get(const struct conffile *c, const char *name);
/* Sets a value, for what is worked out from others. */
void conffile_set(struct conffile *c, const char *name, const char *value);
void conffile_free(struct conffile *c);
#endif
