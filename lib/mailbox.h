/* One letter into one mailbox of either kind, and the verdict on it. */
#ifndef MAILBOX_H
#define MAILBOX_H
#include "place.h"
#include "trace.h"

enum mailbox_format { MAILBOX_MBOX, MAILBOX_MAILDIR };

/*
 * Delivers l as recipient `index' and adds its verdict line to out: K, Z (all
 * trouble of the system is temporary), or D 5.4.6 for a message that loops.
 * mailbox_virtual takes what is there, a file as mbox and a directory as
 * Maildir, and makes `format' where neither is.  mailbox_deliver takes the
 * place as `format' and, with owned, an mbox only if it is the caller's.
 * A folder (NULL for none) is made where it is missing: in a Maildir its
 * subdirectory .FOLDER (Maildir++), of a virtual mbox the file with :FOLDER
 * behind its name; mailbox_deliver takes one for a Maildir only.
 * Returns 0, or the errno that caused a Z.
 */
int mailbox_virtual(const struct place *at, enum mailbox_format format,
    const char *folder, struct letter *l, unsigned index, struct buf *out);
int mailbox_deliver(const struct place *at, enum mailbox_format format,
    const char *folder, int owned, struct letter *l, unsigned index,
    struct buf *out);
/*
 * Several letters to one virtual mbox at once, first attempts all: 0, all are
 * delivered; -1, none is, because of one of them or since it is no mbox: each
 * is to be delivered alone, which finds out why.
 */
int mailbox_together(const struct place *at, struct letter *const *l,
    unsigned n);
/* May a folder have this name?  Letters, digits, `.', `_' and `-', not `.' in
 * front, at most 64 bytes; not as locks are named. */
int mailbox_folder_valid(const char *name);
/* The name for Maildir files: the given one, or what the system says where
 * that is NULL, empty or "auto".  Static. */
const char *mailbox_host(const char *given);
/* Adds D 5.4.6 and returns 1 if the message has been here. */
int mailbox_loops(const struct letter *l, unsigned index, struct buf *out);
/* Adds a Z line for trouble with `what'. */
void mailbox_trouble(int err, const char *what, unsigned index,
    struct buf *out);
#endif
