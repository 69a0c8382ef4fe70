/* lib/ratelimit: keys, and which limit forbids what. */
#include "ratelimit.h"
#include "settingsmap.h"
#include "tap.h"

static struct map m;
static struct ratelimit_entry e;
static const uint64_t now = 1795300000;

static void
text(const char *want, const char *what)
{
	struct ratelimit_entry copy;
	struct buf b = {0};

	ratelimit_text(&e, &b);
	is_mem(b.p, b.len, want, what);
	is_int(ratelimit_key(&copy, e.key, e.klen), 0, "  from its key");
	ok(copy.kind == e.kind && copy.klen == e.klen &&
	    memcmp(copy.key, e.key, e.klen) == 0, "  it is the same");
	buf_free(&b);
}

static void
keys(void)
{
	struct netaddr a;
	char longer[400];

	netaddr_parse(&a, "192.0.2.7", 9);
	ratelimit_address(&e, &a);
	text("192.0.2.7", "an address");
	ratelimit_network(&e, &a);
	text("192.0.2.0/24", "its network");
	netaddr_parse(&a, "2001:db8:1:2:3::4", 17);
	ratelimit_network(&e, &a);
	text("2001:db8:1:2::/64", "one of IPv6");
	ratelimit_user(&e, "Joe@Example.Test", 16);
	text("joe@example.test", "a login");
	ratelimit_user(&e, "a b%\n\xc3", 6);
	text("a%20b%25%0A%C3", "an odd one");
	memset(longer, 'x', sizeof longer);
	ratelimit_user(&e, longer, sizeof longer);
	is_int((long long)e.klen, RATELIMIT_KEY, "a long one is cut");
	is_int(ratelimit_key(&e, "!", 1), -1, "no key");
	is_int(ratelimit_key(&e, "a123", 4), -1, "a short address");
	is_int(ratelimit_key(&e, "u", 1), -1, "no login");
	is_int(ratelimit_key(&e, longer, sizeof longer), -1, "too long");
}

static void
values(void)
{
	struct ratelimit_entry f;

	settings_map(&m, "login-messages-hour", "3", NULL);
	ratelimit_user(&e, "joe", 3);
	ratelimit_count(&e, &m, now, 1);
	f = e;
	ratelimit_value(&f, e.w, ratelimit_value_size(&e));
	is_int((long long)f.w[0].cur, 1, "a value");
	ratelimit_value(&f, e.w, ratelimit_value_size(&e) - 1);
	ok(ratelimit_empty(&f), "a damaged one counts nothing");
}

static void
counting(void)
{
	settings_map(&m, "login-messages-hour", "3",
	    "login-recipients-day", "10", NULL);
	ratelimit_user(&e, "joe", 3);
	ok(ratelimit_any(&e, &m), "there are limits");
	ok(ratelimit_empty(&e), "nothing is counted");
	is_int(ratelimit_count(&e, &m, now, 4), -1, "the first message");
	is_int(ratelimit_count(&e, &m, now, 6), -1, "to the very limit");
	is_int(ratelimit_count(&e, &m, now, 1), 3, "recipients of a day");
	ratelimit_user(&e, "joe", 3);
	is_int(ratelimit_count(&e, &m, now, 11), 3, "too many at once");
	ratelimit_user(&e, "joe", 3);
	ratelimit_count(&e, &m, now, 1);
	ratelimit_count(&e, &m, now, 1);
	ratelimit_count(&e, &m, now, 1);
	is_int(ratelimit_count(&e, &m, now + 60, 1), 0, "messages of an hour");
	is_int(ratelimit_count(&e, &m, now + 7200, 1), -1, "two hours later");
	ok(!ratelimit_expired(&e, &m, now + 7200, 1),
	    "it is not pushed out by addresses");
	ok(!ratelimit_expired(&e, &m, now + 90000, 0), "it counts a day");
	ok(ratelimit_expired(&e, &m, now + 200000, 0), "  then no longer");
	settings_map(&m, NULL);
	ok(!ratelimit_any(&e, &m), "no limits");
	ratelimit_user(&e, "joe", 3);
	is_int(ratelimit_count(&e, &m, now, 1000000), -1, "all may pass");
	ok(ratelimit_empty(&e), "  and nothing is kept");
}

static void
full(void)
{
	struct netaddr a;

	settings_map(&m, "auth-failures", "4", NULL);
	netaddr_parse(&a, "192.0.2.7", 9);
	ratelimit_address(&e, &a);
	ratelimit_count(&e, &m, now, 1);
	ratelimit_count(&e, &m, now, 1);
	ok(!ratelimit_expired(&e, &m, now, 0), "two of four");
	ok(ratelimit_expired(&e, &m, now, 1), "  go when there is no room");
	ratelimit_count(&e, &m, now, 1);
	ok(!ratelimit_expired(&e, &m, now, 1), "three stay");
	ratelimit_back(&e);
	is_int((long long)e.w[0].cur, 2, "one is taken back");
}

int
main(void)
{
	scratch_make();
	keys();
	values();
	counting();
	full();
	scratch_remove();
	return done();
}
