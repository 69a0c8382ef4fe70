/* What an administrator changes of a message: hold, release, remove, retry
 * (INTERFACES 7).  Only queue-run does it. */
#ifndef EDIT_H
#define EDIT_H
#include "store.h"

/*
 * Carries out one request, "VERB SLOT ID TEXT" without its newline, which is
 * changed.  The answer, without a newline: "ok", or "no" and why not.  The mark
 * on disk is durable when it is "ok".
 */
const char *edit_message(struct store *s, char *line);
#endif
