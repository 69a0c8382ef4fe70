/* A message for one recipient, and the trace fields that its mailbox gets on
 * top: Return-Path (RFC 5321 4.4), X-Original-To, Delivered-To, X-Spam. */
#ifndef TRACE_H
#define TRACE_H
#include <stdint.h>

#include "buf.h"

/* All pointers are the caller's. */
struct letter {
	const char *id;     /* queue id; "-" by hand */
	int again;          /* an earlier attempt may have happened */
	const char *host;   /* our name */
	const char *sender; /* empty: the null sender */
	size_t senderlen;
	const char *rcpt;
	size_t rcptlen;
	const char *orig;   /* address before an alias changed it, or NULL */
	const char *spam;   /* why it is taken for spam, or NULL */
	const char *msg;    /* the message as it was queued */
	size_t msglen;
	struct buf head;    /* trace_head's result, kept for reuse */
};

/* Fills l->head from sender, orig, rcpt and spam. */
void trace_head(struct letter *l);
/* Has the message's header a Delivered-To with this recipient already (ASCII
 * case apart)?  Then it loops: 5.4.6. */
int trace_loops(const struct letter *l);
/* When the message came: seconds in its id, else now. */
int64_t trace_time(const struct letter *l);
/* Appends `From sender date' and a newline: an mbox's separator, UFLINE.
 * The date is the message's, not the attempt's (RFC 4155), so that each
 * attempt writes the same bytes. */
void trace_from_line(struct buf *b, const struct letter *l);
#endif
