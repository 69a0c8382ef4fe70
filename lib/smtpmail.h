/* One message on its way to another host: its recipients, what was answered
 * about each, and the commands that announce them. */
#ifndef SMTPMAIL_H
#define SMTPMAIL_H
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "envelope.h"

struct smtprcpt {
	const char *addr;
	size_t len;
	const char *notify; /* RFC 3461 parameters or NULL */
	const char *orcpt;
	char kind;       /* 0: open; then K, Z or D */
	char status[12]; /* X.Y.Z of the verdict */
	size_t text;     /* where its text is in smtpmail.texts */
	size_t textlen;
	int asked;       /* in this session */
	int accepted;    /* by it */
};

/* Outlives the sessions that it is tried in. */
struct smtpmail {
	const char *sender;
	size_t senderlen;
	const char *ret; /* RFC 3461 parameters or NULL */
	const char *envid;
	uint64_t size; /* bytes, as RFC 1870 counts them */
	int eight;     /* the message has bytes over 0x7f */
	int header8;   /* and its header */
	int utf8;      /* it came as internationalized mail (RFC 6531) */
	struct smtprcpt *rcpt;
	size_t nrcpt;
	struct buf texts;
};

/*
 * Fills m from an envelope, which must stay; dest gets the domain of the
 * recipients.  What could not stand in a command, or (but with anywhere) is of
 * another domain than the first, is settled at once.
 */
void smtpmail_make(struct smtpmail *m, const struct envelope *e, int anywhere,
    struct addr *dest);
void smtpmail_free(struct smtpmail *m);
/* How many recipients have no verdict yet. */
size_t smtpmail_open(const struct smtpmail *m);
/* The verdict of one recipient; of all that have none yet. */
void smtpmail_settle(struct smtpmail *m, struct smtprcpt *r, char kind,
    const char *status, const char *text, size_t len);
void smtpmail_all(struct smtpmail *m, char kind, const char *status,
    const char *text);
/* Settles all that cannot go to a server (named for the texts) without
 * SMTPUTF8 (RFC 6531). */
void smtpmail_refuse_utf8(struct smtpmail *m, const char *server);
/* Append MAIL or RCPT with the parameters that the extensions ext (enum
 * smtpext) take. */
void smtpmail_put_from(const struct smtpmail *m, unsigned ext, struct buf *b);
void smtpmail_put_rcpt(struct smtprcpt *r, unsigned ext, struct buf *b);
#endif
