/* Handing a message to queue-inject (INTERFACES 2). */
#ifndef INJECT_H
#define INJECT_H
#include <sys/types.h>

#include "buf.h"
#include "id.h"

/* A running queue-inject, or the chain before it. */
struct inject {
	pid_t pid;
	int msgfd;   /* the message is written here */
	int envfd;
	int replyfd; /* its descriptor 6 */
	/* After inject_finish: */
	int code;            /* exit code */
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
 * waits.  Call it after a failed inject_write only if that was EPIPE.
 * INJECT_OK only when the message is durable.
 */
enum inject_result inject_finish(struct inject *in, const void *env, size_t n);
/* Ends it without an envelope: nothing is queued. */
void inject_abort(struct inject *in);
/* What an exit code of qmail-queue(8) means, for people: "out of memory". */
const char *inject_reason(int code);
#endif
