/* The envelope of a message: attributes, sender, recipients (INTERFACES 1). */
#ifndef ENVELOPE_H
#define ENVELOPE_H
#include "record.h"

/* A parsed envelope; the pointers are into the parsed memory. */
struct envelope {
	const char *attrs;  /* the first A record; its end is at sender - 1 */
	const char *sender; /* text of F */
	size_t senderlen;
	const char *rcpts;  /* the first T record */
	const char *end;    /* behind the lone NUL */
	unsigned nrcpt;
};

/* One recipient; attrs..end holds its a records. */
struct recipient {
	const char *addr;
	size_t len;
	const char *attrs;
	const char *end;
};

/*
 * Parses A* F (T a*)* NUL at the start of p.  0; -1: incomplete (more bytes
 * could make it whole); -2: malformed (unknown tag, wrong order, CR or LF, a
 * record over RECORD_MAX, no recipient is not an error here).
 */
int envelope_parse(struct envelope *e, const char *p, size_t n);
/* Walks the recipients: set *at to e->rcpts first; 1 while there is one. */
int envelope_rcpt(const struct envelope *e, const char **at,
    struct recipient *r);
/* Value of the attribute `name' of the message, or of a recipient; NULL when
 * it is not there.  NUL-terminated. */
const char *envelope_attr(const struct envelope *e, const char *name);
const char *recipient_attr(const struct recipient *r, const char *name);

/* What is queued has bounds, so that a part of it with any one recipient fits
 * in an order (PACKET_MAX, lib/sched.c) and one message in queue-run. */
enum {
	ENVELOPE_RCPTS = 100000,
	ENVELOPE_ATTRS = 8192, /* bytes of attributes of the message ... */
	RECIPIENT_ATTRS = 4096 /* ... and of one recipient */
};
int envelope_bounded(const struct envelope *e);
#endif
