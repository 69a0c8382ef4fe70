#include <errno.h>
#include <time.h>

#include "fdio.h"
#include "log.h"
#include "sched.h"

enum {
	STALLED_MS = 1000, /* no verdict for so long: others go first */
	PARK_EVERY = 100   /* ms between looks for such */
};

/* ---- the list of active messages ---- */

static void
add(struct sched *s, struct work *w)
{
	w->next = NULL;
	w->at = s->end;
	*s->end = w;
	s->end = &w->next;
	s->nactive++;
	if (s->unseen == NULL)
		s->unseen = w;
}

void
sched_unload(struct sched *s, struct work *w)
{
	*w->at = w->next;
	if (w->next != NULL)
		w->next->at = w->at;
	else
		s->end = w->at;
	if (s->unseen == w)
		s->unseen = w->next;
	s->nactive--;
	work_free(w);
}

void
sched_settled(struct sched *s, struct work *w)
{
	if (w->running > 0 || w->is_over || (w->todo > 0 && !s->stopping))
		return;
	w->is_over = 1;
	w->over = s->over;
	s->over = w;
}

/* Ends what is over; 1 when some must be tried again. */
static int
end_all(struct sched *s)
{
	struct work *w, *list = s->over;
	int again = 0;

	s->over = NULL;
	while ((w = list) != NULL) {
		list = w->over;
		w->is_over = 0;
		if (sched_end(s, w)) {
			again = 1;
			sched_settled(s, w);
		}
	}
	return again;
}

/* ---- loading and unloading ---- */

/* A slot that could not be loaded. */
static void
not_loaded(struct sched *s, struct msg *m)
{
	uint32_t num;

	switch (errno) {
	case ENOENT:
	case ENODATA: /* free, or another message's: this one has ended */
		num = m->num;
		store_forget(s->store, m);
		store_look(s->store, num);
		return;
	case EPROTO: /* damaged; or a late note of one that has ended met
	              * another message that is being written */
		num = m->num;
		store_forget(s->store, m);
		store_damaged(s->store, num);
		return;
	default:
		log_warn("queue-load", "id=%.*s err=%m", ID_LEN, m->id);
		m->next = (uint32_t)time(NULL) + 60;
		store_schedule(s->store, m);
	}
}

/* A message from this host: its first line in the log.  The line of one that
 * came by SMTP is smtp-recv's. */
static void
log_arrival(const struct work *w)
{
	const char *uid = envelope_attr(&w->slot.env, "uid");

	if (!w->m->again && w->m->attempts == 0 &&
	    envelope_attr(&w->slot.env, "peer") == NULL)
		log_info("msg-new", "id=%.*s from=<%s> size=%llu nrcpt=%u "
		    "uid=%s", ID_LEN, w->slot.head.id, work_sender(w),
		    (unsigned long long)w->slot.head.size, w->slot.env.nrcpt,
		    uid);
}

static void
load(struct sched *s)
{
	struct work *w;
	struct msg *m;

	if (s->nactive < ACTIVE_MAX && store_nready(s->store) > 0)
		sched_tables(s);
	while (s->nactive < ACTIVE_MAX && !s->stopping &&
	    (m = store_next(s->store)) != NULL) {
		m->state = MSG_ACTIVE;
		w = work_load(s->store, m, &s->tables->map);
		if (w == NULL) {
			not_loaded(s, m);
			continue;
		}
		if (w->slot.head.state == SLOT_HELD) {
			m->state = MSG_HELD;
			work_free(w);
			continue;
		}
		log_arrival(w);
		add(s, w);
	}
}

/* Takes what waits for a slow destination out of the way of the rest. */
static void
park(struct sched *s, struct work *w, uint64_t now)
{
	struct goal *g = w->goal;
	struct dest *d;

	while (g->state != GOAL_TODO)
		g++;
	d = dest_get(&s->dests, g);
	if (d->running >= sched_dest_limit(s, g)) {
		if (now - d->answered < STALLED_MS)
			return;
		msglist_add(&d->parked, w->m);
	} else {
		if (now - s->answered[g->kind == GOAL_SMTP] < STALLED_MS)
			return;
		msglist_add(&s->parked[g->kind == GOAL_SMTP], w->m);
	}
	w->m->state = MSG_PARKED;
	sched_unload(s, w);
}

/* As many are loaded as may be, and others are ready. */
static void
park_some(struct sched *s)
{
	uint64_t now = clock_ms();
	struct work *w, *next;

	if (now - s->parked_at < PARK_EVERY)
		return;
	s->parked_at = now;
	for (w = s->active; w != NULL; w = next) {
		next = w->next;
		if (w->todo > 0 && w->running == 0)
			park(s, w, now);
	}
}

/* ---- what starts ---- */

static unsigned
running(const struct sched *s)
{
	return s->running[CHAN_LOCAL] + s->running[CHAN_REMOTE];
}

static void
try(struct sched *s, struct work *w)
{
	if (w->todo > 0)
		sched_start(s, w);
	sched_settled(s, w);
}

/*
 * When all were tried, nothing more may start of them.  A delivery that ends
 * then makes one place in its channel and its destination, which one of them
 * can take: with as many started as have ended the rest need not be tried.
 */
static void
start_some(struct sched *s)
{
	unsigned before = running(s);
	struct work *w = s->active;
	int all = s->stirred || s->stopping;

	s->stirred = 0;
	for (; w != s->unseen && (all || running(s) - before < s->freed);
	     w = w->next)
		try(s, w);
	for (w = s->unseen; w != NULL; w = w->next)
		try(s, w);
	s->unseen = NULL;
	s->freed = 0;
}

int
sched_run(struct sched *s)
{
	int again;

	load(s);
	start_some(s);
	again = end_all(s);
	if (s->nactive >= ACTIVE_MAX && store_nready(s->store) > 0)
		park_some(s);
	return again;
}
