/* lib/smtpreply: what a server says, taken apart. */
#include "smtpreply.h"
#include "tap.h"

/* Feeds text one byte after another; the result, *left what was not taken. */
static int
feed(struct smtpreply *r, const char *p, size_t *left)
{
	size_t n = strlen(p), i, used;
	int k = 0;

	for (i = 0; i < n && k == 0; i++)
		k = smtpreply_feed(r, p + i, 1, &used);
	*left = n - i;
	return k;
}

static int
malformed(const char *p)
{
	struct smtpreply r = {0};
	size_t left;
	int k = feed(&r, p, &left);

	smtpreply_free(&r);
	return k == -1;
}

/* The enhanced status of a reply. */
static void
status(const char *p, char class, const char *want)
{
	struct smtpreply r = {0};
	char got[12] = "";
	size_t used;

	if (smtpreply_feed(&r, p, strlen(p), &used) == 1)
		smtpreply_status(&r, class, got);
	is_str(got, want, p);
	smtpreply_free(&r);
}

static void
lines(void)
{
	struct smtpreply r = {0};
	struct buf b = {0};
	size_t left, used;
	static const char two[] = "250 a\r\n354 b\r\n";

	is_int(feed(&r, "250-a\r\n250-\r\n250 b c\r\n", &left), 1, "lines");
	is_int(r.code, 250, "code");
	smtpreply_text(&r, 100, &b);
	is_mem(b.p, b.len, "250-a 250- 250 b c", "text in one line");
	b.len = 0;
	smtpreply_text(&r, 7, &b);
	is_mem(b.p, b.len, "250-a 2", "and cut");
	is_int(smtpreply_feed(&r, two, 14, &used), 1, "the next");
	is_int((long long)used, 7, "takes no more than its own bytes");
	is_int(smtpreply_feed(&r, two + used, 7, &used), 1, "and the last");
	is_int(r.code, 354, "its code");
	is_int(feed(&r, "250\n", &left), 1, "a code alone, LF alone");
	is_int(feed(&r, "250 ok", &left), 0, "unfinished");
	buf_free(&b);
	smtpreply_free(&r);
}

static void
ehlo(void)
{
	struct smtpreply r = {0};
	uint64_t limit = 7;
	size_t left;

	feed(&r, "250-SIZE 5\r\n250-pipelining\r\n250-SIZE 10000\r\n250-\r\n"
	    "250 8BITMIME\r\n", &left);
	is_int(smtpreply_extensions(&r, &limit), SMTPEXT_PIPELINING |
	    SMTPEXT_SIZE | SMTPEXT_8BITMIME, "extensions, case ignored");
	is_int((long long)limit, 10000, "limit; the first line is a name");
	feed(&r, "250-a\r\n250-DSN\r\n250-SMTPUTF8\r\n250 SIZE 1x\r\n", &left);
	is_int(smtpreply_extensions(&r, &limit), SMTPEXT_DSN |
	    SMTPEXT_SMTPUTF8 | SMTPEXT_SIZE, "others");
	is_int((long long)limit, 0, "a limit that is no number is none");
	smtpreply_free(&r);
}

int
main(void)
{
	static char big[SMTPREPLY_MAX + 20];

	lines();
	ehlo();
	status("550 5.1.1 no\r\n", '5', "5.1.1");
	status("550 5.1.1\r\n", '5', "5.1.1");
	status("550 4.1.1 no\r\n", '5', "5.0.0");
	status("550 5.1.1no\r\n", '5', "5.0.0");
	status("450 try later\r\n", '4', "4.0.0");
	status("450\r\n", '4', "4.0.0");
	status("550-5.1.2 a\r\n550 5.7.1 b\r\n", '5', "5.7.1");
	status("554 5.7.1 blocked\r\n", '4', "4.0.0");
	ok(malformed("hello\r\n"), "no code");
	ok(malformed("25\r\n"), "two digits");
	ok(malformed("2500 x\r\n"), "four digits");
	ok(malformed("250_x\r\n"), "neither space nor hyphen");
	ok(malformed("150 x\r\n"), "class 1");
	ok(malformed("650 x\r\n"), "class 6");
	ok(malformed("\r\n"), "an empty line");
	ok(malformed("250-a\r\nb\r\n"), "a malformed second line");
	memset(big, '2', sizeof big - 1);
	ok(malformed(big), "a line without end");
	ok(!malformed("599 x\r\n"), "class 5");
	return done();
}
