/* What sendmail(8) does to the header of a message that it is given, and the
 * recipients that it finds there (RFC 5322 3.6, RFC 6409 8). */
#ifndef SUBMIT_H
#define SUBMIT_H
#include <stdint.h>

#include "buf.h"

struct submit {
	int extract;          /* take recipients from the header */
	const char *from;     /* address for a From field that is missing */
	const char *fullname; /* and its display name, or NULL */
	const char *hostname; /* completes addresses without a domain */
	const char *id;       /* left side of a Message-ID that is missing */
	int64_t now;
	const char *notify;   /* DSN parameters of the envelope, or NULL */
	const char *ret;
	const char *envid;    /* xtext */
	struct buf header;    /* the result, its empty line included */
	struct buf rcpts;     /* addresses, each with a NUL */
	unsigned nrcpt;
	struct buf error;     /* what is wrong, for people */
};

/*
 * Adds the addresses in text (an argument, or a field's value) to rcpts,
 * completed with hostname.  what names the place in the error text.  0; -1
 * with error set.
 */
int submit_recipients(struct submit *s, const char *what, const char *text,
    size_t n);
/*
 * Makes header of the n bytes at p: without Return-Path, Bcc and Resent-Bcc,
 * with Date, From and Message-ID, and of a message that has any Resent- field
 * the three Resent- ones of that kind.  With extract adds the addresses in To,
 * Cc and Bcc (of a resent message: of its Resent- fields instead) to rcpts.
 * 0; -1 with error set.
 */
int submit_header(struct submit *s, const char *p, size_t n);
/* Appends the envelope (INTERFACES 1).  body8bit: the message has a byte over
 * 0x7f. */
void submit_envelope(const struct submit *s, const char *sender, int body8bit,
    struct buf *env);
/* The attributes for sendmail's -N (never, or some of success, failure and
 * delay) and -R (full, hdrs): static, NULL for another word. */
const char *submit_notify(const char *arg);
const char *submit_ret(const char *arg);
/* Removes what is in rcpts twice; the order stays. */
void submit_unique(struct submit *s);
/* Bytes of the From_ line of an mbox at p, 0 if there is none. */
size_t submit_from_line(const char *p, size_t n);
/* Appends a display name as RFC 5322 3.2.5 wants it: atoms, quoted, or where
 * it is UTF-8 encoded words (RFC 2047). */
void submit_phrase(struct buf *out, const char *name);
#endif
