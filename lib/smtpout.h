/* The message as DATA sends it: lines end in CRLF, a dot at the start of a
 * line is doubled (RFC 5321 4.5.2).  No other byte is changed. */
#ifndef SMTPOUT_H
#define SMTPOUT_H
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Zero-initialised is the start of a message. */
struct smtpout {
	uint64_t size; /* with CRLF, without doubled dots: what SIZE= counts
			  (RFC 1870 5) */
	int eight;     /* a byte over 0x7f was seen */
	int header8;   /* and one in the header (RFC 6532) */
	int barecr;    /* a CR that no LF follows was seen: such a message must
			  not be sent, since servers disagree about where its
			  lines end */
	int body;      /* the empty line behind the header was seen */
	int blank;     /* the line so far is empty, or a CR */
	int midline;
	int cr; /* the last byte was CR */
};

/* Appends the wire form of the next n bytes of the message to out.  A line
 * that ends in CRLF already keeps it. */
void smtpout_add(struct smtpout *s, const char *p, size_t n, struct buf *out);
/* Ends a last line that has no newline with CRLF, and adds the final dot. */
void smtpout_end(struct smtpout *s, struct buf *out);
#endif
