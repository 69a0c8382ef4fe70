/* Handing on the messages of a session without a program for each: by the
 * service queue-inject -s, or a queue-inject -k of our own. */
#ifndef INJECTKEEP_H
#define INJECTKEEP_H
#include "inject.h"

struct injectkeep {
	int sock;  /* -1: none is running */
	pid_t pid;
};

/* Can a message of these sizes go this way?  Larger ones stream. */
int injectkeep_fits(size_t msg, size_t env);
/*
 * As inject_message, without a chain.  Where the service is not there a program
 * is started; one that has gone meanwhile is started anew.  INJECT_OK only when
 * the message is durable.
 */
enum inject_result injectkeep_message(struct injectkeep *k, struct inject *in,
    const struct buf *msg, const struct buf *env, uint64_t deadline);
/* Lets it end; does not wait. */
void injectkeep_end(struct injectkeep *k);
#endif
