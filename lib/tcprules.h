/* Rules for clients as tcpserver(1) follows them: a cdb that tcprules(1) made
 * of lines like `192.0.2.:allow,RELAYCLIENT=""'. */
#ifndef TCPRULES_H
#define TCPRULES_H
#include "buf.h"
#include "map.h"

struct tcprule {
	struct buf key;   /* the rule's address, NUL-terminated; "" for all */
	const char *data; /* what is private to tcprules_next */
	size_t len;
	int deny;
};

/*
 * The rule that tcpserver would follow, in its order: INFO@IP, INFO@=HOST, IP,
 * =HOST, IP shortened to each dot or colon, =.HOST shortened from the left, =,
 * and the empty address.  ip is as TCPREMOTEIP has it; host and info are NULL
 * where TCPREMOTEHOST and TCPREMOTEINFO are not set.  1; 0: no rule is for
 * this client, which tcpserver lets in; -1: the file is damaged.  r is
 * zero-initialised; the caller frees key.
 */
int tcprules_find(struct tcprule *r, const struct map *m, const char *ip,
    const char *host, const char *info);
/* The variables that the rule sets, "NAME=value" and a NUL: *at is 0 first;
 * NULL behind the last. */
const char *tcprules_next(const struct tcprule *r, size_t *at);
#endif
