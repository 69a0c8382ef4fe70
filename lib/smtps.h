/* The server's side of an SMTP session (RFC 5321), driven from memory: bytes
 * in, replies out, decisions by hooks. */
#ifndef SMTPS_H
#define SMTPS_H
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "smtpdata.h"

enum {
	SMTPS_IN = 8192,      /* the longest line is a little less */
	SMTPS_OUT = 4096,     /* of which a step fills less than a half */
	SMTPS_MEMORY = 65536, /* of a message; more of it is streamed */
	SMTPS_ERRORS = 20,    /* protocol errors that end a session */
	SMTPS_REFUSED = 100,  /* refused recipients that end a session */
	SMTPS_SLOW = 20       /* refused recipients that make us slow */
};

enum smtps_state {
	SMTPS_START, /* before HELO or EHLO */
	SMTPS_READY,
	SMTPS_MAIL,  /* a sender was taken */
	SMTPS_RCPT,  /* and a recipient */
	SMTPS_DATA,  /* in the message */
	SMTPS_CLOSED /* write what is in out, then end */
};

/* What was refused. */
enum smtps_what {
	SMTPS_A_SENDER,
	SMTPS_A_RECIPIENT,
	SMTPS_A_MESSAGE,
	SMTPS_THE_CLIENT
};

struct smtps;

/*
 * What the caller decides.  Where a reply is returned it is like "550 5.1.1 no
 * such user", valid until the next call; NULL goes on.
 */
struct smtps_hooks {
	/* A sender, "" for the null sender, and its SIZE=, 0 if unknown. */
	const char *(*mail)(void *arg, const char *sender, size_t n,
	    uint64_t size);
	/* A recipient, which may be changed. */
	const char *(*rcpt)(void *arg, struct buf *addr);
	/* s->msg has grown over SMTPS_MEMORY: take it away. */
	void (*more)(void *arg);
	/* The message is complete with what s->msg has, s->env is its whole
	 * envelope (INTERFACES 1).  Returns the reply, of success too. */
	const char *(*done)(void *arg);
	/* What `more' was given, if it was called, is void. */
	void (*drop)(void *arg);
	/* A reply that refuses, for the log; text is the address that it is
	 * about, or what could not be read as one. */
	void (*refused)(void *arg, enum smtps_what what, const char *text,
	    size_t n, const char *reply);
};

struct smtps {
	/* set by the caller before smtps_start */
	const struct smtps_hooks *hooks;
	void *arg;
	const char *hostname;
	const char *peer;     /* address and verified name of the client, */
	const char *peername; /* NULL if unknown */
	uint64_t size_max;    /* octets of a message, 0 for no limit */
	unsigned rcpt_max;
	unsigned hops_max;
	int accept_lf;

	/* for the caller to read */
	enum smtps_state state;
	int esmtp;
	unsigned nrcpt;
	unsigned errors;   /* protocol errors since the last message */
	unsigned refused;  /* refused recipients since then */
	unsigned junk;     /* commands since then that lead nowhere */
	unsigned messages; /* taken in this session, */
	unsigned rcpts;    /* and their recipients */
	int slow;          /* wait a second before the next write */
	char helo[256];    /* harmless in a header field; "" before HELO */
	struct buf env;
	size_t sender;     /* where the sender is in env, with a NUL */
	struct buf msg;
	struct smtpdata data;

	/* private */
	int over;    /* recipients over rcpt_max were refused */
	int in_skip; /* inside of a line that is too long */
	struct buf addr;
	size_t at;  /* of what is not used yet in in */
	size_t got; /* end of what was read into in */
	size_t outlen;
	char out[SMTPS_OUT]; /* the last two: idle sessions touch little */
	char in[SMTPS_IN];
};

enum smtps_step {
	SMTPS_WORKED, /* go on */
	SMTPS_WRITE,  /* write out (and empty it), then go on */
	SMTPS_READ    /* write out if there is something, then read */
};

/* Begins with the greeting in out. */
void smtps_start(struct smtps *s);
/* Where to read to; *n bytes at most, never 0 after SMTPS_READ. */
char *smtps_space(struct smtps *s, size_t *n);
/* n bytes were read there. */
void smtps_read(struct smtps *s, size_t n);
/* Executes one command, or takes in a piece of a message. */
enum smtps_step smtps_step(struct smtps *s);
/* Ends the session with a reply: at a timeout, or when told to stop. */
void smtps_end(struct smtps *s, const char *reply);
/* The connection is lost or ended; frees everything. */
void smtps_free(struct smtps *s);

/* The commands, in the order of smtp-recv(8), for tests; NULL behind them. */
const char *smtps_command(size_t i);
#endif
