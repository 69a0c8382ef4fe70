/* Where a recipient's mail goes, by the compiled table mail.cdb.  Used by the
 * receiver, the runner, the spawner and route-explain alike. */
#ifndef ROUTE_H
#define ROUTE_H
#include <sys/types.h>

#include "addr.h"
#include "map.h"

enum route_kind {
	ROUTE_ALIAS,   /* targets */
	ROUTE_VHOST,   /* a virtual user: uid, gid, format, domain, user */
	ROUTE_USER,    /* a system user: uid, gid, home, user */
	ROUTE_ASK,     /* a local domain, but the snapshot has no such user:
	                  user-lookup must be asked before it is refused */
	ROUTE_RELAY,   /* a domain that we take mail for and pass on */
	ROUTE_REMOTE,  /* not our domain */
	ROUTE_UNKNOWN, /* our domain, no such recipient: 550 5.1.1 */
	ROUTE_ERROR    /* the look-up failed: 451 4.3.0 */
};

enum { ROUTE_NO_ALIAS = 1 }; /* look for users only (a target like \user) */

/* One step of a look-up, for route-explain: what was looked for, where, and
 * the origin ("file:line") of what was found, NULL when nothing was. */
typedef void route_trace(void *arg, const char *what, const char *key,
    const char *origin);

struct route {
	enum route_kind kind;
	char domain[256];  /* lower case; "" for a system name */
	char user[256];    /* ALIAS: the name that matched; VHOST, USER, ASK:
	                      the mailbox's user without extension; lower case */
	char ext[256];     /* extension without its +, "" if none */
	const char *targets; /* ALIAS: NUL-terminated strings one after another */
	size_t targetslen;
	uid_t uid;
	gid_t gid;
	const char *home;   /* USER */
	const char *format; /* VHOST: "mbox" or "maildir" for a new mailbox */
	const char *origin; /* file:line that decided, or NULL */
	char made[600];     /* holds a target made from `*: *@other' */
};

/*
 * Routes addr (local@domain; without a domain a name of this system) in the
 * order of INTERFACES 6: exact alias, exact user, both without the
 * +extension, domain alias, catch-all.  r's pointers are into m or r.
 */
void route_find(struct route *r, const struct map *m, const char *addr,
    size_t len, int flags, route_trace *trace, void *arg);
/* Is the domain one of ours: 1 virtual or local (relay domains are not), 0
 * no, -1 the table is damaged. */
int route_ours(const struct map *m, const char *domain, size_t len);
#endif
