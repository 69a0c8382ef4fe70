/* Asking mx-lookup where mail for a domain goes (mx-lookup(8)). */
#ifndef MXQ_H
#define MXQ_H
#include <stddef.h>
#include <stdint.h>

struct mx_host {
	unsigned pref;
	char *name;     /* without a final dot */
	char *dnssec;   /* secure, insecure (bogus is never an answer) */
	char **addrs;   /* as text, IPv6 and IPv4 in the order to try */
	size_t naddrs;
};

struct mx_answer {
	int code;        /* 0 hosts, 100 never, 111 try later */
	char status[12]; /* X.Y.Z for 100 and 111: 5.1.2, 5.1.10 (null MX), 4.4.3 */
	char text[200];  /* why, for people */
	struct mx_host *hosts; /* by preference, equal ones as DNS had them */
	size_t nhosts;
};

/*
 * Asks the resident service on its socket; where there is none, runs
 * mx-lookup once.  Always fills a (a failure to ask is code 111).  domain may
 * be [host], for the addresses of host without its MX, or an address literal.
 * timeout in milliseconds.  The caller frees with mx_free.
 */
void mx_ask(struct mx_answer *a, const char *domain, size_t len,
    uint64_t timeout);
/*
 * Fills a from the lines of an answer, without the `.' that ends it on the
 * socket.  A malformed one, or one over the limits, is code 111.  mx_ask's
 * parser, for tests.
 */
void mx_parse(struct mx_answer *a, const char *p, size_t n);
void mx_free(struct mx_answer *a);
#endif
