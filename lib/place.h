/* Where a mailbox is, and opening what is in it without leaving the spool. */
#ifndef PLACE_H
#define PLACE_H
#include <sys/types.h>

struct place {
	int dirfd;        /* AT_FDCWD or a directory */
	const char *path; /* below dirfd; without a final slash */
	int beneath;      /* symbolic links may not lead out of dirfd */
	int nofollow;     /* nor may the mailbox be one */
};

/*
 * Opens path followed by `below' ("" or "/tmp/name"), close-on-exec.  With
 * beneath, a path that leaves dirfd (an absolute link, or by ..) fails with
 * EXDEV.  Returns the descriptor or -1 with errno.
 */
int place_open(const struct place *at, const char *below, int flags,
    mode_t mode);
/* Makes the path's name in its directory durable: 0, or -1 with errno. */
int place_sync_parent(const struct place *at);
#endif
