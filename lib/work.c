#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "log.h"
#include "work.h"

/* Buffers of messages that have ended, for the next ones: given back and asked
 * for anew, each would cost the kernel's work on its pages. */
enum { SPARES = 16, SPARE_MAX = 32768 };
static struct buf spare[SPARES];
static int nspare;

/* Key of a journal entry: the recipient and the place. */
static const char *
past_key(struct work *w, unsigned root, const char *place)
{
	struct buf b = {0};
	const char *k;

	buf_fmt(&b, "%u %s", root, place);
	k = arena_copy(&w->arena, b.p, b.len);
	buf_free(&b);
	return k;
}

const struct past *
work_past(struct work *w, unsigned root, const char *place)
{
	int *v;

	if (w->npast == 0)
		return NULL;
	v = strmap_get(&w->pastmap, past_key(w, root, place));
	return v ? &w->past[*v] : NULL;
}

/* Entries of the journal into w->past; of one place the last counts. */
static int
read_journal(struct work *w, int qdir)
{
	struct journal_entry e;
	struct buf b = {0};
	struct past *p;
	size_t at = 0;
	int i, r = journal_read(&b, &w->slot, qdir);

	if (r == 1)
		w->m->noted = 1;
	while (r == 1 && journal_next(&b, &at, &e)) {
		if (e.kind == JOURNAL_HOLD || e.kind == JOURNAL_RELEASE)
			continue;
		i = *strmap_put(&w->pastmap, past_key(w, e.index, e.place),
		    (int)w->npast);
		if (i == (int)w->npast)
			w->past = xrealloc(w->past,
			    ++w->npast * sizeof *w->past);
		p = &w->past[i];
		p->kind = e.kind;
		memcpy(p->status, e.status, sizeof p->status);
		p->text = arena_copy(&w->arena, e.text, strlen(e.text));
	}
	buf_free(&b);
	return r == -1 ? -1 : 0;
}

static struct goal *
new_goal(struct work *w, const struct goal *like)
{
	struct goal *g;

	if (w->ngoal == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 4;
		w->goal = xrealloc(w->goal, w->cap * sizeof *w->goal);
	}
	g = &w->goal[w->ngoal++];
	*g = *like;
	g->same = -1;
	if (g->text == NULL)
		g->text = "";
	return g;
}

struct goal *
work_decide(struct work *w, const struct goal *like, enum goal_state state,
    const char *status, const char *text)
{
	struct goal *g = new_goal(w, like);

	g->kind = GOAL_NONE;
	g->state = state;
	snprintf(g->status, sizeof g->status, "%s", status);
	g->text = arena_copy(&w->arena, text, strlen(text));
	return g;
}

/* A final recipient: kind, destination, address without case, and what the
 * spawner is told besides. */
static const char *
final_key(struct work *w, const struct goal *g)
{
	struct buf b = {0};
	const char *k;
	size_t i;

	buf_fmt(&b, "%d %s %s ", g->kind, g->dest, g->attr ? g->attr : "");
	/* A system user is the same under each of the system's domains. */
	for (i = 0; g->addr[i] != '\0' &&
	     (g->kind != GOAL_MBOX || g->addr[i] != '@'); i++)
		buf_byte(&b, g->addr[i] >= 'A' && g->addr[i] <= 'Z'
		    ? (char)(g->addr[i] + 32) : g->addr[i]);
	k = arena_copy(&w->arena, b.p, b.len);
	buf_free(&b);
	return k;
}

static void
expand_roots(struct work *w, const struct map *table)
{
	const char *at = w->slot.env.rcpts;
	unsigned i;

	w->root = xalloc(w->slot.env.nrcpt * sizeof *w->root);
	for (i = 0; i < w->slot.env.nrcpt; i++)
		if (envelope_rcpt(&w->slot.env, &at, &w->root[i]) &&
		    w->slot.states[i] == RCPT_TODO)
			work_expand(w, table, i, w->root[i].addr,
			    w->root[i].len, NULL);
}

struct work *
work_load(struct store *s, struct msg *m, const struct map *table)
{
	struct work *w = xalloc(sizeof *w);

	memset(w, 0, sizeof *w);
	w->m = m;
	w->qdir = s->qdir;
	if (nspare > 0)
		w->slot.data = spare[--nspare];
	if (slot_load(&w->slot, s->qdir, m->num, O_RDWR) == -1 ||
	    memcmp(w->slot.head.id, m->id, ID_LEN) != 0 ||
	    ((m->again || m->attempts > 0) &&
		read_journal(w, s->qdir) == -1)) {
		if (w->slot.fd != -1 &&
		    memcmp(w->slot.head.id, m->id, ID_LEN) != 0)
			errno = ENODATA;
		work_free(w);
		return NULL;
	}
	w->loaded = clock_us();
	expand_roots(w, table);
	return w;
}

void
work_free(struct work *w)
{
	int err = errno;

	slot_close(&w->slot);
	if (nspare < SPARES && w->slot.data.cap <= SPARE_MAX)
		spare[nspare++] = w->slot.data;
	else
		buf_free(&w->slot.data);
	arena_free(&w->arena);
	strmap_free(&w->finals);
	strmap_free(&w->pastmap);
	free(w->past);
	free(w->goal);
	free(w->root);
	free(w->list);
	free(w->reported);
	free(w);
	errno = err;
}

const char *
work_sender(const struct work *w)
{
	return w->slot.env.sender;
}

static int
journal(struct work *w, const struct goal *g, char kind, int sync)
{
	struct journal_entry e = {.kind = kind, .index = g->root,
	    .time = time(NULL), .place = g->place, .text = g->text};

	memcpy(e.status, g->status, sizeof e.status);
	if (journal_add(&w->slot, w->qdir, &e, sync) == -1)
		return -1;
	w->m->noted = 1;
	return 0;
}

/* Are all goals of the root but g decided for good? */
static int
last_of_root(const struct work *w, const struct goal *g)
{
	const struct goal *o;

	for (o = w->goal; o < w->goal + w->ngoal; o++)
		if (o != g && o->root == g->root && o->state != GOAL_EXPANDED &&
		    o->state != GOAL_DONE && o->state != GOAL_REPORTED)
			return 0;
	return 1;
}

/*
 * What must be remembered of a goal's verdict before anything else happens.
 * A remote delivery that is done is remembered by nobody else: its mark is
 * synced.  A local one is found again in its mailbox.  The state byte says it
 * for a root that has no other goal open, the journal for one of several.
 * A report of success (told) that is queued is not made again: synced.
 */
static int
remember(struct work *w, const struct goal *g, int told)
{
	int remote = g->kind == GOAL_SMTP, sync = remote ||
	    (told && !w->sync_later);

	switch (g->state) {
	case GOAL_DONE:
		w->remote_done |= remote;
		if (last_of_root(w, g)) {
			/* A message with one recipient is marked as a whole
			 * when it ends (store_done, synced too). */
			if (w->slot.env.nrcpt == 1)
				return 0;
			w->changed = 1;
			if (slot_mark_rcpt(&w->slot, g->root, RCPT_DONE) == -1)
				return -1;
			return sync ? fdatasync(w->slot.fd) : 0;
		}
		return journal(w, g, JOURNAL_DONE, sync);
	case GOAL_ARRIVED:
		w->remote_done |= remote;
		return journal(w, g, JOURNAL_ARRIVED, remote);
	case GOAL_DEFERRED:
		return journal(w, g, JOURNAL_DEFER, 0);
	case GOAL_FAILED:
		return journal(w, g, JOURNAL_FAIL, 0);
	case GOAL_REPORTED:
		return journal(w, g, JOURNAL_REPORT, !w->sync_later);
	default:
		return 0;
	}
}

int
work_reserve(struct work *w, const unsigned *goal, unsigned n)
{
	const struct goal *g;
	unsigned i, entries = n;

	for (i = 0; i < n; i++) {
		g = &w->goal[goal[i]];
		if (g->place[0] != '\0' && !last_of_root(w, g))
			break;
	}
	if (i == n)
		return 0;
	for (i = 0; i < w->ngoal; i++)
		entries += w->goal[i].state == GOAL_RUNNING;
	if (journal_reserve(&w->slot, w->qdir, entries) == -1)
		return -1;
	w->m->noted = 1;
	return 0;
}

/* What another goal's state means for one that is the same: a list that was
 * expanded for another recipient is done for this one, whom the members'
 * goals do not stand for. */
static enum goal_state
copied_state(const struct goal *g, enum goal_state state, unsigned root)
{
	return state == GOAL_EXPANDED && g->root != root ? GOAL_DONE : state;
}

/* This very recipient is another goal already: what becomes of that becomes
 * of this. */
static void
same_as(struct work *w, struct goal *g, int first)
{
	const struct goal *f = &w->goal[first];

	g->same = first;
	if (f->state == GOAL_TODO || f->state == GOAL_RUNNING) {
		g->state = GOAL_SAME;
		return;
	}
	g->state = copied_state(g, f->state, f->root);
	memcpy(g->status, f->status, sizeof g->status);
	g->text = f->text;
	if (g->state == GOAL_ARRIVED) {
		/* Whether this one's is told is asked anew. */
		g->state = GOAL_DONE;
		g->text += strcspn(g->text, " ") + 1;
	}
	if (g->state == GOAL_DONE)
		work_arrived(w, g);
	if (remember(w, g, 0) == -1) {
		log_warn("queue-mark", "id=%.16s err=%m", w->slot.head.id);
		w->m->again = 1;
	}
}

struct goal *
work_add(struct work *w, const struct goal *like)
{
	const struct past *p = work_past(w, like->root, like->place);
	struct goal *g;
	int first;

	/* Decided by an earlier attempt: not tried again. */
	if (p != NULL && p->kind != JOURNAL_DEFER)
		return work_decide(w, like, p->kind == JOURNAL_DONE ? GOAL_DONE
		    : p->kind == JOURNAL_ARRIVED ? GOAL_ARRIVED
		    : p->kind == JOURNAL_FAIL ? GOAL_FAILED : GOAL_REPORTED,
		    p->status, p->text);
	g = new_goal(w, like);
	if (p != NULL) {
		/* Why it was deferred, should it come to nothing more. */
		memcpy(g->status, p->status, sizeof g->status);
		g->text = p->text;
	}
	/* With one goal there is nothing to be the same as. */
	first = (int)w->ngoal - 1;
	if (w->slot.env.nrcpt > 1 || first > 0 || like->place[0] != '\0')
		first = *strmap_put(&w->finals, final_key(w, g), first);
	if (first != (int)w->ngoal - 1) {
		same_as(w, g, first);
	} else {
		g->state = GOAL_TODO;
		w->todo++;
	}
	return g;
}

int
work_verdict(struct work *w, unsigned i, enum goal_state state,
    const char *status, const char *text, size_t len)
{
	const char *kept = arena_copy(&w->arena, text, len);
	char xyz[sizeof w->goal->status];
	struct goal *g;
	unsigned k;
	int r = 0, told;

	/* It may be the goal's own. */
	snprintf(xyz, sizeof xyz, "%s", status);
	for (k = 0; k < w->ngoal; k++) {
		g = &w->goal[k];
		if (k != i && (g->state != GOAL_SAME || g->same != (int)i))
			continue;
		told = g->state == GOAL_ARRIVED;
		g->state = copied_state(g, state, w->goal[i].root);
		memcpy(g->status, xyz, sizeof xyz);
		g->text = kept;
		if (g->state == GOAL_DONE && !told)
			work_arrived(w, g);
		if (remember(w, g, told) == -1) {
			log_warn("queue-mark", "id=%.16s err=%m",
			    w->slot.head.id);
			w->m->again = 1; /* the mailbox is asked */
			r = -1;
		}
	}
	return r;
}

/* The state of each root by its goals, to be freed: RCPT_TODO while one is not
 * decided. */
static char *
root_states(const struct work *w)
{
	char *state = xalloc(w->slot.env.nrcpt);
	const struct goal *g;

	memset(state, RCPT_DONE, w->slot.env.nrcpt);
	for (g = w->goal; g < w->goal + w->ngoal; g++) {
		if (g->state == GOAL_DONE || g->state == GOAL_EXPANDED)
			continue;
		if (g->state != GOAL_REPORTED)
			state[g->root] = RCPT_TODO;
		else if (state[g->root] == RCPT_DONE)
			state[g->root] = RCPT_REPORTED;
	}
	return state;
}

/* All that the root was expanded to may have come to nothing. */
void
work_fail_loops(struct work *w)
{
	enum { EXPANDED = 1, OTHER = 2 };
	unsigned i, n = w->slot.env.nrcpt;
	struct goal g = {.place = ""};
	char *has = xalloc(n);

	memset(has, 0, n);
	for (i = 0; i < w->ngoal; i++)
		has[w->goal[i].root] |= w->goal[i].state == GOAL_EXPANDED
		    ? EXPANDED : OTHER;
	for (i = 0; i < n; i++) {
		if (w->slot.states[i] != RCPT_TODO || has[i] != EXPANDED)
			continue;
		g.root = i;
		g.addr = w->root[i].addr;
		work_decide(w, &g, GOAL_FAILED, "5.4.6",
		    "alias loop: nothing but itself comes of it");
	}
	free(has);
}

unsigned
work_settle(struct work *w)
{
	char *states = root_states(w), state;
	unsigned i, left = 0;

	for (i = 0; i < w->slot.env.nrcpt; i++) {
		if (w->slot.states[i] != RCPT_TODO)
			continue;
		state = states[i];
		if (state == RCPT_TODO) {
			left++;
		} else if (w->slot.env.nrcpt > 1) {
			w->changed = 1;
			if (slot_mark_rcpt(&w->slot, i, state) == -1)
				log_warn("queue-mark", "id=%.16s err=%m",
				    w->slot.head.id);
		}
	}
	free(states);
	return left;
}
