/* What a submission server adds to the header of a message (RFC 6409 8). */
#ifndef COMPLETE_H
#define COMPLETE_H
#include "buf.h"

/* Who sends, for a From field that is missing. */
struct author {
	const char *login;    /* "" if nobody has logged in; a name without a
	                         domain is one of hostname */
	const char *sender;   /* of the envelope, used then; may be empty */
	const char *hostname;
};

/*
 * Appends to out the message of n bytes at p with Date, From and Message-ID,
 * and without Bcc and Return-Path.  0; -1 if the header does not end within
 * the n bytes, which whole says are all of it: out is as before.
 */
int complete_header(struct buf *out, const char *p, size_t n, int whole,
    const struct author *a);
#endif
