/* Putting one message into the queue, durably: what queue-inject does. */
#ifndef DEPOSIT_H
#define DEPOSIT_H
#include "slot.h"

/* Works in the queue directory, which must be the working directory. */
struct deposit {
	struct buf msg;   /* a message that was read, if it fits into a slot */
	const char *text; /* that, or one that is in memory already */
	size_t textlen;
	struct buf env;   /* the envelope, attributes settled */
	int bodyfd;       /* -1, or the body file of a larger one */
	uint64_t size;    /* bytes of the message as it came */
	char id[ID_LEN + 1];
	int recycle;      /* take slots that were used before */
	int tokens;       /* the FIFOs `free' and `trigger', which stay open */
	int notes;        /* from one message to the next; 0 before that */
};

enum deposit_error {
	DEPOSIT_OK = 0,
	DEPOSIT_READ = 54,  /* the message could not be read */
	DEPOSIT_WRITE = 53, /* not written or not synced (errno) */
	DEPOSIT_QUEUE = 61  /* the queue directory is not there (errno) */
};

/* Makes the id; forgets what a former message left. */
void deposit_begin(struct deposit *d, int recycle);
/* Reads the message from fd to its end, into memory or into a body file. */
enum deposit_error deposit_message(struct deposit *d, int fd);
/* The message is in memory, and stays there until deposit_commit. */
enum deposit_error deposit_memory(struct deposit *d, const char *p, size_t n);
/*
 * Makes message and envelope durable: picks or makes a slot, puts `received'
 * in front, writes, syncs, and tells queue-run.  After DEPOSIT_OK the message
 * is the queue's; after an error nothing is.
 */
enum deposit_error deposit_commit(struct deposit *d, const struct buf *received);
/* Removes what an unfinished message left on disk. */
void deposit_abort(struct deposit *d);
#endif
