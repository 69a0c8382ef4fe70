#include <string.h>

#include "smtps.h"
#include "smtpsx.h"
#include "str.h"

void
smtps_reset(struct smtps *s)
{
	smtps_drop(s);
	s->env.len = 0;
	s->nrcpt = 0;
	s->over = 0;
	s->utf8 = 0;
	s->chunk_no = NULL;
	if (s->state > SMTPS_READY)
		s->state = SMTPS_READY;
	/* An idle session holds no message's memory. */
	if (s->msg.cap > SMTPS_IN * 2)
		buf_free(&s->msg);
}

/* The client's name starts everything anew (RFC 5321 4.1.4). */
static int
take_helo(struct smtps *s, const char *p, size_t n, int esmtp)
{
	const char *no;

	if (smtparg_helo(s->helo, sizeof s->helo, p, n) == -1) {
		smtps_error(s, s->lmtp ? "501 syntax: LHLO hostname"
		    : "501 syntax: HELO or EHLO hostname");
		return -1;
	}
	smtps_reset(s);
	s->esmtp = esmtp;
	s->state = SMTPS_READY;
	no = s->hooks->helo == NULL ? NULL : s->hooks->helo(s->arg);
	if (no == NULL)
		return 0;
	s->state = SMTPS_START;
	smtps_refuse(s, SMTPS_THE_CLIENT, s->helo, strlen(s->helo), no);
	smtps_count_error(s);
	return -1;
}

static void
do_helo(struct smtps *s, const char *p, size_t n)
{
	if (take_helo(s, p, n, 0) == -1)
		return;
	smtps_say(s, "250 ");
	smtps_junk(s, s->hostname);
}

static void
do_ehlo(struct smtps *s, const char *p, size_t n)
{
	struct buf *b = &s->addr;

	if (take_helo(s, p, n, 1) == -1)
		return;
	b->len = 0;
	buf_num(b, s->size_max);
	smtps_say(s, "250-");
	smtps_reply(s, s->hostname);
	smtps_reply(s, "250-PIPELINING");
	smtps_say(s, "250-SIZE ");
	smtps_reply(s, buf_cstr(b));
	smtps_reply(s, "250-8BITMIME");
	smtps_reply(s, "250-SMTPUTF8");
	smtps_reply(s, "250-CHUNKING");
	if ((s->offer & SMTPS_OFFER_STARTTLS) != 0 && s->tls == NULL)
		smtps_reply(s, "250-STARTTLS");
	if (smtps_auth_offered(s))
		smtps_reply(s, "250-AUTH PLAIN LOGIN");
	if ((s->offer & SMTPS_OFFER_DSN) != 0)
		smtps_reply(s, "250-DSN");
	smtps_junk(s, "250 ENHANCEDSTATUSCODES");
}

static void
do_starttls(struct smtps *s, const char *p, size_t n)
{
	if (s->tls != NULL) {
		smtps_error(s, "503 5.5.1 TLS stands already");
	} else if ((s->offer & SMTPS_OFFER_STARTTLS) == 0) {
		smtps_error(s, "502 5.5.1 STARTTLS is not offered");
	} else {
		s->starttls = 1;
		smtps_reply(s, "220 2.0.0 ready to start TLS");
	}
}

static void
do_rset(struct smtps *s, const char *p, size_t n)
{
	smtps_reset(s);
	smtps_junk(s, "250 2.0.0 ok");
}

/* Says nothing about who has a mailbox (RFC 5321 3.5.3, 7.3). */
static void
do_vrfy(struct smtps *s, const char *p, size_t n)
{
	if (n == 0)
		smtps_error(s, "501 5.5.4 syntax: VRFY string");
	else
		smtps_junk(s, "252 2.0.0 send some mail and see");
}

static void
do_expn(struct smtps *s, const char *p, size_t n)
{
	smtps_error(s, "502 5.5.1 EXPN is not offered");
}

static void
do_noop(struct smtps *s, const char *p, size_t n)
{
	smtps_junk(s, "250 2.0.0 ok");
}

static void
do_help(struct smtps *s, const char *p, size_t n)
{
	smtps_say(s, "214 2.0.0 for help write to postmaster@");
	smtps_junk(s, s->hostname);
}

static void
do_quit(struct smtps *s, const char *p, size_t n)
{
	smtps_reset(s);
	smtps_reply(s, "221 2.0.0 bye");
	s->state = SMTPS_CLOSED;
}

enum { BARE = 1, SMTP = 2, LMTP = 4, BOTH = SMTP | LMTP };

/* smtp-recv(8) shows this table. */
static const struct command {
	const char *verb;
	void (*run)(struct smtps *, const char *, size_t);
	int flags; /* BARE: takes no argument; where it is known */
	unsigned char in[SMTPS_SHUT];
} commands[] = {
	/* START    READY    MAIL     RCPT     BDAT */
	{"HELO", do_helo, SMTP,
	 {RUN,     RUN,     RUN,     RUN,     RUN}},
	{"EHLO", do_ehlo, SMTP,
	 {RUN,     RUN,     RUN,     RUN,     RUN}},
	{"LHLO", do_ehlo, LMTP,
	 {RUN,     RUN,     RUN,     RUN,     RUN}},
	{"STARTTLS", do_starttls, BOTH | BARE,
	 {NO_HELO, RUN,     RUN,     RUN,     CHUNKS}},
	{"AUTH", smtps_auth, BOTH,
	 {NO_HELO, RUN,     NESTED,  NESTED,  NESTED}},
	{"MAIL", smtps_mail, BOTH,
	 {NO_HELO, RUN,     NESTED,  NESTED,  NESTED}},
	{"RCPT", smtps_rcpt, BOTH,
	 {NO_HELO, NO_MAIL, RUN,     RUN,     CHUNKS}},
	{"DATA", smtps_data, BOTH | BARE,
	 {NO_HELO, NO_MAIL, NO_RCPT, RUN,     CHUNKS}},
	{"BDAT", smtps_bdat, BOTH, /* looks itself: its chunk comes first */
	 {RUN,     RUN,     RUN,     RUN,     RUN}},
	{"RSET", do_rset, BOTH | BARE,
	 {RUN,     RUN,     RUN,     RUN,     RUN}},
	{"VRFY", do_vrfy, BOTH,
	 {RUN,     RUN,     RUN,     RUN,     RUN}},
	{"EXPN", do_expn, BOTH,
	 {RUN,     RUN,     RUN,     RUN,     RUN}},
	{"NOOP", do_noop, BOTH,
	 {RUN,     RUN,     RUN,     RUN,     RUN}},
	{"HELP", do_help, BOTH,
	 {RUN,     RUN,     RUN,     RUN,     RUN}},
	{"QUIT", do_quit, BOTH | BARE,
	 {RUN,     RUN,     RUN,     RUN,     RUN}}
};
enum { COMMANDS = sizeof commands / sizeof *commands };

const char *
smtps_command(size_t i)
{
	return i < COMMANDS ? commands[i].verb : NULL;
}

static const struct command *
find(const struct smtps *s, const char *verb, size_t n)
{
	const struct command *c;

	for (c = commands; c < commands + COMMANDS; c++)
		if (str_caseeq(verb, n, c->verb) &&
		    (c->flags & (s->lmtp ? LMTP : SMTP)) != 0)
			return c;
	return NULL;
}

/* Executes one line without its end. */
static void
execute(struct smtps *s, const char *p, size_t n)
{
	size_t v, from = s->outlen;
	const struct command *c;

	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	for (v = 0; v < n && p[v] != ' '; v++)
		;
	c = find(s, p, v);
	for (p += v, n -= v; n > 0 && *p == ' '; p++, n--)
		;
	if (s->state == SMTPS_SHUT && (c == NULL || c->run != do_quit))
		smtps_error(s, smtps_out_of_sequence(s, SHUT));
	else if (c == NULL)
		smtps_error(s, "500 5.5.2 unknown command");
	else if (memchr(p, '\0', n) != NULL || memchr(p, '\r', n) != NULL)
		smtps_error(s, "501 5.5.2 control character in command");
	else if (s->state < SMTPS_SHUT && c->in[s->state] != RUN)
		smtps_error(s, smtps_out_of_sequence(s, c->in[s->state]));
	else if ((c->flags & BARE) != 0 && n > 0)
		smtps_error(s, "501 5.5.4 no argument allowed");
	else
		c->run(s, p, n);
	smtps_audit(s, c == NULL ? "?" : c->verb, from);
}

/* Of what was read nothing stays but what is to be used. */
static void
wipe(struct smtps *s)
{
	explicit_bzero(s->in, s->at);
	if (s->high > s->got)
		explicit_bzero(s->in + s->got, s->high - s->got);
	s->high = s->got;
	s->secret = 0;
}

/* One line of the client, without its end. */
static void
take_line(struct smtps *s, const char *p, size_t n)
{
	int skip = s->in_skip;
	size_t from = s->outlen;

	s->in_skip = 0;
	if (!skip && s->state != SMTPS_AUTH) {
		execute(s, p, n);
		return;
	}
	if (!skip)
		smtps_auth_line(s, p, n);
	else if (s->secret)
		smtps_auth_long(s);
	else
		smtps_error(s, "500 5.5.2 line is too long");
	smtps_audit(s, s->secret ? "AUTH" : "?", from);
}

/* The next line of the input, LF alone taken as its end too: outside of a
 * message nothing hangs on it. */
static enum smtps_step
step_line(struct smtps *s)
{
	const char *p = s->in + s->at, *lf;
	size_t left = s->got - s->at, n;

	lf = memchr(p, '\n', left);
	n = lf == NULL ? left : (size_t)(lf - p);
	if (!s->in_skip)
		s->secret = s->state == SMTPS_AUTH ||
		    (n >= 5 && str_caseeq(p, 5, "AUTH "));
	if (n > SMTPS_LONGEST)
		s->in_skip = 1;
	if (lf == NULL) {
		if (s->in_skip)
			s->at = s->got;
		return SMTPS_READ;
	}
	s->at += n + 1;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	take_line(s, p, n);
	if (s->secret)
		wipe(s);
	return SMTPS_WORKED;
}

enum smtps_step
smtps_step(struct smtps *s)
{
	if (s->outlen > SMTPS_OUT / 2)
		return SMTPS_WRITE;
	if (s->state == SMTPS_CLOSED)
		return SMTPS_READ;
	if (s->starttls)
		return SMTPS_STARTTLS;
	return s->state == SMTPS_DATA ? smtps_message(s) : step_line(s);
}

/* The greeting: name and protocol, and behind them the lines of the banner,
 * as many as a step may write. */
static void
greet(struct smtps *s)
{
	const char *p = s->banner == NULL ? "" : s->banner, *end;
	struct buf *b = &s->addr;
	size_t n = strlen(p);

	while (n > 0 && p[n - 1] == '\n')
		n--;
	b->len = 0;
	buf_str(b, s->hostname);
	buf_str(b, s->lmtp ? " LMTP" : " ESMTP");
	if (n > 0)
		buf_byte(b, ' ');
	for (;;) {
		end = n > 0 ? memchr(p, '\n', n) : NULL;
		if (s->outlen > SMTPS_OUT / 4)
			end = NULL;
		buf_add(b, p, end == NULL ? n : (size_t)(end - p));
		if (b->len > SMTPS_LINE - 4)
			b->len = SMTPS_LINE - 4;
		smtps_say(s, end == NULL ? "220 " : "220-");
		smtps_reply(s, buf_cstr(b));
		if (end == NULL)
			break;
		n -= (size_t)(end - p) + 1;
		p = end + 1;
		b->len = 0;
	}
}

void
smtps_start(struct smtps *s)
{
	s->state = SMTPS_START;
	if (s->shut == NULL) {
		greet(s);
		return;
	}
	s->state = SMTPS_SHUT;
	smtps_refuse(s, SMTPS_THE_CLIENT, "", 0, s->shut);
}

void
smtps_secured(struct smtps *s, const char *tls)
{
	smtps_reset(s);
	s->at = s->got = 0;
	wipe(s);
	s->tls = tls;
	s->starttls = 0;
	s->in_skip = 0;
	s->esmtp = 0;
	s->helo[0] = '\0';
	s->login[0] = '\0';
	s->state = SMTPS_START;
}

char *
smtps_space(struct smtps *s, size_t *n)
{
	if (s->at > 0) {
		memmove(s->in, s->in + s->at, s->got - s->at);
		s->got -= s->at;
		s->at = 0;
	}
	*n = SMTPS_IN - s->got;
	return s->in + s->got;
}

void
smtps_read(struct smtps *s, size_t n)
{
	s->got += n;
	if (s->got > s->high)
		s->high = s->got;
}

void
smtps_free(struct smtps *s)
{
	smtps_drop(s);
	smtps_auth_over(s);
	s->at = s->got = 0;
	wipe(s);
	s->state = SMTPS_CLOSED;
	buf_free(&s->env);
	buf_free(&s->msg);
	buf_free(&s->addr);
}
