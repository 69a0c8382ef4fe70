#include <string.h>

#include "addr.h"
#include "mxq.h"
#include "policy.h"
#include "route.h"
#include "settings.h"
#include "str.h"

enum {
	DNS_MS = 30000,    /* for mx-lookup */
	ASKED_MAX = 65536, /* bytes of domains remembered */
	STEPS_MAX = 4,     /* aliases from an address to a login */
	TARGETS_MAX = 200, /* looked at for one sender */
	NAME = 256
};

/* What DNS said of a sender's domain; the letter is how it is remembered. */
static const struct {
	char letter;
	const char *reply;
} answers[] = {
	{'K', NULL},
	{'D', "553 5.1.8 sender's domain takes no mail"},
	{'N', "550 5.7.27 sender's domain takes no mail (null MX)"},
	{'Z', "451 4.4.3 sender's domain cannot be looked up now"}
};
enum { GOOD, BAD, NULLMX, LATER };

static int
ask_dns(const char *domain, size_t n)
{
	struct mx_answer m;
	int r;

	mx_ask(&m, domain, n, DNS_MS);
	if (m.code == 0)
		r = GOOD;
	else if (m.code != 100)
		r = LATER;
	else
		r = strcmp(m.status, "5.1.10") == 0 ? NULLMX : BAD;
	mx_free(&m);
	return r;
}

/* The answer to an earlier question of this session, -1 for none.  p->asked
 * holds a letter, the domain and a NUL for each. */
static int
remembered(const struct policy *p, const char *domain, size_t n)
{
	size_t i = 0, len;
	int k;

	for (; i < p->asked.len; i += len + 2) {
		len = strlen(p->asked.p + i + 1);
		if (!mem_caseeq(p->asked.p + i + 1, len, domain, n))
			continue;
		for (k = 0; answers[k].letter != p->asked.p[i]; k++)
			;
		return k;
	}
	return -1;
}

/* Does the domain take mail?  Asked once a session. */
static const char *
domain_answers(struct policy *p, const char *domain, size_t n)
{
	int k = remembered(p, domain, n);

	if (k == -1) {
		k = ask_dns(domain, n);
		if (p->asked.len < ASKED_MAX) {
			buf_byte(&p->asked, answers[k].letter);
			buf_add(&p->asked, domain, n);
			buf_byte(&p->asked, '\0');
		}
	}
	return answers[k].reply;
}

/* A mailbox as logins and senders are compared: lower case, the domain empty
 * for one of the system's users by whatever domain of theirs. */
struct mailbox {
	char name[NAME];
	char domain[NAME];
};

/* Splits an address: 0; 1: it can be nobody's; -1: the tables are damaged. */
static int
to_mailbox(const struct map *m, const char *addr, size_t n,
    struct mailbox *b)
{
	struct addr a;
	const char *v;
	size_t len;
	int hit;

	addr_split(addr, n, &a);
	if (a.dlen > 1 && a.domain[a.dlen - 1] == '.')
		a.dlen--;
	if (a.llen == 0 || a.llen >= NAME || a.dlen >= NAME ||
	    memchr(addr, '\0', n) != NULL)
		return 1;
	memcpy(b->name, a.local, a.llen);
	memcpy(b->domain, a.domain, a.dlen);
	b->name[a.llen] = b->domain[a.dlen] = '\0';
	str_lower(b->name, a.llen);
	str_lower(b->domain, a.dlen);
	if (policy_own_literal(a.domain, a.dlen))
		b->domain[0] = '\0';
	hit = map_get2(m, 'd', b->domain, strlen(b->domain), &v, &len);
	if (hit == 1 && len >= sizeof "local" &&
	    memcmp(v, "local", sizeof "local") == 0)
		b->domain[0] = '\0';
	return hit == -1 ? -1 : 0;
}

/* Is it the same, but for a +extension? */
static int
same_mailbox(const struct mailbox *b, const struct mailbox *owner)
{
	size_t n = strlen(owner->name);

	return strcmp(b->domain, owner->domain) == 0 &&
	    strncmp(b->name, owner->name, n) == 0 &&
	    (b->name[n] == '\0' || b->name[n] == '+');
}

/* A search for a login behind the aliases of a sender. */
struct search {
	const struct map *m;
	const struct mailbox *login;
	unsigned targets; /* looked at so far */
};

/* Do the aliases of addr lead to the login?  1, 0, -1. */
static int
leads(struct search *s, const char *addr, size_t n, int step,
    const char **origin)
{
	const char *t, *end, *ignore;
	struct mailbox b;
	struct route r;
	int hit = 0;

	route_find(&r, s->m, addr, n, 0, NULL, NULL);
	if (r.kind != ROUTE_ALIAS)
		return r.kind == ROUTE_ERROR ? -1 : 0;
	*origin = r.origin;
	end = r.targets + r.targetslen;
	for (t = r.targets; t < end && hit == 0; t += strlen(t) + 1) {
		if (strchr("|/:", t[0]) != NULL || ++s->targets > TARGETS_MAX)
			continue;
		t += t[0] == '\\';
		hit = to_mailbox(s->m, t, strlen(t), &b);
		if (hit == 1)
			hit = 0;
		else if (hit == 0 && same_mailbox(&b, s->login))
			hit = 1;
		else if (hit == 0 && step < STEPS_MAX)
			hit = leads(s, t, strlen(t), step + 1, &ignore);
	}
	return hit;
}

/* Does an entry of the senders table (an address, @domain, *) let a login
 * send as addr? */
static int
entry_matches(const struct map *m, const char *entry, const char *addr,
    size_t n)
{
	struct mailbox b, e;
	struct addr a;

	addr_split(addr, n, &a);
	if (entry[0] == '*' && entry[1] == '\0')
		return 1;
	if (entry[0] == '@')
		return str_caseeq(a.domain, a.dlen, entry + 1);
	return to_mailbox(m, addr, n, &b) == 0 &&
	    to_mailbox(m, entry, strlen(entry), &e) == 0 &&
	    same_mailbox(&b, &e);
}

/* The login's own record l: origin, entry, entry, ... */
static int
by_table(const struct map *m, const struct mailbox *login, const char *addr,
    size_t n, const char **origin)
{
	struct buf key = {0};
	const char *v, *end, *e;
	size_t len;
	int hit;

	buf_str(&key, login->name);
	if (login->domain[0] != '\0') {
		buf_byte(&key, '@');
		buf_str(&key, login->domain);
	}
	hit = map_get2(m, 'l', key.p, key.len, &v, &len);
	buf_free(&key);
	if (hit != 1)
		return hit;
	if (len == 0 || v[len - 1] != '\0')
		return -1;
	*origin = v;
	end = v + len;
	for (e = v + strlen(v) + 1; e < end; e += strlen(e) + 1)
		if (entry_matches(m, e, addr, n))
			return 1;
	return 0;
}

int
policy_owns(const struct policy *p, const char *addr, size_t n,
    const char **origin)
{
	struct mailbox login, b;
	struct search s = {p->tables, &login, 0};
	int r;

	*origin = NULL;
	r = to_mailbox(p->tables, p->login, strlen(p->login), &login);
	if (r == 0)
		r = to_mailbox(p->tables, addr, n, &b);
	if (r != 0)
		return r == -1 ? -1 : 0;
	if (same_mailbox(&b, &login)) {
		*origin = "login";
		return 1;
	}
	r = leads(&s, addr, n, 1, origin);
	return r != 0 ? r : by_table(p->tables, &login, addr, n, origin);
}

static const char *
by_login(const struct policy *p, const char *addr, size_t n)
{
	const char *origin;

	switch (policy_owns(p, addr, n, &origin)) {
	case 1:
		return policy_note(p, "login", NULL, origin);
	case 0:
		return policy_note(p, "login",
		    "553 5.7.1 your login may not send as this address", NULL);
	}
	return policy_note(p, "login", "451 4.3.0 tables are damaged", NULL);
}

static const char *
null_sender(const struct policy *p)
{
	const char *from = policy_origin(p, "nodaemon");

	if (!setting_num(p->tables, "nodaemon")) {
		policy_note(p, "nodaemon", "off", from);
		return NULL;
	}
	return policy_note(p, "nodaemon", p->may_relay || policy_logged_in(p)
	    ? NULL : "550 5.7.1 the null sender is not taken now", from);
}

/* A sender in a domain of ours: mail of ours is not brought from outside. */
static const char *
our_sender(const struct policy *p, const char *addr, size_t n)
{
	const char *origin;

	if (!policy_here(p))
		return policy_note(p, "verify-from",
		    "550 5.7.1 log in to send with this address",
		    policy_origin(p, "verify-from"));
	switch (policy_place(p, addr, n, &origin)) {
	case PLACE_NOWHERE:
		return policy_note(p, "verify-from",
		    "553 5.1.0 no such user here to send as", origin);
	case PLACE_LATER:
		return policy_note(p, "verify-from",
		    "451 4.3.0 senders cannot be looked up now", origin);
	case PLACE_HERE:
	case PLACE_PASSED:
	case PLACE_AWAY:
		break;
	}
	return policy_note(p, "verify-from", NULL, origin);
}

static const char *
verify(struct policy *p, const char *addr, size_t n)
{
	const char *from = policy_origin(p, "verify-from");
	struct addr s;

	addr_split(addr, n, &s);
	switch (route_ours(p->tables, s.domain, s.dlen)) {
	case -1:
		return policy_note(p, "verify-from",
		    "451 4.3.0 tables are damaged", from);
	case 1:
		return our_sender(p, addr, n);
	}
	if (s.dlen > 0 && s.domain[0] == '[')
		return policy_note(p, "verify-from",
		    !policy_here(p) && policy_own_literal(s.domain, s.dlen)
		    ? "550 5.7.1 log in to send with this address" : NULL,
		    from);
	return policy_note(p, "verify-from", s.dlen == 0 ? NULL
	    : domain_answers(p, s.domain, s.dlen), from);
}

const char *
policy_sender(struct policy *p, const char *addr, size_t n)
{
	if (p->local)
		return NULL;
	if (n == 0)
		return null_sender(p);
	if (policy_logged_in(p))
		return by_login(p, addr, n);
	if (!setting_num(p->tables, "verify-from")) {
		policy_note(p, "verify-from", "off",
		    policy_origin(p, "verify-from"));
		return NULL;
	}
	/* By LMTP a server brings what it took already. */
	if (p->may_relay ||
	    strcmp(setting(p->tables, "service"), "lmtp") == 0)
		return policy_note(p, "verify-from", NULL,
		    policy_origin(p, "verify-from"));
	return verify(p, addr, n);
}
