/* Asking mx-lookup for the addresses of a name, and the name of an address
 * (mx-lookup(8), requests `addr' and `ptr'). */
#ifndef HOSTQ_H
#define HOSTQ_H
#include <stddef.h>
#include <stdint.h>

struct host_answer {
	int code;       /* 0 found, 100 there is none, 111 try later */
	char name[256]; /* of ptr, without a final dot, lower case; "" if none.
	                   With 111 too, when it is only not known whether it
	                   has the address */
	int confirmed;  /* the name has that address (forward-confirmed) */
	char **addrs;   /* of addr, as text */
	size_t naddrs;
	char text[200]; /* why, for people */
};

/* Both always fill a (a failure to ask is code 111); timeout in milliseconds.
 * The caller frees with host_free. */
void host_addrs(struct host_answer *a, const char *name, size_t n,
    uint64_t timeout);
void host_name(struct host_answer *a, const char *ip, uint64_t timeout);
/* Fills a from the lines of an answer; for tests, as mx_parse. */
void host_parse(struct host_answer *a, const char *p, size_t n);
void host_free(struct host_answer *a);
#endif
