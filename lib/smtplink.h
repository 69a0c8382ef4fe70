/* An SMTP client session over a TCP connection: deadlines, and an end as soon
 * as whoever ordered it is gone. */
#ifndef SMTPLINK_H
#define SMTPLINK_H
#include <sys/socket.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "smtpc.h"

struct smtplink {
	int fd;
	int watch; /* a descriptor whose hang-up means stop; -1 for none */
	const volatile sig_atomic_t *stop; /* set by a signal's handler, for
		a signal that is blocked but in waits */
	const sigset_t *mask;              /* the signal mask of waits */
	uint64_t timeout; /* ms for one reply, or for 64 KiB to go out; twice
			     that for the reply to the final dot */
	int stopped; /* a wait was ended by stop or watch */
};

/* Connects within ms.  0, or -1 with errno (ETIMEDOUT; EINTR: stopped). */
int smtplink_connect(struct smtplink *l, const struct sockaddr *sa,
    socklen_t n, uint64_t ms);
void smtplink_close(struct smtplink *l);
/* Sends c's out and feeds it until it wants something else than SMTPC_WAIT. */
enum smtpc_next smtplink_run(struct smtplink *l, struct smtpc *c);
/*
 * Sends a part of the message; with last its end, final dot included: then
 * waits for the reply as smtplink_run does.  SMTPC_BODY: more, please.
 */
enum smtpc_next smtplink_body(struct smtplink *l, struct smtpc *c,
    const char *p, size_t n, int last);
/* Sends QUIT and closes, without waiting for an answer. */
void smtplink_quit(struct smtplink *l, struct smtpc *c);
#endif
