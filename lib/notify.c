#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "work.h"

/* The place in the journal that says whether a list's success was told: no
 * address, and no other target of an alias. */
static const char list_place[] = "(list)";

static const char *
root_notify(const struct work *w, unsigned root)
{
	const struct recipient *r = &w->root[root];

	/* The most have no attributes at all. */
	return r->attrs == r->end ? NULL : recipient_attr(r, "notify");
}

/* Nobody is told of a message without sender. */
static int
success_asked(const struct work *w, unsigned root)
{
	return dsn_asked(root_notify(w, root), DSN_SUCCESS) &&
	    w->slot.env.senderlen > 0;
}

static int
is_list(const struct work *w, unsigned root)
{
	return w->list != NULL && w->list[root];
}

/* NOTIFY without SUCCESS; NEVER if nothing else is in it.  What does not fit
 * can be no NOTIFY. */
static const char *
without_success(const char *notify, char out[NOTIFY_MAX])
{
	size_t n, at = 0;

	for (; *notify != '\0'; notify += n + (notify[n] == ',')) {
		n = strcspn(notify, ",");
		if (str_caseeq(notify, n, "SUCCESS") || at + n + 2 > NOTIFY_MAX)
			continue;
		if (at > 0)
			out[at++] = ',';
		memcpy(out + at, notify, n);
		at += n;
	}
	out[at] = '\0';
	return at > 0 ? out : "NEVER";
}

const char *
work_notify(const struct work *w, const struct goal *g, char out[NOTIFY_MAX])
{
	const char *notify;

	/* The owner of a list has asked for nothing (RFC 3461 5.2.7.3). */
	if (g->sender != NULL)
		return NULL;
	notify = root_notify(w, g->root);
	return notify != NULL && is_list(w, g->root)
	    ? without_success(notify, out) : notify;
}

int
work_report_wanted(const struct work *w, const struct goal *g,
    enum dsn_kind kind)
{
	char t[NOTIFY_MAX];

	return dsn_asked(work_notify(w, g, t), kind);
}

/* Does the next host tell of it (INTERFACES 4)? */
static int
taken_over(const struct goal *g)
{
	const char *said = g->kind == GOAL_SMTP ? strchr(g->text, ' ') : NULL;

	return said != NULL && strncmp(said, " DSN ", 5) == 0;
}

static const char *
with_action(struct work *w, const char *action, const char *text)
{
	struct buf b = {0};
	const char *t;

	buf_fmt(&b, "%s %s", action, text);
	t = arena_copy(&w->arena, b.p, b.len);
	buf_free(&b);
	return t;
}

void
work_arrived(struct work *w, struct goal *g)
{
	if (root_notify(w, g->root) == NULL || g->sender != NULL ||
	    !success_asked(w, g->root) || is_list(w, g->root) || taken_over(g))
		return;
	g->state = GOAL_ARRIVED;
	g->text = with_action(w, g->kind == GOAL_SMTP ? "relayed" : "delivered",
	    g->text);
}

void
work_note_list(struct work *w, unsigned root, unsigned first)
{
	struct goal g = {.root = root, .place = list_place,
	    .addr = w->root[root].addr};
	unsigned i, n = 0, owned = 0;
	const struct past *p;

	if (root_notify(w, root) == NULL || !success_asked(w, root) ||
	    is_list(w, root))
		return;
	for (i = first; i < w->ngoal; i++) {
		if (w->goal[i].root != root ||
		    w->goal[i].state == GOAL_EXPANDED)
			continue;
		n++;
		owned |= w->goal[i].sender != NULL;
	}
	if (n < 2 && !owned)
		return;
	if (w->list == NULL) {
		w->list = xalloc(w->slot.env.nrcpt);
		memset(w->list, 0, w->slot.env.nrcpt);
	}
	w->list[root] = 1;
	/* What was to be told of one member is no longer. */
	for (i = first; i < w->ngoal; i++)
		if (w->goal[i].root == root &&
		    w->goal[i].state == GOAL_ARRIVED)
			w->goal[i].state = GOAL_DONE;
	p = work_past(w, root, list_place);
	/* Mail to a list that has an owner is done with it; an alias hands on
	 * what its sender sent (RFC 3461 5.2.7). */
	work_decide(w, &g, p != NULL && p->kind == JOURNAL_DONE
	    ? GOAL_DONE : GOAL_ARRIVED, "2.0.0",
	    owned ? "delivered to a list" : "expanded");
}
