#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "policy.h"
#include "route.h"
#include "runlimit.h"
#include "str.h"
#include "whoami.h"

enum { LOOKUP_MS = 10000 }; /* for user-lookup */

/* A system user that the snapshot lacks. */
static enum policy_place
ask_system(const char *user)
{
	struct runlimit r = {.ms = LOOKUP_MS};
	char name[] = "user-lookup", *argv[3], *arg;
	int code;

	if (user[0] == '-')
		return PLACE_NOWHERE;
	arg = xalloc(strlen(user) + 1);
	memcpy(arg, user, strlen(user) + 1);
	argv[0] = name;
	argv[1] = arg;
	argv[2] = NULL;
	code = runlimit(&r, argv);
	free(arg);
	return code == 0 ? PLACE_HERE
	    : code == 100 ? PLACE_NOWHERE : PLACE_LATER;
}

enum policy_place
policy_place(const struct policy *p, const char *addr, size_t n,
    const char **origin)
{
	struct route r;

	route_find(&r, p->tables, addr, n, 0, NULL, NULL);
	*origin = r.origin;
	switch (r.kind) {
	case ROUTE_ALIAS:
	case ROUTE_VHOST:
	case ROUTE_USER:
		return PLACE_HERE;
	case ROUTE_RELAY:
		return PLACE_PASSED;
	case ROUTE_ASK:
		*origin = "user-lookup";
		return ask_system(r.user);
	case ROUTE_REMOTE:
		return PLACE_AWAY;
	case ROUTE_UNKNOWN:
		return PLACE_NOWHERE;
	case ROUTE_ERROR:
		break;
	}
	return PLACE_LATER;
}

/* user@[our own address] is user at our name (RFC 5321 4.1.3). */
static void
replace_literal(const struct policy *p, struct buf *addr)
{
	const char *host = whoami_host(p->tables);
	struct addr s;

	addr_split(addr->p, addr->len, &s);
	if (host == NULL || !policy_own_literal(s.domain, s.dlen))
		return;
	addr->len = s.llen + 1;
	buf_str(addr, host);
}

/* Does the local part name a way on (user%host, host!user, "user@host")?  The
 * next host may trust us with it, and we would be an open relay by way of
 * it. */
static int
routed(const struct addr *a)
{
	size_t i;

	for (i = 0; i < a->llen; i++)
		if (memchr("%!@", a->local[i], 3) != NULL)
			return 1;
	return 0;
}

/* A recipient elsewhere: relay is closed, but for whom we know. */
static const char *
relay(const struct policy *p)
{
	if (policy_logged_in(p))
		policy_note(p, "relay", "may relay", "login");
	else if (p->may_relay)
		policy_note(p, "relay", "may relay", NULL);
	else if (p->unsure)
		return policy_note(p, "relay",
		    "451 4.4.3 your name cannot be looked up now",
		    policy_origin(p, "trusted"));
	else
		return policy_note(p, "relay",
		    "550 5.7.1 we do not relay for you", NULL);
	return NULL;
}

const char *
policy_rcpt(struct policy *p, struct buf *addr)
{
	int known = p->may_relay || policy_logged_in(p);
	const char *origin;
	struct addr s;

	if (p->local)
		return policy_note(p, "recipient", NULL, NULL);
	if (p->relayclient != NULL && p->relayclient[0] != '\0') {
		buf_str(addr, p->relayclient);
		if (!addr_valid(addr->p, addr->len, 1))
			return policy_note(p, "recipient",
			    "550 5.1.3 not an address with RELAYCLIENT",
			    "environment");
	}
	replace_literal(p, addr);
	addr_split(addr->p, addr->len, &s);
	if (s.dlen == 0 && !known &&
	    !str_caseeq(addr->p, addr->len, "postmaster"))
		return policy_note(p, "recipient",
		    "550 5.1.3 recipient needs a domain", NULL);
	switch (policy_place(p, addr->p, addr->len, &origin)) {
	case PLACE_HERE:
		return policy_note(p, "recipient", NULL, origin);
	case PLACE_PASSED:
		return routed(&s) ? relay(p)
		    : policy_note(p, "recipient", NULL, origin);
	case PLACE_AWAY:
		return relay(p);
	case PLACE_NOWHERE:
		return policy_note(p, "recipient",
		    "550 5.1.1 no such user here", origin);
	case PLACE_LATER:
		break;
	}
	return policy_note(p, "recipient",
	    "451 4.3.0 recipients cannot be looked up now", origin);
}
