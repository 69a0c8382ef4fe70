/* Who started this program: address and name for mail of theirs. */
#ifndef WHOAMI_H
#define WHOAMI_H
#include "buf.h"
#include "map.h"

/* Our host's name: the setting, or what the system says.  NULL with errno
 * when it says nothing.  Static, or into m. */
const char *whoami_host(const struct map *m);
/*
 * Appends the address of the real user, login@host; a user without a usable
 * login is uidN.  name gets the full name ($NAME, else the one in the password
 * file), or stays empty.
 */
void whoami(const char *host, struct buf *addr, struct buf *name);
#endif
