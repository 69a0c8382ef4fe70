#include <string.h>

#include "addr.h"
#include "record.h"
#include "smtparg.h"
#include "smtps.h"
#include "smtpsx.h"
#include "str.h"

static void
attr(struct smtps *s, const char *name, const char *value)
{
	if (value != NULL && *value != '\0')
		record_attr(&s->env, 'A', name, value);
}

/* An attribute whose value is within a line of the client. */
static void
attr_part(struct buf *env, char tag, const char *name, const char *p, size_t n)
{
	if (p == NULL)
		return;
	buf_byte(env, tag);
	buf_str(env, name);
	buf_byte(env, '=');
	buf_add(env, p, n);
	buf_byte(env, '\0');
}

/* How the message comes (RFC 3848, RFC 6531 4.3). */
static void
attr_proto(struct smtps *s)
{
	char proto[16] = "";

	if (!s->esmtp) {
		attr(s, "proto", "SMTP");
		return;
	}
	strcat(proto, s->utf8 ? "UTF8" : "");
	strcat(proto, s->lmtp ? "LMTP" : s->utf8 ? "SMTP" : "ESMTP");
	strcat(proto, s->tls != NULL ? "S" : "");
	strcat(proto, s->login[0] != '\0' ? "A" : "");
	attr(s, "proto", proto);
}

/* Starts the envelope: who the client is, and the sender. */
static void
begin_envelope(struct smtps *s, const struct smtparg_mail *m)
{
	s->env.len = 0;
	attr_proto(s);
	attr(s, "peer", s->peer);
	attr(s, "peername", s->peername);
	if (!s->hide)
		attr(s, "helo", s->helo);
	attr(s, "auth", s->login);
	attr(s, "tls", s->tls);
	attr(s, "body", m->body == 8 ? "8BITMIME"
	    : m->body == 7 ? "7BIT" : NULL);
	attr(s, "smtputf8", m->utf8 ? "1" : NULL);
	attr(s, "ret", m->ret);
	attr_part(&s->env, 'A', "envid", m->envid, m->envidlen);
	attr(s, "spam", s->spam);
	attr(s, "folder", s->folder);
	s->sender = s->env.len + 1;
	record_add(&s->env, 'F', s->addr.p, s->addr.len);
}

/* Has the address that was just parsed a domain?  The null sender needs
 * none. */
static int
complete(const struct smtps *s)
{
	struct addr a;

	addr_split(s->addr.p, s->addr.len, &a);
	return s->addr.len == 0 || a.dlen > 0;
}

/* Tells the log and the client; line is what was said to MAIL or RCPT. */
static void
refuse(struct smtps *s, enum smtps_what what, const char *line, size_t n,
    const char *no)
{
	if (s->addr.len > 0) {
		line = s->addr.p;
		n = s->addr.len;
	}
	smtps_refuse(s, what, line, n, no);
}

/* The extensions whose parameters are taken in this session. */
static unsigned
extensions(const struct smtps *s)
{
	return ((s->offer & SMTPS_OFFER_DSN) != 0 ? SMTPARG_DSN : 0) |
	    (s->esmtp && smtps_auth_offered(s) ? SMTPARG_AUTH : 0) |
	    (s->utf8 ? SMTPARG_UTF8 : 0);
}

/* Is there anything wrong with what MAIL says? */
static const char *
bad_mail(struct smtps *s, const char *p, size_t n, struct smtparg_mail *m)
{
	enum addr_result r;
	const char *no;

	if (s->need_login && s->login[0] == '\0')
		return smtps_auth_offered(s) ? "530 5.7.0 log in first"
		    : "530 5.7.0 STARTTLS and log in first";
	/* What the address may be is said behind it. */
	r = smtparg_path("FROM:", &p, &n, 1, &s->addr);
	if (r != ADDR_OK)
		return smtparg_bad(r, 0);
	if (!complete(s))
		return "553 5.1.7 sender needs a domain";
	no = smtparg_mail(m, p, n, extensions(s));
	if (no != NULL)
		return no;
	if (!m->utf8 && str_8bit(s->addr.p, s->addr.len))
		return smtparg_bad(ADDR_UTF8, 0);
	if (s->size_max != 0 && m->size > s->size_max)
		return "552 5.3.4 message is too big";
	return s->hooks->mail(s->arg, s->addr.p, s->addr.len, m);
}

void
smtps_mail(struct smtps *s, const char *p, size_t n)
{
	struct smtparg_mail m = {0};
	const char *no;

	s->addr.len = 0;
	s->utf8 = 0;
	no = bad_mail(s, p, n, &m);
	if (no != NULL) {
		refuse(s, SMTPS_A_SENDER, p, n, no);
		smtps_count_error(s);
		return;
	}
	s->utf8 = m.utf8;
	begin_envelope(s, &m);
	s->state = SMTPS_MAIL;
	smtps_reply(s, "250 2.1.0 ok");
}

/* Counts a refused recipient: who only tries names is made slow, then sent
 * away. */
static void
count_refused(struct smtps *s)
{
	if (s->state == SMTPS_CLOSED)
		return;
	if (++s->refused >= SMTPS_REFUSED)
		smtps_end(s, "421 4.7.0 too many recipients refused");
	else if (s->refused > SMTPS_SLOW)
		s->slow = 1;
}

/* More recipients are a good client's right (RFC 5321 4.5.3.1.10): they cost
 * it nothing, and us one line in the log. */
static void
refuse_rest(struct smtps *s)
{
	static const char no[] = "452 4.5.3 too many recipients";

	if (!s->over)
		refuse(s, SMTPS_A_RECIPIENT, "", 0, no);
	else
		smtps_reply(s, no);
	s->over = 1;
}

static void
add_recipient(struct smtps *s, const struct smtparg_rcpt *r)
{
	record_add(&s->env, 'T', s->addr.p, s->addr.len);
	if (r->notify != 0) {
		buf_str(&s->env, "anotify=");
		smtparg_notify(&s->env, r->notify);
		buf_byte(&s->env, '\0');
	}
	attr_part(&s->env, 'a', "orcpt", r->orcpt, r->orcptlen);
	s->nrcpt++;
	s->state = SMTPS_RCPT;
}

void
smtps_rcpt(struct smtps *s, const char *line, size_t len)
{
	const char *p = line, *no;
	struct smtparg_rcpt rcpt = {0};
	enum addr_result r;
	size_t n = len;

	s->addr.len = 0;
	r = smtparg_path("TO:", &p, &n, s->utf8, &s->addr);
	if (r == ADDR_OK && s->addr.len > 0 && s->nrcpt >= s->rcpt_max) {
		refuse_rest(s);
		return;
	}
	if (r != ADDR_OK || s->addr.len == 0)
		no = smtparg_bad(r, 1);
	else if ((no = smtparg_rcpt(&rcpt, p, n, extensions(s))) == NULL)
		no = s->hooks->rcpt(s->arg, &s->addr);
	if (no != NULL) {
		refuse(s, SMTPS_A_RECIPIENT, line, len, no);
		count_refused(s);
		return;
	}
	add_recipient(s, &rcpt);
	smtps_reply(s, "250 2.1.5 ok");
}
