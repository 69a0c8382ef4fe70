/* addr: which paths are addresses, and what they are turned into. */
#include <stdlib.h>

#include "addr.h"
#include "tap.h"

/* What becomes of a path: the canonical address, or the error. */
static void
path(const char *in, int utf8, const char *want)
{
	static const char *const names[] = {"ok", "syntax", "too long",
	    "utf8"};
	struct buf b = {0};
	size_t used = 0;
	enum addr_result r;

	buf_str(&b, "kept ");
	r = addr_path(in, strlen(in), utf8, &b, &used);
	if (r != ADDR_OK) {
		is_str(names[-r], want, "refused");
		if (!is_mem(b.p, b.len, "kept ", "and nothing was added"))
			printf("# %s\n", in);
	} else {
		is_mem(b.p + 5, b.len - 5, want, in);
		is_int((long long)used, (long long)strcspn(in, ">") + 1,
		    "and used up to the bracket");
	}
	buf_free(&b);
}

static void
paths(void)
{
	path("<a@b.test>", 0, "a@b.test");
	path("<a@b.test> SIZE=1", 0, "a@b.test");
	path("<>", 0, "");
	path("<postmaster>", 0, "postmaster");
	path("<@x.test,@y.test:a@b.test>", 0, "a@b.test");
	path("<a@B.Test.>", 0, "a@B.Test");
	path("<a+x=y@b_c.test>", 0, "a+x=y@b_c.test");
	path("<a@[192.0.2.1]>", 0, "a@[192.0.2.1]");
	path("<a@[IPv6:2001:db8::1]>", 0, "a@[IPv6:2001:db8::1]");
	path("<\"a\"@b.test>", 0, "a@b.test");
	path("<\"a\\b\"@b.test>", 0, "ab@b.test");
	path("<\"a b\"@b.test>", 0, "\"a b\"@b.test");
	path("<\"a@c\"@b.test>", 0, "\"a@c\"@b.test");
	path("<\"\"@b.test>", 0, "\"\"@b.test");
}

static void
refusals(void)
{
	static const char *const bad[] = {"", "<", "a@b.test", "<a@b.test",
	    "< a@b.test>", "<a@b.test >", "<a b@c.test>", "<a@b@c.test>",
	    "<.a@b.test>", "<a.@b.test>", "<a..b@c.test>", "<@b.test>",
	    "<a@>", "<a@.>", "<a@b..test>", "<a@-b.test>", "<a@b-.test>",
	    "<a@b.test->", "<a@[1.2.3]>", "<a@[IPv6:zz]>", "<a@[]>",
	    "<a@[1.2.3.4>", "<a@[1.2.3.4].>", "<\"a@b.test>", "<\"a\"b@c.test>",
	    "<\"a\rb\"@c.test>", "<\"a\\\nb\"@c.test>", "<a\t@b.test>",
	    "<a(c)@b.test>", "<a@b.te st>", "<a@b.test/x>"};
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		path(bad[i], 0, "syntax");
}

static void
lengths(void)
{
	char in[600], local[66];
	struct buf b = {0};
	size_t used;

	memset(local, 'a', 65);
	local[64] = '\0';
	snprintf(in, sizeof in, "<%s@b.test>", local);
	is_int(addr_path(in, strlen(in), 0, &b, &used), ADDR_OK, "64 octets");
	local[64] = 'a';
	local[65] = '\0';
	snprintf(in, sizeof in, "<%s@b.test>", local);
	path(in, 0, "too long");
	snprintf(in, sizeof in, "<a@%.63s.test>", local);
	is_int(addr_path(in, strlen(in), 0, &b, &used), ADDR_OK, "label of 63");
	snprintf(in, sizeof in, "<a@%.64s.test>", local);
	path(in, 0, "syntax");
	snprintf(in, sizeof in, "<a@%.63s.%.63s.%.63s.%.63s>", local, local,
	    local, local);
	is_int(addr_path(in, strlen(in), 0, &b, &used), ADDR_OK,
	    "domain of 255");
	snprintf(in, sizeof in, "<a@%.63s.%.63s.%.63s.%.61s.xy>", local, local,
	    local, local);
	path(in, 0, "too long");
	buf_free(&b);
}

static void
utf8(void)
{
	path("<j\xc3\xb6@b.test>", 0, "utf8");
	path("<a@b\xc3\xb6.test>", 0, "utf8");
	path("<j\xc3\xb6@b\xc3\xb6.test>", 1, "j\xc3\xb6@b\xc3\xb6.test");
	path("<\xc0\xaf@b.test>", 1, "syntax");
	path("<\xed\xa0\x80@b.test>", 1, "syntax");
	path("<\xf4\x90\x80\x80@b.test>", 1, "syntax");
	path("<j\xc3@b.test>", 1, "syntax");
}

static void
split(const char *in, const char *local, const char *domain)
{
	struct addr a;

	addr_split(in, strlen(in), &a);
	is_mem(a.local, a.llen, local, in);
	is_mem(a.domain, a.dlen, domain, "and its domain");
}

static int
valid(const char *s)
{
	return addr_valid(s, strlen(s), 0);
}

int
main(void)
{
	paths();
	refusals();
	lengths();
	utf8();
	split("a@b", "a", "b");
	split("a", "a", "");
	split("", "", "");
	split("\"a@c\"@b", "\"a@c\"", "b");
	split("\"a@c\"", "\"a@c\"", "");
	ok(valid("a@b.test") && valid("root") && valid("\"a b\"@c.test"),
	    "canonical addresses are valid");
	ok(!valid("\"a\"@b.test") && !valid("a@b.test.") && !valid("") &&
	    !valid("a b@c.test") && !valid("a@b.test\n"),
	    "others are not");
	ok(addr_domain_valid("a.b", 3, 0, 0) &&
	    !addr_domain_valid("[1.2.3.4]", 9, 0, 0) &&
	    addr_domain_valid("[1.2.3.4]", 9, 0, 1) &&
	    !addr_domain_valid("a b", 3, 0, 0) &&
	    !addr_domain_valid("a\0b", 3, 0, 0), "domains");
	return done();
}
