/* The rules by which a client may send mail (postchaise.conf(5), smtp-recv(8)):
 * smtp-recv asks them, route-explain shows them. */
#ifndef POLICY_H
#define POLICY_H
#include "buf.h"
#include "map.h"

/* One rule was looked at.  answer: the reply that refuses, or what it decided
 * ("pass", "may relay"); origin: "file:line", "environment", "default", ... of
 * what decided, or NULL. */
typedef void policy_trace(void *arg, const char *rule, const char *answer,
    const char *origin);

/* Zero-initialised but for tables. */
struct policy {
	const struct map *tables;
	/* the client; set before policy_client */
	const char *ip;     /* "" if unknown */
	const char *name;   /* verified reverse name, "" if unknown */
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
	struct buf asked;   /* domains asked in this session */
	struct buf text;
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
void policy_free(struct policy *p);
#endif
