/* The text of a message between DATA's 354 and its final dot (RFC 5321
 * 4.1.1.4, 4.5.2), or in the chunks of BDAT (RFC 3030): from the wire's lines
 * to the stored ones. */
#ifndef SMTPDATA_H
#define SMTPDATA_H
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Why a message will be refused at its end. */
enum smtpdata_flaw {
	SMTPDATA_BARE = 1, /* a bare CR, or a bare LF that is not accepted */
	SMTPDATA_SIZE = 2, /* over size_max */
	SMTPDATA_HOPS = 4  /* over hops_max */
};

struct smtpdata {
	uint64_t size_max; /* octets on the wire, CRLF as two; 0: no limit */
	unsigned hops_max; /* Received and Delivered-To fields */
	int accept_lf;     /* LF alone ends a line, but never the message */
	int chunks;        /* set behind smtpdata_start for BDAT: dots mean
	                      nothing, smtpdata_end tells the end */

	uint64_t size; /* octets so far, without dots that were stuffed */
	unsigned hops;
	int flaws;
	int done; /* the end was read, or told */

	/* private */
	int state;
	int body;       /* the header is over */
	char field[14]; /* how the line begins, in the header */
	unsigned fieldlen;
};

/* Begins a message with these limits. */
void smtpdata_start(struct smtpdata *d, uint64_t size_max, unsigned hops_max,
    int accept_lf);
/*
 * Reads on at p, in whatever pieces the text comes, and appends what is to be
 * stored to out: LF line ends, stuffed dots removed, every other byte as it
 * is.  With a flaw nothing more is stored.  Returns the bytes used; less than
 * n only when done: only CRLF.CRLF is the end, the CRLF of the DATA command
 * counting as the first.
 */
size_t smtpdata_feed(struct smtpdata *d, const char *p, size_t n,
    struct buf *out);
/* The last chunk was fed.  A last line without its end gets one. */
void smtpdata_end(struct smtpdata *d, struct buf *out);
#endif
