/* Destinations of deliveries: how many run, and which are backed off. */
#ifndef DEST_H
#define DEST_H
#include "store.h"
#include "work.h"

/* One destination (kind and name). */
struct dest {
	enum goal_kind kind;
	struct dest *next;      /* in its hash chain */
	unsigned running;
	unsigned fails;         /* in a row, of the whole destination */
	uint32_t until;         /* backed off until then, seconds since 1970 */
	uint64_t answered;      /* clock_ms of the last verdict */
	struct buf why;         /* why it was not reached last */
	struct msglist parked;  /* messages that wait for it, unloaded */
	char name[];
};

enum { DESTS = 1024 };

struct dests {
	struct dest *chain[DESTS];
};

/* The word for a goal's kind that the spawners know. */
const char *goal_word(enum goal_kind kind);
/* The destination of a goal, made if it is not known. */
struct dest *dest_get(struct dests *t, const struct goal *g);
/* Forgets it if nothing is to be remembered of it. */
void dest_drop(struct dests *t, struct dest *d);
/* A verdict came from it, or it could not be reached: back-off. */
void dest_answered(struct dest *d, int reached);
/* Keeps what was said of it when it could not be reached. */
void dest_note(struct dest *d, const char *text, size_t len);
#endif
