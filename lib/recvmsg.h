/* The way of a received message into the queue: through memory, streamed, or
 * by a file where checks want to see it whole. */
#ifndef RECVMSG_H
#define RECVMSG_H
#include "complete.h"
#include "inject.h"
#include "injectkeep.h"

enum recvmsg_way { RECVMSG_MEMORY, RECVMSG_STREAM, RECVMSG_SPOOL };

/* Zero-initialised but for keep.sock, which is -1.  The caller ignores
 * SIGPIPE. */
struct recvmsg {
	/* set by the caller before the message comes */
	const char *chain;  /* the setting filter-chain */
	uint64_t deadline;  /* clock_ms of the message, 0 for none */
	const struct author *author; /* complete its header; NULL: do not */
	/* Asked when the message is complete, in the file fd; NULL goes on,
	 * else the reply that refuses it.  No check: NULL. */
	const char *(*check)(void *arg, int fd);
	void *arg;

	/* for the caller to read */
	struct inject inject; /* of the last message: its id */
	const char *failed; /* for the log: what could not be done, or NULL, */
	int err;            /* and its errno */

	/* private */
	enum recvmsg_way way;
	int begun;  /* a piece of it has come */
	int fd;     /* RECVMSG_SPOOL */
	struct buf whole; /* what complete made of the first piece */
	struct injectkeep keep;
	char said[512]; /* the reply that awaits its end, or "" */
	char reply[512]; /* the last one, which was returned */
};

/* A piece of a message that is larger than memory should hold.  Where it is
 * refused before its end the rest is taken for nothing. */
void recvmsg_more(struct recvmsg *m, const struct buf *piece);
/*
 * Its last piece (all of it, if there was no other) and the envelope
 * (INTERFACES 1, with its lone NUL).  Returns the reply, valid until the next
 * call: 250 only when the message is durable.
 */
const char *recvmsg_done(struct recvmsg *m, const struct buf *piece,
    const struct buf *env);
/* What came of a message is void: nothing is queued.  Takes at most five
 * seconds. */
void recvmsg_drop(struct recvmsg *m);
/* The session is over. */
void recvmsg_end(struct recvmsg *m);
#endif
