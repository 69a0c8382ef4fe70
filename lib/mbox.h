/* Appending to an mbox (mboxrd quoting), exactly once. */
#ifndef MBOX_H
#define MBOX_H
#include "place.h"
#include "trace.h"

enum { MBOX_LOCK_MS = 5000 }; /* how long a lock is waited for */

/* What mbox_append found, beside 0 and -1 with errno. */
enum { MBOX_THERE = 1 }; /* an earlier attempt had delivered it */

/*
 * Appends n letters (at least one, at most MBOX_NOTES; their heads made) to
 * the file, with one sync, all of them or none.  One whose earlier attempt may
 * have happened (again) must be alone.  The file is made (mode 600) if it is
 * missing and must be regular and, with owned, the caller's.  Durable on 0 and
 * MBOX_THERE, in name too.  On failure the file is as it was; errno is
 * EWOULDBLOCK when its locks were held all the time, EPERM when it is not
 * ours.
 */
int mbox_append(const struct place *at, int owned,
    const struct letter *const *l, unsigned n);
#endif
