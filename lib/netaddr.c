#include <sys/socket.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "netaddr.h"
#include "str.h"

enum { BITS4 = 96 }; /* of the mapped prefix, before the four bytes of IPv4 */

static const unsigned char mapped[BITS4 / 8] = {[10] = 0xff, [11] = 0xff};

int
netaddr_parse(struct netaddr *a, const char *p, size_t n)
{
	char t[NETADDR_TEXT];

	/* A NUL inside would end the text before its end. */
	if (n == 0 || n >= sizeof t || memchr(p, '\0', n) != NULL)
		return -1;
	memcpy(t, p, n);
	t[n] = '\0';
	if (memchr(p, ':', n) != NULL)
		return inet_pton(AF_INET6, t, a->b) == 1 ? 0 : -1;
	memcpy(a->b, mapped, sizeof mapped);
	return inet_pton(AF_INET, t, a->b + sizeof mapped) == 1 ? 0 : -1;
}

int
netaddr_literal(struct netaddr *a, const char *p, size_t n)
{
	if (n < 2 || p[0] != '[' || p[n - 1] != ']')
		return -1;
	p++;
	n -= 2;
	if (n > 5 && str_caseeq(p, 5, "IPv6:"))
		return netaddr_parse(a, p + 5, n - 5);
	return netaddr_parse(a, p, n);
}

int
netaddr_is4(const struct netaddr *a)
{
	return memcmp(a->b, mapped, sizeof mapped) == 0;
}

int
netaddr_same(const struct netaddr *a, const struct netaddr *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

void
netaddr_text(const struct netaddr *a, char out[NETADDR_TEXT])
{
	if (netaddr_is4(a))
		inet_ntop(AF_INET, a->b + sizeof mapped, out, NETADDR_TEXT);
	else
		inet_ntop(AF_INET6, a->b, out, NETADDR_TEXT);
}

/* Zeroes what stands behind the first bits bits. */
static void
mask(struct netaddr *a, unsigned bits)
{
	unsigned i;

	for (i = 0; i < sizeof a->b; i++) {
		if (bits >= 8) {
			bits -= 8;
			continue;
		}
		a->b[i] &= (unsigned char)(0xff00u >> bits);
		bits = 0;
	}
}

int
netprefix_parse(struct netprefix *x, const char *p, size_t n)
{
	const char *slash;
	uint64_t len;
	size_t alen;
	unsigned base;

	if (n > 2 && p[0] == '[' && p[n - 1] == ']') {
		p++;
		n -= 2;
	}
	slash = n > 0 ? memchr(p, '/', n) : NULL;
	alen = slash != NULL ? (size_t)(slash - p) : n;
	if (slash != NULL && alen > 2 && p[0] == '[' && p[alen - 1] == ']') {
		if (netaddr_parse(&x->net, p + 1, alen - 2) == -1)
			return -1;
	} else if (netaddr_parse(&x->net, p, alen) == -1) {
		return -1;
	}
	x->bits = 128;
	if (slash == NULL)
		return 0;
	base = memchr(p, ':', alen) == NULL ? BITS4 : 0;
	if (parse_u64(slash + 1, n - alen - 1, &len) == -1 ||
	    len > 128 - base)
		return -1;
	x->bits = base + (unsigned)len;
	mask(&x->net, x->bits);
	return 0;
}

void
netprefix_of(struct netprefix *x, const struct netaddr *a)
{
	x->net = *a;
	x->bits = netaddr_is4(a) ? BITS4 + 24 : 64;
	mask(&x->net, x->bits);
}

int
netprefix_has(const struct netprefix *x, const struct netaddr *a)
{
	struct netaddr m = *a;

	if (netaddr_is4(a) && x->bits < BITS4)
		return 0;
	mask(&m, x->bits);
	return netaddr_same(&m, &x->net);
}

void
netprefix_text(const struct netprefix *x, char out[NETADDR_PREFIX])
{
	char t[NETADDR_TEXT];
	unsigned base = 0;

	netaddr_text(&x->net, t);
	if (netaddr_is4(&x->net) && x->bits >= BITS4)
		base = BITS4;
	snprintf(out, NETADDR_PREFIX, "%s/%u", t, x->bits - base);
}
