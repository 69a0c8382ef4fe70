#include <errno.h>
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
#include "str.h"
#include "verdict.h"

enum {
	ORDER_RCPTS = 100,
	ORDER_BYTES = 50000,  /* of recipients in one order */
	STALLED_MS = 1000,    /* no verdict for so long: others go first */
	BACKOFF_MIN = 60,     /* seconds, of a destination; doubled each time */
	BACKOFF_MAX = 3600
};

static const char *const kinds[] = {"vhost", "mbox", "pipe", "file", "include",
    "smtp", ""};

void
sched_settings(struct sched *s)
{
	const struct map *m = &s->tables->map;

	s->limit[CHAN_LOCAL] = (unsigned)setting_num(m, "concurrency-local");
	s->limit[CHAN_REMOTE] = (unsigned)setting_num(m, "concurrency-remote");
	s->dest_limit = (unsigned)setting_num(m, "concurrency-destination");
	if (s->dest_limit == 0)
		s->dest_limit = 1;
	s->store->recycle = (int)setting_num(m, "queue-recycle");
}

void
sched_init(struct sched *s, struct store *store, struct tables *t, int local,
    int remote)
{
	memset(s, 0, sizeof *s);
	s->store = store;
	s->tables = t;
	s->chan[CHAN_LOCAL] = local;
	s->chan[CHAN_REMOTE] = remote;
	sched_settings(s);
}

/* ---- destinations ---- */

static struct dest *
dest_get(struct sched *s, const struct goal *g)
{
	struct buf b = {0};
	struct dest *d, **at;
	unsigned h = 5381;
	const char *p;

	buf_fmt(&b, "%s %s", kinds[g->kind], g->dest);
	for (p = buf_cstr(&b); *p; p++)
		h = h * 33 ^ (unsigned char)*p;
	for (at = &s->dest[h % DESTS]; (d = *at) != NULL; at = &d->next)
		if (strcmp(d->key, b.p) == 0)
			break;
	if (d != NULL) {
		buf_free(&b);
		return d;
	}
	d = xalloc(sizeof *d);
	memset(d, 0, sizeof *d);
	d->key = b.p; /* owned from here on */
	d->answered = clock_ms();
	*at = d;
	return d;
}

/* Forgets a destination that nothing is to be remembered of. */
static void
dest_drop(struct sched *s, struct dest *d)
{
	unsigned h = 5381;
	struct dest **at;
	const char *p;

	if (d->running > 0 || d->fails > 0 || d->parked.n > 0)
		return;
	for (p = d->key; *p; p++)
		h = h * 33 ^ (unsigned char)*p;
	for (at = &s->dest[h % DESTS]; *at != d; at = &(*at)->next)
		;
	*at = d->next;
	free(d->key);
	free(d);
}

static unsigned
dest_limit(const struct sched *s, const struct goal *g)
{
	/* One mailbox file takes one message at a time. */
	return g->kind == GOAL_MBOX && s->dest_limit > 2 ? 2 : s->dest_limit;
}

/* A verdict came from the destination, or it could not be reached. */
static void
dest_answered(struct dest *d, int reached)
{
	uint32_t wait;

	d->answered = clock_ms();
	if (reached) {
		d->fails = 0;
		d->until = 0;
		return;
	}
	wait = BACKOFF_MIN << (d->fails < 6 ? d->fails : 6);
	if (wait > BACKOFF_MAX)
		wait = BACKOFF_MAX;
	d->fails++;
	d->until = (uint32_t)time(NULL) + wait + (uint32_t)(rand() % 15);
}

/* Messages that waited for a place may try again. */
static void
unpark(struct sched *s, struct msglist *l)
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
		for (d = s->dest[i]; d != NULL; d = d->next) {
			d->until = 0;
			while (d->parked.n > 0)
				unpark(s, &d->parked);
		}
	}
	store_due_all(s->store);
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

static void
add_rcpt(struct buf *b, const struct work *w, const struct goal *g)
{
	const struct recipient *root = &w->root[g->root];

	record_adds(b, 'T', g->addr);
	buf_add(b, root->attrs, (size_t)(root->end - root->attrs));
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

	buf_fmt(b, "N%u%cP%s%cD%s%cI%.16s%cB%s", dl->number, 0, kinds[g->kind],
	    0, g->dest, 0, w->slot.head.id, 0, w->m->again ? "again" : "first");
	buf_byte(b, '\0');
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

static struct delivery *
new_delivery(struct sched *s)
{
	struct delivery *d;

	for (d = s->delivery; d < s->delivery + DELIVERIES; d++) {
		if (d->number == 0) {
			if (++s->number == 0)
				s->number = 1;
			d->number = s->number;
			return d;
		}
	}
	return NULL;
}

/* Sends the order for goal i: 1 when it was sent, 0 when it cannot be now. */
static int
send_order(struct sched *s, struct work *w, unsigned i, struct dest *d)
{
	struct delivery *dl = new_delivery(s);
	int chan = w->goal[i].kind == GOAL_SMTP, message, sent = 0;
	struct buf b = {0};
	unsigned k;

	if (dl == NULL)
		return 0;
	message = workmsg_open(w);
	if (message == -1) {
		log_warn("queue-message", "id=%.16s err=%m", w->slot.head.id);
		dl->number = 0;
		return 0;
	}
	make_order(&b, w, i, dl);
	sent = packet_send(s->chan[chan], b.p, b.len, message) == 0;
	if (!sent)
		s->full[chan] = 1;
	close(message);
	buf_free(&b);
	if (!sent) {
		dl->number = 0;
		return 0;
	}
	dl->w = w;
	dl->dest = d;
	dl->chan = chan;
	dl->started = clock_us();
	for (k = 0; k < dl->ngoal; k++)
		w->goal[dl->goal[k]].state = GOAL_RUNNING;
	w->todo -= dl->ngoal;
	w->running++;
	d->running++;
	s->running[chan]++;
	return 1;
}

/* A goal whose destination is backed off is deferred without an attempt.  Its
 * reason is written down the first time only. */
static void
defer_backed_off(struct work *w, unsigned i)
{
	static const char why[] = "the destination was not reached a moment "
				  "ago and is left alone for now";

	w->todo--;
	if (w->m->attempts == 0)
		work_verdict(w, i, GOAL_DEFERRED, "4.4.1", why, strlen(why));
	else
		w->goal[i].state = GOAL_DEFERRED;
}

/* Starts what may start of one message. */
static void
start_orders(struct sched *s, struct work *w)
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
		d = dest_get(s, g);
		if (d->until > now)
			defer_backed_off(w, i);
		else if (d->running < dest_limit(s, g))
			send_order(s, w, i, d);
		if (d->running == 0)
			dest_drop(s, d);
	}
}

/* ---- verdicts ---- */

/* The next host that the text of a remote verdict begins with, or the kind. */
static const char *
relay(const struct goal *g, const struct verdict *v, int *len)
{
	const char *sp = memchr(v->text, ' ', v->len);

	if (g->kind == GOAL_SMTP && sp != NULL &&
	    memchr(v->text, '[', (size_t)(sp - v->text)) != NULL) {
		*len = (int)(sp - v->text);
		return v->text;
	}
	*len = (int)strlen(kinds[g->kind]);
	return kinds[g->kind];
}

/* The log line of one recipient's fate; Postfix's fields. */
static void
log_verdict(const struct work *w, const struct goal *g,
    const struct delivery *dl, const struct verdict *v)
{
	static const char *const event[] = {"deliver-done", "deliver-defer",
	    "deliver-fail"}, *const word[] = {"sent", "deferred", "bounced"};
	unsigned long long now = clock_us(), born = id_time(w->slot.head.id);
	int k = v->kind == 'K' ? 0 : v->kind == 'Z' ? 1 : 2, rlen;
	const struct recipient *root = &w->root[g->root];
	const char *r = relay(g, v, &rlen);

	(k ? log_warn : log_info)(event[k],
	    "id=%.*s to=<%s> orig_to=<%s> relay=%.*s delay=%llu.%llu "
	    "delays=%llu/%llu/0/%llu dsn=%s status=%s text=%.*s",
	    ID_LEN, w->slot.head.id, g->addr, root->addr, rlen, r,
	    (now - born) / 1000000, (now - born) / 100000 % 10,
	    (w->loaded - born) / 1000,
	    (unsigned long long)(dl->started - w->loaded) / 1000,
	    (now - dl->started) / 1000, v->status, word[k],
	    (int)(v->len < 300 ? v->len : 300), v->text);
}

/* Does the status say that the destination as a whole was not reached? */
static int
unreached(const struct verdict *v)
{
	return v->kind == 'Z' && (strcmp(v->status, "4.4.1") == 0 ||
	    strcmp(v->status, "4.4.3") == 0);
}

static void
apply(struct delivery *dl, unsigned i, const struct verdict *v)
{
	struct work *w = dl->w;

	work_verdict(w, i, v->kind == 'K' ? GOAL_DONE
	    : v->kind == 'Z' ? GOAL_DEFERRED : GOAL_FAILED, v->status, v->text,
	    v->len);
	log_verdict(w, &w->goal[i], dl, v);
}

/* One line of an answer.  A place to forward to becomes goals; the verdict
 * that was read first stands. */
static int
line(struct sched *s, struct delivery *dl, const char *p, size_t n,
    int *reached)
{
	struct verdict v;
	struct goal *g;
	unsigned i;

	if (verdict_parse(&v, p, n) == -1 || v.index > dl->ngoal)
		return -1;
	i = dl->goal[v.index - 1];
	g = &dl->w->goal[i];
	if (v.kind == 'F') {
		if (g->state != GOAL_RUNNING && g->state != GOAL_EXPANDED)
			return 0;
		if (g->state == GOAL_RUNNING)
			work_verdict(dl->w, i, GOAL_EXPANDED, "", "", 0);
		work_expand(dl->w, &s->tables->map, dl->w->goal[i].root,
		    v.text, v.len, &dl->w->goal[i]);
	} else if (g->state == GOAL_RUNNING ||
	    (g->state == GOAL_EXPANDED && v.kind != 'K')) {
		apply(dl, i, &v);
	}
	*reached |= !unreached(&v);
	return 0;
}

/* The whole answer is there. */
static void
finish(struct sched *s, struct delivery *dl, int code)
{
	struct records r = {dl->lines.p, dl->lines.p + dl->lines.len};
	struct verdict v = {.kind = code == 100 ? 'D' : 'Z'};
	int reached = 0, lines = 0;
	const char *t;
	unsigned i;
	size_t n;
	char tag;

	while (record_next(&r, &tag, &t, &n) == 1) {
		if (line(s, dl, t, n, &reached) == -1)
			log_warn("deliver-rubbish", "id=%.*s line=%.*s", ID_LEN,
			    dl->w->slot.head.id, (int)n, t);
		lines++;
	}
	/* Recipients that the program said nothing of. */
	strcpy(v.status, code == 100 ? "5.3.0" : "4.3.0");
	v.text = "delivery program ended without a verdict";
	v.len = strlen(v.text);
	for (i = 0; i < dl->ngoal; i++) {
		if (dl->w->goal[dl->goal[i]].state == GOAL_RUNNING) {
			dl->w->m->again = 1; /* it may have been done */
			apply(dl, dl->goal[i], &v);
		}
	}
	dest_answered(dl->dest, reached || lines == 0);
	s->answered[dl->chan] = clock_ms();
	s->running[dl->chan]--;
	dl->dest->running--;
	dl->w->running--;
	unpark(s, &dl->dest->parked);
	unpark(s, &s->parked[dl->chan]);
	dest_drop(s, dl->dest);
	dl->number = 0;
	dl->lines.len = 0;
}

int
sched_answer(struct sched *s, const char *p, size_t n)
{
	struct records r = {p, p + n};
	struct delivery *dl = s->delivery;
	uint64_t number, code = 111;
	const char *t;
	size_t len;
	char tag;
	int k, ended = 0;

	if (record_next(&r, &tag, &t, &len) != 1 || tag != 'N' ||
	    parse_u64(t, len, &number) == -1 || number == 0)
		return -1;
	while (dl < s->delivery + DELIVERIES && dl->number != number)
		dl++;
	if (dl == s->delivery + DELIVERIES)
		return -1;
	while ((k = record_next(&r, &tag, &t, &len)) == 1) {
		if (tag == 'L') {
			record_add(&dl->lines, 'L', t, len);
		} else if (tag == 'E') {
			parse_u64(t, len, &code);
			ended = 1;
		}
	}
	if (k != 0)
		return -1;
	if (ended)
		finish(s, dl, (int)code);
	return 0;
}

/* ---- messages ---- */

/* Takes what waits for a slow destination out of the way of the rest. */
static void
park(struct sched *s, struct work **at)
{
	struct work *w = *at;
	struct msg *m = w->m;
	struct goal *g = w->goal;
	uint64_t now = clock_ms();
	struct dest *d;

	while (g->state != GOAL_TODO)
		g++;
	d = dest_get(s, g);
	if (d->running >= dest_limit(s, g)) {
		if (now - d->answered < STALLED_MS)
			return;
		msglist_add(&d->parked, m);
	} else {
		if (now - s->answered[g->kind == GOAL_SMTP] < STALLED_MS)
			return;
		msglist_add(&s->parked[g->kind == GOAL_SMTP], m);
	}
	m->state = MSG_PARKED;
	*at = w->next;
	s->nactive--;
	work_free(w);
}

/* A slot that could not be loaded. */
static void
not_loaded(struct sched *s, struct msg *m)
{
	switch (errno) {
	case ENOENT:
	case ENODATA: /* free, or another message's: this one has ended */
		break;
	case EPROTO:
		store_aside(s->store, m->num, "checksum or contents");
		break;
	default:
		log_warn("queue-load", "id=%.*s err=%m", ID_LEN, m->id);
		m->next = (uint32_t)time(NULL) + 60;
		store_schedule(s->store, m);
		return;
	}
	store_forget(s->store, m);
}

static void
load(struct sched *s)
{
	struct work *w;
	struct msg *m;

	while (s->nactive < ACTIVE_MAX && !s->stopping &&
	    (m = msglist_take(&s->store->ready)) != NULL) {
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
		w->next = s->active;
		s->active = w;
		s->nactive++;
	}
}

int
sched_run(struct sched *s)
{
	struct work **at, *w;
	int again = 0, crowded;

	load(s);
	crowded = s->nactive >= ACTIVE_MAX && s->store->ready.n > 0;
	for (at = &s->active; (w = *at) != NULL;) {
		if (w->todo > 0)
			start_orders(s, w);
		if (w->running == 0 && (w->todo == 0 || s->stopping)) {
			if (sched_end(s, at))
				again = 1;
		} else if (w->running == 0 && crowded) {
			park(s, at);
		}
		if (*at == w)
			at = &w->next;
	}
	return again;
}

int
sched_idle(const struct sched *s)
{
	return s->running[CHAN_LOCAL] == 0 && s->running[CHAN_REMOTE] == 0 &&
	    s->reports == 0;
}
