/* Reports to senders: starting bounce-build for the failed goals of a
 * message, for its delay, or for its success. */
#ifndef REPORT_H
#define REPORT_H
#include "settings.h"
#include "work.h"

/*
 * Starts bounce-build for one sender's goals of w that a report of this kind
 * is about: those in GOAL_FAILED, GOAL_DEFERRED or GOAL_ARRIVED.  Fills goal
 * (w->ngoal places) with their numbers and *n with how many.  Returns the pid;
 * 0 when there is nothing to report; -1 with errno.
 */
int report_start(struct work *w, const struct map *table, enum dsn_kind kind,
    unsigned *goal, unsigned *n);
#endif
