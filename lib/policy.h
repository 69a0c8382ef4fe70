/* The rules by which a client may send mail (postchaise.conf(5), smtp-recv(8)):
 * smtp-recv asks them, route-explain shows them. */
#ifndef POLICY_H
#define POLICY_H
#include "buf.h"
#include "map.h"
#include "netaddr.h"

/* One rule was looked at.  answer: the reply that refuses, or what it decided
 * ("pass", "may relay"); origin: "file:line", "environment", "default", ... of
 * what decided, or NULL. */
typedef void policy_trace(void *arg, const char *rule, const char *answer,
    const char *origin);

/* Zero-initialised but for tables, ip and name. */
struct policy {
	const struct map *tables;
	/* the client; set before policy_client */
	const char *ip;     /* "" if unknown */
	const char *name;   /* reverse name, "" if unknown; it is not believed
	                       where it would open something */
	int local;          /* a user of this host, who could run queue-inject
	                       as well: all is taken */
	const char *relayclient; /* RELAYCLIENT of the environment, or NULL */
	const char *denied;      /* DENIED of conn-gate, or NULL */
	const char *rblsmtpd;    /* RBLSMTPD, or NULL */
	/* of the session; set when it is known */
	const char *helo;
	const char *login;  /* NULL or "" without one */
	policy_trace *trace;
	void *arg;

	/* by policy_client */
	int may_relay;      /* RELAYCLIENT, trusted, or local */
	const char *spam;   /* forbidden=folder and accept: why, for the */
	const char *folder; /* message's attributes; else NULL */

	/* private */
	struct host_answer *dns; /* the client's name, once it was asked */
	int unsure;         /* trusted= could not be decided: DNS failed */
	struct buf asked;   /* sender domains asked in this session */
	struct buf text;    /* a reply that was put together */
	struct buf why;     /* what spam points to */
};

/* Each returns NULL to go on, or the reply that refuses, which is valid until
 * the next call. */

/* At the connection: overload, forbidden, paranoid.  The reply is a greeting
 * (421 or 554). */
const char *policy_client(struct policy *p);
/* p->helo: with our own name or address? */
const char *policy_helo(struct policy *p);
/* A sender; "" is the null sender. */
const char *policy_sender(struct policy *p, const char *addr, size_t n);
/* A recipient; what RELAYCLIENT holds is appended to it, and a literal of our
 * own address becomes our name. */
const char *policy_rcpt(struct policy *p, struct buf *addr);
/* After policy_client: must the client log in before MAIL?  On submission,
 * who may not relay. */
int policy_needs_login(const struct policy *p);
void policy_free(struct policy *p);

/* For the parts of the rules. */

/* Tells the trace; answer NULL is "pass".  Returns answer. */
const char *policy_note(const struct policy *p, const char *rule,
    const char *answer, const char *origin);
/* Where a setting is from, for policy_note. */
const char *policy_origin(const struct policy *p, const char *setting);
/* Has the client logged in? */
int policy_logged_in(const struct policy *p);
/* Is it this very host: a local user, or at an address of ours? */
int policy_here(const struct policy *p);
int policy_own_addr(const struct netaddr *a);
/* Is the domain a literal with an address of ours? */
int policy_own_literal(const char *domain, size_t n);

enum policy_place {
	PLACE_HERE,    /* a recipient of ours */
	PLACE_PASSED,  /* in a domain that we relay for */
	PLACE_AWAY,    /* not our domain */
	PLACE_NOWHERE, /* ours, and there is no such user */
	PLACE_LATER    /* cannot be looked up now */
};
/* Where mail for the address would go; a user that the tables lack is asked of
 * the system.  *origin gets what decided, or NULL. */
enum policy_place policy_place(const struct policy *p, const char *addr,
    size_t n, const char **origin);
/* May the login send as this address?  1; 0: no; -1: the tables are damaged.
 * *origin gets what lets it. */
int policy_owns(const struct policy *p, const char *addr, size_t n,
    const char **origin);
#endif
