#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpmail.h"
#include "smtpreply.h"
#include "str.h"

size_t
smtpmail_open(const struct smtpmail *m)
{
	size_t i, n = 0;

	for (i = 0; i < m->nrcpt; i++)
		n += m->rcpt[i].kind == 0;
	return n;
}

void
smtpmail_settle(struct smtpmail *m, struct smtprcpt *r, char kind,
    const char *status, const char *text, size_t len)
{
	r->kind = kind;
	snprintf(r->status, sizeof r->status, "%s", status);
	r->text = m->texts.len;
	r->textlen = len;
	buf_add(&m->texts, text, len);
}

void
smtpmail_all(struct smtpmail *m, char kind, const char *status,
    const char *text)
{
	size_t i;

	for (i = 0; i < m->nrcpt; i++)
		if (m->rcpt[i].kind == 0)
			smtpmail_settle(m, &m->rcpt[i], kind, status, text,
			    strlen(text));
}

/* Settles a recipient that cannot be asked for. */
static void
check_rcpt(struct smtpmail *m, struct smtprcpt *r, int anywhere,
    struct addr *dest)
{
	static const char bad[] = "not a mail address",
	    other[] = "another destination than the first recipient's";
	struct addr a;

	addr_split(r->addr, r->len, &a);
	if (!addr_valid(r->addr, r->len, 1) || a.dlen == 0) {
		smtpmail_settle(m, r, 'D', "5.1.3", bad, sizeof bad - 1);
		return;
	}
	if (dest->dlen == 0)
		*dest = a;
	if (!anywhere &&
	    !mem_caseeq(a.domain, a.dlen, dest->domain, dest->dlen))
		smtpmail_settle(m, r, 'Z', "4.3.5", other, sizeof other - 1);
}

void
smtpmail_make(struct smtpmail *m, const struct envelope *e, int anywhere,
    struct addr *dest)
{
	struct recipient r;
	struct smtprcpt *x;
	const char *at = e->rcpts;

	memset(dest, 0, sizeof *dest);
	memset(m, 0, sizeof *m);
	m->sender = e->sender;
	m->senderlen = e->senderlen;
	m->ret = envelope_attr(e, "ret");
	m->envid = envelope_attr(e, "envid");
	m->utf8 = envelope_attr(e, "smtputf8") != NULL;
	m->rcpt = xalloc(e->nrcpt * sizeof *m->rcpt);
	while (envelope_rcpt(e, &at, &r)) {
		x = &m->rcpt[m->nrcpt++];
		*x = (struct smtprcpt){.addr = r.addr, .len = r.len,
		    .notify = recipient_attr(&r, "notify"),
		    .orcpt = recipient_attr(&r, "orcpt")};
		check_rcpt(m, x, anywhere, dest);
	}
	if (e->senderlen > 0 && !addr_valid(e->sender, e->senderlen, 1))
		smtpmail_all(m, 'D', "5.1.7", "not a sender address");
}

void
smtpmail_free(struct smtpmail *m)
{
	free(m->rcpt);
	m->rcpt = NULL;
	m->nrcpt = 0;
	buf_free(&m->texts);
}

static int
has_utf8_rcpt(const struct smtpmail *m)
{
	size_t i;

	for (i = 0; i < m->nrcpt; i++)
		if (m->rcpt[i].kind == 0 &&
		    str_8bit(m->rcpt[i].addr, m->rcpt[i].len))
			return 1;
	return 0;
}

/*
 * What of a recipient's mail cannot go without SMTPUTF8, the nearest first: our
 * own Received field has a lone recipient's address too.  A header that is not
 * ASCII is a reason only in mail that came with SMTPUTF8: other such mail breaks
 * the rules anyway, and every server takes it.
 */
static const char *
utf8_part(const struct smtpmail *m, const struct smtprcpt *r)
{
	if (str_8bit(r->addr, r->len))
		return "address";
	if (str_8bit(m->sender, m->senderlen))
		return "sender address";
	return m->utf8 && m->header8 ? "header" : NULL;
}

void
smtpmail_refuse_utf8(struct smtpmail *m, const char *server)
{
	struct buf b = {0};
	const char *part;
	size_t i;

	for (i = 0; i < m->nrcpt; i++) {
		if (m->rcpt[i].kind != 0 ||
		    (part = utf8_part(m, &m->rcpt[i])) == NULL)
			continue;
		b.len = 0;
		buf_fmt(&b, "the %s is not ASCII, and %s does not offer "
		    "SMTPUTF8", part, server);
		smtpmail_settle(m, &m->rcpt[i], 'D', "5.6.7", b.p, b.len);
	}
	buf_free(&b);
}

/* A parameter's value, which came from outside, is sent if it is one word. */
static void
put_param(struct buf *b, const char *name, const char *value)
{
	const char *p;

	if (value == NULL || *value == '\0')
		return;
	for (p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return;
	buf_fmt(b, " %s=%s", name, value);
}

void
smtpmail_put_from(const struct smtpmail *m, unsigned ext, struct buf *b)
{
	buf_str(b, "MAIL FROM:<");
	buf_add(b, m->sender, m->senderlen);
	buf_byte(b, '>');
	if (ext & SMTPEXT_SIZE) {
		buf_str(b, " SIZE=");
		buf_num(b, m->size);
	}
	/* Where it is not offered the message goes as it is: converting would
	 * break signatures, and such servers take 8-bit text all the same. */
	if (m->eight && ext & SMTPEXT_8BITMIME)
		buf_str(b, " BODY=8BITMIME");
	if (ext & SMTPEXT_SMTPUTF8 && (m->utf8 || has_utf8_rcpt(m) ||
	    str_8bit(m->sender, m->senderlen)))
		buf_str(b, " SMTPUTF8");
	if (ext & SMTPEXT_DSN) {
		put_param(b, "RET", m->ret);
		put_param(b, "ENVID", m->envid);
	}
	buf_str(b, "\r\n");
}

void
smtpmail_put_rcpt(struct smtprcpt *r, unsigned ext, struct buf *b)
{
	buf_str(b, "RCPT TO:<");
	buf_add(b, r->addr, r->len);
	buf_byte(b, '>');
	if (ext & SMTPEXT_DSN) {
		put_param(b, "NOTIFY", r->notify);
		put_param(b, "ORCPT", r->orcpt);
	}
	buf_str(b, "\r\n");
	r->asked = 1;
}
