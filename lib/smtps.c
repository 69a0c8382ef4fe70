#include <string.h>

#include "addr.h"
#include "record.h"
#include "smtparg.h"
#include "smtps.h"
#include "str.h"

enum {
	LONGEST = 2048,     /* RFC 5321 4.5.3.1.4 wants 512 and parameters */
	JUNK = 100,         /* NOOP and the like, before they are errors */
	DRAIN = 50000000    /* octets read of a message that is refused */
};

/* What a command does in a state: it runs, or is out of sequence. */
enum { RUN, NO_HELO, NO_MAIL, NO_RCPT, NESTED };

static const char *const sequence[] = {
	[NO_HELO] = "503 5.5.1 EHLO or HELO first",
	[NO_MAIL] = "503 5.5.1 MAIL first",
	[NO_RCPT] = "554 5.5.1 no valid recipients",
	[NESTED] = "503 5.5.1 sender already given"
};

/* Adds to the reply that is being written. */
static void
say(struct smtps *s, const char *text)
{
	size_t n = strlen(text), room = SMTPS_OUT - s->outlen;

	if (n > SMTPS_OUT / 8)
		n = SMTPS_OUT / 8;
	if (n > room)
		n = room;
	memcpy(s->out + s->outlen, text, n);
	s->outlen += n;
}

static void
reply(struct smtps *s, const char *text)
{
	say(s, text);
	say(s, "\r\n");
}

void
smtps_end(struct smtps *s, const char *text)
{
	if (s->state == SMTPS_DATA)
		s->hooks->drop(s->arg);
	s->hooks->refused(s->arg, SMTPS_THE_CLIENT, "", 0, text);
	reply(s, text);
	s->state = SMTPS_CLOSED;
}

static void
count_error(struct smtps *s)
{
	if (++s->errors >= SMTPS_ERRORS)
		smtps_end(s, "421 4.7.0 too many errors");
}

/* A reply to something that no good client does. */
static void
error(struct smtps *s, const char *text)
{
	reply(s, text);
	count_error(s);
}

/* A command that brings the session no further. */
static void
junk(struct smtps *s, const char *text)
{
	if (++s->junk > JUNK)
		error(s, text);
	else
		reply(s, text);
}

/* Forgets sender, recipients and message. */
static void
reset(struct smtps *s)
{
	s->env.len = 0;
	s->nrcpt = 0;
	s->over = 0;
	if (s->state > SMTPS_READY)
		s->state = SMTPS_READY;
	/* An idle session holds no message's memory. */
	if (s->msg.cap > SMTPS_IN * 2)
		buf_free(&s->msg);
	s->msg.len = 0;
}

/* The client's name starts everything anew (RFC 5321 4.1.4). */
static int
take_helo(struct smtps *s, const char *p, size_t n, int esmtp)
{
	if (smtparg_helo(s->helo, sizeof s->helo, p, n) == -1) {
		error(s, "501 syntax: HELO or EHLO hostname");
		return -1;
	}
	s->esmtp = esmtp;
	s->state = SMTPS_READY;
	reset(s);
	return 0;
}

static void
do_helo(struct smtps *s, const char *p, size_t n)
{
	if (take_helo(s, p, n, 0) == -1)
		return;
	say(s, "250 ");
	junk(s, s->hostname);
}

static void
do_ehlo(struct smtps *s, const char *p, size_t n)
{
	struct buf *b = &s->addr;

	if (take_helo(s, p, n, 1) == -1)
		return;
	b->len = 0;
	buf_num(b, s->size_max);
	say(s, "250-");
	reply(s, s->hostname);
	say(s, "250-PIPELINING\r\n250-SIZE ");
	reply(s, buf_cstr(b));
	junk(s, "250-8BITMIME\r\n250 ENHANCEDSTATUSCODES");
}

/* Starts the envelope: who the client is, and the sender. */
static void
begin_envelope(struct smtps *s, const struct smtparg_mail *m)
{
	s->env.len = 0;
	record_attr(&s->env, 'A', "proto", s->esmtp ? "ESMTP" : "SMTP");
	if (s->peer != NULL)
		record_attr(&s->env, 'A', "peer", s->peer);
	if (s->peername != NULL)
		record_attr(&s->env, 'A', "peername", s->peername);
	record_attr(&s->env, 'A', "helo", s->helo);
	if (m->body != 0)
		record_attr(&s->env, 'A', "body",
		    m->body == 8 ? "8BITMIME" : "7BIT");
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
refuse_addr(struct smtps *s, enum smtps_what what, const char *line, size_t n,
    const char *no)
{
	if (s->addr.len > 0) {
		line = s->addr.p;
		n = s->addr.len;
	}
	s->hooks->refused(s->arg, what, line, n, no);
	reply(s, no);
}

static void
do_mail(struct smtps *s, const char *line, size_t len)
{
	const char *p = line, *no = NULL;
	struct smtparg_mail m;
	enum addr_result r;
	size_t n = len;

	s->addr.len = 0;
	r = smtparg_path("FROM:", &p, &n, &s->addr);
	if (r != ADDR_OK)
		no = smtparg_bad(r, 0);
	else if (!complete(s))
		no = "553 5.1.7 sender needs a domain";
	else
		no = smtparg_mail(&m, p, n);
	if (no == NULL && s->size_max != 0 && m.size > s->size_max)
		no = "552 5.3.4 message is too big";
	if (no == NULL)
		no = s->hooks->mail(s->arg, s->addr.p, s->addr.len, &m);
	if (no != NULL) {
		refuse_addr(s, SMTPS_A_SENDER, line, len, no);
		count_error(s);
		return;
	}
	begin_envelope(s, &m);
	s->state = SMTPS_MAIL;
	reply(s, "250 2.1.0 ok");
}

/* Counts a refused recipient: who only tries names is made slow, then sent
 * away. */
static void
count_refused(struct smtps *s)
{
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
		refuse_addr(s, SMTPS_A_RECIPIENT, "", 0, no);
	else
		reply(s, no);
	s->over = 1;
}

static void
do_rcpt(struct smtps *s, const char *line, size_t len)
{
	const char *p = line, *no;
	enum addr_result r;
	size_t n = len;

	s->addr.len = 0;
	r = smtparg_path("TO:", &p, &n, &s->addr);
	if (r == ADDR_OK && s->addr.len > 0 && s->nrcpt >= s->rcpt_max) {
		refuse_rest(s);
		return;
	}
	if (r != ADDR_OK || s->addr.len == 0)
		no = smtparg_bad(r, 1);
	else if ((no = smtparg_rcpt(p, n)) == NULL)
		no = s->hooks->rcpt(s->arg, &s->addr);
	if (no != NULL) {
		refuse_addr(s, SMTPS_A_RECIPIENT, line, len, no);
		count_refused(s);
		return;
	}
	record_add(&s->env, 'T', s->addr.p, s->addr.len);
	s->nrcpt++;
	s->state = SMTPS_RCPT;
	reply(s, "250 2.1.5 ok");
}

static void
do_data(struct smtps *s, const char *p, size_t n)
{
	smtpdata_start(&s->data, s->size_max, s->hops_max, s->accept_lf);
	s->msg.len = 0;
	s->state = SMTPS_DATA;
	reply(s, "354 go ahead");
}

static void
do_rset(struct smtps *s, const char *p, size_t n)
{
	reset(s);
	junk(s, "250 2.0.0 ok");
}

/* Says nothing about who has a mailbox (RFC 5321 3.5.3, 7.3). */
static void
do_vrfy(struct smtps *s, const char *p, size_t n)
{
	if (n == 0)
		error(s, "501 5.5.4 syntax: VRFY string");
	else
		junk(s, "252 2.0.0 send some mail and see");
}

static void
do_quit(struct smtps *s, const char *p, size_t n)
{
	reset(s);
	reply(s, "221 2.0.0 bye");
	s->state = SMTPS_CLOSED;
}

/* smtp-recv(8) shows this table.  A command that does nothing has its reply
 * here. */
static const struct command {
	const char *verb;
	void (*run)(struct smtps *, const char *, size_t);
	const char *says;
	int bare; /* takes no argument */
	unsigned char in[SMTPS_DATA];
} commands[] = {
	/*                         START    READY    MAIL     RCPT */
	{"HELO", do_helo, NULL, 0, {RUN,     RUN,     RUN,     RUN}},
	{"EHLO", do_ehlo, NULL, 0, {RUN,     RUN,     RUN,     RUN}},
	{"MAIL", do_mail, NULL, 0, {NO_HELO, RUN,     NESTED,  NESTED}},
	{"RCPT", do_rcpt, NULL, 0, {NO_HELO, NO_MAIL, RUN,     RUN}},
	{"DATA", do_data, NULL, 1, {NO_HELO, NO_MAIL, NO_RCPT, RUN}},
	{"RSET", do_rset, NULL, 1, {RUN,     RUN,     RUN,     RUN}},
	{"VRFY", do_vrfy, NULL, 0, {RUN,     RUN,     RUN,     RUN}},
	{"EXPN", NULL, "502 5.5.1 EXPN is not offered", 0, {RUN}},
	{"NOOP", NULL, "250 2.0.0 ok", 0, {RUN}},
	{"HELP", NULL, "214 2.0.0 see RFC 5321", 0, {RUN}},
	{"QUIT", do_quit, NULL, 1, {RUN,     RUN,     RUN,     RUN}}
};
enum { COMMANDS = sizeof commands / sizeof *commands };

const char *
smtps_command(size_t i)
{
	return i < COMMANDS ? commands[i].verb : NULL;
}

/* Executes one line without its end. */
static void
execute(struct smtps *s, const char *p, size_t n)
{
	const struct command *c = commands;
	size_t v;

	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	for (v = 0; v < n && p[v] != ' '; v++)
		;
	while (c < commands + COMMANDS && !str_caseeq(p, v, c->verb))
		c++;
	for (p += v, n -= v; n > 0 && *p == ' '; p++, n--)
		;
	if (c == commands + COMMANDS)
		error(s, "500 5.5.2 unknown command");
	else if (memchr(p, '\0', n) != NULL || memchr(p, '\r', n) != NULL)
		error(s, "501 5.5.2 control character in command");
	else if (c->in[s->state] != RUN)
		error(s, sequence[c->in[s->state]]);
	else if (c->bare && n > 0)
		error(s, "501 5.5.4 no argument allowed");
	else if (c->run != NULL)
		c->run(s, p, n);
	else if (c->says[0] == '2')
		junk(s, c->says);
	else
		error(s, c->says);
}

/* The next line of the input, LF alone taken as its end too: outside of a
 * message nothing hangs on it. */
static enum smtps_step
step_command(struct smtps *s)
{
	const char *p = s->in + s->at, *lf;
	size_t left = s->got - s->at, n;
	int skip = s->in_skip;

	lf = memchr(p, '\n', left);
	n = lf == NULL ? left : (size_t)(lf - p);
	if (n > LONGEST)
		skip = 1;
	s->in_skip = skip && lf == NULL;
	if (lf == NULL) {
		if (skip)
			s->at = s->got;
		return SMTPS_READ;
	}
	s->at += n + 1;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (skip)
		error(s, "500 5.5.2 line is too long");
	else
		execute(s, p, n);
	return SMTPS_WORKED;
}

/* Why the message that has come to its end is refused, NULL if it is not. */
static const char *
flaw(const struct smtpdata *d)
{
	if (d->flaws & SMTPDATA_SIZE)
		return "552 5.3.4 message is too big";
	if (d->flaws & SMTPDATA_BARE)
		return "550 5.6.11 a line ends in a bare CR or LF";
	if (d->flaws & SMTPDATA_HOPS)
		return "554 5.4.6 too many hops: this message is looping";
	return NULL;
}

/* The final dot, or what stands for it: refused for a reason, or handed on. */
static void
end_message(struct smtps *s, const char *no)
{
	const char *text = no;

	if (no != NULL) {
		s->hooks->drop(s->arg);
	} else {
		buf_byte(&s->env, '\0');
		text = s->hooks->done(s->arg);
	}
	if (text[0] == '2') {
		s->messages++;
		s->rcpts += s->nrcpt;
		s->errors = s->refused = s->junk = 0;
	} else {
		s->hooks->refused(s->arg, SMTPS_A_MESSAGE, "", 0, text);
	}
	reply(s, text);
	reset(s);
}

static enum smtps_step
step_data(struct smtps *s)
{
	size_t left = s->got - s->at;
	uint64_t drain = s->size_max > DRAIN ? s->size_max : DRAIN;
	const char *no;

	if (left == 0)
		return SMTPS_READ;
	s->at += smtpdata_feed(&s->data, s->in + s->at, left, &s->msg);
	no = flaw(&s->data);
	if (s->data.done) {
		end_message(s, no);
	} else if (no != NULL) {
		s->hooks->drop(s->arg);
		s->msg.len = 0;
		if (s->data.size > s->size_max + drain) {
			end_message(s, no);
			s->state = SMTPS_CLOSED;
		}
	} else if (s->msg.len > SMTPS_MEMORY) {
		s->hooks->more(s->arg);
		s->msg.len = 0;
	}
	return SMTPS_WORKED;
}

enum smtps_step
smtps_step(struct smtps *s)
{
	if (s->outlen > SMTPS_OUT / 2)
		return SMTPS_WRITE;
	if (s->state == SMTPS_CLOSED)
		return SMTPS_READ;
	return s->state == SMTPS_DATA ? step_data(s) : step_command(s);
}

void
smtps_start(struct smtps *s)
{
	s->state = SMTPS_START;
	say(s, "220 ");
	say(s, s->hostname);
	reply(s, " ESMTP");
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
}

void
smtps_free(struct smtps *s)
{
	if (s->state == SMTPS_DATA)
		s->hooks->drop(s->arg);
	s->state = SMTPS_CLOSED;
	buf_free(&s->env);
	buf_free(&s->msg);
	buf_free(&s->addr);
}
