/* What a delivery program is told and how it answers (INTERFACES 4). */
#ifndef ORDER_H
#define ORDER_H
#include "envelope.h"

enum { ORDER_MAX = 65536 }; /* bytes of one order */

struct order {
	struct buf raw;
	char id[20];         /* queue id; "-" by hand */
	int again;           /* an earlier attempt may have happened */
	const char *extra;   /* the X records: Xname=value; NULL if none */
	struct envelope env; /* into raw */
	int msgfd;           /* the message; 0 but with -k; -1: it is msg */
	const char *msg;     /* into raw; NULL: it is msgfd */
	size_t msglen;
};

/* Reads one order from fd to its end (one-shot): 0, or -1 with errno (EPROTO:
 * malformed). */
int order_read(struct order *o, int fd);
/*
 * The next order of a -k program from the socket fd, one packet with the
 * message's descriptor (closed by order_done) or the message itself.  1; 0 at end of file; -1 with
 * errno.
 */
int order_next(struct order *o, int fd);
/* An order made of arguments: sender, recipients. */
int order_args(struct order *o, char *const argv[], int argc);
/* Value of the X record name, NULL if there is none. */
const char *order_extra(const struct order *o, const char *name);
/* Does another packet wait on the socket? */
int order_waits(int fd);
/*
 * Writes the collected verdict lines to descriptor 1 and empties them; with
 * keep also the empty line that ends an answer of a -k program.  0 or -1.
 */
int order_answer(struct buf *lines, int keep);
/* Closes msgfd of a -k order and frees raw. */
void order_done(struct order *o);
#endif
