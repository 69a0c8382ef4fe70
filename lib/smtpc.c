#include <stdio.h>
#include <string.h>

#include "smtpc.h"
#include "str.h"

enum state { GREETING, EHLO, HELO, READY, RSET, MAIL, RCPT, DATA, BODY, DOT,
	EMPTY, ENDED };

enum { TEXT_MAX = 400 }; /* bytes of a reply that are kept */

/* What the reply that is due answers, as Postfix's users know it. */
static const char *const in_reply_to[] = {"greeting", "EHLO command",
	"HELO command", "", "RSET command", "MAIL FROM command",
	"RCPT TO command", "DATA command", "end of DATA command",
	"end of DATA command", "end of DATA command", ""};
static const char *const doing[] = {"receiving the initial server greeting",
	"performing the EHLO handshake", "performing the HELO handshake",
	"waiting for mail", "sending RSET", "sending MAIL FROM",
	"sending RCPT TO", "sending DATA command", "sending message body",
	"sending end of data -- message may be sent more than once",
	"sending end of data", "ended"};

void
smtpc_init(struct smtpc *c, const char *host, const char *addr, unsigned port,
    const char *hostname)
{
	memset(c, 0, sizeof *c);
	snprintf(c->peer, sizeof c->peer, "%.255s[%.46s]:%u", host, addr, port);
	c->hostname = hostname;
	c->state = GREETING;
}

void
smtpc_free(struct smtpc *c)
{
	buf_free(&c->out);
	buf_free(&c->in);
	smtpreply_free(&c->reply);
	c->state = ENDED;
}

/* The class of the reply as verdict: K, Z, D, or 0 for one that nothing in
 * this place asks for. */
static char
reply_kind(const struct smtpc *c)
{
	switch (c->reply.code / 100) {
	case 2:
		return 'K';
	case 4:
		return 'Z';
	case 5:
		return 'D';
	default:
		return 0;
	}
}

/* The reply's status, of the class that goes with kind.  4.4.1 and 4.4.3 mean
 * that no host was reached (INTERFACES 4), which is not so where one says them
 * of a host behind it. */
static void
reply_status(const struct smtpc *c, char kind, char status[12])
{
	smtpreply_status(&c->reply, (char)('0' + c->reply.code / 100), status);
	status[0] = kind == 'K' ? '2' : kind == 'Z' ? '4' : '5';
	if (strcmp(status, "4.4.1") == 0 || strcmp(status, "4.4.3") == 0)
		status[4] = '0';
}

/* The reply in words: who said it and to what.  dsn: the host takes over what
 * NOTIFY asks for (INTERFACES 4). */
static void
reply_text(const struct smtpc *c, int dsn, struct buf *b)
{
	int bad = c->reply.code >= 300;

	buf_str(b, c->peer);
	buf_str(b, bad ? " said: " : dsn ? " DSN " : " ");
	smtpreply_text(&c->reply, TEXT_MAX, b);
	if (bad)
		buf_fmt(b, " (in reply to %s)", in_reply_to[c->state]);
}

/* The reply as the verdict of one recipient, or of all that were accepted. */
static void
settle_by_reply(struct smtpc *c, struct smtprcpt *one)
{
	struct smtpmail *m = c->mail;
	char kind = reply_kind(c), status[12];
	struct smtprcpt *r;
	struct buf b = {0};

	reply_status(c, kind, status);
	for (r = m->rcpt; r < m->rcpt + m->nrcpt; r++) {
		if (r->kind != 0 || (one == NULL ? !r->accepted : one != r))
			continue;
		b.len = 0;
		reply_text(c, r->notify != NULL && c->ext & SMTPEXT_DSN, &b);
		smtpmail_settle(m, r, kind, status, b.p, b.len);
	}
	buf_free(&b);
}

static enum smtpc_next
failed(struct smtpc *c, char kind, const char *status, const char *text)
{
	c->fail.kind = kind;
	snprintf(c->fail.status, sizeof c->fail.status, "%s", status);
	snprintf(c->fail.text, sizeof c->fail.text, "%s", text);
	c->state = ENDED;
	c->closing = 1;
	return SMTPC_FAILED;
}

/* The reply ends the session's use.  A 5xx counts as `kind'. */
static enum smtpc_next
failed_by_reply(struct smtpc *c, char kind)
{
	char status[12];
	struct buf b = {0};
	enum smtpc_next next;

	if (c->reply.code / 100 != 5)
		kind = 'Z';
	reply_status(c, kind, status);
	reply_text(c, 0, &b);
	next = failed(c, kind, status, buf_cstr(&b));
	buf_free(&b);
	return next;
}

static enum smtpc_next
protocol_error(struct smtpc *c, const char *what)
{
	char text[SMTPC_FAIL];

	snprintf(text, sizeof text, "%s sent %s while %s", c->peer, what,
	    doing[c->state]);
	if (c->state == DOT && c->mail != NULL) {
		c->closing = 1;
		c->state = ENDED;
		smtpmail_all(c->mail, 'Z', "4.5.0", text);
		return SMTPC_OVER;
	}
	return failed(c, 'Z', "4.5.0", text);
}

/* Does the server name itself as we do?  Its name is the first word. */
static int
is_ourselves(const struct smtpc *c)
{
	const char *p = c->reply.text.p + 4, *end;
	size_t n = 0;

	if (!c->loopcheck || c->reply.text.len < 5)
		return 0;
	end = c->reply.text.p + c->reply.text.len;
	while (p + n < end && p[n] != ' ' && p[n] != '\n')
		n++;
	return str_caseeq(p, n, c->hostname);
}

static enum smtpc_next
hello(struct smtpc *c, enum state s)
{
	buf_fmt(&c->out, "%s %s\r\n", s == EHLO ? "EHLO" : "HELO", c->hostname);
	c->state = (int)s;
	return SMTPC_WAIT;
}

/* The replies before the first transaction. */
static enum smtpc_next
on_start(struct smtpc *c)
{
	char text[SMTPC_FAIL];
	int ok = c->reply.code / 100 == 2;

	if (ok && is_ourselves(c)) {
		snprintf(text, sizeof text,
		    "mail loops back to ourselves: %s bears our name", c->peer);
		return failed(c, 'D', "5.4.6", text);
	}
	switch (c->state) {
	case GREETING:
		/* A 5xx here is taken as temporary, as Postfix does: it is
		 * about the host or about us, not about the message. */
		return ok ? hello(c, EHLO) : failed_by_reply(c, 'Z');
	case EHLO:
		if (c->reply.code / 100 == 5 && c->reply.code != 521)
			return hello(c, HELO);
		/* FALLTHROUGH */
	default:
		if (!ok)
			return failed_by_reply(c, 'D');
		if (c->state == EHLO)
			c->ext = smtpreply_extensions(&c->reply, &c->limit);
		c->state = READY;
		return SMTPC_READY;
	}
}

/* The transaction is over; may the session go on? */
static enum smtpc_next
over(struct smtpc *c, int unclean)
{
	c->unclean = unclean;
	c->state = c->closing ? ENDED : READY;
	return SMTPC_OVER;
}

/* The next recipient to ask; NULL behind the last. */
static struct smtprcpt *
next_rcpt(struct smtpc *c, size_t from, int asked)
{
	struct smtpmail *m = c->mail;
	size_t i;

	for (i = from; i < m->nrcpt; i++) {
		if (asked ? m->rcpt[i].asked : m->rcpt[i].kind == 0) {
			c->at = i;
			return &m->rcpt[i];
		}
	}
	return NULL;
}

static int
any_accepted(const struct smtpmail *m)
{
	size_t i;

	for (i = 0; i < m->nrcpt; i++)
		if (m->rcpt[i].kind == 0 && m->rcpt[i].accepted)
			return 1;
	return 0;
}

/* MAIL, and with pipelining all that follows to DATA. */
static enum smtpc_next
send_mail(struct smtpc *c)
{
	struct smtprcpt *r;
	size_t i;

	smtpmail_put_from(c->mail, c->ext, &c->out);
	if (c->ext & SMTPEXT_PIPELINING) {
		for (i = 0; (r = next_rcpt(c, i, 0)) != NULL; i = c->at + 1)
			smtpmail_put_rcpt(r, c->ext, &c->out);
		buf_str(&c->out, "DATA\r\n");
	}
	c->state = MAIL;
	return SMTPC_WAIT;
}

enum smtpc_next
smtpc_mail(struct smtpc *c, struct smtpmail *m)
{
	char text[SMTPC_FAIL];
	size_t i;

	c->mail = m;
	c->refused = 0;
	for (i = 0; i < m->nrcpt; i++)
		m->rcpt[i].asked = m->rcpt[i].accepted = 0;
	if (c->ext & SMTPEXT_SIZE && c->limit > 0 && m->size > c->limit) {
		snprintf(text, sizeof text, "message size %llu exceeds size "
		    "limit %llu of server %s", (unsigned long long)m->size,
		    (unsigned long long)c->limit, c->peer);
		smtpmail_all(m, 'D', "5.3.4", text);
		return SMTPC_OVER;
	}
	if (!(c->ext & SMTPEXT_SMTPUTF8))
		smtpmail_refuse_utf8(m, c->peer);
	if (smtpmail_open(m) == 0)
		return SMTPC_OVER;
	if (!c->unclean)
		return send_mail(c);
	buf_str(&c->out, "RSET\r\n");
	if (c->ext & SMTPEXT_PIPELINING)
		send_mail(c);
	c->state = RSET;
	return SMTPC_WAIT;
}

static enum smtpc_next
send_data(struct smtpc *c)
{
	if (!(c->ext & SMTPEXT_PIPELINING)) {
		if (!any_accepted(c->mail))
			return over(c, 1);
		buf_str(&c->out, "DATA\r\n");
	}
	c->state = DATA;
	return SMTPC_WAIT;
}

/* Waits for the answer about the next recipient at or behind `from'. */
static enum smtpc_next
go_on(struct smtpc *c, size_t from)
{
	int piped = (c->ext & SMTPEXT_PIPELINING) != 0;
	struct smtprcpt *r = next_rcpt(c, from, piped);

	if (r == NULL)
		return send_data(c);
	if (!piped)
		smtpmail_put_rcpt(r, c->ext, &c->out);
	c->state = RCPT;
	return SMTPC_WAIT;
}

static enum smtpc_next
on_mail(struct smtpc *c)
{
	size_t i;

	if (reply_kind(c) != 'K') {
		for (i = 0; i < c->mail->nrcpt; i++)
			c->mail->rcpt[i].accepted = 1;
		settle_by_reply(c, NULL);
		c->refused = 1;
		if (!(c->ext & SMTPEXT_PIPELINING))
			return over(c, 1);
	}
	return go_on(c, 0);
}

static enum smtpc_next
on_rcpt(struct smtpc *c)
{
	struct smtprcpt *r = &c->mail->rcpt[c->at];

	if (reply_kind(c) == 'K')
		r->accepted = !c->refused;
	else
		settle_by_reply(c, r);
	return go_on(c, c->at + 1);
}

static enum smtpc_next
on_data(struct smtpc *c)
{
	if (c->reply.code / 100 == 3) {
		if (any_accepted(c->mail)) {
			c->state = BODY;
			return SMTPC_BODY;
		}
		/* Pipelined DATA was taken with no recipient: an empty message
		 * ends it (RFC 2920 3.1). */
		buf_str(&c->out, ".\r\n");
		c->state = EMPTY;
		return SMTPC_WAIT;
	}
	settle_by_reply(c, NULL);
	return over(c, 1);
}

/* One whole reply. */
static enum smtpc_next
on_reply(struct smtpc *c)
{
	int class = c->reply.code / 100;

	if (c->state < READY)
		return on_start(c);
	if (class == 3 ? c->state != DATA : class == 2 &&
	    (c->state == DATA || c->state == BODY))
		return protocol_error(c, "an unexpected reply");
	/* 421: the server goes away (RFC 5321 3.8). */
	if (c->reply.code == 421) {
		if (c->state != DOT)
			return failed_by_reply(c, 'Z');
		c->closing = 1;
	}
	switch (c->state) {
	case RSET:
		if (class != 2)
			return failed_by_reply(c, 'Z');
		c->state = MAIL;
		return c->ext & SMTPEXT_PIPELINING ? SMTPC_WAIT : send_mail(c);
	case MAIL:
		return on_mail(c);
	case RCPT:
		return on_rcpt(c);
	case DATA:
		return on_data(c);
	case BODY: /* refused before its end: the rest cannot be sent */
		c->closing = 1;
		/* FALLTHROUGH */
	case DOT:
		settle_by_reply(c, NULL);
		return over(c, class != 2);
	case EMPTY:
		return over(c, 1);
	default:
		return protocol_error(c, "a reply to nothing");
	}
}

enum smtpc_next
smtpc_input(struct smtpc *c, const char *p, size_t n)
{
	enum smtpc_next next = SMTPC_WAIT;
	size_t off = 0, used;
	int k;

	buf_add(&c->in, p, n);
	while (next == SMTPC_WAIT && off < c->in.len) {
		k = smtpreply_feed(&c->reply, c->in.p + off, c->in.len - off,
		    &used);
		off += used;
		if (k == 0)
			break;
		c->replies++;
		next = k == 1 ? on_reply(c)
		    : protocol_error(c, "something that is not SMTP");
	}
	if (off > 0 && off < c->in.len)
		memmove(c->in.p, c->in.p + off, c->in.len - off);
	c->in.len -= off;
	return next;
}

void
smtpc_sent(struct smtpc *c)
{
	c->state = DOT;
}

int
smtpc_committed(const struct smtpc *c)
{
	return c->state == DOT;
}

enum smtpc_next
smtpc_lost(struct smtpc *c, enum smtpc_loss how)
{
	char text[SMTPC_FAIL];

	if (how == SMTPC_STOP && c->state != DOT)
		return failed(c, 'Z', "4.3.2", "delivery was interrupted");
	snprintf(text, sizeof text, how == SMTPC_TIMEOUT
	    ? "conversation with %s timed out while %s"
	    : "lost connection with %s while %s", c->peer, doing[c->state]);
	if (c->state == DOT) {
		/* Another host could deliver it a second time. */
		smtpmail_all(c->mail, 'Z', "4.4.2", text);
		c->closing = 1;
		return over(c, 1);
	}
	return failed(c, 'Z', "4.4.2", text);
}

void
smtpc_quit(struct smtpc *c)
{
	buf_str(&c->out, "QUIT\r\n");
	c->state = ENDED;
}

static int
weight(const struct smtpc_fail *f)
{
	if (f->kind == 0 || f->kind == 'D')
		return f->kind != 0;
	return strcmp(f->status, "4.4.1") == 0 ? 2 : 3;
}

void
smtpc_worst(struct smtpc_fail *worst, const struct smtpc_fail *f)
{
	if (weight(f) >= weight(worst))
		*worst = *f;
}
