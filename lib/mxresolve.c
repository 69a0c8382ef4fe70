#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "dnsname.h"
#include "mxresolve.h"
#include "str.h"

/* How long answers are remembered at most, failures of DNS always: as long
 * as libunbound itself remembers that a server failed. */
enum { TTL_MAX = 3600, TTL_FAIL = 5 };

/* What the question was about, for a text. */
static const char *
subject(const struct mxresolve *r)
{
	return r->about == MXR_PTR ? r->key + 4 : r->name;
}

static void
fail(struct mxresolve *r, const char *status, const char *before,
    const char *after)
{
	r->out.len = 0;
	buf_fmt(&r->out, "fail %s %s%s%s\n", status, before, subject(r),
	    after);
	r->done = 1;
}

/* Text of others as it may stand in a line. */
static void
clean(char *to, size_t cap, const char *from)
{
	size_t i;

	for (i = 0; i < cap - 1 && from[i] != '\0'; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	to[i] = '\0';
}

/* A look-up failed, and nothing useful came instead. */
static void
fail_dns(struct mxresolve *r, const char *what)
{
	r->out.len = 0;
	buf_fmt(&r->out, "fail 4.4.3 %s of %s: %s\n", what, subject(r),
	    r->why);
	r->ttl = TTL_FAIL;
	r->done = 1;
}

/* [1.2.3.4], [IPv6:...] or [...:...]: answered with itself. */
static int
literal(struct mxresolve *r, const char *p, size_t n)
{
	char t[INET6_ADDRSTRLEN];
	struct in6_addr a; /* or an in_addr */

	if (n > 5 && str_caseeq(p, 5, "IPv6:")) {
		p += 5;
		n -= 5;
	}
	if (n >= sizeof t)
		return 0;
	memcpy(t, p, n);
	t[n] = '\0';
	if (inet_pton(AF_INET, t, &a) == 1)
		buf_fmt(&r->out, "mx 0 [%s] insecure %s\n", t, t);
	else if (inet_pton(AF_INET6, t, &a) == 1 &&
	    inet_ntop(AF_INET6, &a, t, sizeof t) != NULL)
		buf_fmt(&r->out, "mx 0 [IPv6:%s] insecure %s\n", t, t);
	else
		return 0;
	r->done = 1;
	return 1;
}

/* localhost and all below it (RFC 6761 6.3). */
static int
is_localhost(const char *name)
{
	size_t n = strlen(name);

	return strcmp(name, "localhost") == 0 ||
	    (n > 10 && strcmp(name + n - 10, ".localhost") == 0);
}

static struct mxr_host *
host_insert(struct mxresolve *r, size_t at, unsigned pref, const char *name)
{
	struct mxr_host *h = r->hosts + at;
	size_t n = strlen(name) + 1;

	if (r->nhosts == MXR_HOSTS)
		free(r->hosts[--r->nhosts].name);
	memmove(h + 1, h, (r->nhosts - at) * sizeof *h);
	r->nhosts++;
	memset(h, 0, sizeof *h);
	h->pref = pref;
	h->name = xalloc(n);
	memcpy(h->name, name, n);
	return h;
}

/* The domain's, or [host]'s, own addresses. */
static void
use_itself(struct mxresolve *r)
{
	r->implicit = 1;
	host_insert(r, 0, 0, r->name);
}

/* An address whose name is asked for. */
static void
start_ptr(struct mxresolve *r, const char *p, size_t n)
{
	char t[NETADDR_TEXT];

	r->about = MXR_PTR;
	if (netaddr_parse(&r->ip, p, n) == -1) {
		snprintf(r->key, sizeof r->key, "ptr ");
		fail(r, "5.1.2", "not an address", "");
		return;
	}
	netaddr_text(&r->ip, t);
	snprintf(r->key, sizeof r->key, "ptr %s", t);
	dnsname_reverse(&r->ip, r->name);
	r->hosts = xalloc((MXR_HOSTS + 1) * sizeof *r->hosts);
	if (strcmp(t, "::1") == 0 || strcmp(t, "127.0.0.1") == 0) {
		buf_str(&r->out, "ptr localhost confirmed\n");
		r->done = 1;
	}
}

/* A name whose addresses are asked for: as if an MX look-up had found nothing,
 * and securely. */
static void
start_addr(struct mxresolve *r)
{
	use_itself(r);
	r->next = r->got = 1;
	r->ttl = TTL_MAX;
}

/* Takes the name, as it is in the question; 0, or -1: the question is done. */
static int
start_name(struct mxresolve *r, const char *p, size_t n)
{
	struct netaddr ip;

	if (n > 1 && p[n - 1] == '.')
		n--;
	if (str_8bit(p, n)) {
		fail(r, "5.6.7", "the domain is not ASCII, and only its "
		    "xn-- form can be looked up", "");
		return -1;
	}
	if (!addr_domain_valid(p, n, 0, 0)) {
		fail(r, "5.1.2", "not a domain name", "");
		return -1;
	}
	memcpy(r->name, p, n);
	str_lower(r->name, n);
	if (netaddr_parse(&ip, r->name, n) == -1)
		return 0;
	fail(r, "5.1.2", "an address must stand in brackets: ", "");
	return -1;
}

void
mxr_start(struct mxresolve *r, const char *question, size_t len)
{
	int brackets = len > 2 && question[0] == '[' &&
	    question[len - 1] == ']';

	memset(r, 0, sizeof *r);
	if (len > 4 && memcmp(question, "ptr ", 4) == 0) {
		start_ptr(r, question + 4, len - 4);
		return;
	}
	if (len > 5 && memcmp(question, "addr ", 5) == 0) {
		r->about = MXR_ADDR;
		question += 5;
		len -= 5;
	} else if (brackets) {
		if (literal(r, question + 1, len - 2))
			return;
		question++;
		len -= 2;
	}
	if (start_name(r, question, len) == -1)
		return;
	r->hosts = xalloc((MXR_HOSTS + 1) * sizeof *r->hosts);
	snprintf(r->key, sizeof r->key, "%s%s%s", r->about == MXR_ADDR
	    ? "addr " : brackets ? "[" : "", r->name, brackets ? "]" : "");
	if (is_localhost(r->name)) {
		if (r->about == MXR_ADDR)
			buf_str(&r->out, "addr ::1 127.0.0.1\n");
		else
			buf_fmt(&r->out, "mx 0 %s insecure ::1 127.0.0.1\n",
			    r->name);
		r->done = 1;
	} else if (brackets || r->about == MXR_ADDR) {
		start_addr(r);
	}
}

int
mxr_next(struct mxresolve *r, struct mxr_lookup *l)
{
	unsigned t = r->next;

	if (r->done || t > 2 * r->nhosts)
		return 0;
	l->tag = t;
	l->name = t == 0 ? r->name : r->hosts[(t - 1) / 2].name;
	l->type = t == 0 && r->about == MXR_PTR ? DNS_PTR
	    : t == 0 ? DNS_MX : t % 2 ? DNS_AAAA : DNS_A;
	r->next++;
	return 1;
}

/* Adds a host in its place; one that is there keeps its better preference. */
static void
add_mx(struct mxresolve *r, unsigned pref, const char *name)
{
	size_t i, at;

	for (i = 0; i < r->nhosts; i++) {
		if (strcmp(r->hosts[i].name, name) != 0)
			continue;
		if (r->hosts[i].pref <= pref)
			return;
		free(r->hosts[i].name);
		memmove(r->hosts + i, r->hosts + i + 1,
		    (--r->nhosts - i) * sizeof *r->hosts);
		break;
	}
	for (at = r->nhosts; at > 0 && r->hosts[at - 1].pref > pref; at--)
		;
	if (at < MXR_HOSTS)
		host_insert(r, at, pref, name);
}

static void
mx_data(struct mxresolve *r, const struct dns_answer *a)
{
	const unsigned char *p;
	char name[DNSNAME_MAX];
	int i, null = 0;

	for (i = 0; a->data[i] != NULL; i++) {
		p = (const unsigned char *)a->data[i];
		if (a->len[i] < 3 ||
		    dnsname_text(p + 2, (size_t)a->len[i] - 2, name) == -1)
			r->malformed++;
		else if (name[0] == '\0')
			null = 1;
		else
			add_mx(r, (unsigned)p[0] << 8 | p[1], name);
	}
	/* A `.' beside real hosts is ignored (RFC 7505 3). */
	if (r->nhosts == 0 && null)
		fail(r, "5.1.10", "", " takes no mail (null MX)");
	else if (r->nhosts == 0)
		fail(r, "5.4.4", "no MX of ", " is a host name");
}

static void
mx_answer(struct mxresolve *r, const struct dns_answer *a)
{
	r->insecure = !a->secure;
	switch (a->kind) {
	case DNS_DATA:
		mx_data(r, a);
		break;
	case DNS_NODATA:
		use_itself(r);
		break;
	case DNS_NXDOMAIN:
		fail(r, "5.1.2", "domain ", " does not exist");
		break;
	case DNS_FAIL:
		fail_dns(r, "MX");
	}
}

/* The names of the address; whether it is theirs is to be looked up. */
static void
ptr_answer(struct mxresolve *r, const struct dns_answer *a)
{
	char name[DNSNAME_MAX];
	int i;

	if (a->kind == DNS_FAIL) {
		fail_dns(r, "name");
		return;
	}
	for (i = 0; a->kind == DNS_DATA && a->data[i] != NULL; i++)
		if (dnsname_text((const unsigned char *)a->data[i],
		    (size_t)a->len[i], name) == -1 || name[0] == '\0')
			r->malformed++;
		else if (r->nhosts < MXR_NAMES)
			add_mx(r, 0, name);
	if (r->nhosts == 0)
		fail(r, "5.4.4", "", r->malformed > 0
		    ? " has no name that is a host name" : " has no name");
}

static void
host_answer(struct mxr_host *h, int type, const struct dns_answer *a)
{
	int i;

	h->failed |= a->kind == DNS_FAIL;
	if (a->kind != DNS_DATA)
		return;
	h->insecure |= !a->secure;
	for (i = 0; a->data[i] != NULL; i++) {
		if (type == DNS_A && a->len[i] == 4 && h->n4 < MXR_ADDRS)
			memcpy(&h->v4[h->n4++], a->data[i], 4);
		if (type == DNS_AAAA && a->len[i] == 16 && h->n6 < MXR_ADDRS)
			memcpy(&h->v6[h->n6++], a->data[i], 16);
	}
}

/* IPv6 and IPv4 take turns, so that a family that does not work here costs
 * one attempt, not all. */
static void
write_addrs(struct mxresolve *r, const struct mxr_host *h)
{
	char t[INET6_ADDRSTRLEN];
	size_t i;

	for (i = 0; i < h->n4 || i < h->n6; i++) {
		if (i < h->n6)
			buf_fmt(&r->out, " %s",
			    inet_ntop(AF_INET6, &h->v6[i], t, sizeof t));
		if (i < h->n4)
			buf_fmt(&r->out, " %s",
			    inet_ntop(AF_INET, &h->v4[i], t, sizeof t));
	}
	buf_byte(&r->out, '\n');
}

static void
write_host(struct mxresolve *r, const struct mxr_host *h)
{
	if (r->about == MXR_ADDR)
		buf_str(&r->out, "addr");
	else
		buf_fmt(&r->out, "mx %u %s %s", h->pref, h->name,
		    r->insecure || h->insecure ? "insecure" : "secure");
	write_addrs(r, h);
}

static int
host_has(const struct mxr_host *h, const struct netaddr *ip)
{
	size_t i;

	for (i = 0; i < h->n6; i++)
		if (memcmp(&h->v6[i], ip->b, 16) == 0)
			return 1;
	for (i = 0; netaddr_is4(ip) && i < h->n4; i++)
		if (memcmp(&h->v4[i], ip->b + 12, 4) == 0)
			return 1;
	return 0;
}

/* The first name that has the address, else the first name. */
static void
write_name(struct mxresolve *r, int failed)
{
	size_t i;

	for (i = 0; i < r->nhosts; i++)
		if (host_has(&r->hosts[i], &r->ip))
			break;
	if (i < r->nhosts)
		buf_fmt(&r->out, "ptr %s confirmed\n", r->hosts[i].name);
	else
		buf_fmt(&r->out, "ptr %s %s\n", r->hosts[0].name,
		    failed ? "undecided" : "unconfirmed");
}

/* No host has an address. */
static void
fail_hosts(struct mxresolve *r, int failed)
{
	if (failed)
		fail_dns(r, "addresses");
	else if (r->implicit && (r->key[0] == '[' || r->about == MXR_ADDR))
		fail(r, "5.4.4", "host ", " has no address");
	else if (r->implicit)
		fail(r, "5.4.4", "", " has neither MX nor address");
	else
		fail(r, "5.4.4", "no MX of ", " has an address");
}

/* All answers are there: the hosts that have an address, or why none has. */
static void
finish(struct mxresolve *r)
{
	int failed = 0;
	size_t i;

	for (i = 0; i < r->nhosts; i++) {
		failed |= r->hosts[i].failed;
		if (r->about != MXR_PTR &&
		    r->hosts[i].n4 + r->hosts[i].n6 > 0)
			write_host(r, &r->hosts[i]);
	}
	r->done = 1;
	if (failed && r->ttl > TTL_FAIL)
		r->ttl = TTL_FAIL;
	if (r->about == MXR_PTR)
		write_name(r, failed);
	else if (r->out.len == 0)
		fail_hosts(r, failed);
}

void
mxr_answer(struct mxresolve *r, unsigned tag, const struct dns_answer *a)
{
	uint32_t ttl = a->ttl < TTL_MAX ? a->ttl : TTL_MAX;

	if (r->done)
		return;
	if (a->kind == DNS_FAIL && r->why[0] == '\0')
		clean(r->why, sizeof r->why, a->why);
	if (tag == 0 || ttl < r->ttl)
		r->ttl = ttl;
	r->got++;
	if (tag == 0 && r->about == MXR_PTR)
		ptr_answer(r, a);
	else if (tag == 0)
		mx_answer(r, a);
	else
		host_answer(&r->hosts[(tag - 1) / 2],
		    tag % 2 ? DNS_AAAA : DNS_A, a);
	if (!r->done && r->got == 1 + 2 * r->nhosts)
		finish(r);
}

void
mxr_expire(struct mxresolve *r, const char *why)
{
	size_t i;

	if (r->done)
		return;
	if (r->why[0] == '\0')
		clean(r->why, sizeof r->why, why);
	if (r->got == 0) {
		fail_dns(r, r->about == MXR_PTR ? "name" : "MX");
		return;
	}
	for (i = 0; i < r->nhosts; i++)
		r->hosts[i].failed = 1;
	finish(r);
}

void
mxr_free(struct mxresolve *r)
{
	size_t i;

	for (i = 0; i < r->nhosts; i++)
		free(r->hosts[i].name);
	free(r->hosts);
	buf_free(&r->out);
	memset(r, 0, sizeof *r);
}
