/* Any bytes as a session, read in one piece and in pieces whose sizes the
 * first bytes choose: both must say and store the same, every reply must be
 * one, every envelope and message as the queue wants them, every message that
 * begins must end, and nothing that was read may stay.  The first byte says
 * what is offered; what is behind a byte 0xff comes under TLS. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "smtps.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { LF = 1, LMTP = 2, TLS = 4, CLEAR = 8, DSN = 16, NEED = 32, SHUT = 64 };

static struct smtps s;
static const char zero[SMTPS_IN];
static struct buf said, kept, part;
static int begun;

static void
check(int good)
{
	if (!good)
		abort();
}

static const char *
on_helo(void *arg)
{
	return s.helo[0] == 'b' ? "550 5.7.1 no" : NULL;
}

static const char *
on_mail(void *arg, const char *sender, size_t n, const struct smtparg_mail *m)
{
	return n == 0 ? NULL : sender[0] == 'b' ? "553 5.1.8 no"
	    : sender[0] == 'e' ? "421 4.7.0 end" : NULL;
}

static const char *
on_rcpt(void *arg, struct buf *addr)
{
	return addr->p[0] == 'n' ? "550 5.1.1 no"
	    : addr->p[0] == 'e' ? "421 4.7.0 end" : NULL;
}

static const char *
on_data(void *arg)
{
	char c = s.env.p[s.sender];

	check(!begun && s.nrcpt > 0);
	if (c == 'd' || c == 'f')
		return c == 'd' ? "452 4.3.1 no" : "421 4.7.0 end";
	begun = 1;
	return NULL;
}

static void
on_more(void *arg)
{
	check(begun);
	buf_add(&part, s.msg.p, s.msg.len);
}

static void
on_drop(void *arg)
{
	check(begun);
	begun = 0;
	part.len = 0;
}

static const char *
on_done(void *arg)
{
	struct envelope e;

	check(begun);
	begun = 0;
	buf_add(&part, s.msg.p, s.msg.len);
	check(envelope_parse(&e, s.env.p, s.env.len) == 0 && e.nrcpt > 0 &&
	    e.nrcpt == s.nrcpt && e.end == s.env.p + s.env.len &&
	    strcmp(e.sender, s.env.p + s.sender) == 0 &&
	    envelope_bounded(&e));
	check(part.len == 0 || (part.p[part.len - 1] == '\n' &&
	    memchr(part.p, '\r', part.len) == NULL));
	buf_add(&kept, s.env.p, s.env.len);
	buf_add(&kept, part.p, part.len);
	part.len = 0;
	return e.sender[0] == 'l' ? "451 4.3.0 later" : "250 2.0.0 ok";
}

static const char *
on_auth(void *arg, const char *user, const char *pass)
{
	const char *p;

	check(*user != '\0' && *pass != '\0' && s.login[0] == '\0');
	for (p = user; *p != '\0'; p++)
		check((unsigned char)*p >= ' ');
	return user[0] == 'a' ? NULL : user[0] == 'l' ? "454 4.7.0 later"
	    : user[0] == 'e' ? "421 4.7.0 end" : "535 5.7.8 no";
}

static void
on_refused(void *arg, enum smtps_what what, const char *text, size_t n,
    const char *reply)
{
	check(reply[0] == '4' || reply[0] == '5');
	check(n == 0 || text[0] != '\n');
}

static void
on_command(void *arg, const char *verb, const char *reply)
{
	check(reply[0] >= '2' && reply[0] <= '5' && strlen(verb) < 9);
	buf_fmt(&kept, "%s: %s\n", verb, reply);
}

static const struct smtps_hooks hooks = {.helo = on_helo, .mail = on_mail,
    .rcpt = on_rcpt, .data = on_data, .more = on_more, .done = on_done,
    .drop = on_drop, .auth = on_auth, .refused = on_refused,
    .command = on_command};

/* Lines of three digits, a blank or a hyphen, text, CRLF. */
static void
check_replies(void)
{
	const char *p = said.p, *end = said.p + said.len, *lf;

	for (; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		check(lf != NULL && lf - p >= 5 && lf - p < 512 &&
		    lf[-1] == '\r' && p[0] >= '2' && p[0] <= '5' &&
		    (p[3] == ' ' || p[3] == '-') &&
		    memchr(p, '\r', (size_t)(lf - p)) == lf - 1);
	}
}

static void
start(int flags)
{
	memset(&s, 0, sizeof s);
	s.hooks = &hooks;
	s.hostname = "mx.test";
	s.banner = "a\nb";
	s.shut = flags & SHUT ? "554 5.7.1 no" : NULL;
	s.size_max = 300;
	s.rcpt_max = 3;
	s.hops_max = 2;
	s.tries_max = 3;
	s.accept_lf = (flags & LF) != 0;
	s.lmtp = (flags & LMTP) != 0;
	s.need_login = (flags & NEED) != 0;
	s.offer = SMTPS_OFFER_AUTH |
	    (flags & TLS ? SMTPS_OFFER_STARTTLS : 0) |
	    (flags & CLEAR ? SMTPS_OFFER_AUTH_CLEAR : 0) |
	    (flags & DSN ? SMTPS_OFFER_DSN : 0);
	smtps_start(&s);
	said.len = kept.len = part.len = 0;
	begun = 0;
}

/* Gives it the next piece of *p. */
static void
fill(const char **p, size_t *n, size_t k)
{
	size_t room;
	char *to = smtps_space(&s, &room);

	check(room > 0);
	k = k < room ? k : room;
	k = k < *n ? k : *n;
	memcpy(to, *p, k);
	smtps_read(&s, k);
	*p += k;
	*n -= k;
	if (k == 0)
		smtps_end(&s, "421 4.4.2 timeout");
}

/* A whole session; step[0..nstep) are the sizes of the pieces in turn. */
static void
session(int flags, const char *p, size_t n, const uint8_t *step, size_t nstep)
{
	const char *tls = memchr(p, 0xff, n);
	size_t behind = tls == NULL ? 0 : n - (size_t)(tls - p) - 1, i = 0;

	n -= tls == NULL ? 0 : behind + 1;
	start(flags);
	while (s.state != SMTPS_CLOSED) {
		switch (smtps_step(&s)) {
		case SMTPS_WORKED:
			continue;
		case SMTPS_STARTTLS:
			check(s.tls == NULL);
			smtps_secured(&s, "TLSv1.3 X");
			p = tls == NULL ? p + n : tls + 1;
			n = behind;
			break;
		case SMTPS_READ:
			fill(&p, &n, nstep > 0 ? step[i++ % nstep] + 1u
			    : SMTPS_IN);
			break;
		case SMTPS_WRITE:
			break;
		}
		buf_add(&said, s.out, s.outlen);
		s.outlen = 0;
	}
	buf_add(&said, s.out, s.outlen);
	smtps_free(&s);
	check(!begun && s.user.p == NULL);
	check(memcmp(s.in, zero, sizeof s.in) == 0);
	check_replies();
}

static int
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf said1, kept1;

	if (size < 4)
		return 0;
	session(data[0], (const char *)data + 4, size - 4, NULL, 0);
	said1.len = kept1.len = 0;
	buf_add(&said1, said.p, said.len);
	buf_add(&kept1, kept.p, kept.len);
	session(data[0], (const char *)data + 4, size - 4, data + 1, 3);
	check(same(&said, &said1) && same(&kept, &kept1));
	return 0;
}
