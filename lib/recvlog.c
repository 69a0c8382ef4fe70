#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fdio.h"
#include "log.h"
#include "recvlog.h"

void
recvlog_init(struct recvlog *l, const struct smtps *s, const struct peer *peer)
{
	l->s = s;
	l->end = "quit";
	l->started = clock_ms();
	peer_text(peer, l->client);
}

static const char *
sender(const struct smtps *s)
{
	return s->env.len > 0 ? s->env.p + s->sender : "";
}

void
recvlog_command(const struct recvlog *l, const char *verb, const char *reply)
{
	if (!l->audit)
		return;
	log_info("audit", "client=%s secs=%llu verb=%s code=%.*s info=%s",
	    l->client, (unsigned long long)((clock_ms() - l->started) / 1000),
	    verb, 3, reply, strlen(reply) > 4 ? reply + 4 : NULL);
}

void
recvlog_client(const struct recvlog *l, const char *event, const char *reply)
{
	log_info(event, "client=%s reply=%s", l->client, reply);
}

void
recvlog_tls(const struct recvlog *l, const char *tls)
{
	size_t n = tls != NULL ? strcspn(tls, " ") : 0;

	if (tls == NULL)
		log_info("tls-fail", "client=%s helo=%s", l->client,
		    l->s->helo);
	else
		log_info("tls", "client=%s proto=%.*s cipher=%s", l->client,
		    (int)n, tls, tls[n] != '\0' ? tls + n + 1 : NULL);
}

void
recvlog_login(const struct recvlog *l, const char *user)
{
	log_info("auth-accept", "client=%s user=%s", l->client, user);
}

void
recvlog_check(const struct recvlog *l, const char *setting,
    const char *command, const char *reply)
{
	log_info("check-refuse", "client=%s setting=%s check=%s reply=%s",
	    l->client, setting, command, reply);
}

void
recvlog_refused(struct recvlog *l, enum smtps_what what, const char *text,
    size_t n, const char *reply)
{
	const struct smtps *s = l->s;

	l->refused += what != SMTPS_THE_CLIENT || n > 0;
	switch (what) {
	case SMTPS_THE_CLIENT:
		if (n == 0)
			l->end = reply;
		else
			log_info("helo-refuse", "client=%s helo=%.*s reply=%s",
			    l->client, (int)n, text, reply);
		break;
	case SMTPS_A_LOGIN:
		log_info("auth-refuse", "client=%s helo=%s user=%.*s reply=%s",
		    l->client, s->helo, (int)n, text, reply);
		break;
	case SMTPS_A_SENDER:
		log_info("mail-refuse", "client=%s helo=%s from=<%.*s> "
		    "reply=%s", l->client, s->helo, (int)n, text, reply);
		break;
	case SMTPS_A_RECIPIENT:
		log_info("rcpt-refuse", "client=%s helo=%s from=<%s> "
		    "to=<%.*s> reply=%s", l->client, s->helo, sender(s),
		    (int)n, text, reply);
		break;
	case SMTPS_A_MESSAGE:
		log_info("data-refuse", "client=%s helo=%s from=<%s> nrcpt=%u "
		    "size=%llu reply=%s", l->client, s->helo, sender(s),
		    s->nrcpt, (unsigned long long)s->data.size, reply);
	}
}

void
recvlog_accepted(const struct recvlog *l, const char *id)
{
	const struct smtps *s = l->s;

	log_info("msg-accept", "id=%s client=%s helo=%s from=<%s> nrcpt=%u "
	    "size=%llu", id[0] != '\0' ? id : "-", l->client, s->helo,
	    sender(s), s->nrcpt, (unsigned long long)s->data.size);
}

void
recvlog_failed(const struct recvlog *l, const char *event, int err)
{
	errno = err;
	log_warn(event, "client=%s err=%m", l->client);
}

void
recvlog_close(const struct recvlog *l)
{
	const struct smtps *s = l->s;
	int quit = strcmp(l->end, "quit") == 0;
	char reply[64];

	if (!quit) {
		/* Of a connection that was lost there is no code. */
		snprintf(reply, sizeof reply, "%s%s",
		    l->end[0] == '4' ? "" : "499 ", l->end);
		recvlog_command(l, "QUIT", reply);
	}
	if (s->messages > 0 && l->refused == 0 && s->errors == 0 && quit)
		return;
	log_info("conn-close", "client=%s helo=%s messages=%u rcpts=%u "
	    "refused=%u errors=%u ms=%llu end=%s", l->client, s->helo,
	    s->messages, s->rcpts, l->refused, s->errors,
	    (unsigned long long)(clock_ms() - l->started), l->end);
}
