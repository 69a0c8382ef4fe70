/* lib/mxq's and lib/hostq's parsers, and lib/mxresolve: answers of every shape
 * from memory. */
#include "hostq.h"
#include "mxq.h"
#include "mxresolve.h"
#include "tap.h"

/* The lines, parsed. */
static struct mx_answer ans;

static int
parse(const char *p)
{
	mx_free(&ans);
	mx_parse(&ans, p, strlen(p));
	return ans.code;
}

static void
good_answers(void)
{
	is_int(parse("mx 5 a.test secure 192.0.2.1\n"
		     "mx 5 B.test insecure 2001:db8::1 192.0.2.2\n"),
	    0, "two hosts");
	is_int(ans.nhosts, 2, "both are there");
	is_str(ans.hosts[1].name, "B.test", "name");
	is_str(ans.hosts[0].dnssec, "secure", "DNSSEC state");
	is_int(ans.hosts[1].naddrs, 2, "addresses");
	is_str(ans.hosts[1].addrs[0], "2001:db8::1", "in their order");
	is_int(parse("mx 0 [IPv6:::1] insecure ::1\n"), 0, "a literal");
	is_int(parse("note x\nmx 0 h secure 192.0.2.1\n"), 0,
	    "a word of a later version");
	is_int(parse("fail 5.1.10 null\n"), 100, "5 is for ever");
	is_str(ans.status, "5.1.10", "its status");
	is_str(ans.text, "null", "its text");
	is_int(parse("fail 4.4.3 a\tb\n"), 111, "4 is for now");
	is_str(ans.text, "a?b", "control characters are not passed on");
	is_int(parse("fail 5.1.2\n"), 100, "no text");
}

static void
bad_answers(void)
{
	static const char *const bad[] = {"", "\n", "x\n", ".\n", "mx\n",
	    "mx 0 h secure\n", "mx 0 h secure \n", "mx 0 h secure 192.0.2.1",
	    "mx 0 h secure 192.0.2\n", "mx 0 h bogus 192.0.2.1\n",
	    "mx 70000 h secure 192.0.2.1\n", "mx -1 h secure 192.0.2.1\n",
	    "mx 0 h_!  secure 192.0.2.1\n", "mx 0 -h secure 192.0.2.1\n",
	    "mx 0  secure 192.0.2.1\n", "mx 0 h secure  192.0.2.1\n",
	    "mx 9 h secure 192.0.2.1\nmx 1 h secure 192.0.2.1\n",
	    "mx 0 h secure 192.0.2.1\nfail 5.1.2 x\n",
	    "fail 5.1.2 x\nmx 0 h secure 192.0.2.1\n",
	    "fail 5.1.2 x\nfail 5.1.2 x\n", "fail 2.0.0 x\n", "fail x\n",
	    "fail 5.1.2222 x\n", "fail 5.1 x\n", "fail 5.1. x\n",
	    "fail 5.1.2.3 x\n", "fail 5..2 x\n", "fail\n", NULL};
	int i;

	for (i = 0; bad[i] != NULL; i++) {
		is_int(parse(bad[i]), 111, "malformed is temporary");
		ok(ans.nhosts == 0 && strcmp(ans.status, "4.4.3") == 0,
		    "and gives no host");
	}
}

static void
too_much(void)
{
	static char t[70000];
	int i, n = 0;

	for (i = 0; i < 64; i++)
		n += sprintf(t + n, "mx 1 h%d secure 192.0.2.1\n", i);
	is_int(parse(t), 0, "64 hosts");
	sprintf(t + n, "mx 1 h secure 192.0.2.1\n");
	is_int(parse(t), 111, "65 hosts");
	n = sprintf(t, "mx 1 h secure");
	for (i = 0; i < 64; i++)
		n += sprintf(t + n, " 192.0.2.%d", i);
	sprintf(t + n, "\n");
	is_int(parse(t), 0, "64 addresses");
	sprintf(t + n, " ::1\n");
	is_int(parse(t), 111, "65 addresses");
	mx_free(&ans);
}

/* The lines, parsed as lib/hostq does. */
static struct host_answer host;

static int
parse_host(const char *p)
{
	host_free(&host);
	host_parse(&host, p, strlen(p));
	return host.code;
}

static void
host_answers(void)
{
	static const char *const bad[] = {"", "x\n", "addr\n", "addr x\n",
	    "addr 192.0.2.1",
	    "ptr\n", "ptr a.test\n",
	    "ptr a.test maybe\n", "ptr a..b confirmed\n",
	    "ptr [::1] confirmed\n", "ptr a confirmed\nptr b confirmed\n",
	    "ptr a confirmed\nfail 5.4.4 x\n", "fail 2.0.0 x\n", NULL};
	int i;

	is_int(parse_host("addr ::1 192.0.2.1\n"), 0, "addresses");
	is_int((long long)host.naddrs, 2, "both are there");
	is_str(host.addrs[1], "192.0.2.1", "in their order");
	is_int(parse_host("ptr A.test confirmed\n"), 0, "a name");
	is_str(host.name, "a.test", "in lower case");
	is_int(host.confirmed, 1, "confirmed");
	is_int(parse_host("ptr a.test unconfirmed\n"), 0, "one that is not");
	is_int(host.confirmed, 0, "not confirmed");
	is_int(parse_host("ptr a.test undecided\n"), 111, "not known");
	is_str(host.name, "a.test", "the name is");
	is_int(parse_host("fail 5.4.4 no name\n"), 100, "none");
	is_str(host.text, "no name", "why");
	for (i = 0; bad[i] != NULL; i++) {
		is_int(parse_host(bad[i]), 111, "malformed is temporary");
		ok(host.naddrs == 0 && host.name[0] == '\0',
		    "and gives nothing");
	}
	host_free(&host);
}

/* An answer with n records, which REC fills in. */
static char *data[100];
static int len[100];

static struct dns_answer
records(int n)
{
	struct dns_answer a = {.kind = DNS_DATA, .ttl = 60, .data = data,
	    .len = len};

	data[n] = NULL;
	return a;
}
#define REC(i, lit) (data[i] = (char *)(uintptr_t)(lit), \
    len[i] = (int)sizeof(lit) - 1)

static struct mxresolve r;

/* Starts with the domain and answers the MX look-up. */
static void
with_mx(const struct dns_answer *a)
{
	struct mxr_lookup l;

	mxr_free(&r);
	mxr_start(&r, "d.test", 6);
	ok(mxr_next(&r, &l) && l.type == DNS_MX && l.tag == 0,
	    "first the MX");
	ok(!mxr_next(&r, &l), "and nothing beside it");
	mxr_answer(&r, 0, a);
}

/* Answers all look-ups of addresses: IPv4 192.0.2.7, no IPv6. */
static void
with_addresses(void)
{
	struct dns_answer a = records(1), none = {.kind = DNS_NODATA,
	    .ttl = 30};
	struct mxr_lookup l;

	REC(0, "\300\0\2\7");
	while (mxr_next(&r, &l))
		mxr_answer(&r, l.tag, l.type == DNS_A ? &a : &none);
}

static void
gives(const char *want, const char *what)
{
	ok(r.done, "is done");
	is_mem(r.out.p, r.out.len, want, what);
}

static void
mx_records(void)
{
	struct dns_answer a = records(3);

	REC(0, "\0\24\2mB\4TEST\0");
	REC(1, "\0\12\2ma\4test\0");
	REC(2, "\0\5\2mb\4test\0");
	with_mx(&a);
	ok(!r.done, "addresses are needed");
	with_addresses();
	gives("mx 5 mb.test insecure 192.0.2.7\n"
	      "mx 10 ma.test insecure 192.0.2.7\n",
	    "sorted, a host once with its best preference");
	is_int(r.ttl, 30, "remembered as long as the shortest record");
}

/* One MX record that is no host name. */
#define BAD(lit, what)                                               \
	do {                                                         \
		struct dns_answer a_ = records(1);                   \
		REC(0, lit);                                         \
		with_mx(&a_);                                        \
		gives("fail 5.4.4 no MX of d.test is a host name\n", what); \
	} while (0)

static void
bad_records(void)
{
	struct dns_answer a = records(1);

	BAD("", "empty record");
	BAD("\0\12", "no name");
	BAD("\0\12\1", "label cut off");
	BAD("\0\12\1a", "no root label");
	BAD("\0\12\1a\0x", "bytes behind the name");
	BAD("\0\12\300\14", "a compression pointer");
	BAD("\0\12\3a.b\0", "a dot inside a label");
	BAD("\0\12\3a b\0", "a space");
	BAD("\0\12\2a\n\0", "a newline");
	BAD("\0\12\2a\0\0", "a NUL");
	REC(0, "\0\0\0");
	with_mx(&a);
	gives("fail 5.1.10 d.test takes no mail (null MX)\n", "null MX");
}

static void
addresses(void)
{
	struct dns_answer none = {.kind = DNS_NODATA, .secure = 1, .ttl = 60};
	struct dns_answer fail = {.kind = DNS_FAIL, .why = "SERVFAIL\n"};
	struct dns_answer a = records(3);
	struct mxr_lookup l;

	with_mx(&fail);
	gives("fail 4.4.3 MX of d.test: SERVFAIL?\n", "MX look-up failed");
	with_mx(&none);
	ok(mxr_next(&r, &l) && strcmp(l.name, "d.test") == 0,
	    "no MX: the domain itself");
	REC(0, "\300\0\2\7");
	REC(1, "\300\0\2");
	REC(2, "\300\0\2\7\7");
	a.secure = 1;
	mxr_answer(&r, 2, &a);
	ok(!r.done, "waits for the other family");
	mxr_answer(&r, 1, &fail);
	gives("mx 0 d.test secure 192.0.2.7\n",
	    "addresses of a wrong length are skipped; one family is enough");
	with_mx(&none);
	mxr_answer(&r, 1, &none);
	mxr_answer(&r, 2, &fail);
	gives("fail 4.4.3 addresses of d.test: SERVFAIL?\n",
	    "one family failed, none of the other");
	with_mx(&none);
	mxr_answer(&r, 2, &a);
	mxr_expire(&r, "timeout");
	gives("mx 0 d.test secure 192.0.2.7\n",
	    "what is there when time is up");
	with_mx(&none);
	mxr_expire(&r, "timeout");
	gives("fail 4.4.3 addresses of d.test: timeout\n", "nothing is there");
	mxr_free(&r);
}

/* More hosts than are kept: the best ones are. */
static void
many(void)
{
	static char rec[60][16];
	struct dns_answer a = records(60);
	int i;

	for (i = 0; i < 60; i++) {
		memcpy(rec[i], "\0\0\3hXX\4test\0", 13);
		rec[i][1] = (char)(100 - i);
		rec[i][4] = (char)('a' + i / 10);
		rec[i][5] = (char)('0' + i % 10);
		data[i] = rec[i];
		len[i] = 12;
	}
	with_mx(&a);
	is_int((long long)r.nhosts, MXR_HOSTS, "as many as are kept");
	is_int(r.hosts[0].pref, 41, "from the best");
	is_int(r.hosts[MXR_HOSTS - 1].pref, 41 + MXR_HOSTS - 1, "on");
	with_addresses();
	is_int(parse(buf_cstr(&r.out)), 0, "the client takes it");
	is_int((long long)ans.nhosts, MXR_HOSTS, "all of it");
	mx_free(&ans);
	mxr_free(&r);
}

int
main(void)
{
	good_answers();
	bad_answers();
	too_much();
	host_answers();
	mx_records();
	bad_records();
	addresses();
	many();
	return done();
}
