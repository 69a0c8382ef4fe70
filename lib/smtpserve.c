#include <time.h>

#include "smtpserve.h"

/* Writes the replies that have gathered. */
static const char *
flush(struct smtps *s, struct conn *c)
{
	static const struct timespec second = {1, 0};
	int event;

	if (s->slow)
		nanosleep(&second, NULL);
	s->slow = 0;
	event = conn_write(c, s->out, s->outlen);
	s->outlen = 0;
	return event == 0 ? NULL : event == CONN_TIMEOUT ? "timeout" : "lost";
}

/* Reads more of what the client sends. */
static const char *
fill(struct smtps *s, struct conn *c)
{
	size_t n;
	char *p = smtps_space(s, &n);
	long got = conn_read(c, p, n, s->state != SMTPS_DATA);

	if (got > 0)
		smtps_read(s, (size_t)got);
	else if (got == CONN_TERM)
		smtps_end(s, "421 4.3.2 going down, try again");
	else if (got == CONN_TIMEOUT)
		smtps_end(s, "421 4.4.2 timeout");
	else
		return got == CONN_EOF ? "eof" : "lost";
	return NULL;
}

static const char *
start_tls(struct smtps *s, struct conn *c, const char *(*secure)(void))
{
	const char *tls = secure();

	if (tls == NULL)
		return "tls";
	conn_replaced(c);
	smtps_secured(s, tls);
	return NULL;
}

const char *
smtpserve_run(struct smtps *s, struct conn *c, const char *(*secure)(void))
{
	const char *end = NULL;

	smtps_start(s);
	while (end == NULL && s->state != SMTPS_CLOSED) {
		if (conn_term() && s->state != SMTPS_DATA) {
			smtps_end(s, "421 4.3.2 going down, try again");
			break;
		}
		switch (smtps_step(s)) {
		case SMTPS_WORKED:
			conn_line(c);
			break;
		case SMTPS_WRITE:
			end = flush(s, c);
			break;
		case SMTPS_READ:
			if (s->outlen > 0)
				end = flush(s, c);
			if (end == NULL)
				end = fill(s, c);
			break;
		case SMTPS_STARTTLS:
			end = flush(s, c);
			if (end == NULL)
				end = start_tls(s, c, secure);
		}
	}
	return end != NULL ? end : flush(s, c);
}
