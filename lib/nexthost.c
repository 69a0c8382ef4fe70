#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "nexthost.h"
#include "str.h"

enum { SMTP_PORT = 25 };

/* The address in text, with a port of 0: its length, or 0. */
static socklen_t
parse_addr(union sockaddr_any *u, const char *text)
{
	memset(u, 0, sizeof *u);
	if (inet_pton(AF_INET, text, &u->v4.sin_addr) == 1) {
		u->v4.sin_family = AF_INET;
		return sizeof u->v4;
	}
	if (inet_pton(AF_INET6, text, &u->v6.sin6_addr) == 1) {
		u->v6.sin6_family = AF_INET6;
		return sizeof u->v6;
	}
	return 0;
}

/* The address in [1.2.3.4], [IPv6:...] or [...:...]; 0 if it is none. */
static int
literal_text(const char *p, size_t n, char out[INET6_ADDRSTRLEN])
{
	union sockaddr_any u;

	if (n < 3 || p[0] != '[' || p[n - 1] != ']')
		return 0;
	p++;
	n -= 2;
	if (n > 5 && str_caseeq(p, 5, "IPv6:")) {
		p += 5;
		n -= 5;
	}
	if (n >= INET6_ADDRSTRLEN)
		return 0;
	memcpy(out, p, n);
	out[n] = '\0';
	return parse_addr(&u, out) != 0;
}

int
nexthop_parse(struct nexthop *h, const char *s, size_t n, unsigned dflt)
{
	const char *end = s + n, *p = memchr(s, n > 0 && *s == '[' ? ']' : ':',
	    n);
	char text[INET6_ADDRSTRLEN];
	uint64_t port = dflt;

	if (n > 0 && *s == '[') {
		if (p == NULL)
			return -1;
		p++;
	} else if (p == NULL) {
		p = end;
	}
	if (p < end && (*p != ':' ||
	    parse_u64(p + 1, (size_t)(end - p) - 1, &port) == -1))
		return -1;
	h->query = s;
	h->len = (size_t)(p - s);
	h->port = (unsigned)port;
	h->literal = literal_text(s, h->len, text);
	return h->len > (*s == '[' ? 2u : 0u) && port > 0 && port < 65536
	    ? 0 : -1;
}

static int
listed(const struct nexthosts *h, const struct nexthost *x)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (strcmp(h->list[i].addr, x->addr) == 0)
			return 1;
	return 0;
}

/* Adds one address of a host; one that cannot be read is left out. */
static void
add(struct nexthosts *h, const char *name, const char *addr, unsigned port)
{
	struct nexthost *x = &h->list[h->n];

	if (h->n == NEXTHOST_MAX)
		return;
	snprintf(x->name, sizeof x->name, "%s", name);
	snprintf(x->addr, sizeof x->addr, "%s", addr);
	x->salen = parse_addr(&x->sa, x->addr);
	/* The port is at the same place for both families. */
	x->sa.v4.sin_port = htons((uint16_t)port);
	if (x->salen != 0 && !listed(h, x))
		h->n++;
}

static int
is_own(const struct mx_host *host, const char *hostname, nexthost_own *own)
{
	union sockaddr_any u;
	size_t i;

	if (str_caseeq(host->name, strlen(host->name), hostname))
		return 1;
	for (i = 0; i < host->naddrs; i++)
		if (parse_addr(&u, host->addrs[i]) != 0 && own(&u.sa))
			return 1;
	return 0;
}

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Adds the hosts i to end - 1, all of one preference, in any order. */
static void
add_shuffled(struct nexthosts *h, const struct mx_answer *a, size_t i,
    size_t end, unsigned port, uint64_t *seed)
{
	const struct mx_host *pick[NEXTHOST_MAX], *t;
	size_t n = 0, k, j;

	for (; i < end && n < NEXTHOST_MAX; i++)
		pick[n++] = &a->hosts[i];
	for (k = 0; k < n; k++) {
		j = k + next_random(seed) % (n - k);
		t = pick[j];
		pick[j] = pick[k];
		for (i = 0; i < t->naddrs; i++)
			add(h, t->name, t->addrs[i], port);
	}
}

static void
nowhere(struct nexthosts *h, char kind, const char *status, const char *text)
{
	h->kind = kind;
	snprintf(h->status, sizeof h->status, "%s", status);
	snprintf(h->text, sizeof h->text, "%s", text);
}

/* Hosts of the same preference as the first together; those from our own
 * preference on are left out. */
static void
add_hosts(struct nexthosts *h, const struct nexthop *hop,
    const struct mx_answer *a, const char *hostname, nexthost_own *own,
    uint64_t seed)
{
	size_t i, end, k;

	for (i = 0; i < a->nhosts; i = end) {
		for (end = i + 1; end < a->nhosts &&
		    a->hosts[end].pref == a->hosts[i].pref; end++)
			;
		for (k = i; hop->port == SMTP_PORT && k < end; k++) {
			if (is_own(&a->hosts[k], hostname, own)) {
				nowhere(h, 'D', "5.4.6",
				    "mail loops back to ourselves");
				return;
			}
		}
		add_shuffled(h, a, i, end, hop->port, &seed);
	}
}

void
nexthosts_make(struct nexthosts *h, const struct nexthop *hop,
    const struct mx_answer *a, const char *hostname, nexthost_own *own,
    uint64_t seed)
{
	char text[INET6_ADDRSTRLEN], *addrs[] = {text};
	struct mx_host host = {.name = text, .addrs = addrs, .naddrs = 1};
	struct mx_answer itself = {.hosts = &host, .nhosts = 1};

	memset(h, 0, sizeof *h);
	if (hop->literal && literal_text(hop->query, hop->len, text))
		a = &itself;
	else if (a->code != 0) {
		nowhere(h, a->code == 100 ? 'D' : 'Z', a->status, a->text);
		return;
	}
	h->list = xalloc(NEXTHOST_MAX * sizeof *h->list);
	nowhere(h, 'Z', "4.4.3", "no address of a host that takes its mail");
	add_hosts(h, hop, a, hostname, own, seed | 1);
}

void
nexthosts_free(struct nexthosts *h)
{
	free(h->list);
	h->list = NULL;
	h->n = 0;
}
