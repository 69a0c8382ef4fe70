/* smtps: MAIL, RCPT and the envelope that they make. */
#include "session.h"

static const char session[] = "EHLO c(.test\r\nMAIL FROM:<a@b.test> "
    "BODY=8BITMIME\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<no@d.test>\r\n"
    "RCPT TO:<add@d.test>\r\nDATA\r\nSubject: x\r\n\r\n..y\r\n.\r\nQUIT\r\n";

static void
whole(void)
{
	struct envelope e;
	struct recipient r;
	const char *at;
	size_t step;
	struct buf first = {0};
	int same = 1;

	begin();
	s.peer = "192.0.2.1";
	feed(session);
	is_mem(h.msg.p, h.msg.len, "Subject: x\n\n.y\n", "message");
	is_int(envelope_parse(&e, h.env.p, h.env.len), 0, "envelope");
	is_str(envelope_attr(&e, "proto"), "ESMTP", "proto");
	is_str(envelope_attr(&e, "peer"), "192.0.2.1", "peer");
	is_str(envelope_attr(&e, "helo"), "c?.test", "helo is harmless");
	is_str(envelope_attr(&e, "body"), "8BITMIME", "body");
	is_str(e.sender, "a@b.test", "sender");
	at = e.rcpts;
	ok(e.nrcpt == 2 && envelope_rcpt(&e, &at, &r) &&
	    strcmp(r.addr, "c@d.test") == 0 && envelope_rcpt(&e, &at, &r) &&
	    strcmp(r.addr, "add@d.test.more") == 0, "recipients");
	ok(s.messages == 1 && s.rcpts == 2 && s.state == SMTPS_CLOSED,
	    "counted, and over");
	buf_add(&first, h.said.p, h.said.len);
	for (step = 1; step < sizeof session; step++) {
		begin();
		feed_n(session, sizeof session - 1, step);
		if (h.said.len != first.len ||
		    memcmp(h.said.p, first.p, first.len) != 0 ||
		    h.msg.len != 15)
			same = 0;
	}
	ok(same, "the same in pieces of any size");
	buf_free(&first);
}

/* Everything that a session knows is in the envelope. */
static void
attributes(void)
{
	struct envelope e;
	struct recipient r;
	const char *at;

	prepare();
	s.peer = "192.0.2.1";
	s.peername = "c.test";
	s.tls = "TLSv1.3 X";
	s.spam = "forbidden";
	s.folder = "Junk";
	smtps_start(&s);
	feed("EHLO c.test\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"
	    "MAIL FROM:<j\xc3\xb6@b.test> SMTPUTF8 RET=hdrs ENVID=a+2Bb "
	    "AUTH=<> BODY=7BIT\r\nRCPT TO:<p\xc3\xa4@d.test> NOTIFY=delay,"
	    "success ORCPT=rfc822;a+40b\r\nRCPT TO:<x@d.test> NOTIFY=NEVER\r\n"
	    "RCPT TO:<y@d.test>\r\nDATA\r\n.\r\n");
	is_int(envelope_parse(&e, h.env.p, h.env.len), 0, "envelope");
	is_str(envelope_attr(&e, "proto"), "UTF8SMTPSA", "proto");
	is_str(envelope_attr(&e, "peername"), "c.test", "peername");
	is_str(envelope_attr(&e, "auth"), "alice", "auth");
	is_str(envelope_attr(&e, "tls"), "TLSv1.3 X", "tls");
	is_str(envelope_attr(&e, "smtputf8"), "1", "smtputf8");
	is_str(envelope_attr(&e, "ret"), "HDRS", "ret");
	is_str(envelope_attr(&e, "envid"), "a+2Bb", "envid");
	is_str(envelope_attr(&e, "spam"), "forbidden", "spam");
	is_str(envelope_attr(&e, "folder"), "Junk", "folder");
	is_str(e.sender, "j\xc3\xb6@b.test", "sender");
	at = e.rcpts;
	ok(envelope_rcpt(&e, &at, &r), "a recipient");
	is_str(recipient_attr(&r, "notify"), "SUCCESS,DELAY", "notify");
	is_str(recipient_attr(&r, "orcpt"), "rfc822;a+40b", "orcpt");
	ok(envelope_rcpt(&e, &at, &r), "another");
	is_str(recipient_attr(&r, "notify"), "NEVER", "notify");
	ok(recipient_attr(&r, "orcpt") == NULL, "no orcpt");
	ok(envelope_rcpt(&e, &at, &r) && recipient_attr(&r, "notify") == NULL,
	    "the third has none");
}

/* proto, as the envelope has it. */
static const char *
proto(const char *hello, const char *tls, const char *login)
{
	struct envelope e;

	prepare();
	s.lmtp = hello[0] == 'L';
	s.tls = tls;
	s.hide = 1;
	smtps_start(&s);
	feed(hello);
	feed(login);
	feed("MAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n.\r\n");
	if (envelope_parse(&e, h.env.p, h.env.len) != 0 ||
	    envelope_attr(&e, "helo") != NULL)
		return "malformed, or helo is not hidden";
	return envelope_attr(&e, "proto");
}

static void
protos(void)
{
	static const char login[] = "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n";

	is_str(proto("HELO c\r\n", NULL, ""), "SMTP", "HELO");
	is_str(proto("HELO c\r\n", "T", ""), "SMTP", "HELO under TLS");
	is_str(proto("EHLO c\r\n", NULL, ""), "ESMTP", "EHLO");
	is_str(proto("EHLO c\r\n", "T", ""), "ESMTPS", "TLS");
	is_str(proto("EHLO c\r\n", NULL, login), "ESMTPA", "login");
	is_str(proto("EHLO c\r\n", "T", login), "ESMTPSA", "both");
	is_str(proto("LHLO c\r\n", NULL, ""), "LMTP", "LMTP");
}

/* What hangs on what is offered, or on another parameter. */
static void
extensions(void)
{
	reach(SMTPS_READY);
	s.offer = 0;
	is_str(says("MAIL FROM:<a@b.test> RET=FULL\r\n"),
	    "555 5.5.4 unknown parameter\n", "RET without DSN");
	is_str(says("MAIL FROM:<a@b.test> AUTH=<>\r\n"),
	    "555 5.5.4 unknown parameter\n", "AUTH without logins");
	is_str(says("MAIL FROM:<a@b.test> BODY=BINARYMIME\r\n"),
	    "555 5.6.1 BINARYMIME is not offered\n", "BINARYMIME");
	feed("MAIL FROM:<a@b.test>\r\n");
	is_str(says("RCPT TO:<a@b.test> NOTIFY=NEVER\r\n"),
	    "555 5.5.4 unknown parameter\n", "NOTIFY without DSN");
	is_str(says("RCPT TO:<j\xc3\xb6@b.test>\r\n"),
	    "553 5.6.7 address needs SMTPUTF8\n", "not ASCII");
	is_str(says("RSET\r\nMAIL FROM:<a@b.test> SMTPUTF8\r\n"
	    "RCPT TO:<j\xc3\xb6@b.test>\r\n"), "250 2.0.0 ok\n"
	    "250 2.1.0 ok\n250 2.1.5 ok\n", "not ASCII with SMTPUTF8");
	is_str(says("RCPT TO:<j\xf6@b.test>\r\n"),
	    "501 5.1.3 syntax: RCPT TO:<address>\n", "Latin-1");
	is_str(says("RSET\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\n"
	    "RCPT TO:<b@b.test>\r\n"), "250 2.0.0 ok\n250 2.1.0 ok\n"
	    "250 2.1.5 ok\n250 2.1.5 ok\n",
	    "the null sender to several recipients");
	reach(SMTPS_READY);
	is_str(says("HELO c\r\nMAIL FROM:<> AUTH=<>\r\n"), "250 mx.test\n"
	    "555 5.5.4 unknown parameter\n", "AUTH behind HELO");
	is_str(says("HELP\r\n"),
	    "214 2.0.0 for help write to postmaster@mx.test\n", "HELP");
}

int
main(void)
{
	whole();
	attributes();
	protos();
	extensions();
	return done();
}
