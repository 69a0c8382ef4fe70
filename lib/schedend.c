#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "report.h"
#include "sched.h"

enum { REPORTS_MAX = 10 };

static int64_t
age(const struct work *w)
{
	return (int64_t)time(NULL) -
	    (int64_t)(id_time(w->slot.head.id) / 1000000);
}

/* At the end of the queue's lifetime what is deferred has failed. */
static void
expire(struct sched *s, struct work *w)
{
	struct goal *g;
	unsigned i;

	if (age(w) < (int64_t)setting_num(&s->tables->map, "qreturn"))
		return;
	for (i = 0; i < w->ngoal; i++) {
		g = &w->goal[i];
		if (g->state != GOAL_DEFERRED)
			continue;
		log_warn("queue-expire", "id=%.*s to=<%s>", ID_LEN,
		    w->slot.head.id, g->addr);
		work_verdict(w, i, GOAL_FAILED, g->status[0] ? g->status
		    : "4.4.7", g->text, strlen(g->text));
	}
}

/* Failed goals whose sender wants no report are settled. */
static void
drop_unwanted(struct work *w)
{
	unsigned i;

	for (i = 0; i < w->ngoal; i++)
		if (w->goal[i].state == GOAL_FAILED &&
		    !work_report_wanted(w, &w->goal[i], DSN_FAILURE))
			work_verdict(w, i, GOAL_REPORTED, w->goal[i].status,
			    "", 0);
}

static int
start(struct sched *s, struct work *w, enum dsn_kind kind)
{
	w->report_kind = kind;
	return report_start(w, &s->tables->map, kind, w->reported,
	    &w->nreported);
}

/* A report of failures, of what has arrived, or of the delay once it is long
 * enough.  1: one is running now; 0: none is wanted; -1: none can be started
 * now. */
static int
report(struct sched *s, struct work *w)
{
	uint64_t warn = setting_num(&s->tables->map, "delay-warning");
	int pid;

	if (w->report_failed)
		return 0;
	free(w->reported);
	w->reported = xalloc((w->ngoal + 1) * sizeof *w->reported);
	if (s->reports >= REPORTS_MAX)
		return -1;
	pid = start(s, w, DSN_FAILURE);
	if (pid == 0)
		pid = start(s, w, DSN_SUCCESS);
	if (pid == 0 && warn > 0 && !w->slot.head.warned &&
	    w->slot.env.senderlen > 0 && age(w) >= (int64_t)warn)
		pid = start(s, w, DSN_DELAY);
	if (pid == -1) {
		log_warn("report-start", "id=%.*s err=%m", ID_LEN,
		    w->slot.head.id);
		w->report_failed = 1;
		return 0;
	}
	if (pid == 0)
		return 0;
	w->report = pid;
	w->running++;
	s->reports++;
	return 1;
}

int
sched_reaped(struct sched *s, int pid, int code)
{
	struct work *w;
	unsigned i;

	for (w = s->active; w != NULL && w->report != pid; w = w->next)
		;
	if (w == NULL || pid == 0)
		return 0;
	w->report = 0;
	w->running--;
	s->reports--;
	if (code != 0) {
		log_warn("report-fail", "id=%.*s code=%d", ID_LEN,
		    w->slot.head.id, code);
		w->report_failed = 1;
	} else if (w->report_kind == DSN_DELAY) {
		w->slot.head.warned = 1;
	} else {
		for (i = 0; i < w->nreported; i++) {
			w->sync_later = i + 1 < w->nreported;
			work_verdict(w, w->reported[i],
			    w->report_kind == DSN_SUCCESS ? GOAL_DONE
			    : GOAL_REPORTED, w->goal[w->reported[i]].status,
			    "", 0);
		}
	}
	sched_settled(s, w);
	return 1;
}

/* Seconds to the next attempt: half of the message's age, within the bounds
 * of the settings, and up to a quarter more so that attempts spread. */
static uint32_t
backoff(const struct sched *s, const struct work *w)
{
	uint64_t min = setting_num(&s->tables->map, "retry-min");
	uint64_t max = setting_num(&s->tables->map, "retry-max");
	int64_t a = age(w);
	uint64_t wait = a > 0 ? (uint64_t)a / 2 : 0;

	if (wait > max)
		wait = max;
	if (wait < min)
		wait = min;
	/* NOLINTNEXTLINE(cert-msc30-c,cert-msc50-cpp): no secret. */
	return (uint32_t)(wait + (uint64_t)rand() % (wait / 4 + 1));
}

static void
reschedule(struct sched *s, struct work *w)
{
	struct msg *m = w->m;

	m->attempts++;
	m->next = (uint32_t)time(NULL) + backoff(s, w);
	w->slot.head.attempts = m->attempts;
	w->slot.head.next = m->next;
	if (slot_mark(w->slot.fd, &w->slot.head) == -1)
		log_warn("queue-mark", "id=%.*s err=%m", ID_LEN, m->id);
	store_schedule(s->store, m);
	sched_unload(s, w);
}

int
sched_end(struct sched *s, struct work *w)
{
	struct msg *m = w->m;
	int sync;

	if (w->todo > 0) {
		/* Stopping: what was not begun stays as it was. */
		m->next = 0;
		store_schedule(s->store, m);
		sched_unload(s, w);
		return 0;
	}
	work_fail_loops(w);
	expire(s, w);
	drop_unwanted(w);
	switch (s->stopping ? 0 : report(s, w)) {
	case 1:
		return 0;
	case -1:
		return 1;
	}
	if (work_settle(w) > 0) {
		reschedule(s, w);
		return 0;
	}
	/* The mark must be durable where nobody else remembers what was done,
	 * and before a file goes that the message would need once more. */
	sync = w->remote_done || w->slot.head.flags & SLOT_BODY;
	if (store_done(s->store, m, &w->slot, sync) == -1) {
		if (errno == EWOULDBLOCK)
			return 1;
		log_warn("queue-done", "id=%.*s err=%m", ID_LEN, m->id);
		m->again = 1;
		reschedule(s, w);
		return 0;
	}
	sched_unload(s, w);
	return 0;
}
