/* smtps: messages by DATA and BDAT, and the replies to them. */
#include "session.h"

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

static void
lmtp(void)
{
	h.lmtp = 1;
	begin();
	is_str(says(""), "220 mx.test LMTP\n", "LMTP's greeting");
	is_str(says("EHLO c\r\n"), "500 5.5.2 unknown command\n",
	    "EHLO in LMTP");
	is_str(says("HELO c\r\n"), "500 5.5.2 unknown command\n",
	    "HELO in LMTP");
	is_str(says("MAIL FROM:<>\r\n"), "503 5.5.1 LHLO first\n", "MAIL");
	is_str(says("LHLO\r\n"), "501 syntax: LHLO hostname\n",
	    "LHLO alone");
	ok(strncmp(says("LHLO c\r\n"), "250-mx.test\n", 12) == 0, "LHLO");
	reach(SMTPS_MAIL);
	is_str(says("DATA\r\n"), "503 5.5.1 no valid recipients\n",
	    "DATA without recipients");
	reach(SMTPS_RCPT);
	says("RCPT TO:<no@b.test>\r\nRCPT TO:<x@b.test>\r\n");
	is_str(says("DATA\r\na\r\n.\r\nNOOP\r\n"), "354 go ahead\n"
	    "250 2.0.0 queued\n250 2.0.0 queued\n250 2.0.0 ok\n",
	    "a reply for each recipient that was taken");
	ok(s.messages == 1 && s.rcpts == 2, "counted");
	reach(SMTPS_RCPT);
	feed("RCPT TO:<x@b.test>\r\n");
	is_str(says("BDAT 3\r\na\r\nBDAT 0 LAST\r\n"),
	    "250 2.0.0 chunk is here\n250 2.0.0 queued\n250 2.0.0 queued\n",
	    "and behind the last chunk");
	reach(SMTPS_RCPT);
	feed("RCPT TO:<x@b.test>\r\n");
	is_str(says("DATA\r\na\nb\r\n.\r\n"), "354 go ahead\n"
	    "550 5.6.11 a line ends in a bare CR or LF\n"
	    "550 5.6.11 a line ends in a bare CR or LF\n", "refused twice");
	reach(SMTPS_RCPT);
	feed("RCPT TO:<x@b.test>\r\nRCPT TO:<y@b.test>\r\n");
	h.done = "421 4.3.2 away";
	is_str(says("DATA\r\n.\r\nNOOP\r\n"), "354 go ahead\n"
	    "421 4.3.2 away\n421 4.3.2 away\n421 4.3.2 away\n",
	    "421 to all, then the end");
	is_int(s.state, SMTPS_CLOSED, "the end");
	h.lmtp = 0;
}

/* More replies than fit in out. */
static void
lmtp_many(void)
{
	int i, n = 0;

	h.lmtp = 1;
	reach(SMTPS_MAIL);
	s.rcpt_max = 1000;
	for (i = 0; i < 1000; i++)
		feed("RCPT TO:<x@b.test>\r\n");
	says("DATA\r\n.\r\nNOOP\r\n");
	for (i = 0; i < (int)h.said.len; i++)
		n += h.said.p[i] == '\n';
	is_int(n, 1002, "1000 recipients, 1000 replies");
	h.lmtp = 0;
}

/* text in chunks that end where the bits of cut are set, sent in pieces of
 * step bytes; with `empty' LAST is a chunk of its own. */
static const char *
in_chunks(const char *text, unsigned cut, int empty, size_t step)
{
	struct buf b = {0};
	size_t n = strlen(text), from = 0, i;

	reach(SMTPS_RCPT);
	h.said.len = 0;
	for (i = 1; i <= n; i++) {
		if (i < n && (cut & 1u << i) == 0)
			continue;
		buf_fmt(&b, "BDAT %zu%s\r\n", i - from,
		    i == n && !empty ? " LAST" : "");
		buf_add(&b, text + from, i - from);
		from = i;
	}
	if (empty)
		buf_str(&b, "bdat 0  last\r\n");
	buf_str(&b, "NOOP\r\n");
	feed_n(b.p, b.len, step);
	buf_free(&b);
	return buf_cstr(&h.said);
}

/* Every split of a message gives the same one, or the same refusal. */
static void
splits(const char *text, const char *want, const char *reply, const char *what)
{
	static const size_t steps[] = {1, 7, SMTPS_IN};
	unsigned cut, bad = 0, all = 1u << strlen(text);
	size_t i;
	const char *got;

	for (cut = 0; cut < all; cut += 2) {
		i = cut / 2 % 3;
		got = in_chunks(text, cut, cut / 6 % 2, steps[i]);
		got = strstr(got, reply);
		if (got == NULL || s.state != SMTPS_READY ||
		    strstr(got, "250 2.0.0 ok\r\n") == NULL)
			bad++;
		else if (want != NULL && (h.msg.len != strlen(want) ||
		    memcmp(h.msg.p, want, h.msg.len) != 0))
			bad++;
		else if (want == NULL && h.env.len > 0)
			bad++;
	}
	is_int(bad, 0, what);
}

static void
chunks(void)
{
	splits("a\r\n.\r\n..b\r\n", "a\n.\n..b\n", "250 2.0.0 queued\r\n",
	    "dots mean nothing");
	splits("\r\n.\r\nab", "\n.\nab\n", "250 2.0.0 queued\r\n",
	    "no CRLF at the end");
	splits("a\r\nb\nc\r\n", NULL, "550 5.6.11 ", "a bare LF");
	splits("a\r\nb\rc\r\n", NULL, "550 5.6.11 ", "a bare CR");
	splits("a\r\nb\r", NULL, "550 5.6.11 ", "CR at the end");
	reach(SMTPS_RCPT);
	is_str(says("BDAT 0 LAST\r\n"), "250 2.0.0 queued\n",
	    "an empty message");
	is_int((long long)h.msg.len, 0, "is empty");
	reach(SMTPS_RCPT);
	is_str(says("BDAT 2 LAST\r\na\nMAIL FROM:<>\r\n"),
	    "550 5.6.11 a line ends in a bare CR or LF\n250 2.1.0 ok\n",
	    "behind LAST the next message begins");
}

/* What is wrong with a chunk or its place; its octets are never commands. */
static void
bad_chunks(void)
{
	static const char quit[] = "BDAT 6\r\nQUIT\r\n";
	static const char refused[] = "501 5.5.4 syntax: BDAT octets [LAST]\n";

	begin();
	feed("");
	is_str(says(quit), "503 5.5.1 EHLO or HELO first\n", "before EHLO");
	feed("EHLO c.test\r\n");
	is_str(says(quit), "503 5.5.1 MAIL first\n", "before MAIL");
	feed("MAIL FROM:<>\r\n");
	is_str(says(quit), "554 5.5.1 no valid recipients\n", "before RCPT");
	is_int(s.state, SMTPS_MAIL, "which RCPT can follow");
	feed("RCPT TO:<a@b.test>\r\n");
	is_str(says("BDAT 6 LAST\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n"),
	    "250 2.0.0 queued\n503 5.5.1 MAIL first\n", "behind LAST");
	is_mem(h.msg.p, h.msg.len, "QUIT\n", "taken once");

	reach(SMTPS_RCPT);
	is_str(says("BDAT 6 FIRST\r\nQUIT\r\n"), refused, "a wrong word");
	is_str(says(quit), refused, "spoils the message");
	is_str(says("DATA\r\n"), "503 5.5.1 BDAT goes on, or RSET\n", "DATA");
	is_str(says("BDAT 6 LAST\r\nQUIT\r\n"), refused, "LAST ends it");
	is_int(s.state, SMTPS_READY, "and leads out");
	reach(SMTPS_RCPT);
	feed("BDAT 6 FIRST\r\nQUIT\r\n");
	is_str(says("RSET\r\nMAIL FROM:<>\r\n"),
	    "250 2.0.0 ok\n250 2.1.0 ok\n", "RSET too");
	is_str(says("RCPT TO:<a@b.test>\r\nBDAT 3 LAST\r\nc\r\n"),
	    "250 2.1.5 ok\n250 2.0.0 queued\n", "and chunks are taken again");
	feed("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\n");
	is_str(says("DATA\r\n.\r\n"), "354 go ahead\n250 2.0.0 queued\n",
	    "DATA behind them too");
	reach(SMTPS_RCPT);
	is_str(says("BDAT\r\nBDAT x\r\nBDAT -1\r\n"),
	    "501 5.5.4 syntax: BDAT octets [LAST]\n"
	    "501 5.5.4 syntax: BDAT octets [LAST]\n"
	    "501 5.5.4 syntax: BDAT octets [LAST]\n", "no size");
	is_str(says("BDAT 6LAST\r\nQUIT\r\n"), refused, "no blank");
	reach(SMTPS_RCPT);
	is_str(says("BDAT 18446744073709551616\r\nNOOP\r\n"),
	    "552 5.3.4 chunk is too big\n", "more than 64 bits");
	is_int(s.state, SMTPS_CLOSED, "is the end");
	reach(SMTPS_RCPT);
	is_str(says("BDAT 18446744073709551615\r\nNOOP\r\n"),
	    "552 5.3.4 chunk is too big\n", "64 bits");
	reach(SMTPS_RCPT);
	s.size_max = 0;
	is_str(says("BDAT 18446744073709551615\r\nNOOP\r\n"), "",
	    "64 bits where there is no limit");
	is_int(s.state, SMTPS_DATA, "are awaited");
}

/* The limits of messages, and what the caller says. */
static void
refused_chunks(void)
{
	reach(SMTPS_RCPT);
	s.size_max = 10;
	is_str(says("BDAT 8\r\nabcdef\r\nBDAT 4\r\na\r\nbBDAT 3\r\na\r\n"
	    "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"), "250 2.0.0 chunk is here\n"
	    "552 5.3.4 message is too big\n552 5.3.4 message is too big\n"
	    "552 5.3.4 message is too big\n250 2.0.0 ok\n", "too big");
	ok(h.drops == 1 && h.env.len == 0, "dropped once");
	is_mem(h.refused.p, h.refused.len, "M \n", "logged once");
	reach(SMTPS_RCPT);
	s.hops_max = 1;
	is_str(says("BDAT 26 LAST\r\nReceived: a\r\nReceived: b\r\n"),
	    "554 5.4.6 too many hops: this message is looping\n", "looping");
	reach(SMTPS_RCPT);
	h.data = "452 4.3.1 the queue is full";
	is_str(says("BDAT 6\r\nQUIT\r\nBDAT 0 LAST\r\n"),
	    "452 4.3.1 the queue is full\n452 4.3.1 the queue is full\n",
	    "the caller refuses the message");
	is_str(says("MAIL FROM:<>\r\n"), "250 2.1.0 ok\n", "the next one");
	reach(SMTPS_RCPT);
	h.data = "452 4.3.1 the queue is full";
	is_str(says("DATA\r\n"), "452 4.3.1 the queue is full\n",
	    "DATA is refused like it");
	is_int(s.state, SMTPS_RCPT, "but nothing has begun");
	reach(SMTPS_RCPT);
	h.done = "451 4.3.0 later";
	is_str(says("BDAT 3 LAST\r\na\r\nNOOP\r\n"),
	    "451 4.3.0 later\n250 2.0.0 ok\n", "not taken");

	reach(SMTPS_BDAT);
	feed("RSET\r\n");
	ok(h.drops == 1 && s.state == SMTPS_READY, "RSET drops");
	reach(SMTPS_BDAT);
	feed("BDAT 5\r\na");
	smtps_free(&s);
	ok(h.drops == 1 && h.env.len == 0, "lost in a chunk");
	reach(SMTPS_BDAT);
	feed("QUIT\r\n");
	ok(h.drops == 1 && h.env.len == 0, "QUIT between chunks");
}

/* Chunks that cost nothing are not for ever; chunks with a message are. */
static void
many_chunks(void)
{
	static char big[70000];
	int i;

	reach(SMTPS_RCPT);
	for (i = 0; i < 1000 && s.state != SMTPS_CLOSED; i++)
		feed("BDAT 0\r\n");
	is_int(i, 99 + SMTPS_ERRORS, "empty chunks");
	reach(SMTPS_RCPT);
	for (i = 0; i < 1000; i++)
		feed("BDAT 3\r\na\r\n");
	is_str(says("BDAT 0 LAST\r\n"), "250 2.0.0 queued\n", "1000 chunks");
	is_int((long long)h.msg.len, 2000, "are a message");
	reach(SMTPS_RCPT);
	feed("BDAT 1 X\r\na");
	for (i = 0; i < 90; i++)
		feed("BDAT 3\r\na\r\n");
	is_int(s.state, SMTPS_BDAT, "chunks sent before the refusal is read");
	reach(SMTPS_RCPT);
	memset(big, 'x', sizeof big);
	feed("BDAT 140000\r\n");
	feed_n(big, sizeof big, SMTPS_IN);
	feed_n(big, sizeof big, SMTPS_IN);
	is_str(says("BDAT 2 LAST\r\n\r\n"), "250 2.0.0 queued\n", "a big one");
	ok(h.mores > 1 && h.msg.len == 140001, "came in parts");
}

int
main(void)
{
	messages();
	lmtp();
	lmtp_many();
	chunks();
	bad_chunks();
	refused_chunks();
	many_chunks();
	return done();
}
