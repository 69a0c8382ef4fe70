/* Any bytes as a session, read in one piece and in pieces whose sizes the
 * first bytes choose: both must say and store the same, every reply must be
 * one, every envelope and message as the queue wants them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "smtps.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct smtps s;
static struct buf said, kept, part;

static const char *
on_mail(void *arg, const char *sender, size_t n, uint64_t size)
{
	return n > 0 && sender[0] == 'b' ? "553 5.1.8 no" : NULL;
}

static const char *
on_rcpt(void *arg, struct buf *addr)
{
	return addr->p[0] == 'n' ? "550 5.1.1 no" : NULL;
}

static void
on_more(void *arg)
{
	buf_add(&part, s.msg.p, s.msg.len);
}

static void
on_drop(void *arg)
{
	part.len = 0;
}

static const char *
on_done(void *arg)
{
	struct envelope e;

	buf_add(&part, s.msg.p, s.msg.len);
	if (envelope_parse(&e, s.env.p, s.env.len) != 0 || e.nrcpt == 0 ||
	    e.nrcpt != s.nrcpt || e.end != s.env.p + s.env.len ||
	    strcmp(e.sender, s.env.p + s.sender) != 0)
		abort();
	if (part.len > 0 && (part.p[part.len - 1] != '\n' ||
	    memchr(part.p, '\r', part.len) != NULL))
		abort();
	buf_add(&kept, s.env.p, s.env.len);
	buf_add(&kept, part.p, part.len);
	part.len = 0;
	return "250 2.0.0 ok";
}

static void
on_refused(void *arg, enum smtps_what what, const char *text, size_t n,
    const char *reply)
{
	if (reply[0] != '4' && reply[0] != '5')
		abort();
	if (n > 0 && text[0] == '\n')
		abort();
}

static const struct smtps_hooks hooks = {on_mail, on_rcpt, on_more, on_done,
    on_drop, on_refused};

/* Lines of three digits, a blank or a hyphen, text, CRLF. */
static void
check_replies(void)
{
	const char *p = said.p, *end = said.p + said.len, *lf;

	for (; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL || lf - p < 5 || lf - p > 512 ||
		    lf[-1] != '\r' || p[0] < '2' || p[0] > '5' ||
		    (p[3] != ' ' && p[3] != '-') ||
		    memchr(p, '\r', (size_t)(lf - p)) != lf - 1)
			abort();
	}
}

/* A whole session; step[0..nstep) are the sizes of the pieces in turn. */
static void
session(const char *p, size_t n, const uint8_t *step, size_t nstep)
{
	size_t room, k, i = 0;
	char *to;

	memset(&s, 0, sizeof s);
	s.hooks = &hooks;
	s.hostname = "mx.test";
	s.size_max = 300;
	s.rcpt_max = 3;
	s.hops_max = 2;
	s.accept_lf = nstep & 1;
	smtps_start(&s);
	said.len = kept.len = part.len = 0;
	while (s.state != SMTPS_CLOSED) {
		switch (smtps_step(&s)) {
		case SMTPS_WORKED:
			continue;
		case SMTPS_READ:
			to = smtps_space(&s, &room);
			if (room == 0)
				abort();
			k = nstep > 1 ? (size_t)step[i++ % nstep] + 1 : room;
			k = k < room ? k : room;
			k = k < n ? k : n;
			memcpy(to, p, k);
			smtps_read(&s, k);
			p += k;
			n -= k;
			if (k == 0)
				smtps_end(&s, "421 4.4.2 timeout");
		case SMTPS_WRITE:
			buf_add(&said, s.out, s.outlen);
			s.outlen = 0;
		}
	}
	buf_add(&said, s.out, s.outlen);
	smtps_free(&s);
	check_replies();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf said1, kept1;
	size_t nstep;

	if (size < 4)
		return 0;
	/* Two or three sizes: their number also says whether LF is taken. */
	nstep = 2 + (data[0] & 1);
	session((const char *)data + 4, size - 4, data, nstep == 2 ? 0 : 1);
	said1.len = kept1.len = 0;
	buf_add(&said1, said.p, said.len);
	buf_add(&kept1, kept.p, kept.len);
	session((const char *)data + 4, size - 4, data + 1, nstep);
	if (said.len != said1.len || memcmp(said.p, said1.p, said.len) != 0 ||
	    kept.len != kept1.len ||
	    (kept.len > 0 && memcmp(kept.p, kept1.p, kept.len) != 0))
		abort();
	return 0;
}
