/* The compiled configuration: opening its tables, reading settings. */
#ifndef SETTINGS_H
#define SETTINGS_H
#include <sys/stat.h>

#include "map.h"

enum { STAMP_MAX = 48 };

enum setting_type { SET_BOOL, SET_NUM, SET_TIME, SET_SIZE, SET_TEXT };

enum {
	SET_CLIENT = 1, /* tcprules may override it: PC_NAME */
	SET_PUBLIC = 2, /* in public.cdb, which anybody may read */
	SET_LIST = 4,   /* may be given several times; joined with spaces */
	SET_LINES = 8   /* the same, joined with newlines */
};

struct setting {
	const char *name;
	enum setting_type type;
	int flags;
	const char *dflt;
	const char *what; /* a line for postchaise.conf(5) and messages */
};

/* All settings, in the order of postchaise.conf(5); ends with name NULL. */
extern const struct setting settings[];
const struct setting *setting_find(const char *name);
/* Does value fit the type?  0, else -1. */
int setting_valid(const struct setting *s, const char *value);

/* Opens PREFIX/etc/postchaise/tables/NAME ("mail.cdb"): 0, -1 with errno. */
int tables_open(struct map *m, const char *name);
/*
 * The value of a setting, NUL-terminated: PC_NAME of the environment (upper
 * case, `-' as `_'; only those with SET_CLIENT, where the environment may be
 * believed, and only if it is valid), else what the table has, else the
 * default.  Never NULL for a name in settings[].  Valid while m is open.
 */
const char *setting(const struct map *m, const char *name);
/* Where that value is from: "file:line", "environment", "default", or
 * "computed" (mail.cdb only). */
const char *setting_origin(const struct map *m, const char *name);
/* The same as a number: seconds, bytes, or 0 and 1. */
uint64_t setting_num(const struct map *m, const char *name);

/*
 * Has any source of the table changed, come or gone since it was compiled?
 * 1; 0: no (what may not be looked at counts as unchanged); -1: the table is
 * damaged.  One stat(2) a source file.
 */
int tables_stale(const struct map *m);
/* The same, and *path is the first source that changed (into the map). */
int tables_stale_source(const struct map *m, const char **path);
/* The hash of the set, for the log; "-" without one. */
const char *tables_hash(const struct map *m);
/* A file's time of change as key h holds it, "-" for none (st NULL). */
void settings_stamp(const struct stat *st, char out[STAMP_MAX]);
#endif
