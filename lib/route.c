#include <string.h>

#include "route.h"
#include "str.h"

/* A chain of domain aliases is followed so far: then it is a loop. */
enum { CHAIN_MAX = 8, NAME = 256, KEY = 2 * NAME + 2 };

/* One look-up under way. */
struct query {
	struct route *r;
	const struct map *m;
	int flags;
	route_trace *trace;
	void *arg;
	int chain;        /* domain aliases followed to come here */
	char plain[NAME]; /* local part: unquoted, lower case, with extension */
	size_t plainlen;
};

static void find(struct query *q, const char *addr, size_t len);

static void
note(const struct query *q, const char *what, const char *key,
    const char *origin)
{
	if (q->trace != NULL)
		q->trace(q->arg, what, key, origin);
}

/* What is left of a value of the table. */
struct value {
	const char *p;
	const char *end;
};

/* The next NUL-terminated field of a value; NULL when there is none. */
static const char *
field(struct value *v)
{
	const char *f = v->p, *nul;

	nul = f < v->end ? memchr(f, '\0', (size_t)(v->end - f)) : NULL;
	if (nul == NULL)
		return NULL;
	v->p = nul + 1;
	return f;
}

/* A field that must be a number that fits an id. */
static int
id_field(struct value *v, uint32_t *id)
{
	const char *f = field(v);
	uint64_t n;

	if (f == NULL || parse_u64(f, strlen(f), &n) != 0 || n >= UINT32_MAX)
		return -1;
	*id = (uint32_t)n;
	return 0;
}

/* The local part as plain text; -1 when it is longer than any key. */
static int
unquote(struct query *q, const char *p, size_t n)
{
	int quoted = n >= 2 && p[0] == '"' && p[n - 1] == '"';
	size_t i;

	if (quoted) {
		p++;
		n -= 2;
	}
	for (i = 0; i < n; i++) {
		if (quoted && p[i] == '\\' && i + 1 < n)
			i++;
		if (q->plainlen == NAME - 1 || p[i] == '\0')
			return -1;
		q->plain[q->plainlen++] = ascii_lower(p[i]);
	}
	return 0;
}

/*
 * The name of a key: the first n bytes of the plain local part, quoted where
 * an address would be.  So no quoted name can ever be spelt like a key of
 * another domain ("alice@example.test" in quotes is no virtual user).
 */
static int
make_name(const char *p, size_t n, char out[NAME])
{
	size_t i, o = 0;

	if (memchr(p, '@', n) == NULL && n > 0 && p[0] != '"' &&
	    addr_valid(p, n, 1)) {
		memcpy(out, p, n);
		out[n] = '\0';
		return 0;
	}
	out[o++] = '"';
	for (i = 0; i < n; i++) {
		if (o + 4 > NAME)
			return -1;
		if (p[i] == '"' || p[i] == '\\')
			out[o++] = '\\';
		out[o++] = p[i];
	}
	out[o++] = '"';
	out[o] = '\0';
	return 0;
}

/* name@domain, or the bare name of a system name; returns its length. */
static size_t
make_key(const struct query *q, const char *name, char key[KEY])
{
	size_t n = strlen(name), d = strlen(q->r->domain);

	memcpy(key, name, n);
	if (d > 0) {
		key[n++] = '@';
		memcpy(key + n, q->r->domain, d);
		n += d;
	}
	key[n] = '\0';
	return n;
}

/* Gets a value's bytes; 1, 0, or -1 with the route set to ROUTE_ERROR. */
static int
get(struct query *q, char tag, const char *key, size_t n, struct value *v)
{
	const char *p = "";
	size_t vlen = 0;
	int hit = map_get2(q->m, tag, key, n, &p, &vlen);

	v->p = p;
	v->end = p + vlen;
	if (hit == -1)
		q->r->kind = ROUTE_ERROR;
	return hit;
}

/* These answer 1 when the route is decided, an error included. */

static int
damaged(struct query *q)
{
	q->r->kind = ROUTE_ERROR;
	return 1;
}

static int
try_alias(struct query *q, const char *what, const char *name)
{
	struct value v;
	char key[KEY];
	size_t n = make_key(q, name, key);
	int hit = get(q, 'a', key, n, &v);

	if (hit == -1)
		return 1;
	if (hit == 0) {
		note(q, what, key, NULL);
		return 0;
	}
	q->r->origin = field(&v);
	if (q->r->origin == NULL || v.p == v.end || v.end[-1] != '\0')
		return damaged(q);
	note(q, what, key, q->r->origin);
	q->r->kind = ROUTE_ALIAS;
	q->r->targets = v.p;
	q->r->targetslen = (size_t)(v.end - v.p);
	strcpy(q->r->user, name);
	return 1;
}

static int
try_user(struct query *q, const char *name)
{
	const char *third;
	struct value v;
	char key[KEY];
	size_t n = make_key(q, name, key);
	int hit = get(q, 'u', key, n, &v);

	if (hit == -1)
		return 1;
	if (hit == 0) {
		note(q, "user", key, NULL);
		return 0;
	}
	if (id_field(&v, &q->r->uid) || id_field(&v, &q->r->gid) ||
	    (third = field(&v)) == NULL || (q->r->origin = field(&v)) == NULL)
		return damaged(q);
	note(q, "user", key, q->r->origin);
	if (q->r->domain[0] != '\0') {
		q->r->kind = ROUTE_VHOST;
		q->r->format = third;
	} else {
		q->r->kind = ROUTE_USER;
		q->r->home = third;
	}
	strcpy(q->r->user, name);
	return 1;
}

static int
try_name(struct query *q, const char *name)
{
	return (!(q->flags & ROUTE_NO_ALIAS) && try_alias(q, "alias", name)) ||
	    try_user(q, name);
}

/*
 * `*: *@other': the target is local@other, the extension kept.  It is looked
 * up here too, so that a name that the other domain lacks is unknown at RCPT
 * and not a bounce later.
 */
static int
try_domain_alias(struct query *q, const char *name)
{
	const char *origin, *other;
	struct value v;
	struct route there;
	struct query next = {&there, q->m, 0, q->trace, q->arg, q->chain + 1,
	    "", 0};
	struct route *r = q->r;
	size_t n = strlen(name), d;
	int hit = get(q, 'D', r->domain, strlen(r->domain), &v);

	if (hit == 0)
		note(q, "domain alias", r->domain, NULL);
	if (hit != 1)
		return hit == -1;
	if ((origin = field(&v)) == NULL || (other = field(&v)) == NULL)
		return damaged(q);
	note(q, "domain alias", r->domain, origin);
	d = strlen(other);
	if (q->chain == CHAIN_MAX || n + 1 + d >= sizeof r->made) {
		note(q, "domain alias loop", r->domain, origin);
		return 0;
	}
	memcpy(r->made, name, n);
	r->made[n] = '@';
	memcpy(r->made + n + 1, other, d + 1);
	find(&next, r->made, n + 1 + d);
	if (there.kind == ROUTE_ERROR)
		return damaged(q);
	if (there.kind == ROUTE_UNKNOWN)
		return 0;
	r->kind = ROUTE_ALIAS;
	r->origin = origin;
	r->targets = r->made;
	r->targetslen = n + 1 + d + 1;
	strcpy(r->user, "*");
	return 1;
}

/* The look-up order of INTERFACES 6 within one of our domains. */
static void
find_name(struct query *q)
{
	const char *plus = memchr(q->plain, '+', q->plainlen);
	char whole[NAME], base[NAME];
	size_t baselen = plus != NULL ? (size_t)(plus - q->plain) : 0;

	if (make_name(q->plain, q->plainlen, whole) == -1 ||
	    (baselen > 0 && make_name(q->plain, baselen, base) == -1))
		return;
	if (try_name(q, whole))
		return;
	if (baselen > 0) {
		memcpy(q->r->ext, plus + 1, q->plainlen - baselen - 1);
		q->r->ext[q->plainlen - baselen - 1] = '\0';
		if (try_name(q, base))
			return;
	}
	if (q->r->domain[0] == '\0') {
		q->r->kind = ROUTE_ASK;
		strcpy(q->r->user, baselen > 0 ? base : whole);
		return;
	}
	q->r->ext[0] = '\0';
	if (!(q->flags & ROUTE_NO_ALIAS) && !try_domain_alias(q, whole))
		try_alias(q, "catch-all", "*");
}

/* Finds what the domain is; 1 when names in it are to be looked up. */
static int
find_domain(struct query *q, const char *p, size_t n)
{
	const char *type, *origin = NULL;
	struct route *r = q->r;
	struct value v;
	int hit, i;

	if (n > 1 && p[n - 1] == '.')
		n--;
	if (n >= sizeof r->domain || memchr(p, '\0', n) != NULL)
		return 0;
	memcpy(r->domain, p, n);
	r->domain[n] = '\0';
	str_lower(r->domain, n);
	hit = get(q, 'd', r->domain, n, &v);
	if (hit == -1)
		return 0;
	if (hit == 0) {
		note(q, "domain", r->domain, NULL);
		r->kind = ROUTE_REMOTE;
		return 0;
	}
	type = field(&v);
	for (i = 0; i < 4; i++)
		origin = field(&v);
	if (type == NULL || origin == NULL) {
		r->kind = ROUTE_ERROR;
		return 0;
	}
	note(q, type, r->domain, origin);
	r->origin = origin;
	if (strcmp(type, "relay") == 0) {
		r->kind = ROUTE_RELAY;
		return 0;
	}
	if (strcmp(type, "local") == 0)
		r->domain[0] = '\0';
	return 1;
}

static void
find(struct query *q, const char *addr, size_t len)
{
	struct route *r = q->r;
	struct addr a;

	/* Not all of r: its arrays are large, and this runs per recipient. */
	r->kind = ROUTE_UNKNOWN;
	r->domain[0] = r->user[0] = r->ext[0] = r->made[0] = '\0';
	r->targets = r->home = r->format = r->origin = NULL;
	r->targetslen = 0;
	r->uid = (uid_t)-1;
	r->gid = (gid_t)-1;
	addr_split(addr, len, &a);
	if (a.llen == 0 || (a.dlen == 0 && a.llen < len))
		return;
	if (a.dlen > 0 && !find_domain(q, a.domain, a.dlen))
		return;
	if (unquote(q, a.local, a.llen) == 0)
		find_name(q);
}

void
route_find(struct route *r, const struct map *m, const char *addr, size_t len,
    int flags, route_trace *trace, void *arg)
{
	struct query q = {r, m, flags, trace, arg, 0, "", 0};

	find(&q, addr, len);
}

int
route_ours(const struct map *m, const char *domain, size_t len)
{
	char lower[NAME];
	const char *v;
	size_t n;
	int hit;

	if (len > 1 && domain[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof lower)
		return 0;
	memcpy(lower, domain, len);
	str_lower(lower, len);
	hit = map_get2(m, 'd', lower, len, &v, &n);
	if (hit != 1)
		return hit;
	return n < sizeof "relay" || memcmp(v, "relay", sizeof "relay") != 0;
}
