/* Reports to senders: starting bounce-build for the failed goals of a
 * message, or for its delay. */
#ifndef REPORT_H
#define REPORT_H
#include "settings.h"
#include "work.h"

/*
 * Starts bounce-build for one sender's failed goals of w (state GOAL_FAILED)
 * that have no report running, or, with delay, for the deferred ones.  Fills
 * goal (w->ngoal places) with their numbers and *n with how many.  Returns
 * the pid; 0 when there is nothing to report; -1 with errno.
 */
int report_start(struct work *w, const struct map *table, int delay,
    unsigned *goal, unsigned *n);
/* Is no report wanted of this goal (NOTIFY without FAILURE or DELAY)? */
int report_unwanted(const struct work *w, const struct goal *g, int delay);
#endif
