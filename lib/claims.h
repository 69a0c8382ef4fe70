/* What is believed of an envelope that somebody hands in (INTERFACES 2). */
#ifndef CLAIMS_H
#define CLAIMS_H
#include <sys/types.h>

#include "envelope.h"

/* Appends the envelope that is kept: attributes that say where the message
 * came from, or what the receiver thinks of that, only of a caller who is
 * trusted; of others uid instead.  What queue-run tells spawners by attributes
 * is nobody's to say. */
void claims_settle(struct buf *out, const struct envelope *e, int trusted,
    uid_t uid);
#endif
