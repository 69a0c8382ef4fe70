#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "log.h"
#include "workmsg.h"
#include "packet.h"
#include "sched.h"

enum {
	ORDER_RCPTS = 100,
	ORDER_BYTES = 50000,  /* of recipients in one order */
	/* Of one with its message: a program that gets several orders for one
	 * mailbox at once must never make the spawner wait to send them. */
	WHOLE_SMTP = 20000,
	WHOLE_VHOST = 6500,
	LIMIT_MAX = DELIVERIES / 2 /* deliveries of one channel */
};

static unsigned
bounded(uint64_t n)
{
	return n > LIMIT_MAX ? LIMIT_MAX : (unsigned)n;
}

static void
take_settings(struct sched *s)
{
	const struct map *m = &s->tables->map;

	s->limit[CHAN_LOCAL] = bounded(setting_num(m, "concurrency-local"));
	s->limit[CHAN_REMOTE] = bounded(setting_num(m, "concurrency-remote"));
	s->dest_limit = (unsigned)setting_num(m, "concurrency-destination");
	if (s->dest_limit == 0)
		s->dest_limit = 1;
	s->store->recycle = (int)setting_num(m, "queue-recycle");
	s->stirred = 1;
}

void
sched_tables(struct sched *s)
{
	if (!tables_refresh(s->tables))
		return;
	take_settings(s);
	log_info("queue-tables", "conf=%s", tables_hash(&s->tables->map));
}

void
sched_init(struct sched *s, struct store *store, struct tables *t, int local,
    int remote)
{
	memset(s, 0, sizeof *s);
	s->store = store;
	s->tables = t;
	s->end = &s->active;
	s->chan[CHAN_LOCAL] = local;
	s->chan[CHAN_REMOTE] = remote;
	take_settings(s);
}

void
sched_writable(struct sched *s, int chan)
{
	s->full[chan] = 0;
	s->stirred = 1;
}

/* ---- destinations ---- */

unsigned
sched_dest_limit(const struct sched *s, const struct goal *g)
{
	/* One mailbox file takes one message at a time. */
	return g->kind == GOAL_MBOX && s->dest_limit > 2 ? 2 : s->dest_limit;
}

void
sched_unpark(struct sched *s, struct msglist *l)
{
	struct msg *m;
	int i;

	for (i = 0; i < 10 && (m = msglist_take(l)) != NULL; i++)
		store_ready(s->store, m);
}

void
sched_retry(struct sched *s)
{
	struct dest *d;
	int i;

	for (i = 0; i < DESTS; i++) {
		for (d = s->dests.chain[i]; d != NULL; d = d->next) {
			d->until = 0;
			while (d->parked.n > 0)
				sched_unpark(s, &d->parked);
		}
	}
	store_due_all(s->store);
	s->stirred = 1;
}

/* ---- orders ---- */

/* Has the other goal a place in an order for g? */
static int
goes_along(const struct goal *g, const struct goal *o)
{
	return o->state == GOAL_TODO && o->kind == g->kind &&
	    (g->kind == GOAL_VHOST || g->kind == GOAL_SMTP) &&
	    o->uid == g->uid && o->gid == g->gid &&
	    strcmp(o->dest, g->dest) == 0 && (o->sender == g->sender ||
		(o->sender && g->sender && strcmp(o->sender, g->sender) == 0));
}

/* The recipient's attributes; what is told of it to whom is ours to say. */
static void
add_attrs(struct buf *b, const struct work *w, const struct goal *g)
{
	const struct recipient *root = &w->root[g->root];
	char t[NOTIFY_MAX];
	const char *p, *v;
	size_t n;

	for (p = root->attrs; p < root->end; p += n) {
		n = strlen(p) + 1;
		if (strncmp(p, "anotify=", 8) == 0) {
			if ((v = work_notify(w, g, t)) != NULL)
				record_attr(b, 'a', "notify", v);
		} else if (g->sender == NULL || strncmp(p, "aorcpt=", 7) != 0) {
			buf_add(b, p, n);
		}
	}
}

static void
add_rcpt(struct buf *b, const struct work *w, const struct goal *g)
{
	const struct recipient *root = &w->root[g->root];

	record_adds(b, 'T', g->addr);
	add_attrs(b, w, g);
	if (g->attr != NULL)
		record_adds(b, 'a', g->attr);
	if (strcmp(g->addr, root->addr) != 0 && root->len < RECORD_MAX - 10)
		record_attr(b, 'a', "orig", root->addr);
}

/* The packet for goal i and those that go along; their numbers into dl. */
static void
make_order(struct buf *b, struct work *w, unsigned i, struct delivery *dl)
{
	const struct goal *g = &w->goal[i];
	const struct envelope *e = &w->slot.env;
	unsigned k;

	b->len = 0;
	buf_byte(b, 'N');
	buf_num(b, dl->number);
	buf_byte(b, '\0');
	record_adds(b, 'P', goal_word(g->kind));
	record_adds(b, 'D', g->dest);
	record_add(b, 'I', w->slot.head.id, ID_LEN);
	record_adds(b, 'B', w->m->again ? "again" : "first");
	buf_add(b, e->attrs, (size_t)(e->sender - 1 - e->attrs));
	record_adds(b, 'F', g->sender ? g->sender : e->sender);
	dl->goal = xrealloc(dl->goal, ORDER_RCPTS * sizeof *dl->goal);
	dl->ngoal = 0;
	for (k = i; k < w->ngoal && dl->ngoal < ORDER_RCPTS &&
	     b->len < ORDER_BYTES; k++) {
		if (k != i && !goes_along(g, &w->goal[k]))
			continue;
		add_rcpt(b, w, &w->goal[k]);
		dl->goal[dl->ngoal++] = k;
	}
	buf_byte(b, '\0');
}

/* Its number says its place in the table too. */
static struct delivery *
new_delivery(struct sched *s)
{
	unsigned i;

	for (i = 0; i < DELIVERIES; i++) {
		if (s->delivery[i].number == 0) {
			s->number = s->number % (UINT_MAX / DELIVERIES - 1) + 1;
			s->delivery[i].number = s->number * DELIVERIES + i;
			return &s->delivery[i];
		}
	}
	return NULL;
}

/* The order for dl cannot be sent, and waiting would not help. */
static void
defer_order(struct work *w, const struct delivery *dl, const char *what)
{
	unsigned k;

	log_warn("queue-order", "id=%.*s what=%s err=%m", ID_LEN,
	    w->slot.head.id, what);
	w->todo -= dl->ngoal;
	for (k = 0; k < dl->ngoal; k++)
		work_verdict(w, dl->goal[k], GOAL_DEFERRED, "4.3.0", what,
		    strlen(what));
}

/* A small message is sent in the order, where the program takes it so:
 * cheaper for all than one more pipe. */
static int
add_message(struct buf *order, const struct work *w, enum goal_kind kind)
{
	size_t n = w->slot.msglen, max = kind == GOAL_SMTP ? WHOLE_SMTP
	    : kind == GOAL_VHOST ? WHOLE_VHOST : 0;

	if (n == 0 || w->slot.head.flags & SLOT_BODY || order->len + n > max)
		return 0;
	buf_add(order, w->slot.data.p, n);
	return 1;
}

/* The message and the order to the spawner: 0; -1 when it is not sent, now or
 * (with the goals deferred) at all. */
static int
hand_over(struct sched *s, struct work *w, const struct delivery *dl,
    struct buf *order)
{
	int message = -1, r;

	if (!add_message(order, w, w->goal[dl->goal[0]].kind) &&
	    (message = workmsg_open(w)) == -1) {
		defer_order(w, dl, "the message cannot be opened");
		return -1;
	}
	if (work_reserve(w, dl->goal, dl->ngoal) == -1) {
		defer_order(w, dl, "no room in the queue");
		if (message != -1)
			close(message);
		return -1;
	}
	r = packet_send(s->chan[dl->chan], order->p, order->len, message);
	if (r == -1 && (errno == EAGAIN || errno == ENOBUFS))
		s->full[dl->chan] = 1;
	else if (r == -1)
		defer_order(w, dl, "the order cannot be sent");
	if (message != -1)
		close(message);
	return r;
}

/* Starts the delivery of goal i and of those that go along. */
static void
send_order(struct sched *s, struct work *w, unsigned i, struct dest *d)
{
	struct delivery *dl = new_delivery(s);
	unsigned k;

	if (dl == NULL)
		return;
	dl->w = w;
	dl->dest = d;
	dl->chan = w->goal[i].kind == GOAL_SMTP;
	dl->started = clock_us();
	make_order(&s->order, w, i, dl);
	if (hand_over(s, w, dl, &s->order) == -1) {
		dl->number = 0;
	} else {
		for (k = 0; k < dl->ngoal; k++)
			w->goal[dl->goal[k]].state = GOAL_RUNNING;
		w->todo -= dl->ngoal;
		w->running++;
		d->running++;
		s->running[dl->chan]++;
	}
}

/* A goal whose destination is backed off is deferred without an attempt.  Its
 * reason is written down the first time only. */
static void
defer_backed_off(struct work *w, unsigned i, const struct dest *d)
{
	w->todo--;
	if (w->m->attempts == 0)
		work_verdict(w, i, GOAL_DEFERRED, "4.4.1", d->why.p,
		    d->why.len);
	else
		w->goal[i].state = GOAL_DEFERRED;
}

void
sched_start(struct sched *s, struct work *w)
{
	uint32_t now = (uint32_t)time(NULL);
	struct goal *g;
	struct dest *d;
	unsigned i;
	int chan;

	for (i = 0; i < w->ngoal && w->todo > 0 && !s->stopping; i++) {
		g = &w->goal[i];
		chan = g->kind == GOAL_SMTP;
		if (g->state != GOAL_TODO || s->full[chan] ||
		    s->running[chan] >= s->limit[chan])
			continue;
		d = dest_get(&s->dests, g);
		if (d->until > now)
			defer_backed_off(w, i, d);
		else if (d->running < sched_dest_limit(s, g))
			send_order(s, w, i, d);
		if (d->running == 0)
			dest_drop(&s->dests, d);
	}
}

int
sched_idle(const struct sched *s)
{
	return s->running[CHAN_LOCAL] == 0 && s->running[CHAN_REMOTE] == 0 &&
	    s->reports == 0;
}
