#include <string.h>

#include "smtps.h"
#include "smtpsx.h"

enum { SHUT_ERRORS = 5 }; /* of a client that was refused at the start */

const char *
smtps_out_of_sequence(const struct smtps *s, enum smtps_sequence why)
{
	static const char *const says[] = {
		[NO_HELO] = "503 5.5.1 EHLO or HELO first",
		[NO_MAIL] = "503 5.5.1 MAIL first",
		[NO_RCPT] = "554 5.5.1 no valid recipients",
		[NESTED] = "503 5.5.1 sender already given",
		[CHUNKS] = "503 5.5.1 BDAT goes on, or RSET",
		[SHUT] = "503 5.5.1 only QUIT now"
	};

	if (s->lmtp && why == NO_HELO)
		return "503 5.5.1 LHLO first";
	if (s->lmtp && why == NO_RCPT) /* RFC 2033 4.2 */
		return "503 5.5.1 no valid recipients";
	return says[why];
}

/* Adds n bytes to out; one more than fits cannot happen within a step. */
static void
put(struct smtps *s, const char *p, size_t n)
{
	size_t room = SMTPS_OUT - s->outlen;

	if (n > room)
		n = room;
	memcpy(s->out + s->outlen, p, n);
	s->outlen += n;
}

/* Adds a text, which cannot end the line. */
static void
put_text(struct smtps *s, const char *p, size_t n)
{
	size_t i = s->outlen;

	put(s, p, n > SMTPS_LINE ? SMTPS_LINE : n);
	for (; i < s->outlen; i++)
		if ((unsigned char)s->out[i] < ' ' || s->out[i] == 0x7f)
			s->out[i] = '?';
}

void
smtps_say(struct smtps *s, const char *text)
{
	put_text(s, text, strlen(text));
}

void
smtps_reply(struct smtps *s, const char *text)
{
	smtps_say(s, text);
	put(s, "\r\n", 2);
}

void
smtps_end(struct smtps *s, const char *text)
{
	smtps_drop(s);
	smtps_auth_over(s);
	s->verdicts = 0;
	s->hooks->refused(s->arg, SMTPS_THE_CLIENT, "", 0, text);
	smtps_reply(s, text);
	s->state = SMTPS_CLOSED;
}

void
smtps_count_error(struct smtps *s)
{
	unsigned max = s->state == SMTPS_SHUT ? SHUT_ERRORS : SMTPS_ERRORS;

	if (s->state != SMTPS_CLOSED && ++s->errors >= max)
		smtps_end(s, "421 4.7.0 too many errors");
}

void
smtps_error(struct smtps *s, const char *text)
{
	smtps_reply(s, text);
	smtps_count_error(s);
}

void
smtps_junk(struct smtps *s, const char *text)
{
	if (++s->junk > SMTPS_JUNK)
		smtps_error(s, text);
	else
		smtps_reply(s, text);
}

void
smtps_refuse(struct smtps *s, enum smtps_what what, const char *p, size_t n,
    const char *no)
{
	s->hooks->refused(s->arg, what, p, n, no);
	if (strncmp(no, "421", 3) == 0)
		smtps_end(s, no);
	else
		smtps_reply(s, no);
}

void
smtps_audit(struct smtps *s, const char *verb, size_t from)
{
	char *end = memchr(s->out + from, '\r', s->outlen - from);

	if (s->hooks->command == NULL || end == NULL)
		return;
	*end = '\0';
	s->hooks->command(s->arg, verb, s->out + from);
	*end = '\r';
}
