/* Asking queue-run what it is doing with each message (INTERFACES 7). */
#ifndef QUEUEQ_H
#define QUEUEQ_H
#include <stdint.h>

#include "id.h"

struct queueq_msg {
	uint32_t slot;
	uint32_t next;     /* time of the next attempt */
	uint32_t attempts;
	char id[ID_LEN];
	char state[12];
};

struct queueq {
	struct queueq_msg *msg; /* sorted by slot */
	size_t n;
};

/*
 * Asks the socket `control' in the working directory.  0; -1 with errno:
 * queue-run is down (ENOENT, ECONNREFUSED), we may not ask it (EACCES), it did
 * not answer in time (ETIMEDOUT) or not in a way that we know (EPROTO).
 */
int queueq_ask(struct queueq *q);
/* What was said of the message in a slot; NULL: nothing. */
const struct queueq_msg *queueq_find(const struct queueq *q, uint32_t slot,
    const char *id);
void queueq_free(struct queueq *q);
/* One line of the answer, without its newline: 0, or -1. */
int queueq_parse(struct queueq_msg *m, const char *line, size_t n);
#endif
