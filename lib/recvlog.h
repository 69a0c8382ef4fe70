/* The lines that a session leaves in the log (postchaise-log(5)).  Each that
 * refuses something has the client's address in it. */
#ifndef RECVLOG_H
#define RECVLOG_H
#include "peer.h"
#include "smtps.h"

struct recvlog {
	const struct smtps *s;
	int audit;         /* a line a command */
	const char *end;   /* why the session is over: "quit", the reply 421 of
	                      it, or how the connection was lost */
	/* private */
	uint64_t started;
	unsigned refused;
	char client[PEER_TEXT]; /* name[address], as Postfix has it */
};

/* Begins now. */
void recvlog_init(struct recvlog *l, const struct smtps *s,
    const struct peer *peer);
/* Postoffice's mailaudit, a line a command; CONN is the greeting. */
void recvlog_command(const struct recvlog *l, const char *verb,
    const char *reply);
/* The client is not wanted: event conn-refuse or pregreet. */
void recvlog_client(const struct recvlog *l, const char *event,
    const char *reply);
/* TLS stands; NULL: it failed. */
void recvlog_tls(const struct recvlog *l, const char *tls);
void recvlog_login(const struct recvlog *l, const char *user);
/* A command of this setting refuses; the refusal itself follows. */
void recvlog_check(const struct recvlog *l, const char *setting,
    const char *command, const char *reply);
/* As the hook. */
void recvlog_refused(struct recvlog *l, enum smtps_what what, const char *text,
    size_t n, const char *reply);
/* A message is in the queue. */
void recvlog_accepted(const struct recvlog *l, const char *id);
/* Something of ours failed: a warning with the text of err. */
void recvlog_failed(const struct recvlog *l, const char *event, int err);
/* The end of a session in which more happened than mail that was taken, whose
 * lines are written already. */
void recvlog_close(const struct recvlog *l);
#endif
