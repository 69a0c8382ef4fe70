/* lib/hdraddr: address lists as real headers write them. */
#include "hdraddr.h"
#include "tap.h"

/* A test's name on one line. */
static const char *
oneline(const char *in)
{
	static char name[200];
	size_t i;

	snprintf(name, sizeof name, "%s", in);
	for (i = 0; name[i] != '\0'; i++)
		if (name[i] == '\n')
			name[i] = ' ';
	return name;
}

/* The addresses in `in', separated by bars, are `want'. */
static void
list(const char *in, const char *want)
{
	struct buf b = {0};
	size_t i;
	int n;

	n = hdraddr_parse(in, strlen(in), 1, &b, NULL, NULL);
	for (i = 0; i < b.len; i++)
		if (b.p[i] == '\0')
			b.p[i] = '|';
	if (n >= 0 && b.len > 0)
		b.len--;
	is_int(n < 0, 0, oneline(in));
	is_mem(b.p ? b.p : "", b.len, want, "  the addresses");
	buf_free(&b);
}

/* It is no address list, and `culprit' is what is wrong. */
static void
wrong(const char *in, const char *culprit)
{
	struct buf b = {0};
	const char *bad = "";
	size_t n = 0;

	buf_str(&b, "x");
	is_int(hdraddr_parse(in, strlen(in), 1, &b, &bad, &n), -1,
	    oneline(in));
	while (n > 0 && (*bad == ' ' || *bad == '\n'))
		bad++, n--;
	is_mem(bad, n, culprit, "  the culprit");
	is_mem(b.p, b.len, "x", "  nothing was added");
	buf_free(&b);
}

static void
good(void)
{
	list(" alice@example.test\n", "alice@example.test");
	list("alice", "alice");
	list("", "");
	list(" , ,", "");
	list("a@b, c@d,e@f", "a@b|c@d|e@f");
	list("a@b; c@d", "a@b|c@d");
	list("Alice <a@b>, \"Doe, John\" <j@d>", "a@b|j@d");
	list("=?utf-8?Q?Doe,_J?= <j@d>", "j@d");
	list("John Q. Public <j@d>", "j@d");
	list("a@b <c@d>", "c@d");
	list("'a@b' <c@d>", "c@d");
	list("Bob [at home] <b@d>", "b@d");
	list("Bob :-) <b@d>", "b@d");
	list("B\xc3\xb6""b <b@d>", "b@d");
	list("a@b (Alice (of) \\) Wonderland), c@d", "a@b|c@d");
	list("(only a comment)", "");
	list("a(x)@(y)b(z)", "a@b");
	list("joe . blow @ example . com", "joe.blow@example.com");
	list("Long\n Name\n\t<a@b>,\n c@d", "a@b|c@d");
	list("undisclosed-recipients:;", "");
	list("Friends: a@b, C <c@d>;, e@f", "a@b|c@d|e@f");
	list("one: a@b; two: c@d;", "a@b|c@d");
	list("\"joe blow\"@d", "\"joe blow\"@d");
	list("\"joe\"@d", "joe@d");
	list("\"a\\\"b\\\\\"@d", "\"a\\\"b\\\\\"@d");
	list("joe.\"x y\"@d", "\"joe.x y\"@d");
	list("<@r1,@r2:a@b>", "a@b");
	list("<>", "");
	list("<a@b> <c@d>", "a@b|c@d");
	list("<a@b> and friends", "a@b");
	list("a@[127.0.0.1], b@[IPv6:::1]", "a@[127.0.0.1]|b@[IPv6:::1]");
	list("a@Example.COM.", "a@Example.COM");
	list("host!user", "host!user");
	list("user%other@host", "user%other@host");
	list("user+ext@d", "user+ext@d");
	list("\xc3\xa9@d", "\xc3\xa9@d");
}

int
main(void)
{
	struct buf b = {0};

	good();
	wrong("a@b c@d", "a@b c@d");
	wrong("x@y, foo bar, z@z", "foo bar,");
	wrong("a@", "a@");
	wrong("@b", "@b");
	wrong("a@b@c", "a@b@c");
	wrong("a..b@c", "a..b@c");
	wrong("<a@b", "<a@b");
	wrong("a@b>", "a@b>");
	wrong("\"a@b", "\"a@b");
	wrong("a@b (never closed", "a@b (never closed");
	wrong("<a@b> c@d", "<a@b> c@d");
	wrong("a@\"b\"", "a@\"b\"");
	wrong("<@r>", "<@r>");
	is_int(hdraddr_parse("a\0b@c", 5, 1, &b, NULL, NULL), -1, "NUL");
	is_int(hdraddr_parse("\"a\0b\"@c", 7, 1, &b, NULL, NULL), -1,
	    "quoted NUL");
	is_int(hdraddr_parse("\xc3\xa9@d", 4, 0, &b, NULL, NULL), -1,
	    "UTF-8 where it is not wanted");
	return done();
}
