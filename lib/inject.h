/* Handing a message to queue-inject (INTERFACES 2). */
#ifndef INJECT_H
#define INJECT_H
#include <sys/types.h>
#include <stdint.h>

#include "buf.h"
#include "id.h"

/* A running queue-inject, or the chain before it. */
struct inject {
	pid_t pid;
	int msgfd;   /* the message is written here */
	int envfd;
	int replyfd; /* its descriptor 6 */
	/* A clock_ms time, 0 for none, set after inject_start: at it writing
	 * fails with ETIMEDOUT, and who is waited for is killed. */
	uint64_t deadline;
	int cut;     /* the message was not written to its end */
	/* After inject_finish and inject_message: */
	int code;            /* exit code; 52 for the deadline */
	char id[ID_LEN + 1]; /* queue id, "" if none was told */
	char text[400];      /* what it said when it refused, or "" */
};

enum inject_result { INJECT_OK, INJECT_TEMP, INJECT_PERM };

/*
 * Starts the words of chain (the setting filter-chain, split at blanks; ""
 * for none) with `queue-inject' behind them.  0, or -1 with errno.  The
 * caller ignores SIGPIPE.
 */
int inject_start(struct inject *in, const char *chain);
/* Adds to the message: 0, or -1 with errno (EPIPE when it has ended: the
 * reason is what inject_finish says). */
int inject_write(struct inject *in, const void *p, size_t n);
/*
 * Ends the message, gives the envelope (INTERFACES 1, with its lone NUL) and
 * waits.  A message whose inject_write failed gets no envelope: what came of it
 * is never queued.
 * INJECT_OK only when the message is durable.
 */
enum inject_result inject_finish(struct inject *in, const void *env, size_t n);
/*
 * All of that for a message that is complete in memory.  Message and envelope
 * are in their pipes before the program is started, as far as they fit, so
 * that it need not wait for us.  errno is set when it could not be started
 * (code 81).
 */
enum inject_result inject_message(struct inject *in, const char *chain,
    const struct buf *msg, const struct buf *env, uint64_t deadline);
/* Ends it without an envelope: nothing is queued. */
void inject_abort(struct inject *in);
/* What an exit code of qmail-queue(8) means, for people: "out of memory". */
const char *inject_reason(int code);
#endif
