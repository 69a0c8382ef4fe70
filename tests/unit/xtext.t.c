/* lib/xtext: both ways, and what is none. */
#include "tap.h"
#include "xtext.h"

static void
both(const char *plain, const char *coded)
{
	struct buf b = {0}, c = {0};

	xtext_encode(&b, plain, strlen(plain));
	is_mem(b.p, b.len, coded, coded);
	is_int(xtext_decode(&c, b.p, b.len), 0, "  decodes");
	is_mem(c.p, c.len, plain, "  to what it was");
	buf_free(&b);
	buf_free(&c);
}

static void
none(const char *coded, const char *what)
{
	struct buf b = {0};

	buf_str(&b, "x");
	is_int(xtext_decode(&b, coded, strlen(coded)), -1, what);
	is_int((long long)b.len, 1, "  and nothing is added");
	buf_free(&b);
}

int
main(void)
{
	both("abc@d", "abc@d");
	both("a+b=c d", "a+2Bb+3Dc+20d");
	both("\xc3\xa9\n", "+C3+A9+0A");
	none("a b", "blank");
	none("a+2", "cut");
	none("a+2b", "lower-case hex");
	none("a=b", "equals sign");
	none("a\x80", "8-bit byte");
	return done();
}
