#include <string.h>

#include "fdio.h"
#include "log.h"
#include "sched.h"
#include "str.h"
#include "verdict.h"

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
	*len = (int)strlen(goal_word(g->kind));
	return goal_word(g->kind);
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
		if (g->state == GOAL_RUNNING) {
			sched_tables(s);
			work_verdict(dl->w, i, GOAL_EXPANDED, "", "", 0);
		}
		work_expand(dl->w, &s->tables->map, dl->w->goal[i].root,
		    v.text, v.len, &dl->w->goal[i]);
		s->stirred = 1;
	} else if (g->state == GOAL_RUNNING ||
	    (g->state == GOAL_EXPANDED && v.kind != 'K')) {
		apply(dl, i, &v);
	}
	if (unreached(&v))
		dest_note(dl->dest, v.text, v.len);
	else
		*reached = 1;
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
	reached |= lines == 0;
	dest_answered(dl->dest, reached);
	if (!reached)
		s->stirred = 1; /* what waits for it is deferred */
	s->freed++;
	s->answered[dl->chan] = clock_ms();
	s->running[dl->chan]--;
	dl->dest->running--;
	dl->w->running--;
	sched_unpark(s, &dl->dest->parked);
	sched_unpark(s, &s->parked[dl->chan]);
	dest_drop(&s->dests, dl->dest);
	sched_settled(s, dl->w);
	dl->number = 0;
	dl->lines.len = 0;
}

int
sched_answer(struct sched *s, const char *p, size_t n)
{
	struct records r = {p, p + n};
	struct delivery *dl;
	uint64_t number, code = 111;
	const char *t;
	size_t len;
	char tag;
	int k, ended = 0;

	if (record_next(&r, &tag, &t, &len) != 1 || tag != 'N' ||
	    parse_u64(t, len, &number) == -1 || number == 0)
		return -1;
	dl = &s->delivery[number % DELIVERIES];
	if (dl->number != number)
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
