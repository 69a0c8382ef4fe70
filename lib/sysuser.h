/* The system's users: PREFIX/etc/passwd where there is a prefix and it has
 * that file (a private system), else the system's own (NSS). */
#ifndef SYSUSER_H
#define SYSUSER_H
#include <sys/types.h>

#include "buf.h"

struct sysuser {
	struct buf name; /* NUL-terminated, as the system spells it */
	struct buf home;
	uid_t uid;
	gid_t gid;
	char origin[32]; /* "getpwent(3)", or empty */
	unsigned line;   /* in sysuser_file(), else 0 */
};

/* The private passwd file, in memory that the caller frees; NULL when the
 * system is asked. */
char *sysuser_file(void);
/* One user.  1; 0: no such user; -1 with errno. */
int sysuser_find(struct sysuser *u, const char *name);
/* Calls fn for every user.  0, or -1 with errno. */
int sysuser_each(void (*fn)(void *arg, const struct sysuser *u), void *arg);
/* The same as sysuser_find, but who is not in a private passwd file is then
 * asked of the system: for ids, not for recipients. */
int sysuser_ids(const char *name, uid_t *uid, gid_t *gid);
void sysuser_free(struct sysuser *u);
/* Parses one line of a passwd file: 0, or -1 when it is none. */
int sysuser_line(struct sysuser *u, const char *p, size_t n);
#endif
