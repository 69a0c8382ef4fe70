/* Mailboxes in a directory where users cannot make their own. */
#ifndef SPOOLBOX_H
#define SPOOLBOX_H
#include <sys/types.h>

/*
 * By root: makes an empty mbox dir/user of the user's, or a directory if dir
 * ends in a slash, unless something of that name is there.  A new one is
 * durable in name and owner.  0, also when nothing was to do; -1 with errno.
 */
int spoolbox_make(const char *dir, const char *user, uid_t uid, gid_t gid);
#endif
