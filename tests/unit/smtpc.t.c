/* lib/smtpc: an SMTP client session, driven from memory. */
#include "smtpc.h"
#include "tap.h"

#define EHLO_PIPE "250-mx\r\n250-PIPELINING\r\n250 8BITMIME\r\n"

static struct smtpc c;
static struct smtpmail m;
static struct smtprcpt rcpts[3];

/* A mail to n recipients, 1@x to 3@x. */
static void
mail(size_t n)
{
	static const char *const to[] = {"1@x", "2@x", "3@x"};
	size_t i;

	buf_free(&m.texts);
	m = (struct smtpmail){.sender = "s@x", .senderlen = 3, .size = 100,
	    .rcpt = rcpts, .nrcpt = n};
	for (i = 0; i < n; i++)
		rcpts[i] = (struct smtprcpt){.addr = to[i], .len = 3};
}

static enum smtpc_next
say(const char *text)
{
	return smtpc_input(&c, text, strlen(text));
}

/* What has been sent since the last time. */
static void
sent(const char *want, const char *what)
{
	is_mem(c.out.p, c.out.len, want, what);
	c.out.len = 0;
}

/* A session that has heard this EHLO reply. */
static void
open_session(const char *ehlo)
{
	smtpc_free(&c);
	smtpc_init(&c, "mx.x", "192.0.2.1", 25, "me.example");
	say("220 mx\r\n");
	say(ehlo);
	c.out.len = 0;
}

static void
verdict(size_t i, const char *want)
{
	char got[600];

	snprintf(got, sizeof got, "%c %s %.*s", rcpts[i].kind ? rcpts[i].kind
	    : '-', rcpts[i].status, (int)rcpts[i].textlen,
	    m.texts.p ? m.texts.p + rcpts[i].text : "");
	is_str(got, want, want);
}

static void
greeting(void)
{
	smtpc_init(&c, "mx.x", "192.0.2.1", 25, "me.example");
	is_int(say("220-mx\r\n220 "), SMTPC_WAIT, "half a greeting");
	is_int(say("x\r\n"), SMTPC_WAIT, "a whole one");
	sent("EHLO me.example\r\n", "EHLO");
	is_int(say("502 what\r\n"), SMTPC_WAIT, "EHLO is unknown");
	sent("HELO me.example\r\n", "HELO");
	is_int(say("250 mx\r\n"), SMTPC_READY, "ready");
	smtpc_quit(&c);
	sent("QUIT\r\n", "QUIT");
}

static void
refused_greetings(void)
{
	static const struct {
		const char *say, *say2;
		char kind;
		const char *status;
	} t[] = {{"421 4.3.2 no\r\n", NULL, 'Z', "4.3.2"},
	    {"554 5.7.1 blocked\r\n", NULL, 'Z', "4.0.0"},
	    {"SSH-2.0-x\r\n", NULL, 'Z', "4.5.0"},
	    {"220 mx\r\n", "421 bye\r\n", 'Z', "4.0.0"},
	    {"220 mx\r\n", "500 x\r\n550 5.7.0 no\r\n", 'D', "5.7.0"},
	    {"220 me.example x\r\n", NULL, 'D', "5.4.6"},
	    {"220 mx\r\n", "250-ME.example\r\n250 x\r\n", 'D', "5.4.6"}};
	size_t i;

	for (i = 0; i < sizeof t / sizeof *t; i++) {
		smtpc_free(&c);
		smtpc_init(&c, "mx.x", "192.0.2.1", 25, "me.example");
		c.loopcheck = 1;
		if (t[i].say2 != NULL)
			say(t[i].say);
		is_int(say(t[i].say2 ? t[i].say2 : t[i].say), SMTPC_FAILED,
		    t[i].say);
		ok(c.fail.kind == t[i].kind, "  kind");
		if (strncmp(t[i].say, "554", 3) == 0)
			is_str(c.fail.status, "4.7.1", "  status");
		else
			is_str(c.fail.status, t[i].status, "  status");
	}
	is_str(c.fail.text, "mail loops back to ourselves: "
	    "mx.x[192.0.2.1]:25 bears our name", "text");
}

static void
pipelined(void)
{
	open_session(EHLO_PIPE);
	mail(3);
	m.eight = 1;
	is_int(smtpc_mail(&c, &m), SMTPC_WAIT, "begins");
	sent("MAIL FROM:<s@x> BODY=8BITMIME\r\nRCPT TO:<1@x>\r\n"
	    "RCPT TO:<2@x>\r\nRCPT TO:<3@x>\r\nDATA\r\n", "all at once");
	is_int(say("250 ok\r\n250 ok\r\n550-5.1.1 no\r\n550 5.1.1 such\r\n"
	    "450 4.2.1 later\r\n354 go\r\n"), SMTPC_BODY, "one is taken");
	is_int(smtpc_committed(&c), 0, "not sent yet");
	smtpc_sent(&c);
	is_int(smtpc_committed(&c), 1, "sent");
	is_int(say("250 2.6.0 queued\r\n"), SMTPC_OVER, "over");
	verdict(0, "K 2.6.0 mx.x[192.0.2.1]:25 250 2.6.0 queued");
	verdict(1, "D 5.1.1 mx.x[192.0.2.1]:25 said: 550-5.1.1 no 550 5.1.1 "
	    "such (in reply to RCPT TO command)");
	verdict(2, "Z 4.2.1 mx.x[192.0.2.1]:25 said: 450 4.2.1 later "
	    "(in reply to RCPT TO command)");
	mail(1);
	smtpc_mail(&c, &m);
	sent("MAIL FROM:<s@x>\r\nRCPT TO:<1@x>\r\nDATA\r\n",
	    "the next needs no RSET");
	say("250 ok\r\n250 ok\r\n354 go\r\n");
	smtpc_sent(&c);
	is_int(say("554 5.6.0 spam\r\n"), SMTPC_OVER, "refused at the end");
	verdict(0, "D 5.6.0 mx.x[192.0.2.1]:25 said: 554 5.6.0 spam "
	    "(in reply to end of DATA command)");
	mail(1);
	smtpc_mail(&c, &m);
	sent("RSET\r\nMAIL FROM:<s@x>\r\nRCPT TO:<1@x>\r\nDATA\r\n",
	    "after a failure RSET");
	is_int(say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"), SMTPC_BODY,
	    "its answer counts");
}

static void
nobody_accepted(void)
{
	open_session(EHLO_PIPE);
	mail(1);
	smtpc_mail(&c, &m);
	c.out.len = 0;
	is_int(say("250 ok\r\n550 no\r\n354 go\r\n"), SMTPC_WAIT,
	    "DATA taken without a recipient");
	sent(".\r\n", "ended at once");
	is_int(say("250 queued\r\n"), SMTPC_OVER, "what it says is nothing");
	verdict(0, "D 5.0.0 mx.x[192.0.2.1]:25 said: 550 no (in reply to "
	    "RCPT TO command)");
	mail(1);
	smtpc_mail(&c, &m);
	say("250 ok\r\n250 ok\r\n450 4.4.1 mx2 is down\r\n503 x\r\n");
	ok(strcmp(rcpts[0].status, "4.4.0") == 0,
	    "a server's own 4.4.1 is not ours: we did reach a host");
	mail(2);
	smtpc_mail(&c, &m);
	is_int(say("250 ok\r\n451 4.3.0 sender\r\n503 x\r\n503 x\r\n503 x\r\n"),
	    SMTPC_OVER, "the sender is deferred");
	verdict(0, "Z 4.3.0 mx.x[192.0.2.1]:25 said: 451 4.3.0 sender "
	    "(in reply to MAIL FROM command)");
	is_int(smtpmail_open(&m), 0, "for all");
}

static void
step_by_step(void)
{
	open_session("250 mx\r\n");
	mail(2);
	m.eight = 1;
	smtpc_mail(&c, &m);
	sent("MAIL FROM:<s@x>\r\n", "MAIL");
	say("250 ok\r\n");
	sent("RCPT TO:<1@x>\r\n", "first RCPT");
	say("550 no\r\n");
	sent("RCPT TO:<2@x>\r\n", "second RCPT");
	say("251 ok\r\n");
	sent("DATA\r\n", "DATA");
	is_int(say("452 4.3.1 full\r\n"), SMTPC_OVER, "no room");
	verdict(1, "Z 4.3.1 mx.x[192.0.2.1]:25 said: 452 4.3.1 full "
	    "(in reply to DATA command)");
	mail(1);
	smtpc_mail(&c, &m);
	sent("RSET\r\n", "RSET alone");
	say("250 ok\r\n");
	sent("MAIL FROM:<s@x>\r\n", "then MAIL");
	say("250 ok\r\n");
	c.out.len = 0;
	is_int(say("550 no\r\n"), SMTPC_OVER, "no recipient, no DATA");
	sent("", "nothing sent");
}

static void
parameters(void)
{
	open_session("250-mx\r\n250-SIZE 1000\r\n250-DSN\r\n250 SMTPUTF8\r\n");
	mail(1);
	m.ret = "HDRS";
	m.envid = "a b";
	rcpts[0] = (struct smtprcpt){.addr = "\303\244@x", .len = 4,
	    .notify = "NEVER", .orcpt = "rfc822;a"};
	smtpc_mail(&c, &m);
	sent("MAIL FROM:<s@x> SIZE=100 SMTPUTF8 RET=HDRS\r\n",
	    "parameters, but none with a space in it");
	say("250 ok\r\n");
	sent("RCPT TO:<\303\244@x> NOTIFY=NEVER ORCPT=rfc822;a\r\n", "RCPT's");
	say("250 ok\r\n");
	say("354 go\r\n");
	smtpc_sent(&c);
	say("250 2.0.0 queued\r\n");
	verdict(0, "K 2.0.0 mx.x[192.0.2.1]:25 DSN 250 2.0.0 queued");
	open_session("250-mx\r\n250 SIZE 1000\r\n");
	mail(1);
	m.size = 1001;
	is_int(smtpc_mail(&c, &m), SMTPC_OVER, "too large");
	sent("", "nothing is sent");
	verdict(0, "D 5.3.4 message size 1001 exceeds size limit 1000 of "
	    "server mx.x[192.0.2.1]:25");
	mail(1);
	is_int(smtpc_mail(&c, &m), SMTPC_WAIT, "the session is as it was");
}

/* Mail that came with SMTPUTF8 (RFC 6531). */
static void
utf8(void)
{
	open_session("250-mx\r\n250 SMTPUTF8\r\n");
	mail(1);
	m.utf8 = 1;
	smtpc_mail(&c, &m);
	sent("MAIL FROM:<s@x> SMTPUTF8\r\n", "it goes on as what it is");
	open_session("250-mx\r\n250 8BITMIME\r\n");
	mail(1);
	m.utf8 = m.eight = 1;
	smtpc_mail(&c, &m);
	sent("MAIL FROM:<s@x> BODY=8BITMIME\r\n",
	    "all ASCII but the text: needs no SMTPUTF8");
	open_session("250 mx\r\n");
	mail(1);
	m.header8 = m.utf8 = 1;
	is_int(smtpc_mail(&c, &m), SMTPC_OVER, "but its header does");
	sent("", "nothing is sent");
	verdict(0, "D 5.6.7 the header is not ASCII, and mx.x[192.0.2.1]:25 "
	    "does not offer SMTPUTF8");
	mail(1);
	m.header8 = 1;
	is_int(smtpc_mail(&c, &m), SMTPC_WAIT, "other mail's header does not");
	open_session("250 mx\r\n");
	mail(2);
	rcpts[0].addr = "\303\244@x";
	rcpts[0].len = 4;
	is_int(smtpc_mail(&c, &m), SMTPC_WAIT, "one recipient is not ASCII");
	verdict(0, "D 5.6.7 the address is not ASCII, and mx.x[192.0.2.1]:25 "
	    "does not offer SMTPUTF8");
	ok(rcpts[1].kind == 0, "the other is asked for");
	open_session("250 mx\r\n");
	mail(2);
	m.sender = "\303\244@x";
	m.senderlen = 4;
	is_int(smtpc_mail(&c, &m), SMTPC_OVER, "the sender is not");
	verdict(1, "D 5.6.7 the sender address is not ASCII, and "
	    "mx.x[192.0.2.1]:25 does not offer SMTPUTF8");
}

static void
losses(void)
{
	open_session(EHLO_PIPE);
	mail(2);
	smtpc_mail(&c, &m);
	say("250 ok\r\n550 5.1.1 no\r\n");
	is_int(smtpc_lost(&c, SMTPC_EOF), SMTPC_FAILED, "lost before the end");
	is_str(c.fail.text, "lost connection with mx.x[192.0.2.1]:25 while "
	    "sending RCPT TO", "says where");
	ok(rcpts[0].kind == 'D' && rcpts[1].kind == 0,
	    "who has an answer keeps it, the other may be tried elsewhere");
	open_session(EHLO_PIPE);
	smtpc_mail(&c, &m);
	sent("MAIL FROM:<s@x>\r\nRCPT TO:<2@x>\r\nDATA\r\n", "is tried alone");
	is_int(say("250 ok\r\n421 4.3.2 bye\r\n"), SMTPC_FAILED, "421");
	ok(rcpts[1].kind == 0, "is no verdict before the message is sent");
	open_session(EHLO_PIPE);
	smtpc_mail(&c, &m);
	say("250 ok\r\n250 ok\r\n354 go\r\n");
	smtpc_sent(&c);
	is_int(smtpc_lost(&c, SMTPC_TIMEOUT), SMTPC_OVER, "lost after the dot");
	verdict(1, "Z 4.4.2 conversation with mx.x[192.0.2.1]:25 timed out "
	    "while sending end of data -- message may be sent more than once");
	ok(c.closing, "the session is over too");
}

static void
odd_servers(void)
{
	open_session(EHLO_PIPE);
	mail(1);
	smtpc_mail(&c, &m);
	is_int(say("250 ok\r\n250 ok\r\n354 go\r\n250 early\r\n"), SMTPC_BODY,
	    "says yes before the message");
	is_int(smtpc_input(&c, NULL, 0), SMTPC_FAILED, "is not believed");
	open_session(EHLO_PIPE);
	smtpc_mail(&c, &m);
	say("250 ok\r\n250 ok\r\n354 go\r\n");
	is_int(say("552 5.3.4 too big\r\n"), SMTPC_OVER, "no in the middle");
	ok(rcpts[0].kind == 'D' && c.closing, "is a verdict, and the end");
	mail(1);
	open_session(EHLO_PIPE);
	smtpc_mail(&c, &m);
	is_int(say("250 ok\r\n354 what\r\n"), SMTPC_FAILED, "354 to RCPT");
	open_session(EHLO_PIPE);
	smtpc_mail(&c, &m);
	say("250 ok\r\n250 ok\r\n354 go\r\n");
	smtpc_sent(&c);
	is_int(say("rubbish\r\n"), SMTPC_OVER, "rubbish after the dot");
	ok(rcpts[0].kind == 'Z', "defers");
	mail(1);
	open_session(EHLO_PIPE);
	smtpc_mail(&c, &m);
	say("250 ok\r\n250 ok\r\n354 go\r\n");
	smtpc_sent(&c);
	is_int(say("421 4.3.2 bye\r\n"), SMTPC_OVER, "421 after the dot");
	ok(rcpts[0].kind == 'Z' && c.closing, "defers and ends");
	open_session(EHLO_PIPE);
	is_int(say("421 4.4.2 idle\r\n"), SMTPC_FAILED, "421 when idle");
}

static void
worst(void)
{
	struct smtpc_fail w = {0}, d = {'D', "5.7.0", "d"},
	    none = {'Z', "4.4.1", "none"}, z = {'Z', "4.3.2", "z"};

	smtpc_worst(&w, &d);
	is_str(w.text, "d", "the only one");
	smtpc_worst(&w, &none);
	is_str(w.text, "none", "who was not reached may take it later");
	smtpc_worst(&w, &z);
	smtpc_worst(&w, &none);
	smtpc_worst(&w, &d);
	is_str(w.text, "z", "one that answered says more");
}

int
main(void)
{
	greeting();
	refused_greetings();
	pipelined();
	nobody_accepted();
	step_by_step();
	parameters();
	utf8();
	losses();
	odd_servers();
	worst();
	return done();
}
