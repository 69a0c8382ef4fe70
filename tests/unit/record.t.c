/* lib/record and lib/envelope: what is taken, what is refused. */
#include "envelope.h"
#include "tap.h"

static int
parse(const char *p, size_t n)
{
	struct envelope e;

	return envelope_parse(&e, p, n);
}
#define P(lit) parse(lit, sizeof lit - 1)

static void
whole(void)
{
	static const char t[] = "Apeer=1.2.3.4\0Fa@b\0Tc@d\0anotify=NEVER\0"
				"Te@f\0";
	struct envelope e;
	struct recipient r;
	const char *at;

	is_int(envelope_parse(&e, t, sizeof t), 0, "attributes and recipients");
	is_int(e.nrcpt, 2, "counts recipients");
	is_mem(e.sender, e.senderlen, "a@b", "sender");
	is_str(envelope_attr(&e, "peer"), "1.2.3.4", "message attribute");
	ok(envelope_attr(&e, "pee") == NULL, "no attribute by prefix");
	at = e.rcpts;
	ok(envelope_rcpt(&e, &at, &r), "first recipient");
	is_mem(r.addr, r.len, "c@d", "its address");
	is_str(recipient_attr(&r, "notify"), "NEVER", "its attribute");
	ok(envelope_rcpt(&e, &at, &r), "second recipient");
	ok(recipient_attr(&r, "notify") == NULL, "has none of the first's");
	ok(!envelope_rcpt(&e, &at, &r), "no third");
}

int
main(void)
{
	static char longrec[1010] = "F";

	whole();
	is_int(P("Fa\0Tb\0\0"), 0, "plain qmail envelope");
	is_int(P("F\0Tb\0\0"), 0, "null sender");
	is_int(P("Fa\0Tb\0"), -1, "no lone NUL");
	is_int(P(""), -1, "empty");
	is_int(P("Fa\0Tb"), -1, "cut in a record");
	is_int(P("Tb\0\0"), -2, "recipient before sender");
	is_int(P("\0"), -2, "nothing but the end");
	is_int(P("Fa\0Fb\0\0"), -2, "two senders");
	is_int(P("Fa\0Ax=y\0\0"), -2, "message attribute behind the sender");
	is_int(P("Fa\0ax=y\0\0"), -2, "recipient attribute without one");
	is_int(P("Fa\0T\0\0"), -2, "empty recipient");
	is_int(P("Fa\0Qb\0\0"), -2, "unknown tag");
	is_int(P("Fa\nb\0Tc\0\0"), -2, "newline in a record");
	is_int(P("Asmtputf8=1\0Fa\0\0"), 0, "attribute name with a digit");
	is_int(P("A8=1\0Fa\0\0"), -2, "but not at its beginning");
	is_int(P("Anoequals\0Fa\0\0"), -2, "attribute without =");
	memset(longrec + 1, 'x', 999);
	is_int(parse(longrec, sizeof longrec), 0, "1000 bytes are taken");
	memset(longrec + 1, 'x', 1001);
	is_int(parse(longrec, sizeof longrec), -2, "1001 are not");
	return done();
}
