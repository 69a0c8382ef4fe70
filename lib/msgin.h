/* The message of a delivery program: descriptor 0, or what came with a -k
 * order, as memory (INTERFACES 4). */
#ifndef MSGIN_H
#define MSGIN_H
#include "order.h"

/* Zero-initialised is closed. */
struct msgin {
	const char *p;
	size_t len;
	struct buf own; /* one that came through a pipe; memory is kept */
	void *map;      /* a large one in a file of its own */
	size_t maplen;
};

/*
 * Reads fd to its end.  A large message in a regular file is mapped from the
 * descriptor's offset on and never copied; the file must not shrink while it
 * is open (the queue's body files do not).  0, or -1 with errno.
 */
int msgin_open(struct msgin *m, int fd);
/* The message of an order, wherever it is.  One that came in the order is there
 * until order_done.  0, or -1 with errno. */
int msgin_order(struct msgin *m, const struct order *o);
/* Ends the mapping and keeps the buffer, so that a -k program allocates
 * nothing for its next message. */
void msgin_close(struct msgin *m);
#endif
