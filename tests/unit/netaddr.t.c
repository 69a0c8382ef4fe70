/* lib/netaddr: addresses and networks as text, and who is in which. */
#include "netaddr.h"
#include "tap.h"

static void
addr(const char *text, const char *want)
{
	char out[NETADDR_TEXT];
	struct netaddr a;

	if (!ok(netaddr_parse(&a, text, strlen(text)) == 0, text))
		return;
	netaddr_text(&a, out);
	is_str(out, want, "  as text");
}

static void
bad(const char *text, size_t n)
{
	struct netaddr a;
	struct netprefix x;

	is_int(netaddr_parse(&a, text, n), -1, text);
	is_int(netprefix_parse(&x, text, n), -1, "  no network either");
}

static void
literal(const char *text, const char *want)
{
	char out[NETADDR_TEXT];
	struct netaddr a;
	int r = netaddr_literal(&a, text, strlen(text));

	is_int(r, want != NULL ? 0 : -1, text);
	if (r == -1 || want == NULL)
		return;
	netaddr_text(&a, out);
	is_str(out, want, "  as text");
}

static void
prefix(const char *text, const char *want)
{
	char out[NETADDR_PREFIX];
	struct netprefix x;
	int r = netprefix_parse(&x, text, strlen(text));

	is_int(r, want != NULL ? 0 : -1, text);
	if (r == -1 || want == NULL)
		return;
	netprefix_text(&x, out);
	is_str(out, want, "  as text");
}

static void
has(const char *net, const char *text, int want)
{
	struct netprefix x;
	struct netaddr a;
	char what[128];

	snprintf(what, sizeof what, "%s has %s", net, text);
	if (!ok(netprefix_parse(&x, net, strlen(net)) == 0 &&
	    netaddr_parse(&a, text, strlen(text)) == 0, what))
		return;
	is_int(netprefix_has(&x, &a), want, what);
}

static void
network(const char *text, const char *want)
{
	char out[NETADDR_PREFIX];
	struct netprefix x;
	struct netaddr a;

	netaddr_parse(&a, text, strlen(text));
	netprefix_of(&x, &a);
	netprefix_text(&x, out);
	is_str(out, want, text);
	ok(netprefix_has(&x, &a), "  it is in its own network");
}

static void
parsing(void)
{
	addr("192.0.2.1", "192.0.2.1");
	addr("::ffff:192.0.2.1", "192.0.2.1");
	addr("::FFFF:C000:0201", "192.0.2.1");
	addr("2001:DB8:0:0::1", "2001:db8::1");
	addr("::1", "::1");
	addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	bad("", 0);
	bad("1.2.3", 5);
	bad("1.2.3.256", 9);
	bad("1.2.3.4 ", 8);
	bad("1.2.3.4\0x", 9);
	bad("host", 4);
	bad("fe80::1%eth0", 12);
	bad("2001:db8::1::2", 14);
	bad("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 49);
	literal("[192.0.2.1]", "192.0.2.1");
	literal("[ipv6:2001:db8::1]", "2001:db8::1");
	literal("[2001:db8::1]", "2001:db8::1");
	literal("192.0.2.1", NULL);
	literal("[192.0.2.1", NULL);
	literal("[]", NULL);
	literal("[IPv6:]", NULL);
}

static void
networks(void)
{
	prefix("192.0.2.1", "192.0.2.1/32");
	prefix("[192.0.2.1]", "192.0.2.1/32");
	prefix("192.0.2.77/24", "192.0.2.0/24");
	prefix("[192.0.2.77]/25", "192.0.2.0/25");
	prefix("[192.0.2.77/30]", "192.0.2.76/30");
	prefix("0.0.0.0/0", "0.0.0.0/0");
	prefix("[2001:db8:1:2:3::]/48", "2001:db8:1::/48");
	prefix("2001:db8::1/127", "2001:db8::/127");
	prefix("2001:db8::1/128", "2001:db8::1/128");
	prefix("::/0", "::/0");
	prefix("::ffff:192.0.2.0/120", "192.0.2.0/24");
	prefix("192.0.2.0/33", NULL);
	prefix("2001:db8::/129", NULL);
	prefix("192.0.2.0/", NULL);
	prefix("192.0.2.0/-1", NULL);
	prefix("192.0.2.0/24/24", NULL);
	prefix("192.0.2.0/255.255.255.0", NULL);
	prefix("/24", NULL);
	prefix("[]/24", NULL);
	prefix("[192.0.2.1", NULL);
	prefix("[[192.0.2.1]]", NULL);
}

int
main(void)
{
	parsing();
	networks();
	has("192.0.2.0/24", "192.0.2.255", 1);
	has("192.0.2.0/24", "::ffff:192.0.2.9", 1);
	has("192.0.2.0/24", "192.0.3.0", 0);
	has("192.0.2.128/25", "192.0.2.127", 0);
	has("192.0.2.1", "192.0.2.1", 1);
	has("192.0.2.1", "192.0.2.2", 0);
	has("0.0.0.0/0", "8.8.8.8", 1);
	has("0.0.0.0/0", "2001:db8::1", 0);
	has("::/0", "2001:db8::1", 1);
	has("::/0", "192.0.2.1", 0);
	has("2001:db8:0:1::/64", "2001:db8:0:1:ffff::9", 1);
	has("2001:db8:0:1::/64", "2001:db8:0:2::", 0);
	has("fe80::/10", "febf::1", 1);
	has("fe80::/10", "fec0::1", 0);
	network("192.0.2.77", "192.0.2.0/24");
	network("::ffff:192.0.2.77", "192.0.2.0/24");
	network("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
	return done();
}
