/* Replies of an SMTP server (RFC 5321 4.2). */
#ifndef SMTPREPLY_H
#define SMTPREPLY_H
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { SMTPREPLY_MAX = 16384 }; /* bytes of one reply, all lines */

enum smtpext {
	SMTPEXT_PIPELINING = 1,
	SMTPEXT_SIZE = 2,
	SMTPEXT_8BITMIME = 4,
	SMTPEXT_SMTPUTF8 = 8,
	SMTPEXT_DSN = 16
};

/* Zero-initialised is valid.  After 1 from smtpreply_feed: */
struct smtpreply {
	int code;        /* of the last line, 200 to 599 */
	struct buf text; /* the lines, codes included, each ended by one \n */
	size_t line;     /* start of the unfinished line in text */
	int whole;
};

/*
 * Takes bytes up to the end of one reply; *used says how many.  1: a reply is
 * whole; 0: more is needed; -1: this is not SMTP (no code of three digits, or
 * over SMTPREPLY_MAX).  Lines may end in LF alone.
 */
int smtpreply_feed(struct smtpreply *r, const char *p, size_t n,
    size_t *used);
/*
 * The enhanced status code (RFC 2034) in the reply's last line, if there is
 * one of the class `class' ('2', '4' or '5'), else X.0.0 of that class.
 */
void smtpreply_status(const struct smtpreply *r, char class, char out[12]);
/* The lines in one, joined with spaces, at most max bytes, appended to b. */
void smtpreply_text(const struct smtpreply *r, size_t max, struct buf *b);
/* The extensions in a reply to EHLO, by bits; *limit gets the largest message
 * by SIZE, 0 if it names none. */
unsigned smtpreply_extensions(const struct smtpreply *r, uint64_t *limit);
void smtpreply_free(struct smtpreply *r);
#endif
