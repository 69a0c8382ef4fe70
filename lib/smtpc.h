/*
 * An SMTP client session without its connection (RFC 5321, 1870, 2034, 2920,
 * 3461, 6152, 6531): it is fed the server's bytes and leaves what is to be
 * sent in a buffer, so that memory can drive it as well as a socket.
 */
#ifndef SMTPC_H
#define SMTPC_H
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "smtpmail.h"
#include "smtpreply.h"

enum { SMTPC_PEER = 330, SMTPC_FAIL = 512 };

/* What the owner of the session does next. */
enum smtpc_next {
	SMTPC_WAIT,  /* send out, then give the answer to smtpc_input */
	SMTPC_READY, /* smtpc_mail, or smtpc_quit */
	SMTPC_BODY,  /* send the message; smtpc_sent with its final dot */
	SMTPC_OVER,  /* the transaction is over: every recipient that was still
			open has its verdict; READY unless closing is set */
	SMTPC_FAILED /* the session is of no more use, fail says why; recipients
			without a verdict may be tried at another host */
};

enum smtpc_loss { SMTPC_EOF, SMTPC_TIMEOUT, SMTPC_STOP };

/* Why a host was of no use. */
struct smtpc_fail {
	char kind; /* Z or D */
	char status[12];
	char text[SMTPC_FAIL];
};

struct smtpc {
	int state;
	char peer[SMTPC_PEER]; /* host[address]:port, for texts */
	const char *hostname;  /* ours, for EHLO; the owner's */
	int loopcheck; /* a server that bears our own name is an error */
	struct buf out;
	struct buf in; /* bytes not taken yet */
	struct smtpreply reply;
	unsigned replies; /* whole replies taken so far: a deadline for each */
	unsigned ext;
	uint64_t limit; /* largest message by SIZE, 0 if none */
	struct smtpmail *mail;
	size_t at;      /* recipient that was asked last */
	int refused;    /* MAIL was, and pipelined replies follow */
	int unclean;    /* RSET before the next transaction */
	int closing;    /* the server ends the session: no next transaction */
	struct smtpc_fail fail;
};

/* A new session (c is zero or freed); the server speaks first. */
void smtpc_init(struct smtpc *c, const char *host, const char *addr,
    unsigned port, const char *hostname);
void smtpc_free(struct smtpc *c);
/* Takes bytes of the server (n may be 0: those it has already). */
enum smtpc_next smtpc_input(struct smtpc *c, const char *p, size_t n);
/* Begins a transaction for m's open recipients. */
enum smtpc_next smtpc_mail(struct smtpc *c, struct smtpmail *m);
/* The final dot is on its way: from now on the message may have arrived. */
void smtpc_sent(struct smtpc *c);
/* Has it? */
int smtpc_committed(const struct smtpc *c);
/* The connection is gone, or silent for too long, or we must stop. */
enum smtpc_next smtpc_lost(struct smtpc *c, enum smtpc_loss how);
/* Puts QUIT into out. */
void smtpc_quit(struct smtpc *c);
/*
 * Keeps in worst what to say of a message that no host took (kind 0: nothing
 * yet).  What is temporary outweighs what is permanent, a host that answered
 * one that could not be reached (4.4.1), and else the later the earlier.
 */
void smtpc_worst(struct smtpc_fail *worst, const struct smtpc_fail *f);
#endif
