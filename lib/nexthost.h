/* Which addresses to try for a message, in which order (RFC 5321 5.1). */
#ifndef NEXTHOST_H
#define NEXTHOST_H
#include <sys/socket.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "mxq.h"

enum { NEXTHOST_MAX = 64 }; /* addresses tried for one message */

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Where mail goes, as the configuration or the address says it. */
struct nexthop {
	const char *query; /* for mx_ask: a domain, or [host] for one whose MX
			      records do not matter; not NUL-terminated */
	size_t len;
	int literal;       /* query is an [address]: nobody has to be asked */
	unsigned port;
};

struct nexthost {
	char name[256];
	char addr[INET6_ADDRSTRLEN];
	union sockaddr_any sa;
	socklen_t salen;
};

struct nexthosts {
	struct nexthost *list; /* best first */
	size_t n;
	char kind;             /* n is 0: Z or D, and why */
	char status[12];
	char text[256];
};

/* Is this address, of an interface of ours?  For loop detection. */
typedef int nexthost_own(const struct sockaddr *sa);

/*
 * Parses [host]:port, host:port, [host] or host; the pointers are into s.
 * Without a port it is dflt.  0, or -1 when it is malformed.
 */
int nexthop_parse(struct nexthop *h, const char *s, size_t n, unsigned dflt);
/*
 * The addresses of a's hosts (of the literal itself, a is not used then), no
 * address twice, hosts of equal preference in an order that seed decides.  On
 * port 25 a host of our own name or address ends the list, with all others of
 * its preference (RFC 5321 5.1): nothing left is 5.4.6.
 */
void nexthosts_make(struct nexthosts *h, const struct nexthop *hop,
    const struct mx_answer *a, const char *hostname, nexthost_own *own,
    uint64_t seed);
void nexthosts_free(struct nexthosts *h);
#endif
