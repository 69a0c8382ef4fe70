/*
 * The locks of an mbox: fcntl and flock always, a dot-lock beside the file
 * where its directory can be written.
 *
 * The dot-lock FILE.lock is a symbolic link whose text is a note, `PID.START.
 * END.TOP.HASH.NULS': the file's length before the append and after it, how
 * many bytes what is appended begins with, their hash, and how many zero bytes
 * all of it has, mostly none.  For each further message that is appended with
 * it `.END.TOP.HASH.NULS' follows, which starts where the one before ends.  A link is made in one step, is exclusive to
 * everybody who makes dot-locks, and is metadata, which a journal keeps in
 * order with the file's growth.  So whoever finds the note of a maker that is
 * gone (he has the kernel's locks, which its maker held as long) knows whether
 * an append was torn: the length is between START and END and at START is what
 * the note says, not what others have appended since, or there are more zero
 * bytes, which stand for blocks that a power failure has lost.  A note whose
 * removal a power failure undid does no harm: an append that was reported done
 * had been synced to END.
 */
#ifndef MBOXLOCK_H
#define MBOXLOCK_H
#include <sys/types.h>
#include <stdint.h>

#include "place.h"

/* Locks fd for this process without waiting: 1; 0 held by another; -1. */
int mbox_kernel_lock(int fd);
void mbox_kernel_unlock(int fd);

enum { MBOX_NOTES = 16 }; /* messages of one append at most */

struct mbox_note {
	uint64_t start;
	uint64_t end;
	uint64_t top;
	uint64_t hash; /* hash_caseless of the first top bytes */
	uint64_t nuls; /* zero bytes in all of it */
};

enum mbox_dot {
	MBOX_DOT_MADE,
	MBOX_DOT_BUSY,   /* another program's */
	MBOX_DOT_LEFT,   /* a note of a process that is gone */
	MBOX_DOT_CANNOT  /* no permission: kernel locks must do */
};
/* Makes the dot-lock with these notes of what is appended.  The caller has the
 * kernel's locks.  On MBOX_DOT_LEFT, left is those of the process that is
 * gone, and *nleft how many.  Others' locks older than five minutes are
 * removed. */
enum mbox_dot mbox_dot_lock(const struct place *at,
    const struct mbox_note *note, unsigned n,
    struct mbox_note left[MBOX_NOTES], unsigned *nleft);
void mbox_dot_unlock(const struct place *at);
#endif
