/* Domain names as DNS has them in its records. */
#ifndef DNSNAME_H
#define DNSNAME_H
#include <stddef.h>

#include "netaddr.h"

enum { DNSNAME_MAX = 256 }; /* bytes of a name as text, with its NUL */

/*
 * The host name of n bytes of uncompressed RDATA as text, lower case.  0; -1:
 * not a host name (bytes that no name of a host has; a dot inside a label).
 * The root, which is what a null MX names, is the empty text.
 */
int dnsname_text(const unsigned char *p, size_t n, char out[DNSNAME_MAX]);
/* The name under which DNS has the name of an address (RFC 1035 3.5, RFC 3596
 * 2.5). */
void dnsname_reverse(const struct netaddr *a, char out[DNSNAME_MAX]);
#endif
