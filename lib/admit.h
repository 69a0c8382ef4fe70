/* Whom the receiver takes mail from, and for whom. */
#ifndef ADMIT_H
#define ADMIT_H
#include "buf.h"
#include "map.h"

struct admit {
	const struct map *tables;
	const char *relayclient; /* RELAYCLIENT, NULL if it is not set */
	int verify_from;
	int local;               /* a user of this host, who could run
	                            queue-inject as well: all is taken */
	struct buf asked;        /* domains asked in this session */
};

/* Each returns NULL to accept, or the reply that refuses. */

/* The sender's domain, if there is a reason to ask; at most once for each
 * domain.  The null sender, our own domains and relay clients pass. */
const char *admit_sender(struct admit *a, const char *addr, size_t n);
/*
 * A recipient; what RELAYCLIENT holds is appended to it.  Only a relay client
 * may leave out the domain, but for postmaster (RFC 5321 4.5.1), or name a
 * domain that is not ours.
 */
const char *admit_rcpt(struct admit *a, struct buf *addr);
#endif
