/* Any bytes as an address, a literal, a network: what is taken is written so
 * that it is read again as the same, and a network has its own address. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(int good)
{
	if (!good)
		abort();
}

static void
address(const struct netaddr *a)
{
	char text[NETADDR_TEXT], prefix[NETADDR_PREFIX];
	struct netprefix net;
	struct netaddr again;

	netaddr_text(a, text);
	check(strlen(text) < sizeof text &&
	    netaddr_parse(&again, text, strlen(text)) == 0 &&
	    netaddr_same(a, &again));
	check(netaddr_is4(a) == (strchr(text, ':') == NULL));
	netprefix_of(&net, a);
	check(netprefix_has(&net, a) &&
	    net.bits == (netaddr_is4(a) ? 96 + 24 : 64));
	netprefix_text(&net, prefix);
	check(strlen(prefix) < sizeof prefix);
}

static void
network(const struct netprefix *x)
{
	char text[NETADDR_PREFIX];
	struct netprefix again;
	unsigned i;

	check(x->bits <= 128);
	for (i = x->bits; i < 128; i++)
		check((x->net.b[i / 8] >> (7 - i % 8) & 1) == 0);
	netprefix_text(x, text);
	check(strlen(text) < sizeof text &&
	    netprefix_parse(&again, text, strlen(text)) == 0 &&
	    again.bits == x->bits && netaddr_same(&again.net, &x->net));
	if (x->bits >= 96)
		check(netprefix_has(x, &x->net));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size + 1); /* of this length for the sanitizer */
	struct netprefix x;
	struct netaddr a;

	memcpy(p, data, size);
	if (netaddr_parse(&a, p, size) == 0)
		address(&a);
	if (netaddr_literal(&a, p, size) == 0) {
		check(p[0] == '[' && p[size - 1] == ']');
		address(&a);
	}
	if (netprefix_parse(&x, p, size) == 0)
		network(&x);
	free(p);
	return 0;
}
