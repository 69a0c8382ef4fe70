/* The questions that a resident mx-lookup has under way, who asked them, and
 * the answers that it remembers (protocol: mx-lookup(8)). */
#ifndef MXSERVE_H
#define MXSERVE_H
#include <stdint.h>

#include "lineserv.h"
#include "mxresolve.h"

enum {
	MXSERVE_REMEMBER = 1024,   /* answers kept ... */
	MXSERVE_TEXT_MAX = 4096    /* ... of at most so many bytes */
};

struct question;

/* A look-up under way, for the owner; asks[tag] of the question. */
struct ask {
	struct question *q;
	void *via;
	int id;
	int busy;
};

struct question {
	struct question *next;
	struct mxresolve r;
	uint64_t deadline; /* clock_ms */
	struct ask asks[MXR_LOOKUPS];
};

struct memory {
	char *key;
	struct buf text;
	uint64_t expires; /* clock_ms */
};

/* Zero-initialised but for timeout and serv.fd (-1 while there is none). */
struct mxserve {
	uint64_t timeout; /* ms for each question */
	struct question *questions;
	struct lineserv serv;
	struct memory memory[MXSERVE_REMEMBER];
};

/* A new question; takes over what r owns. */
struct question *mxserve_add(struct mxserve *s, const struct mxresolve *r);
/* A lineserv_line (arg: the mxserve): answers what needs no look-up or is
 * remembered; else lets the client wait for the question, which is added
 * unless it is being asked already. */
void mxserve_line(void *arg, struct client *c, const char *line, size_t n);
/* The question is done: answers all who wait for it, remembers the answer as
 * long as it may be, and frees the question. */
void mxserve_conclude(struct mxserve *s, struct question *q);
#endif
