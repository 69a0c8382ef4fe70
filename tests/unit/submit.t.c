/* lib/submit: completing a header, taking recipients from it. */
#include <stdlib.h>

#include "submit.h"
#include "tap.h"

static struct submit s;

/* Runs p through; 0 or -1. */
static int
run(const char *p, int extract)
{
	buf_free(&s.header);
	buf_free(&s.rcpts);
	s.error.len = 0;
	s.nrcpt = 0;
	s.extract = extract;
	return submit_header(&s, p, strlen(p));
}

static void
header(const char *in, const char *want, const char *what)
{
	run(in, 0);
	is_mem(s.header.p, s.header.len, want, what);
}

static void
rcpts(const char *in, const char *want, const char *what)
{
	size_t i;

	run(in, 1);
	submit_unique(&s);
	for (i = 0; i < s.rcpts.len; i++)
		if (s.rcpts.p[i] == '\0')
			s.rcpts.p[i] = ' ';
	is_mem(s.rcpts.p ? s.rcpts.p : "", s.rcpts.len, want, what);
}

static void
phrase(const char *in, const char *want)
{
	struct buf b = {0};

	submit_phrase(&b, in);
	is_mem(b.p ? b.p : "", b.len, want, "display name");
	buf_free(&b);
}

static void
headers(void)
{
	header("", "Date: Sat, 21 Nov 2026 23:31:51 +0000\nFrom: ann@h.test\n"
	    "Message-ID: <ID@h.test>\n\n", "nothing becomes a header");
	header("date: x\nFROM: y\nMessage-Id: z\n",
	    "date: x\nFROM: y\nMessage-Id: z\n\n", "a whole one stays");
	header("From: y\nDate: x\nMessage-ID: z\nReturn-Path: <a>\nbcc: q,\n r\n"
	    "X: 1\nResent-Bcc: b\nResent-From: f\nResent-Date: d\n"
	    "Resent-Message-ID: m\n", "From: y\nDate: x\nMessage-ID: z\nX: 1\n"
	    "Resent-From: f\nResent-Date: d\nResent-Message-ID: m\n\n",
	    "what must not go on goes, folded lines too");
	header("From: y\nDate: x\nMessage-ID: z\nResent-To: a@b\n",
	    "Resent-Date: Sat, 21 Nov 2026 23:31:51 +0000\n"
	    "Resent-From: ann@h.test\nResent-Message-ID: <r.ID@h.test>\n"
	    "From: y\nDate: x\nMessage-ID: z\nResent-To: a@b\n\n",
	    "a resent one is completed above");
	header("From: y\nDate: x\nMessage-ID: z", "From: y\nDate: x\n"
	    "Message-ID: z\n\n", "a last line without its end");
}

static void
recipients(void)
{
	rcpts("To: a@b, c\nCc: \"d e\"\nBcc: a@b\n",
	    "a@b c@h.test \"d e\"@h.test ", "completed, each once");
	rcpts("To: \"x@y\"\n", "\"x@y\"@h.test ", "@ in quotes is no domain");
	rcpts("To: a@b\nTo: c@d\n", "a@b c@d ", "two fields of a name");
	rcpts("To: a@b\nResent-Cc: c@d\n", "c@d ", "resent: only those");
	rcpts("To: z@z, a@a, z@z, m@m, a@a\n", "z@z a@a m@m ",
	    "the order stays");
	is_int(run("To: a@b\nCc: c d\x1b@e\n", 1), -1, "a wrong address");
	is_mem(s.error.p, s.error.len, "Cc: not an address: c d?@e",
	    "is named, without control characters");
}

static void
words(void)
{
	is_str(submit_notify("delay,SUCCESS"), "SUCCESS,DELAY", "-N");
	is_str(submit_notify("Never"), "NEVER", "-N never");
	ok(submit_notify("never,delay") == NULL, "never stands alone");
	ok(submit_notify("") == NULL && submit_notify("delay,") == NULL,
	    "empty words are none");
	ok(submit_ret("body") == NULL, "-R with another word");
	is_int((long long)submit_from_line("From a b\nX", 10), 9, "From_ line");
	is_int((long long)submit_from_line("From : b\nX", 10), 0, "From field");
	is_int((long long)submit_from_line("From", 4), 0, "too short");
}

int
main(void)
{
	setenv("TZ", "UTC", 1);
	s.from = "ann@h.test";
	s.hostname = "h.test";
	s.id = "ID";
	s.now = 1795303911;
	headers();
	recipients();
	words();
	phrase("Ann Nym", "Ann Nym");
	phrase("Ann (A.) Nym", "\"Ann (A.) Nym\"");
	phrase("\"x\\", "\"\\\"x\\\\\"");
	phrase("a\nb", "\"a?b\"");
	phrase("J\xc3\xb6rg B.", "=?utf-8?q?J=C3=B6rg_B=2E?=");
	phrase("\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6"
	    "\xc3\xb6\xc3\xb6", "=?utf-8?q?=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6"
	    "=C3=B6=C3=B6=C3=B6?=\n =?utf-8?q?=C3=B6?=");
	return done();
}
