/* From DNS answers to the list of hosts that take a domain's mail (RFC 5321
 * 5.1, RFC 7505), the addresses of a name, or the name of an address, without
 * asking anybody itself: it says what to look up, is told what came, and
 * writes the answer of mx-lookup(8). */
#ifndef MXRESOLVE_H
#define MXRESOLVE_H
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "netaddr.h"

enum {
	MXR_HOSTS = 32, /* hosts kept, the best; lib/mxq.c takes 64 */
	MXR_ADDRS = 16, /* addresses kept of each family of a host */
	MXR_NAMES = 4,  /* names of an address that are looked at */
	MXR_LOOKUPS = 1 + 2 * MXR_HOSTS
};

enum { DNS_A = 1, DNS_PTR = 12, DNS_MX = 15, DNS_AAAA = 28 };

/* A look-up to make.  name is NUL-terminated and lives as long as the
 * mxresolve; tag, below MXR_LOOKUPS, is for mxr_answer. */
struct mxr_lookup {
	const char *name;
	int type;
	unsigned tag;
};

enum dns_kind { DNS_DATA, DNS_NODATA, DNS_NXDOMAIN, DNS_FAIL };

/* What a look-up gave; fields of no meaning for the kind are 0. */
struct dns_answer {
	enum dns_kind kind;
	int secure;       /* validated, also that there is nothing */
	uint32_t ttl;     /* seconds */
	const char *why;  /* DNS_FAIL: for people */
	char *const *data; /* RDATA, names uncompressed; ends with NULL */
	const int *len;    /* length of each */
};

struct mxr_host {
	unsigned pref;
	char *name;
	int insecure; /* an address of it is not validated */
	int failed;   /* a look-up of an address failed */
	size_t n4, n6;
	struct in_addr v4[MXR_ADDRS];
	struct in6_addr v6[MXR_ADDRS];
};

enum mxr_about { MXR_MAIL, MXR_ADDR, MXR_PTR };

struct mxresolve {
	enum mxr_about about;
	char key[264];  /* the question: lower case, no final dot */
	char name[256]; /* the name to look up */
	struct netaddr ip; /* of MXR_PTR */
	int implicit;   /* no MX: hosts[0] is the domain itself */
	int insecure;   /* the MX look-up was not validated */
	int done;       /* out is complete */
	unsigned next, got; /* look-ups made, answered */
	unsigned malformed; /* records whose name is no host name */
	uint32_t ttl;   /* seconds that out may be remembered */
	char why[120];  /* of the first failure */
	struct mxr_host *hosts; /* by preference, equal ones as they came */
	size_t nhosts;
	struct buf out; /* lines of mx-lookup(8) */
};

/*
 * Begins with a question: a domain, [host], or an address literal; `addr '
 * and a name; `ptr ' and an address.  What needs no DNS, or is no domain name,
 * is done at once.  mxr_free ends it.
 */
void mxr_start(struct mxresolve *r, const char *question, size_t len);
/* The next look-up to make now: 1, or 0 when there is none. */
int mxr_next(struct mxresolve *r, struct mxr_lookup *l);
/* The answer to look-up tag, once for each.  May make further look-ups
 * necessary, or finish. */
void mxr_answer(struct mxresolve *r, unsigned tag, const struct dns_answer *a);
/* What has not come will not: finishes with what is there.  why is static. */
void mxr_expire(struct mxresolve *r, const char *why);
void mxr_free(struct mxresolve *r);
#endif
