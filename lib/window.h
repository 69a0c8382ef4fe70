/* How much happened in the last hour, or day, in three numbers. */
#ifndef WINDOW_H
#define WINDOW_H
#include <stdint.h>

/*
 * Counts of two spans of time, one behind the other; the newer one begins at
 * start (seconds).  What is asked for is the newer count and the share of the
 * older one that is still inside of a window that ends now, as if it had come
 * evenly.  The first span begins with the first event, so that what came at
 * once is forgotten together.  Zero-initialised is empty.
 */
struct window {
	uint64_t start;
	uint32_t prev;
	uint32_t cur;
};

/* The count at time now for a window of len seconds. */
uint64_t window_count(struct window *w, uint64_t now, uint64_t len);
void window_add(struct window *w, uint64_t now, uint64_t len, uint32_t n);
/* Takes back n of what was added. */
void window_back(struct window *w, uint32_t n);
#endif
