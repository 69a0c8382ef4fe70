#include <string.h>

#include "smtps.h"
#include "smtpsx.h"
#include "str.h"

enum { DRAIN = 50000000 }; /* octets read of a message that is refused */

void
smtps_drop(struct smtps *s)
{
	if (s->begun)
		s->hooks->drop(s->arg);
	s->begun = 0;
	s->msg.len = 0;
}

/* How much is read before the connection is cut. */
static uint64_t
drain(const struct smtps *s)
{
	uint64_t more = s->size_max > DRAIN ? s->size_max : DRAIN;

	return s->size_max > UINT64_MAX - more ? UINT64_MAX
					       : s->size_max + more;
}

/* A message is about to come: the reply that refuses it, or NULL. */
static const char *
begin(struct smtps *s, int chunks)
{
	const char *no;

	smtpdata_start(&s->data, s->size_max, s->hops_max, s->accept_lf);
	s->data.chunks = chunks;
	s->msg.len = 0;
	no = s->hooks->data == NULL ? NULL : s->hooks->data(s->arg);
	s->begun = no == NULL;
	return no;
}

void
smtps_data(struct smtps *s, const char *p, size_t n)
{
	const char *no = begin(s, 0);

	if (no != NULL) {
		smtps_refuse(s, SMTPS_A_MESSAGE, "", 0, no);
		return;
	}
	s->state = SMTPS_DATA;
	s->in_chunk = 0;
	smtps_reply(s, "354 go ahead");
}

/* Why the message is refused, NULL if it is not. */
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

/* Takes in a piece of the message. */
static size_t
feed(struct smtps *s, const char *p, size_t n)
{
	n = smtpdata_feed(&s->data, p, n, &s->msg);
	if (s->data.flaws != 0) {
		smtps_drop(s);
	} else if (!s->data.done && s->msg.len > SMTPS_MEMORY) {
		s->hooks->more(s->arg);
		s->msg.len = 0;
	}
	return n;
}

/* The message is complete: refused for a reason, or handed on.  The replies
 * follow, of LMTP one for each recipient (RFC 2033 4.2). */
static void
end_message(struct smtps *s, const char *no)
{
	const char *text = no;

	if (no != NULL) {
		smtps_drop(s);
	} else {
		buf_byte(&s->env, '\0');
		s->begun = 0;
		text = s->hooks->done(s->arg);
	}
	if (text[0] == '2') {
		s->messages++;
		s->rcpts += s->nrcpt;
		s->errors = s->refused = s->junk = 0;
	} else if (s->chunk_no == NULL) {
		s->hooks->refused(s->arg, SMTPS_A_MESSAGE, "", 0, text);
	}
	s->state = SMTPS_DATA;
	s->verdict = text;
	s->verdicts = s->lmtp ? s->nrcpt : 1;
}

static enum smtps_step
step_verdict(struct smtps *s)
{
	size_t from = s->outlen;

	if (--s->verdicts > 0) {
		smtps_reply(s, s->verdict);
		return SMTPS_WORKED;
	}
	smtps_reset(s);
	if (strncmp(s->verdict, "421", 3) == 0)
		smtps_end(s, s->verdict);
	else
		smtps_reply(s, s->verdict);
	smtps_audit(s, ".", from);
	return SMTPS_WORKED;
}

/* Between DATA's 354 and the final dot. */
static enum smtps_step
step_text(struct smtps *s)
{
	size_t left = s->got - s->at;
	const char *no;

	if (left == 0)
		return SMTPS_READ;
	s->at += feed(s, s->in + s->at, left);
	no = flaw(&s->data);
	if (s->data.done) {
		end_message(s, no);
	} else if (no != NULL && s->data.size > drain(s)) {
		s->hooks->refused(s->arg, SMTPS_A_MESSAGE, "", 0, no);
		smtps_end(s, no);
	}
	return SMTPS_WORKED;
}

/* From here on each chunk of this message gets this answer.  The text is kept
 * where the last address was. */
static void
refuse_chunks(struct smtps *s, const char *no)
{
	s->hooks->refused(s->arg, SMTPS_A_MESSAGE, "", 0, no);
	smtps_drop(s);
	s->addr.len = 0;
	buf_str(&s->addr, no);
	s->chunk_no = buf_cstr(&s->addr);
}

/* The octets of a chunk of a message are here. */
static void
answer_chunk(struct smtps *s)
{
	if (s->last && s->chunk_no == NULL)
		smtpdata_end(&s->data, &s->msg);
	if (s->chunk_no == NULL && s->data.flaws != 0)
		refuse_chunks(s, flaw(&s->data));
	if (s->last)
		end_message(s, s->chunk_no);
	else if (s->chunk_no != NULL)
		smtps_junk(s, s->chunk_no);
	else
		smtps_reply(s, "250 2.0.0 chunk is here");
}

static void
end_chunk(struct smtps *s)
{
	const char *no = s->chunk_no;
	size_t from = s->outlen;

	s->state = s->after;
	if (s->after == SMTPS_BDAT) {
		answer_chunk(s);
	} else {
		s->chunk_no = NULL;
		smtps_error(s, no);
	}
	smtps_audit(s, "BDAT", from);
}

static enum smtps_step
step_chunk(struct smtps *s)
{
	size_t n = s->got - s->at;

	if (s->chunk > 0 && n == 0)
		return SMTPS_READ;
	if (n > s->chunk)
		n = (size_t)s->chunk;
	if (s->chunk_no == NULL)
		feed(s, s->in + s->at, n);
	s->at += n;
	s->chunk -= n;
	if (s->chunk == 0)
		end_chunk(s);
	return SMTPS_WORKED;
}

/* Is it nothing, or LAST? */
static int
scan_last(const char *p, size_t n, int *last)
{
	*last = 0;
	if (n == 0)
		return 0;
	while (n > 0 && *p == ' ') {
		p++;
		n--;
	}
	*last = str_caseeq(p, n, "LAST");
	return *last && p[-1] == ' ' ? 0 : -1;
}

/* Is there no message that the chunk could be of? */
static const char *
unready(const struct smtps *s)
{
	switch (s->state) {
	case SMTPS_START:
		return smtps_out_of_sequence(s, NO_HELO);
	case SMTPS_READY:
		return smtps_out_of_sequence(s, NO_MAIL);
	case SMTPS_MAIL:
		return smtps_out_of_sequence(s, NO_RCPT);
	default:
		return NULL;
	}
}

/* The message begins with its first chunk, or goes on. */
static void
open_chunk(struct smtps *s, const char *bad)
{
	const char *no = bad;
	int first = s->state == SMTPS_RCPT;

	s->state = SMTPS_BDAT;
	if (no == NULL && first)
		no = begin(s, 1);
	if (no == NULL || s->chunk_no != NULL)
		return;
	if (strncmp(no, "421", 3) == 0)
		smtps_refuse(s, SMTPS_A_MESSAGE, "", 0, no);
	else
		refuse_chunks(s, no);
}

/*
 * Whatever is said against a chunk, its octets must not be taken for commands:
 * they are read first (RFC 3030 2).  A chunk too large for that ends the
 * session.  Behind a chunk that was refused only LAST, RSET and what starts
 * anew lead out of the message.
 */
void
smtps_bdat(struct smtps *s, const char *p, size_t n)
{
	static const char syntax[] = "501 5.5.4 syntax: BDAT octets [LAST]";
	static const char big[] = "552 5.3.4 chunk is too big";
	size_t k = scan_u64(p, n, &s->chunk);
	int bad;

	if (k == 0 && (n == 0 || *p < '0' || *p > '9')) {
		smtps_error(s, syntax);
		return;
	}
	if (k == 0 || (s->size_max != 0 && s->chunk > drain(s))) {
		s->hooks->refused(s->arg, SMTPS_A_MESSAGE, "", 0, big);
		smtps_end(s, big);
		return;
	}
	bad = scan_last(p + k, n - k, &s->last);
	if (s->chunk == 0 && !s->last && ++s->junk > SMTPS_JUNK) {
		smtps_error(s, "503 5.5.1 too many empty chunks");
		return;
	}
	if (unready(s) != NULL)
		s->chunk_no = unready(s);
	else
		open_chunk(s, bad ? syntax : NULL);
	if (s->state == SMTPS_CLOSED)
		return;
	s->after = s->state;
	s->state = SMTPS_DATA;
	s->in_chunk = 1;
}

enum smtps_step
smtps_message(struct smtps *s)
{
	if (s->verdicts > 0)
		return step_verdict(s);
	return s->in_chunk ? step_chunk(s) : step_text(s);
}
