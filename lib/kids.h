/* The delivery programs that a spawner has running. */
#ifndef KIDS_H
#define KIDS_H
#include "child.h"
#include "spawnreq.h"

enum { KIDS_MAX = 600, KID_IDLE_MS = 5000, KID_END_MS = 5000, KID_ANSWER_MAX = 32 << 20 };

struct kid {
	pid_t pid;
	int sock;            /* our end; -1: closed, waiting for the exit */
	int keep;            /* takes more orders */
	int busy;            /* has an order that is not answered */
	unsigned number;     /* of that order */
	const char *program;
	uid_t uid;
	gid_t gid;
	char dest[256];      /* of its last order */
	uint64_t idle_since; /* clock_ms; with sock -1: since it was closed */
	uint64_t deadline;   /* clock_ms by which its order must be answered */
	struct buf out;      /* its answer so far */
};

struct kids {
	struct kid kid[KIDS_MAX];
	int n;
	int lock; /* given to every child as descriptor 4 */
	uint64_t limit; /* milliseconds for an order: who hangs is killed */
};

/*
 * Gives the order to an idle child that fits, or starts one.  message is the
 * message's descriptor, which the caller closes.  0, or -1 with errno.
 */
int kids_start(struct kids *k, const struct spawnplan *plan,
    const struct spawnreq *req, int message);
/*
 * Reads what child i has to say; with its socket closed, looks whether it has
 * ended (never waiting: one that hangs is killed after a while).  1: its answer
 * to order `number' is whole in out (kids_answered empties it), *code its exit
 * code, 0 for a -k program that goes on; 0: not yet.
 */
int kids_read(struct kids *k, int i, int *code);
/* The answer was passed on: the child is idle, or gone from the table. */
void kids_answered(struct kids *k, int i);
/* Ends children that were idle for KID_IDLE_MS, and kills those that did not
 * answer in time; returns milliseconds until the next would be, -1 for never. */
int kids_expire(struct kids *k, uint64_t now);
/* No more orders: idle children end; the others see end of file when they
 * look, and begin no message.  term: TERM tells those that wait in between. */
void kids_close(struct kids *k, int term);
#endif
