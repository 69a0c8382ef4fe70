/* A server's session over its connection. */
#ifndef SMTPSERVE_H
#define SMTPSERVE_H
#include "conn.h"
#include "smtps.h"

/*
 * Runs s, which is set up but not started, on c to its end.  secure starts TLS
 * on descriptors 0 and 1 and returns what it is (kept, not copied), or NULL.
 * Returns NULL when the session came to an end of its own, QUIT or a reply
 * that the hooks were told; else "eof", "lost", "timeout" (while writing) or
 * "tls": then nothing more can be said to the client.
 */
const char *smtpserve_run(struct smtps *s, struct conn *c,
    const char *(*secure)(void));
#endif
