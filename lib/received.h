/* The Received field that queue-inject writes (RFC 5321 4.4). */
#ifndef RECEIVED_H
#define RECEIVED_H
#include "envelope.h"

/*
 * Appends the field for the message with this envelope and id, lines ended by
 * LF: from HELO (name [address]), by, with, id, TLS and login as comments, for
 * when there is one recipient.  Bytes that a trace field cannot hold become
 * `?', and every part is bounded: the field has at most 2048 bytes.
 */
void received_add(struct buf *b, const struct envelope *e, const char *id,
    const char *hostname, int64_t seconds);
/* Hosts and mailboxes that the message has been through: the Received and
 * Delivered-To fields of the header at p.  Mail that a user's own command
 * sends back to him is stopped by nothing else. */
unsigned received_hops(const char *p, size_t n);
#endif
