/* smtps: the session, driven from memory. */
#include <stdlib.h>

#include "envelope.h"
#include "smtparg.h"
#include "smtps.h"
#include "tap.h"

/* What the hooks saw and what they are to say. */
static struct {
	struct buf said;   /* all replies */
	struct buf msg;    /* what came through more and done */
	struct buf env;
	struct buf refused; /* a line for each refusal */
	int mores;
	int drops;
	const char *done;
} h;
static struct smtps s;

static const char *
on_mail(void *arg, const char *sender, size_t n,
    const struct smtparg_mail *m)
{
	return n >= 3 && memcmp(sender, "bad", 3) == 0
	    ? "553 5.1.8 no" : NULL;
}

static const char *
on_rcpt(void *arg, struct buf *addr)
{
	if (addr->len >= 2 && memcmp(addr->p, "no", 2) == 0)
		return "550 5.1.1 no such user";
	if (addr->len >= 3 && memcmp(addr->p, "add", 3) == 0)
		buf_str(addr, ".more");
	return NULL;
}

static void
on_more(void *arg)
{
	h.mores++;
	buf_add(&h.msg, s.msg.p, s.msg.len);
}

static const char *
on_done(void *arg)
{
	buf_add(&h.msg, s.msg.p, s.msg.len);
	buf_add(&h.env, s.env.p, s.env.len);
	return h.done;
}

static void
on_drop(void *arg)
{
	h.drops++;
	h.msg.len = 0;
}

static void
on_refused(void *arg, enum smtps_what what, const char *text, size_t n,
    const char *reply)
{
	buf_byte(&h.refused, "SRMC"[what]);
	buf_byte(&h.refused, ' ');
	buf_add(&h.refused, text, n);
	buf_byte(&h.refused, '\n');
}

static const struct smtps_hooks hooks = {.mail = on_mail, .rcpt = on_rcpt,
    .more = on_more, .done = on_done, .drop = on_drop, .refused = on_refused};

static void
begin(void)
{
	smtps_free(&s);
	memset(&s, 0, sizeof s);
	h.said.len = h.msg.len = h.env.len = h.refused.len = 0;
	h.mores = h.drops = 0;
	h.done = "250 2.0.0 queued";
	s.hooks = &hooks;
	s.hostname = "mx.test";
	s.size_max = 1000000;
	s.rcpt_max = 100;
	s.hops_max = 100;
	smtps_start(&s);
}

static void
flush(void)
{
	buf_add(&h.said, s.out, s.outlen);
	s.outlen = 0;
}

/* Gives it n bytes in pieces of at most step. */
static void
feed_n(const char *p, size_t n, size_t step)
{
	size_t k, room;
	char *to;

	while (s.state != SMTPS_CLOSED) {
		switch (smtps_step(&s)) {
		case SMTPS_WORKED:
			break;
		case SMTPS_WRITE:
			flush();
			break;
		case SMTPS_READ:
			flush();
			if (n == 0)
				return;
			to = smtps_space(&s, &room);
			k = n < step ? n : step;
			k = k < room ? k : room;
			memcpy(to, p, k);
			smtps_read(&s, k);
			p += k;
			n -= k;
		}
	}
	flush();
}

static void
feed(const char *p)
{
	feed_n(p, strlen(p), SMTPS_IN);
}

/* The replies to p alone, CRs left out. */
static const char *
says(const char *p)
{
	size_t i, k = 0;

	h.said.len = 0;
	feed(p);
	for (i = 0; i < h.said.len; i++)
		if (h.said.p[i] != '\r')
			h.said.p[k++] = h.said.p[i];
	h.said.len = k;
	return buf_cstr(&h.said);
}

/* Begins a session and brings it to the state. */
static void
reach(enum smtps_state state)
{
	begin();
	feed("");
	if (state >= SMTPS_READY)
		feed("EHLO c.test\r\n");
	if (state >= SMTPS_MAIL)
		feed("MAIL FROM:<a@b.test>\r\n");
	if (state >= SMTPS_RCPT)
		feed("RCPT TO:<c@d.test>\r\n");
}

/* Every command in every state: the reply and the state after it. */
static void
table(void)
{
	static const struct {
		const char *line;
		const char *replies[4];
		enum smtps_state after[4];
	} rows[] = {
	    {"HELO c\r\n", {"250", "250", "250", "250"},
	        {SMTPS_READY, SMTPS_READY, SMTPS_READY, SMTPS_READY}},
	    {"EHLO c\r\n", {"250", "250", "250", "250"},
	        {SMTPS_READY, SMTPS_READY, SMTPS_READY, SMTPS_READY}},
	    {"MAIL FROM:<>\r\n", {"503", "250", "503", "503"},
	        {SMTPS_START, SMTPS_MAIL, SMTPS_MAIL, SMTPS_RCPT}},
	    {"RCPT TO:<a@b.c>\r\n", {"503", "503", "250", "250"},
	        {SMTPS_START, SMTPS_READY, SMTPS_RCPT, SMTPS_RCPT}},
	    {"DATA\r\n", {"503", "503", "554", "354"},
	        {SMTPS_START, SMTPS_READY, SMTPS_MAIL, SMTPS_DATA}},
	    {"RSET\r\n", {"250", "250", "250", "250"},
	        {SMTPS_START, SMTPS_READY, SMTPS_READY, SMTPS_READY}},
	    {"VRFY a\r\n", {"252", "252", "252", "252"},
	        {SMTPS_START, SMTPS_READY, SMTPS_MAIL, SMTPS_RCPT}},
	    {"EXPN a\r\n", {"502", "502", "502", "502"},
	        {SMTPS_START, SMTPS_READY, SMTPS_MAIL, SMTPS_RCPT}},
	    {"NOOP a\r\n", {"250", "250", "250", "250"},
	        {SMTPS_START, SMTPS_READY, SMTPS_MAIL, SMTPS_RCPT}},
	    {"HELP\r\n", {"214", "214", "214", "214"},
	        {SMTPS_START, SMTPS_READY, SMTPS_MAIL, SMTPS_RCPT}},
	    {"QUIT\r\n", {"221", "221", "221", "221"},
	        {SMTPS_CLOSED, SMTPS_CLOSED, SMTPS_CLOSED, SMTPS_CLOSED}}};
	size_t i, st;
	char what[80];
	const char *got;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		ok(smtps_command(i) != NULL && strncmp(smtps_command(i),
		    rows[i].line, 4) == 0, "the table has the command");
		for (st = SMTPS_START; st <= SMTPS_RCPT; st++) {
			reach((enum smtps_state)st);
			got = says(rows[i].line);
			snprintf(what, sizeof what, "%.4s in state %zu: %s",
			    rows[i].line, st, rows[i].replies[st]);
			ok(strncmp(got, rows[i].replies[st], 3) == 0 &&
			    s.state == rows[i].after[st], what);
		}
	}
	ok(smtps_command(i) == NULL, "and no other command");
}

static void
replies(void)
{
	begin();
	is_str(says(""), "220 mx.test ESMTP\n", "greeting");
	is_str(says("EHLO\r\n"), "501 syntax: HELO or EHLO hostname\n",
	    "EHLO without a name");
	is_str(says("ehlo c.test\r\n"), "250-mx.test\n250-PIPELINING\n"
	    "250-SIZE 1000000\n250-8BITMIME\n250 ENHANCEDSTATUSCODES\n",
	    "EHLO in small letters");
	is_str(says("FOO\r\n"), "500 5.5.2 unknown command\n", "unknown");
	is_str(says("\r\n"), "500 5.5.2 unknown command\n", "empty line");
	is_str(says("MAIL\r\n"), "501 5.1.7 syntax: MAIL FROM:<address>\n",
	    "MAIL alone");
	is_str(says("MAIL FROM:<a>\r\n"), "553 5.1.7 sender needs a domain\n",
	    "sender without domain");
	is_str(says("MAIL FROM:<j\xc3\xb6@b.test>\r\n"),
	    "553 5.6.7 address is not ASCII\n", "8-bit sender");
	is_str(says("MAIL FROM:<a@b.test> FOO=1\r\n"),
	    "555 5.5.4 unknown parameter\n", "unknown parameter");
	is_str(says("MAIL FROM:<a@b.test> SIZE=1000001\r\n"),
	    "552 5.3.4 message is too big\n", "declared too big");
	is_str(says("MAIL FROM:<bad@b.test>\r\n"), "553 5.1.8 no\n",
	    "the caller refuses a sender");
	is_str(says("RCPT TO:<c@d.test>\r\n"), "503 5.5.1 MAIL first\n",
	    "and RCPT behind it has no sender");
	is_str(says("MAIL FROM: a@b.test  SIZE=5 body=8bitmime \r\n"),
	    "250 2.1.0 ok\n", "a sloppy MAIL");
	is_str(says("RCPT TO:<>\r\n"), "501 5.1.3 syntax: RCPT TO:<address>\n",
	    "no recipient");
	is_str(says("RCPT TO:<a@b.test> NOTIFY=NEVER\r\n"),
	    "555 5.5.4 unknown parameter\n", "RCPT parameter");
	is_str(says("RCPT TO:<no@b.test>\r\n"), "550 5.1.1 no such user\n",
	    "the caller refuses a recipient");
	is_str(says("DATA\r\n"), "554 5.5.1 no valid recipients\n",
	    "DATA without recipient");
	is_str(says("RSET x\r\n"), "501 5.5.4 no argument allowed\n",
	    "RSET with an argument");
	is_str(says("NOOP a\rb\r\n"),
	    "501 5.5.2 control character in command\n",
	    "bare CR in a command");
	is_str(says("QUIT \t\r\n"), "221 2.0.0 bye\n", "QUIT and blanks");
	is_mem(h.refused.p, h.refused.len, "S \nS a\n"
	    "S FROM:<j\xc3\xb6@b.test>\nS a@b.test\nS a@b.test\n"
	    "S bad@b.test\nR TO:<>\nR a@b.test\nR no@b.test\n",
	    "what was refused: the address, or what is none");
}

static void
params(void)
{
	static const char *const bad[] = {"SIZE=", "SIZE=x", "SIZE=-1",
	    "SIZE=1 SIZE=1", "SIZE=99999999999999999999", "BODY=", "BODY=x",
	    "BODY=7BIT BODY=7BIT", "SIZE", "X"};
	struct smtparg_mail m;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(smtparg_mail(&m, bad[i], strlen(bad[i]), 0) != NULL, bad[i]);
	ok(smtparg_mail(&m, " size=12  BODY=7bit ", 20, 0) == NULL &&
	    m.size == 12 && m.body == 7, "SIZE and BODY");
	ok(smtparg_mail(&m, "", 0, 0) == NULL && m.size == 0 && m.body == 0,
	    "none");
}

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

static void
messages(void)
{
	char line[1002];
	int i;

	memset(line, 'x', 1000);
	line[998] = '\r';
	line[999] = '\n';
	line[1000] = '\0';
	reach(SMTPS_RCPT);
	feed("DATA\r\n");
	for (i = 0; i < 200; i++)
		feed(line);
	is_str(says(".\r\n"), "250 2.0.0 queued\n", "a message of 200 kB");
	ok(h.mores > 1 && h.msg.len == 200 * 999, "came in parts");
	is_int((long long)s.msg.cap, 0, "whose memory is given back");
	is_str(says("DATA\r\n"), "503 5.5.1 MAIL first\n",
	    "the next one starts anew");

	reach(SMTPS_RCPT);
	s.size_max = 100;
	feed("DATA\r\n");
	feed(line);
	is_str(says(".\r\nNOOP\r\n"),
	    "552 5.3.4 message is too big\n250 2.0.0 ok\n", "too big");
	ok(h.drops > 0 && h.env.len == 0 && s.state == SMTPS_READY, "dropped");

	reach(SMTPS_RCPT);
	is_str(says("DATA\r\na\nb\r\n.\r\n"), "354 go ahead\n"
	    "550 5.6.11 a line ends in a bare CR or LF\n", "bare LF");
	reach(SMTPS_RCPT);
	s.hops_max = 1;
	is_str(says("DATA\r\nReceived: a\r\nReceived: b\r\n.\r\n"),
	    "354 go ahead\n554 5.4.6 too many hops: this message is looping\n",
	    "looping");
	reach(SMTPS_RCPT);
	h.done = "451 4.3.0 later";
	is_str(says("DATA\r\n.\r\n"), "354 go ahead\n451 4.3.0 later\n",
	    "not taken");
	ok(s.messages == 0, "and not counted");

	reach(SMTPS_RCPT);
	feed("DATA\r\nabc\r\n");
	smtps_end(&s, "421 4.4.2 timeout");
	ok(h.drops == 1 && s.state == SMTPS_CLOSED, "ended in a message");
	reach(SMTPS_RCPT);
	feed("DATA\r\nabc\r\n");
	smtps_free(&s);
	ok(h.drops == 1 && h.env.len == 0, "lost in a message");
}

/* How often the line can be said before the session is over. */
static int
endures(const char *line, int max)
{
	int n = 0;

	while (n < max && s.state != SMTPS_CLOSED) {
		says(line);
		n++;
	}
	return n;
}

static void
budgets(void)
{
	char longline[9000];
	int i;

	begin();
	is_int(endures("FOO\r\n", 1000), SMTPS_ERRORS, "unknown commands");
	ok(strstr(h.said.p, "421 4.7.0") != NULL, "end with 421");
	reach(SMTPS_READY);
	is_int(endures("NOOP\r\n", 1000), 99 + SMTPS_ERRORS, "NOOPs");
	reach(SMTPS_MAIL);
	is_int(endures("RCPT TO:<no@b.test>\r\n", 1000), SMTPS_REFUSED,
	    "refused recipients");
	ok(s.slow, "which were made slow");
	reach(SMTPS_MAIL);
	endures("FOO\r\nNOOP\r\nRCPT TO:<no@b.test>\r\n", 10);
	feed("RCPT TO:<a@b.test>\r\nDATA\r\n.\r\n");
	ok(s.errors + s.refused + s.junk == 0,
	    "a message that is taken makes up for them");
	reach(SMTPS_MAIL);
	for (i = 0; i < 100; i++)
		feed("RCPT TO:<a@b.test>\r\n");
	h.refused.len = 0;
	is_str(says("RCPT TO:<a@b.test>\r\nRCPT TO:<b@b.test>\r\n"),
	    "452 4.5.3 too many recipients\n452 4.5.3 too many recipients\n",
	    "recipients over the limit");
	is_mem(h.refused.p, h.refused.len, "R a@b.test\n", "logged once");
	is_int((long long)s.nrcpt, 100, "the others stay");

	memset(longline, 'x', sizeof longline);
	memcpy(longline + sizeof longline - 3, "\r\n", 3);
	reach(SMTPS_READY);
	is_str(says(longline), "500 5.5.2 line is too long\n", "long line");
	is_str(says("NOOP\r\n"), "250 2.0.0 ok\n", "and the next one counts");
	longline[1500] = '\r';
	longline[1501] = '\n';
	longline[1502] = '\0';
	memcpy(longline, "NOOP ", 5);
	is_str(says(longline), "250 2.0.0 ok\n", "1500 octets are fine");
	for (i = 0; i < 1000; i++)
		memcpy(longline + (size_t)i * 6, "NOOP\r\n", 6);
	longline[6000] = '\0';
	reach(SMTPS_READY);
	says(longline);
	ok(h.said.len > 1000 && s.state == SMTPS_CLOSED,
	    "a thousand commands at once are answered until it is too much");
}

int
main(void)
{
	table();
	replies();
	params();
	whole();
	messages();
	budgets();
	return done();
}
