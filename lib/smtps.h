/* The server's side of an SMTP or LMTP session (RFC 5321, 2033), driven from
 * memory: bytes in, replies out, decisions by hooks. */
#ifndef SMTPS_H
#define SMTPS_H
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "smtparg.h"
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
	SMTPS_START, /* before HELO, EHLO or LHLO */
	SMTPS_READY,
	SMTPS_MAIL,  /* a sender was taken */
	SMTPS_RCPT,  /* and a recipient */
	SMTPS_BDAT,  /* and a chunk: only BDAT goes on (RFC 3030) */
	SMTPS_SHUT,  /* refused from the start: only QUIT is obeyed */
	SMTPS_AUTH,  /* a line of AUTH is awaited */
	SMTPS_DATA,  /* in the message, or in a chunk of it */
	SMTPS_CLOSED /* write what is in out, then end */
};

/* What was refused. */
enum smtps_what {
	SMTPS_A_SENDER,
	SMTPS_A_RECIPIENT,
	SMTPS_A_MESSAGE,
	SMTPS_A_LOGIN,
	SMTPS_THE_CLIENT
};

/* What EHLO offers besides PIPELINING, SIZE, 8BITMIME, SMTPUTF8, CHUNKING and
 * ENHANCEDSTATUSCODES. */
enum smtps_offer {
	SMTPS_OFFER_STARTTLS = 1,  /* until s->tls is set */
	SMTPS_OFFER_AUTH = 2,      /* once s->tls is set */
	SMTPS_OFFER_AUTH_CLEAR = 4, /* without TLS too */
	SMTPS_OFFER_DSN = 8
};

struct smtps;

/*
 * What the caller decides.  Where a reply is returned it is like "550 5.1.1 no
 * such user", valid until the next call; NULL goes on.  A reply 421 ends the
 * session.
 */
struct smtps_hooks {
	/* The client gave its name, in s->helo. */
	const char *(*helo)(void *arg);
	/* A sender, "" for the null sender, with its parameters. */
	const char *(*mail)(void *arg, const char *sender, size_t n,
	    const struct smtparg_mail *m);
	/* A recipient, which may be changed. */
	const char *(*rcpt)(void *arg, struct buf *addr);
	/* DATA or the first BDAT: a message is about to come. */
	const char *(*data)(void *arg);
	/* s->msg has grown over SMTPS_MEMORY: take it away. */
	void (*more)(void *arg);
	/* The message is complete with what s->msg has, s->env is its whole
	 * envelope (INTERFACES 1).  Returns the reply, of success too; LMTP
	 * gives it to each recipient. */
	const char *(*done)(void *arg);
	/* What `more' was given, if it was called, is void. */
	void (*drop)(void *arg);
	/* A login; NULL lets it in, and smtps copies user to s->login.  Both
	 * are wiped afterwards. */
	const char *(*auth)(void *arg, const char *user, const char *pass);
	/* A reply that refuses, for the log; text is the address or login that
	 * it is about, or what could not be read as one.  The client is
	 * refused at the start, at HELO (text is its name), and when the
	 * session ends by us. */
	void (*refused)(void *arg, enum smtps_what what, const char *text,
	    size_t n, const char *reply);
	/* Each command with the reply's first line, for the audit, or NULL.
	 * verb is "?" for an unknown one (which may be a password), "." for
	 * the end of a message. */
	void (*command)(void *arg, const char *verb, const char *reply);
};

struct smtps {
	/* set by the caller before smtps_start */
	const struct smtps_hooks *hooks;
	void *arg;
	const char *hostname;
	const char *banner;   /* behind the name in the greeting; lines
	                         separated by \n; NULL for none */
	const char *shut;     /* greet with this refusal (554 or 421) */
	const char *peer;     /* address and verified name of the client for */
	const char *peername; /* the envelope, NULL if unknown or hidden */
	const char *spam;     /* attributes of all messages (INTERFACES 1), */
	const char *folder;   /* or NULL */
	int hide;             /* the helo attribute is left out too */
	int lmtp;
	int need_login;       /* MAIL before AUTH is 530 */
	unsigned offer;       /* of enum smtps_offer */
	uint64_t size_max;    /* octets of a message, 0 for no limit */
	unsigned rcpt_max;
	unsigned hops_max;
	unsigned tries_max;   /* failed logins that end the session */
	int accept_lf;
	const char *tls;      /* "TLSv1.3 TLS_AES_..."; NULL: plain */

	/* for the caller to read */
	enum smtps_state state;
	int esmtp;
	unsigned nrcpt;
	unsigned errors;   /* protocol errors since the last message */
	unsigned refused;  /* refused recipients since then */
	unsigned junk;     /* commands since then that lead nowhere */
	unsigned tries;    /* failed logins */
	unsigned messages; /* taken in this session, */
	unsigned rcpts;    /* and their recipients */
	int slow;          /* wait a second before the next write */
	char helo[256];    /* harmless in a header field; "" before HELO */
	char login[256];   /* who has logged in, "" for nobody */
	struct buf env;
	size_t sender;     /* where the sender is in env, with a NUL */
	struct buf msg;
	struct smtpdata data;

	/* private */
	int over;     /* recipients over rcpt_max were refused */
	int utf8;     /* MAIL said SMTPUTF8 */
	int begun;    /* a message has begun: drop is due */
	int in_skip;  /* inside of a line that is too long */
	int secret;   /* the line is one of AUTH */
	int starttls; /* smtps_secured is awaited */
	struct buf addr;
	struct buf user;        /* of AUTH LOGIN, while its password comes */
	int auth_step;
	int in_chunk;           /* SMTPS_DATA is a chunk, */
	uint64_t chunk;         /* of which so many octets are to come, */
	int last;               /* the last one, */
	enum smtps_state after; /* behind it, */
	const char *chunk_no;   /* why it is refused already */
	const char *verdict;    /* the reply to a message, */
	unsigned verdicts;      /* to be said so many times */
	size_t at;   /* of what is not used yet in in */
	size_t got;  /* end of what was read into in */
	size_t high; /* end of what was in in since it was wiped */
	size_t outlen;
	char out[SMTPS_OUT]; /* the last two: idle sessions touch little */
	char in[SMTPS_IN];
};

enum smtps_step {
	SMTPS_WORKED,  /* go on */
	SMTPS_WRITE,   /* write out (and empty it), then go on */
	SMTPS_READ,    /* write out if there is something, then read */
	SMTPS_STARTTLS /* write out, start TLS, then smtps_secured */
};

/* Begins with the greeting in out. */
void smtps_start(struct smtps *s);
/* Where to read to; *n bytes at most, never 0 after SMTPS_READ. */
char *smtps_space(struct smtps *s, size_t *n);
/* n bytes were read there. */
void smtps_read(struct smtps *s, size_t n);
/* Executes one command, or takes in a piece of a message. */
enum smtps_step smtps_step(struct smtps *s);
/* TLS stands, tls names it (kept, not copied): the session begins anew without
 * greeting, and what came in plain text behind STARTTLS is forgotten (RFC 3207
 * 4.2, 5). */
void smtps_secured(struct smtps *s, const char *tls);
/* Ends the session with a reply: at a timeout, or when told to stop. */
void smtps_end(struct smtps *s, const char *reply);
/* The connection is lost or ended; frees everything. */
void smtps_free(struct smtps *s);

/* The commands, in the order of smtp-recv(8), for tests; NULL behind them. */
const char *smtps_command(size_t i);
#endif
