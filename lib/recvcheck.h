/* A session's checks: what they are to know goes into the environment
 * (INTERFACES 10). */
#ifndef RECVCHECK_H
#define RECVCHECK_H
#include "map.h"
#include "smtps.h"

/* Set tables and s. */
struct recvcheck {
	const struct map *tables;
	const struct smtps *s;
	uint64_t size;  /* private: as MAIL said */
	/* Which check has refused, and of which setting. */
	const char *by;
	const char *name;
};

/* Each runs the checks of one setting and returns as checks_run.  Costs
 * nothing where there are none. */

const char *recvcheck_mail(struct recvcheck *c, const char *sender, size_t n,
    uint64_t size);
const char *recvcheck_rcpt(struct recvcheck *c, const struct buf *rcpt);
/* The message is in the file fd. */
const char *recvcheck_data(struct recvcheck *c, int fd);
/* Is there a check for the message? */
int recvcheck_wants_data(const struct recvcheck *c);
#endif
