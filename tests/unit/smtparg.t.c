/* smtparg: the arguments of HELO, MAIL and RCPT. */
#include "smtparg.h"
#include "tap.h"

enum { ALL = SMTPARG_DSN | SMTPARG_AUTH | SMTPARG_UTF8 };

static void
helo(void)
{
	char out[10];

	ok(smtparg_helo(out, sizeof out, "a(b)\t\x80", 6) == 0, "a name");
	is_str(out, "a?b???", "is harmless");
	ok(smtparg_helo(out, sizeof out, "", 0) == -1, "none");
	ok(smtparg_helo(out, sizeof out, "123456789", 9) == 0, "just fits");
	ok(smtparg_helo(out, sizeof out, "1234567890", 10) == -1, "too long");
}

/* TO: with the path; what is left behind it. */
static void
path(const char *in, int utf8, const char *want, const char *rest)
{
	const char *p = in;
	size_t n = strlen(in);
	struct buf b = {0};
	enum addr_result r = smtparg_path("TO:", &p, &n, utf8, &b);

	ok((r == ADDR_OK) == (want != NULL), in);
	if (want != NULL) {
		is_mem(b.p, b.len, want, "  address");
		is_mem(p, n, rest, "  and behind it");
	} else {
		is_int((long long)b.len, 0, "  nothing is added");
	}
	buf_free(&b);
}

static void
paths(void)
{
	path("TO:<a@b.test>", 0, "a@b.test", "");
	path("to: <a@b.test> X=1", 0, "a@b.test", " X=1");
	path("TO:a@b.test X", 0, "a@b.test", " X");
	path("TO:<@x.test,@y.test:a@b.test>", 0, "a@b.test", "");
	path("TO:<\"a b\"@[192.0.2.1]> X", 0, "\"a b\"@[192.0.2.1]", " X");
	path("TO:<j\xc3\xb6@b.test>", 1, "j\xc3\xb6@b.test", "");
	path("TO:<j\xc3\xb6@b.test>", 0, NULL, NULL);
	path("TO:<a@b.test>X", 0, NULL, NULL);
	path("FROM:<a@b.test>", 0, NULL, NULL);
	path("TO:<a@b.test", 0, NULL, NULL);
	path("TO:", 0, NULL, NULL);
}

/* The start of the reply, "ok" for none. */
static void
mail(const char *in, unsigned extensions, const char *want)
{
	struct smtparg_mail m;
	const char *no = smtparg_mail(&m, in, strlen(in), extensions);

	ok(strncmp(no == NULL ? "ok" : no, want, strlen(want)) == 0, in);
}

static void
mails(void)
{
	static const char *const bad[] = {"SIZE=", "SIZE=x", "SIZE=-1", "SIZE",
	    "SIZE=1 SIZE=1", "SIZE=99999999999999999999", "BODY=", "BODY=x",
	    "BODY", "BODY=7BIT BODY=7BIT", "SMTPUTF8=", "SMTPUTF8 SMTPUTF8",
	    "RET", "RET=", "RET=ALL", "RET=FULL RET=HDRS", "ENVID", "ENVID=",
	    "ENVID=a=b", "ENVID=a+", "ENVID=a+4", "ENVID=a+4x", "ENVID=+0A",
	    "ENVID=+00", "ENVID=\xc3\xb6", "AUTH", "AUTH=", "AUTH=a+"};
	struct smtparg_mail m;
	char line[700];
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		mail(bad[i], ALL, "501 5.5.4 ");
	mail("X", ALL, "555 5.5.4 ");
	mail("=", ALL, "555 5.5.4 ");
	mail("NOTIFY=NEVER", ALL, "555 5.5.4 ");
	mail("BODY=BINARYMIME", ALL, "555 5.6.1 ");
	mail("RET=FULL", SMTPARG_AUTH, "555 5.5.4 ");
	mail("ENVID=a", SMTPARG_AUTH, "555 5.5.4 ");
	mail("AUTH=<>", SMTPARG_DSN, "555 5.5.4 ");
	mail("AUTH=<>", ALL, "ok");
	mail("AUTH=a+2Bb@c.test", ALL, "ok");
	ok(smtparg_mail(&m, "", 0, 0) == NULL && m.size == 0 && m.body == 0 &&
	    !m.utf8 && m.ret == NULL && m.envid == NULL, "none");
	ok(smtparg_mail(&m, " size=12  BODY=7bit smtputf8 ", 29, 0) == NULL &&
	    m.size == 12 && m.body == 7 && m.utf8, "SIZE, BODY, SMTPUTF8");
	ok(smtparg_mail(&m, "ret=hdrs EnvId=a+20b body=8bitmime", 34, ALL) ==
	    NULL && m.body == 8, "RET and ENVID");
	is_str(m.ret, "HDRS", "RET");
	is_mem(m.envid, m.envidlen, "a+20b", "ENVID");
	memset(line, 'x', sizeof line);
	memcpy(line, "ENVID=", 6);
	ok(smtparg_mail(&m, line, 106, ALL) == NULL, "100 octets of ENVID");
	ok(smtparg_mail(&m, line, 107, ALL) != NULL, "101");
}

/* notify and orcpt as the envelope has them, or the start of the reply. */
static void
rcpt(const char *in, unsigned extensions, const char *want)
{
	struct smtparg_rcpt r;
	struct buf b = {0};
	const char *no = smtparg_rcpt(&r, in, strlen(in), extensions);

	if (no != NULL) {
		ok(strncmp(no, want, strlen(want)) == 0, in);
		return;
	}
	smtparg_notify(&b, r.notify);
	if (r.orcpt != NULL) {
		buf_byte(&b, ' ');
		buf_add(&b, r.orcpt, r.orcptlen);
	}
	is_str(buf_cstr(&b), want, in);
	buf_free(&b);
}

static void
rcpts(void)
{
	static const char *const bad[] = {"NOTIFY", "NOTIFY=", "NOTIFY=x",
	    "NOTIFY=NEVER,DELAY", "NOTIFY=DELAY,", "NOTIFY=,DELAY",
	    "NOTIFY=DELAY,,SUCCESS", "NOTIFY=NEVER NOTIFY=NEVER", "ORCPT",
	    "ORCPT=", "ORCPT=a@b.test", "ORCPT=;a", "ORCPT=rfc822;",
	    "ORCPT=rf(822;a", "ORCPT=rfc822;a+", "ORCPT=rfc822;a=b",
	    "ORCPT=rfc822;+0D+0A", "ORCPT=rfc822;\xc3\xb6",
	    "ORCPT=utf-8;\xc3", "ORCPT=utf-8;\xf6\x80", "ORCPT=\xc3\xb6;a"};
	size_t i;
	struct smtparg_rcpt r;
	char line[700];

	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		rcpt(bad[i], ALL, "501 5.5.4 ");
	rcpt("", ALL, "");
	rcpt("NOTIFY=never", ALL, "NEVER");
	rcpt(" NOTIFY=delay,FAILURE,Success ", ALL, "SUCCESS,FAILURE,DELAY");
	rcpt("ORCPT=rfc822;a+2Bb@c.test NOTIFY=FAILURE", ALL,
	    "FAILURE rfc822;a+2Bb@c.test");
	rcpt("ORCPT=utf-8;j\\x{F6}@c.test", ALL, " utf-8;j\\x{F6}@c.test");
	rcpt("ORCPT=UTF-8;j\xc3\xb6@c.test", ALL, " UTF-8;j\xc3\xb6@c.test");
	rcpt("ORCPT=utf-8;j\xc3\xb6@c.test", SMTPARG_DSN, "501 5.5.4 ");
	rcpt("NOTIFY=NEVER", SMTPARG_AUTH, "555 5.5.4 ");
	rcpt("ORCPT=rfc822;a", SMTPARG_AUTH, "555 5.5.4 ");
	rcpt("SIZE=1", ALL, "555 5.5.4 ");
	memset(line, 'x', sizeof line);
	memcpy(line, "ORCPT=rfc822;", 13);
	ok(smtparg_rcpt(&r, line, 506, ALL) == NULL, "500 octets of ORCPT");
	ok(smtparg_rcpt(&r, line, 507, ALL) != NULL, "501");
}

int
main(void)
{
	helo();
	paths();
	mails();
	rcpts();
	return done();
}
