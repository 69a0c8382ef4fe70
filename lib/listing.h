/* How queue-list shows a message: as mailq, or as a line of JSON. */
#ifndef LISTING_H
#define LISTING_H
#include "journal.h"
#include "slot.h"

struct listing {
	const struct slot *slot; /* head, env and states are looked at */
	struct buf *journal;     /* from journal_read; is walked, and changed */
	const char *state;       /* waiting, ready, running, parked, held */
	uint32_t next;           /* time of the next attempt */
	uint32_t attempts;
};

/* The line above the messages, and the last one. */
void listing_head(struct buf *out);
void listing_foot(struct buf *out, unsigned long long messages,
    unsigned long long bytes);
/* The lines of one message: what is left to do, each with the reason for its
 * delay.  Bytes that could steer a terminal become `?'. */
void listing_text(struct buf *out, const struct listing *l);
/* One object and a newline (RFC 8259); what is no UTF-8 becomes U+FFFD. */
void listing_json(struct buf *out, const struct listing *l);
#endif
