/* IPv4 and IPv6 addresses and networks.  An address is 16 bytes; an IPv4 one
 * is held as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), however it was written. */
#ifndef NETADDR_H
#define NETADDR_H
#include <stddef.h>

enum {
	NETADDR_TEXT = 46,   /* the longest text and its NUL */
	NETADDR_PREFIX = 50  /* the same with a length */
};

struct netaddr {
	unsigned char b[16];
};

/* The first bits bits of net, the others are zero. */
struct netprefix {
	struct netaddr net;
	unsigned bits; /* 0 to 128; those of IPv4 count from 96 */
};

/* The whole of p must be an address, `192.0.2.1' or `2001:db8::1', without
 * brackets: 0, else -1. */
int netaddr_parse(struct netaddr *a, const char *p, size_t n);
/* The same for `[192.0.2.1]', `[2001:db8::1]' and RFC 5321's
 * `[IPv6:2001:db8::1]'. */
int netaddr_literal(struct netaddr *a, const char *p, size_t n);
int netaddr_is4(const struct netaddr *a);
int netaddr_same(const struct netaddr *a, const struct netaddr *b);
/* As people write it: dotted for IPv4, RFC 5952 for IPv6. */
void netaddr_text(const struct netaddr *a, char out[NETADDR_TEXT]);

/* The whole of p must be `addr', `[addr]', `addr/len', `[addr]/len' or
 * `[addr/len]': 0, else -1.  Bits behind len are taken for zero. */
int netprefix_parse(struct netprefix *x, const char *p, size_t n);
/* The network that one user is thought to have: IPv4 /24, IPv6 /64. */
void netprefix_of(struct netprefix *x, const struct netaddr *a);
/* Is the address in it?  One of IPv4 is only in networks of IPv4, not in
 * ::/0. */
int netprefix_has(const struct netprefix *x, const struct netaddr *a);
/* `192.0.2.0/24'. */
void netprefix_text(const struct netprefix *x, char out[NETADDR_PREFIX]);
#endif
