/* Delivery into a Maildir, exactly once. */
#ifndef MAILDIR_H
#define MAILDIR_H
#include "place.h"
#include "trace.h"

/*
 * Delivers l (with its head made) as SECONDS.IDrHASH.HOST: time and id of the
 * message, hash of the recipient.  So each attempt uses the same name; where
 * an earlier one may have happened, new/ and cur/ are searched for it first,
 * and what is found is compared: a power failure may have left the name and
 * the length of a file without all of its bytes.
 * On 0 the message is durable in content and name.  -1 with errno: ENOTDIR
 * (the place is a file), ENOENT (no Maildir there: maildir_make), others.
 * Nothing is left behind then, but what a kill leaves in tmp/.
 *
 * Two recipients of one message whose hashes are equal and that share a
 * mailbox (by an extension or a catch-all) get one copy: who makes hashes
 * collide on purpose only saves himself a copy.
 */
int maildir_deliver(const struct place *at, const struct letter *l);
/* Makes the place a Maildir: the directory, cur, new and tmp, as far as they
 * are missing, mode 700, durable. */
int maildir_make(const struct place *at);
#endif
