/* Which deliveries run now: destinations with limits and back-off, orders to
 * the spawners, verdicts back, and what becomes of a message then. */
#ifndef SCHED_H
#define SCHED_H
#include "dest.h"
#include "tables.h"
#include "work.h"

enum { CHAN_LOCAL, CHAN_REMOTE, CHANS };

/* An order that was sent. */
struct delivery {
	unsigned number;        /* 0: unused */
	struct work *w;
	struct dest *dest;
	int chan;
	unsigned *goal;
	unsigned ngoal;
	uint64_t started;       /* clock_us */
	struct buf lines;       /* L records of its answer so far */
};

enum { DELIVERIES = 512, ACTIVE_MAX = 200 };

struct sched {
	struct store *store;
	struct tables *tables;
	int chan[CHANS];
	int full[CHANS];        /* the socket took no more: wait for POLLOUT */
	unsigned running[CHANS];
	unsigned limit[CHANS];
	uint64_t answered[CHANS];      /* clock_ms of the last verdict */
	struct msglist parked[CHANS];  /* wait for any place at all */
	unsigned dest_limit;
	struct dests dests;
	struct delivery delivery[DELIVERIES];
	unsigned number;
	struct buf order;       /* the last one made */
	struct work *active;    /* list, in the order of loading */
	struct work **end;      /* of that list */
	unsigned nactive;
	struct work *unseen;    /* the first that was not tried to start yet */
	unsigned freed;         /* deliveries ended since all were tried */
	int stirred;            /* something else changed: all are tried */
	struct work *over;      /* list: nothing of them runs or is to start */
	uint64_t parked_at;     /* clock_ms */
	unsigned reports;       /* bounce-build processes running */
	int stopping;           /* TERM: start nothing more */
};

void sched_init(struct sched *s, struct store *store, struct tables *t,
    int local, int remote);
/* Opens the tables anew if another set is in force, with the limits as its
 * settings have them.  Done here before any recipient is expanded; the owner
 * does it when nothing happens, and when it is told to. */
void sched_tables(struct sched *s);
/* Loads what is ready, starts what may start, ends what is done.  Returns
 * whether it must soon be called again (a slot was still locked). */
int sched_run(struct sched *s);
/* The channel's socket takes packets again. */
void sched_writable(struct sched *s, int chan);
/* Starts what may start of one message. */
void sched_start(struct sched *s, struct work *w);
/* How many deliveries of the goal's destination may run. */
unsigned sched_dest_limit(const struct sched *s, const struct goal *g);
/* Has it come so far that nothing of w runs and nothing is to start?  Then the
 * next sched_run ends it. */
void sched_settled(struct sched *s, struct work *w);
/*
 * Nothing of w runs and nothing is to start: it is ended, or scheduled for its
 * next attempt, or a report is started (lib/schedend.c).  Unloads it unless it
 * goes on.  1 when it must be tried again in a moment.
 */
int sched_end(struct sched *s, struct work *w);
/* Takes w out of the list of active ones and frees it. */
void sched_unload(struct sched *s, struct work *w);
/* One answer packet of a spawner: 0, -1 when it is malformed. */
int sched_answer(struct sched *s, const char *p, size_t n);
/* Forgets every back-off (ALRM). */
void sched_retry(struct sched *s);
/* Messages of a parked list that may try again: a place has become free. */
void sched_unpark(struct sched *s, struct msglist *l);
/* A child of ours ended: a report.  1 when it was one. */
int sched_reaped(struct sched *s, int pid, int code);
/* Nothing runs any more? */
int sched_idle(const struct sched *s);
#endif
