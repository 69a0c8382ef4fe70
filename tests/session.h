/* A session of lib/smtps driven from memory, for its unit tests. */
#ifndef SESSION_H
#define SESSION_H
#include "envelope.h"
#include "smtps.h"
#include "tap.h"

/* What the hooks saw and what they are to say. */
static struct {
	struct buf said;   /* all replies */
	struct buf msg;    /* what came through more and done */
	struct buf env;
	struct buf refused; /* a line for each refusal */
	struct buf audit;   /* a line for each command */
	int mores;
	int drops;
	int auths;
	const char *done;
	const char *data;
	int lmtp;           /* of the next session */
} h;
static struct smtps s;

static const char *
on_helo(void *arg)
{
	if (strncmp(s.helo, "bad", 3) == 0)
		return "550 5.7.1 no such name";
	return strncmp(s.helo, "end", 3) == 0 ? "421 4.7.0 away" : NULL;
}

static const char *
on_mail(void *arg, const char *sender, size_t n,
    const struct smtparg_mail *m)
{
	if (n >= 3 && memcmp(sender, "end", 3) == 0)
		return "421 4.7.0 away";
	return n >= 3 && memcmp(sender, "bad", 3) == 0
	    ? "553 5.1.8 no" : NULL;
}

static const char *
on_rcpt(void *arg, struct buf *addr)
{
	if (addr->len >= 3 && memcmp(addr->p, "end", 3) == 0)
		return "421 4.7.0 away";
	if (addr->len >= 2 && memcmp(addr->p, "no", 2) == 0)
		return "550 5.1.1 no such user";
	if (addr->len >= 3 && memcmp(addr->p, "add", 3) == 0)
		buf_str(addr, ".more");
	return NULL;
}

static const char *
on_data(void *arg)
{
	return h.data;
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

static const char *
on_auth(void *arg, const char *user, const char *pass)
{
	h.auths++;
	if (strcmp(user, "later") == 0)
		return "454 4.7.0 later";
	if (strcmp(user, "end") == 0)
		return "421 4.7.0 away";
	return strcmp(user, "alice") == 0 && strcmp(pass, "secret") == 0
	    ? NULL : "535 5.7.8 no";
}

static void
on_refused(void *arg, enum smtps_what what, const char *text, size_t n,
    const char *reply)
{
	buf_byte(&h.refused, "SRMLC"[what]);
	buf_byte(&h.refused, ' ');
	buf_add(&h.refused, text, n);
	buf_byte(&h.refused, '\n');
}

static void
on_command(void *arg, const char *verb, const char *reply)
{
	buf_fmt(&h.audit, "%s: %s\n", verb, reply);
}

static const struct smtps_hooks hooks = {.helo = on_helo, .mail = on_mail,
    .rcpt = on_rcpt, .data = on_data, .more = on_more, .done = on_done,
    .drop = on_drop, .auth = on_auth, .refused = on_refused,
    .command = on_command};

/* A session that is to be set up; everything is offered. */
static inline void
prepare(void)
{
	smtps_free(&s);
	memset(&s, 0, sizeof s);
	h.said.len = h.msg.len = h.env.len = h.refused.len = h.audit.len = 0;
	h.mores = h.drops = h.auths = 0;
	h.done = "250 2.0.0 queued";
	h.data = NULL;
	s.hooks = &hooks;
	s.hostname = "mx.test";
	s.size_max = 1000000;
	s.rcpt_max = 100;
	s.hops_max = 100;
	s.tries_max = 3;
	s.lmtp = h.lmtp;
	s.offer = SMTPS_OFFER_STARTTLS | SMTPS_OFFER_AUTH |
	    SMTPS_OFFER_AUTH_CLEAR | SMTPS_OFFER_DSN;
}

static inline void
begin(void)
{
	prepare();
	smtps_start(&s);
}

static inline void
flush(void)
{
	buf_add(&h.said, s.out, s.outlen);
	s.outlen = 0;
}

/* Gives it n bytes in pieces of at most step.  STARTTLS is done as soon as it
 * is asked for. */
static inline void
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
		case SMTPS_STARTTLS:
			flush();
			smtps_secured(&s, "TLSv1.3 X");
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

static inline void
feed(const char *p)
{
	feed_n(p, strlen(p), SMTPS_IN);
}

/* The replies to p alone, CRs left out. */
static inline const char *
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
static inline void
reach(enum smtps_state state)
{
	prepare();
	if (state == SMTPS_SHUT)
		s.shut = "554 5.7.1 not you";
	smtps_start(&s);
	feed("");
	if (state == SMTPS_SHUT)
		return;
	if (state >= SMTPS_READY)
		feed(s.lmtp ? "LHLO c.test\r\n" : "EHLO c.test\r\n");
	if (state == SMTPS_AUTH) {
		feed("AUTH PLAIN\r\n");
		return;
	}
	if (state >= SMTPS_MAIL)
		feed("MAIL FROM:<a@b.test>\r\n");
	if (state >= SMTPS_RCPT)
		feed("RCPT TO:<c@d.test>\r\n");
	if (state >= SMTPS_BDAT)
		feed("BDAT 3\r\na\r\n");
}
#endif
