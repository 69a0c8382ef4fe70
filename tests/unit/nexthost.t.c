/* lib/nexthost: which addresses, in which order. */
#include <arpa/inet.h>

#include "nexthost.h"
#include "tap.h"

static char *v4a[] = {"192.0.2.1"}, *v4b[] = {"192.0.2.2"},
    *both[] = {"2001:db8::3", "192.0.2.3"}, *ours[] = {"198.51.100.1"},
    *again[] = {"192.0.2.1", "bad", "192.0.2.9"};

static int
own(const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const
	    void *)sa;

	return sa->sa_family == AF_INET &&
	    in->sin_addr.s_addr == htonl(0xc6336401);
}

/* The addresses for hosts, in one line. */
static const char *
list(struct mx_host *hosts, size_t n, unsigned port, uint64_t seed)
{
	static char line[1000];
	struct mx_answer a = {.hosts = hosts, .nhosts = n};
	struct nexthop hop = {.query = "x", .len = 1, .port = port};
	struct nexthosts h;
	size_t i, len = 0;

	nexthosts_make(&h, &hop, &a, "me.example", own, seed);
	line[0] = '\0';
	for (i = 0; i < h.n; i++)
		len += (size_t)snprintf(line + len, sizeof line - len, "%s%s",
		    i ? " " : "", h.list[i].addr);
	if (h.n == 0)
		snprintf(line, sizeof line, "%c %s", h.kind, h.status);
	nexthosts_free(&h);
	return line;
}

static void
hop(const char *s, int result, const char *query, unsigned port, int literal)
{
	struct nexthop h;

	is_int(nexthop_parse(&h, s, strlen(s), 25), result, s);
	if (result != 0)
		return;
	is_mem(h.query, h.len, query, "  asks for");
	is_int(h.port, port, "  port");
	is_int(h.literal, literal, "  literal");
}

static void
hops(void)
{
	hop("a.example", 0, "a.example", 25, 0);
	hop("a.example:587", 0, "a.example", 587, 0);
	hop("[a.example]:2525", 0, "[a.example]", 2525, 0);
	hop("[a.example]", 0, "[a.example]", 25, 0);
	hop("[192.0.2.1]", 0, "[192.0.2.1]", 25, 1);
	hop("[IPv6:2001:db8::1]:26", 0, "[IPv6:2001:db8::1]", 26, 1);
	hop("[::1]", 0, "[::1]", 25, 1);
	hop("[]", -1, "", 0, 0);
	hop("[a", -1, "", 0, 0);
	hop("", -1, "", 0, 0);
	hop(":25", -1, "", 0, 0);
	hop("a:", -1, "", 0, 0);
	hop("a:0", -1, "", 0, 0);
	hop("a:65536", -1, "", 0, 0);
	hop("[a]25", -1, "", 0, 0);
}

static void
order(void)
{
	struct mx_host h[] = {{10, "a", "", v4a, 1}, {10, "b", "", v4b, 1},
	    {20, "c", "", both, 2}, {30, "d", "", again, 3}};
	int first = 0, seeds = 0;
	uint64_t seed;

	for (seed = 1; seed < 200; seed++) {
		const char *l = list(h, 4, 25, seed * 0x9e3779b97f4a7c15u);

		first += strcmp(l, "192.0.2.1 192.0.2.2 2001:db8::3 192.0.2.3 "
		    "192.0.2.9") == 0;
		seeds += strcmp(l, "192.0.2.2 192.0.2.1 2001:db8::3 192.0.2.3 "
		    "192.0.2.9") == 0;
	}
	is_int(first + seeds, 199, "by preference, no address twice");
	ok(first > 50 && seeds > 50, "equal ones in both orders");
}

static void
loops(void)
{
	struct mx_host h[] = {{10, "a", "", v4a, 1}, {20, "b", "", v4b, 1},
	    {20, "c", "", ours, 1}, {30, "d", "", both, 2}};
	struct mx_host named[] = {{10, "ME.example", "", v4a, 1}};

	is_str(list(h, 4, 25, 1), "192.0.2.1", "only better ones than we are");
	is_str(list(h + 1, 3, 25, 1), "D 5.4.6", "nobody is better");
	is_str(list(named, 1, 25, 1), "D 5.4.6", "we are it by name");
	is_str(list(h + 2, 1, 2525, 1), "198.51.100.1",
	    "another port is another server");
}

static void
failures(void)
{
	struct mx_answer a = {.code = 100, .status = "5.1.10", .text = "null"};
	struct nexthop hp;
	struct nexthosts h;

	nexthop_parse(&hp, "a", 1, 25);
	nexthosts_make(&h, &hp, &a, "me", own, 1);
	ok(h.n == 0 && h.kind == 'D', "permanent");
	is_str(h.status, "5.1.10", "its status");
	nexthosts_free(&h);
	a.code = 111;
	nexthosts_make(&h, &hp, &a, "me", own, 1);
	ok(h.n == 0 && h.kind == 'Z', "temporary");
	nexthosts_free(&h);
	is_str(list(NULL, 0, 25, 1), "Z 4.4.3", "no host at all");
	nexthop_parse(&hp, "[192.0.2.7]:99", 14, 25);
	nexthosts_make(&h, &hp, &a, "me", own, 1);
	ok(h.n == 1 && strcmp(h.list[0].addr, "192.0.2.7") == 0 &&
	    h.list[0].sa.v4.sin_port == htons(99), "a literal needs no answer");
	nexthosts_free(&h);
}

int
main(void)
{
	hops();
	order();
	loops();
	failures();
	return done();
}
