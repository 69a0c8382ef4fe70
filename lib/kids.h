/* The delivery programs that a spawner has running. */
#ifndef KIDS_H
#define KIDS_H
#include "child.h"
#include "spawnreq.h"

enum {
	KIDS_MAX = 600,
	KID_ORDERS = 16, /* for one mailbox, one behind the other */
	KID_IDLE_MS = 5000,
	KID_END_MS = 5000,
	KID_ANSWER_MAX = 32 << 20
};

struct kid {
	pid_t pid;
	int sock;            /* our end; -1: closed, waiting for the exit */
	int keep;            /* takes more orders */
	int ended;           /* it has, with */
	int code;
	unsigned number[KID_ORDERS]; /* orders not answered, oldest first */
	unsigned norders;
	const char *program;
	uid_t uid;
	gid_t gid;
	char dest[256];      /* of its last order */
	uint32_t box;        /* of its orders (lib/spawnreq.h) */
	uint64_t idle_since; /* clock_ms; with sock -1: since it was closed */
	uint64_t deadline;   /* clock_ms by which an order must be answered */
	struct buf out;      /* what it said and was not passed on */
};

struct kids {
	struct kid kid[KIDS_MAX];
	int n;
	int lock; /* given to every child as descriptor 4 */
	uint64_t limit; /* milliseconds for an order: who hangs is killed */
};

/*
 * Gives the order to a child that has orders for the same mailbox, which it
 * may do at once; to an idle child that fits; or to a new one.  message is the
 * message's descriptor, which the caller closes, or -1 where the message is in
 * the order.  0, or -1 with errno.
 */
int kids_start(struct kids *k, const struct spawnplan *plan,
    const struct spawnreq *req, int message);
/* Reads what child i has to say; with its socket closed, looks whether it has
 * ended (never waiting: one that hangs is killed after a while). */
void kids_read(struct kids *k, int i);
/* One whole answer, text in the child's buffer. */
struct kid_answer {
	unsigned number;
	int code; /* exit code; 0 for a -k program that goes on */
	const char *text;
	size_t len;
};
/* The next answer of child i, to its oldest order: 1; 0 there is none now.
 * What a child that has ended did not answer is answered by its exit code. */
int kids_answer(struct kids *k, int i, struct kid_answer *a);
/* That answer was passed on. */
void kids_answered(struct kids *k, int i);
/* All its answers were: a child that has ended leaves the table, and the last
 * one takes its place. */
void kids_leave(struct kids *k, int i);
/* Ends children that were idle for KID_IDLE_MS, and kills those that did not
 * answer in time; returns milliseconds until the next would be, -1 for never. */
int kids_expire(struct kids *k, uint64_t now);
/* No more orders: idle children end; the others see end of file when they
 * look, and begin no message.  term: TERM tells those that wait in between. */
void kids_close(struct kids *k, int term);
#endif
