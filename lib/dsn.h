/* Reports about a message that was not delivered, or not yet, or (to who asked
 * for it) that it was (RFC 3464, RFC 6522; RFC 6533 where addresses are
 * UTF-8). */
#ifndef DSN_H
#define DSN_H
#include <stdint.h>

#include "envelope.h"

enum dsn_kind { DSN_FAILURE, DSN_DELAY, DSN_SUCCESS };

struct dsn {
	const char *id;       /* of the report: of its Message-ID and boundary */
	const char *origid;   /* queue id of the message that it is about */
	const char *hostname;
	const char *to;       /* who gets it */
	enum dsn_kind kind;
	int doubled;          /* `to' is not the sender: that one is null, or
	                         could not be told */
	const char *relay;    /* host that refused, for texts that do not name
	                         it; or NULL */
	int64_t now;
	int64_t arrived;      /* 0: not known */
	int64_t until;        /* of DSN_DELAY: when it will be given up; or 0 */
	/* Recipients have the attributes status, text, action, orig and orcpt
	 * (INTERFACES 9); of the message's envid and smtputf8 matter. */
	const struct envelope *env;
	const char *original; /* the message's header, or what is shown of it; */
	size_t originallen;
	int whole;            /* or the whole message, with its text */
};

/* How the report must be sent. */
enum { DSN_8BIT = 1, DSN_UTF8 = 2 };

/* Is a report of this kind asked for by a NOTIFY (RFC 3461 4.1; NULL: none was
 * given)? */
int dsn_asked(const char *notify, enum dsn_kind kind);
/* Is the recipient to be told of?  One without NOTIFY of whatever there is:
 * who ordered the report knows. */
int dsn_wanted(const struct recipient *r, enum dsn_kind kind);
/* Appends the whole message, line ends LF, with the wanted recipients of
 * d->env.  Returns how it must be sent. */
int dsn_build(struct buf *out, const struct dsn *d);
#endif
