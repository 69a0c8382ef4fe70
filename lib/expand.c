#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "route.h"
#include "settings.h"
#include "work.h"

enum {
	DEPTH_MAX = 50,   /* aliases of aliases */
	GOALS_MAX = 100000 /* final recipients of one message */
};

/* The walk of one root through the aliases. */
struct walk {
	struct work *w;
	const struct map *table;
	struct strmap seen; /* aliases on the way: each is expanded once */
	struct goal base;   /* root, sender, user of what is being expanded */
};

static void target(struct walk *k, const char *t, size_t len, int flags);

static void
decide(struct walk *k, const char *addr, enum goal_state state,
    const char *status, const char *text)
{
	struct goal g = k->base;

	g.addr = g.place[0] != '\0' ? g.place : addr;
	work_decide(k->w, &g, state, status, text);
}

/* An attribute for the spawner: name with its =, and value. */
static const char *
attribute(struct walk *k, const char *name, const char *value, size_t len)
{
	size_t n = strlen(name);
	char *a = arena_get(&k->w->arena, n + len + 1);

	memcpy(a, name, n);
	memcpy(a + n, value, len);
	a[n + len] = '\0';
	return a;
}

/* A target that an alias names: command, file, list. */
static void
add_alias_goal(struct walk *k, enum goal_kind kind, const char *key,
    const char *t, size_t len)
{
	struct arena *a = &k->w->arena;
	struct goal g = k->base;

	g.kind = kind;
	g.addr = g.dest = key;
	g.place = arena_copy(a, t, len);
	g.attr = attribute(k, "place=", t, len);
	work_add(k->w, &g);
}

/* owner-LIST exists: it is the sender of what goes to the list's members,
 * unless there is no sender to bounce to at all. */
static const char *
owner(struct walk *k, const struct route *r)
{
	struct buf b = {0};
	const char *v, *s = NULL;
	size_t n;

	if (k->w->slot.env.senderlen == 0)
		return NULL;
	buf_fmt(&b, "owner-%s", r->user);
	if (r->domain[0] != '\0' && strchr(r->user, '@') == NULL)
		buf_fmt(&b, "@%s", r->domain);
	if (map_get2(k->table, 'a', b.p, b.len, &v, &n) == 1) {
		if (memchr(b.p, '@', b.len) == NULL) {
			/* A name of this system: complete for the envelope. */
			const char *host = setting(k->table, "hostname");

			buf_fmt(&b, "@%s", host);
		}
		s = arena_copy(&k->w->arena, b.p, b.len);
	}
	buf_free(&b);
	return s;
}

/* The alias's key as the table has it: name, or name@domain. */
static const char *
alias_key(struct walk *k, const struct route *r)
{
	struct buf b = {0};
	const char *key;

	buf_str(&b, r->user);
	if (r->domain[0] != '\0')
		buf_fmt(&b, "@%s", r->domain);
	key = arena_copy(&k->w->arena, b.p, b.len);
	buf_free(&b);
	return key;
}

/* A name of this system, complete: another way to the same user brings the
 * same address, and what is delivered bears it. */
static const char *
complete(struct walk *k, const char *addr)
{
	struct buf b = {0};

	if (strchr(addr, '@') != NULL)
		return addr;
	buf_fmt(&b, "%s@%s", addr, setting(k->table, "hostname"));
	addr = arena_copy(&k->w->arena, b.p, b.len);
	buf_free(&b);
	return addr;
}

/* A user of ours; its mailbox is the destination's. */
static void
add_user(struct walk *k, const struct route *r, const char *addr)
{
	struct arena *a = &k->w->arena;
	struct goal g = k->base;

	g.addr = complete(k, addr);
	g.uid = r->uid;
	g.gid = r->gid;
	if (r->kind == ROUTE_VHOST) {
		g.kind = GOAL_VHOST;
		g.dest = arena_copy(a, r->domain, strlen(r->domain));
		g.attr = attribute(k, "user=", r->user, strlen(r->user));
	} else {
		g.kind = GOAL_MBOX;
		g.dest = arena_copy(a, r->user, strlen(r->user));
	}
	work_add(k->w, &g);
}

static void
alias(struct walk *k, const struct route *r, const char *addr)
{
	struct goal base = k->base;
	const char *p, *end = r->targets + r->targetslen, *own;
	const char *key = alias_key(k, r);
	struct route user;
	size_t len;
	int *seen;

	/* A catch-all is another alias for each address that it catches. */
	seen = strmap_put(&k->seen, r->user[0] == '*' ? addr : key, 0);
	if (*seen) {
		/* Met again: if there is a user of that name, it is meant
		 * (alice: alice, bob); else the first meeting has added all. */
		route_find(&user, k->table, key, strlen(key), ROUTE_NO_ALIAS,
		    NULL, NULL);
		if (user.kind == ROUTE_VHOST || user.kind == ROUTE_USER)
			add_user(k, &user, key);
		return;
	}
	*seen = 1;
	own = owner(k, r);
	if (own != NULL)
		k->base.sender = own;
	k->base.depth++;
	for (p = r->targets; p < end; p += len + 1) {
		len = strlen(p);
		if (*p == '|')
			add_alias_goal(k, GOAL_PIPE, key, p, len);
		else if (*p == '/')
			add_alias_goal(k, GOAL_FILE, key, p, len);
		else if (strncmp(p, ":include:", 9) == 0)
			add_alias_goal(k, GOAL_INCLUDE, key, p, len);
		else if (*p == '\\')
			target(k, p + 1, len - 1, ROUTE_NO_ALIAS);
		else
			target(k, p, len, 0);
	}
	k->base = base;
}

/* The destination is the domain, or the smarthost for all of them: its limit
 * and its back-off are those of one host. */
static void
add_remote(struct walk *k, const char *addr)
{
	const char *relay = setting(k->table, "relay-host");
	struct goal g = k->base;
	struct addr s;
	char *d, *p;

	addr_split(addr, strlen(addr), &s);
	d = *relay != '\0' ? arena_copy(&k->w->arena, relay, strlen(relay))
	    : arena_copy(&k->w->arena, s.domain, s.dlen);
	for (p = d; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	g.kind = GOAL_SMTP;
	g.addr = addr;
	g.dest = d;
	work_add(k->w, &g);
}

/* One address or name. */
static void
target(struct walk *k, const char *t, size_t len, int flags)
{
	struct goal base = k->base;
	const char *addr = arena_copy(&k->w->arena, t, len);
	struct route r;

	if (k->w->ngoal > GOALS_MAX + 1)
		return; /* said once, below, or by work_expand */
	if (k->base.depth > 0)
		k->base.place = addr;
	if (k->base.depth > DEPTH_MAX || k->w->ngoal > GOALS_MAX) {
		decide(k, addr, GOAL_FAILED, "5.4.6", "aliases are nested too "
		    "deep or have too many members");
		k->base = base;
		return;
	}
	route_find(&r, k->table, addr, len, flags, NULL, NULL);
	switch (r.kind) {
	case ROUTE_ALIAS:
		alias(k, &r, addr);
		break;
	case ROUTE_VHOST:
	case ROUTE_USER:
	case ROUTE_ASK:
		add_user(k, &r, addr);
		break;
	case ROUTE_RELAY:
	case ROUTE_REMOTE:
		add_remote(k, addr);
		break;
	case ROUTE_UNKNOWN:
		decide(k, addr, GOAL_FAILED, "5.1.1", "User unknown");
		break;
	case ROUTE_ERROR:
		decide(k, addr, GOAL_DEFERRED, "4.3.0",
		    "Temporary lookup failure");
		break;
	}
	k->base = base;
}

/* A place of a user's .forward that is the user's own: a command, a file, or
 * \user, the mailbox.  deliver-mbox does it, as the user. */
static void
add_own_place(struct walk *k, const struct goal *from, const char *t,
    size_t len)
{
	struct goal g = k->base;

	g.kind = GOAL_MBOX;
	g.addr = from->addr;
	g.dest = from->dest;
	g.place = arena_copy(&k->w->arena, t, len);
	g.attr = attribute(k, "place=", t, len);
	work_add(k->w, &g);
}

void
work_expand(struct work *w, const struct map *table, unsigned root,
    const char *t, size_t len, const struct goal *from)
{
	struct walk k = {.w = w, .table = table};
	struct goal copy;
	unsigned before = w->ngoal;
	unsigned first = from != NULL ? (unsigned)(from - w->goal) : before;

	if (from != NULL && before > GOALS_MAX + 1)
		return; /* a member of a list that was too long before */
	k.base.root = root;
	k.base.place = "";
	k.base.text = "";
	if (from == NULL) {
		target(&k, t, len, 0);
	} else {
		copy = *from; /* w->goal may move */
		k.base.sender = copy.sender;
		k.base.depth = copy.depth + 1;
		if (copy.kind == GOAL_MBOX &&
		    (*t == '|' || *t == '/' || *t == '\\'))
			add_own_place(&k, &copy, t, len);
		else if (*t != '|' && *t != '/' && *t != ':')
			target(&k, t, len, 0);
		else
			decide(&k, copy.addr, GOAL_DEFERRED, "4.3.5",
			    "a list file may hold addresses only");
	}
	/* Nothing at all came of it: aliases that name only each other. */
	if (w->ngoal == before)
		decide(&k, arena_copy(&w->arena, t, len), GOAL_FAILED, "5.4.6",
		    "alias loop");
	work_note_list(w, root, first);
	strmap_free(&k.seen);
}
