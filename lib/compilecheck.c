/* Checks of the finished table: every target of every alias is routed with
 * lib/route, so that what is found here is what will happen. */
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "paths.h"
#include "route.h"
#include "sysuser.h"

enum { KEY = 520, NONE = 0, OPEN = 1, DONE = 2, SHOWN = 5 };

/* An alias being walked: a record of mail and its targets to come. */
struct frame {
	size_t at;
	const char *target;
	const char *end;
};

struct check {
	struct compile *c;
	const struct map *map;
	unsigned char *state; /* NONE, OPEN, DONE, by place in the table */
	struct frame *stack;
	size_t depth;
	size_t cap;
};

/* Records are at least 8 bytes, so that no two share a place. */
static unsigned char *
state_of(struct check *k, size_t at)
{
	return &k->state[at / 8];
}

static struct table_record
record_of(const struct check *k, size_t at)
{
	struct table_record r;

	table_next(&k->c->mail, &at, &r);
	return r;
}

/* The messages are about the place that an origin "file:line" names. */
static void
report(struct check *k, int error, const char *origin, const char *text,
    const char *what)
{
	void (*say)(struct diag *, const char *, unsigned, const char *, ...)
	    __attribute__((format(printf, 4, 5))) =
	    error ? diag_error : diag_warn;
	const char *colon = strrchr(origin, ':');
	struct buf file = {0};

	buf_add(&file, origin, colon ? (size_t)(colon - origin)
	    : strlen(origin));
	say(&k->c->diag, buf_cstr(&file),
	    colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0, "%s%s", text,
	    what);
	buf_free(&file);
}

static void
push(struct check *k, size_t at)
{
	struct table_record r = record_of(k, at);

	if (k->depth == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 64;
		k->stack = xrealloc(k->stack, k->cap * sizeof *k->stack);
	}
	/* The origin comes before the targets. */
	k->stack[k->depth].at = at;
	k->stack[k->depth].target = r.val + strlen(r.val) + 1;
	k->stack[k->depth].end = r.val + r.vlen;
	k->depth++;
	*state_of(k, at) = OPEN;
}

static void
report_loop(struct check *k, size_t at)
{
	struct table_record r;
	struct buf text = {0};
	size_t i = k->depth, n;

	while (i > 0 && k->stack[i - 1].at != at)
		i--;
	for (n = 0; i > 0 && i <= k->depth && n < SHOWN; i++, n++) {
		r = record_of(k, k->stack[i - 1].at);
		buf_add(&text, r.key + 1, r.klen - 1);
		buf_str(&text, " -> ");
	}
	if (n == SHOWN)
		buf_str(&text, "... -> ");
	r = record_of(k, at);
	buf_add(&text, r.key + 1, r.klen - 1);
	report(k, 1, r.val, "alias loop: ", buf_cstr(&text));
	buf_free(&text);
}

/* Does nobody have this target?  The snapshot is fresh, but users may be
 * somewhere that cannot be listed. */
static int
nobody(const struct route *r)
{
	struct sysuser u = {0};
	int found;

	if (r->kind != ROUTE_ASK)
		return r->kind == ROUTE_UNKNOWN;
	found = sysuser_find(&u, r->user);
	sysuser_free(&u);
	return found == 0;
}

/* The alias that a target leads to, SIZE_MAX if to none. */
static size_t
follow(struct check *k, const char *target, const char *origin)
{
	struct route r;
	char key[KEY], made[sizeof r.made];
	const char *t = target;
	size_t n;

	if (t[0] == '|' || t[0] == '/' || t[0] == ':')
		return SIZE_MAX;
	n = t[0] == '\\';
	route_find(&r, k->map, t + n, strlen(t + n), n ? ROUTE_NO_ALIAS : 0,
	    NULL, NULL);
	while (r.kind == ROUTE_ALIAS && r.targets == r.made) {
		strcpy(made, r.made);
		route_find(&r, k->map, made, strlen(made), 0, NULL, NULL);
	}
	if (r.kind == ROUTE_ERROR)
		report(k, 1, origin, "the table is damaged at ", target);
	else if (nobody(&r))
		report(k, 0, origin, "nobody has the target ", target);
	if (r.kind != ROUTE_ALIAS)
		return SIZE_MAX;
	n = strlen(r.user);
	memcpy(key, r.user, n);
	if (r.domain[0] != '\0') {
		key[n++] = '@';
		memcpy(key + n, r.domain, strlen(r.domain));
		n += strlen(r.domain);
	}
	return table_find(&k->c->mail, 'a', key, n);
}

/* Walks what hangs below one alias; each is walked once in all. */
static void
walk(struct check *k, size_t start)
{
	struct frame *f;
	const char *target;
	size_t next;

	push(k, start);
	while (k->depth > 0) {
		f = &k->stack[k->depth - 1];
		if (f->target == f->end) {
			*state_of(k, f->at) = DONE;
			k->depth--;
			continue;
		}
		target = f->target;
		f->target += strlen(target) + 1;
		next = follow(k, target, record_of(k, f->at).val);
		if (next == SIZE_MAX)
			continue;
		if (*state_of(k, next) == OPEN)
			report_loop(k, next);
		else if (*state_of(k, next) == NONE)
			push(k, next);
	}
}

/* Is this domain alias part of a ring of them? */
static void
check_domain_alias(struct check *k, const struct table_record *start)
{
	struct table_record r = *start;
	size_t steps;
	const char *other;

	for (steps = 0; steps <= k->c->mail.count; steps++) {
		other = r.val + strlen(r.val) + 1;
		if (strlen(other) == start->klen - 1 &&
		    memcmp(other, start->key + 1, start->klen - 1) == 0) {
			report(k, 1, start->val,
			    "domain aliases lead back to here, by ", other);
			return;
		}
		if (!table_get(&k->c->mail, 'D', other, strlen(other), &r))
			return;
	}
}

void
compile_check(struct compile *c, const struct map *mail)
{
	struct check k = {.c = c, .map = mail};
	struct table_record r;
	struct route postmaster;
	size_t at = 0, here, n = c->mail.data.len / 8 + 1;

	k.state = xalloc(n);
	memset(k.state, NONE, n);
	for (here = 0; table_next(&c->mail, &at, &r); here = at) {
		if (r.key[0] == 'a' && *state_of(&k, here) == NONE)
			walk(&k, here);
		else if (r.key[0] == 'D')
			check_domain_alias(&k, &r);
	}
	route_find(&postmaster, mail, "postmaster", 10, 0, NULL, NULL);
	if (nobody(&postmaster)) {
		char *file = path_make(PATH_ALIASES);

		diag_warn(&c->diag, file, 0,
		    "no alias postmaster (RFC 5321 4.5.1 wants one)");
		free(file);
	}
	free(k.state);
	free(k.stack);
}
