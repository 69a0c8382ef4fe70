/* The arguments of HELO, MAIL and RCPT (RFC 5321 4.1.1, 4.1.2). */
#ifndef SMTPARG_H
#define SMTPARG_H
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* Extensions whose parameters are taken; SIZE, 8BITMIME and SMTPUTF8 always
 * are. */
enum {
	SMTPARG_DSN = 1,  /* RET ENVID NOTIFY ORCPT */
	SMTPARG_AUTH = 2, /* AUTH */
	SMTPARG_UTF8 = 4  /* ORCPT may be UTF-8, as MAIL said SMTPUTF8 */
};

struct smtparg_mail {
	uint64_t size; /* SIZE= (RFC 1870), 0 if it was not given */
	int body;      /* BODY= (RFC 6152): 7 or 8, 0 if it was not given */
	int utf8;      /* SMTPUTF8 (RFC 6531) */
	const char *ret;   /* RET= (RFC 3461): "FULL" or "HDRS", or NULL */
	const char *envid; /* ENVID=, xtext within what was parsed, or NULL */
	size_t envidlen;
};

/* NOTIFY= of RCPT. */
enum {
	SMTPARG_NEVER = 1,
	SMTPARG_SUCCESS = 2,
	SMTPARG_FAILURE = 4,
	SMTPARG_DELAY = 8
};

struct smtparg_rcpt {
	unsigned notify;   /* 0 if it was not given */
	const char *orcpt; /* ORCPT=, type;xtext within what was parsed, or */
	size_t orcptlen;   /* NULL */

	/* private */
	int utf8;
};

/* The name that a client gives itself in HELO, with a NUL to out; bytes that
 * have no place in a header field become `?'.  -1 if it is empty or does not
 * fit in cap. */
int smtparg_helo(char *out, size_t cap, const char *p, size_t n);
/*
 * Takes keyword ("FROM:" or "TO:") and the path behind it off the start of
 * *p, *n and appends the address to out, which is as before on failure.
 * Blanks before the path and a path without brackets are taken from sloppy
 * clients.
 */
enum addr_result smtparg_path(const char *keyword, const char **p, size_t *n,
    int utf8, struct buf *out);
/* The reply for what smtparg_path made of the path of RCPT, or of MAIL. */
const char *smtparg_bad(enum addr_result r, int rcpt);
/* The parameters behind the path of MAIL, or of RCPT, with those of the
 * extensions: NULL, or the reply that refuses them. */
const char *smtparg_mail(struct smtparg_mail *m, const char *p, size_t n,
    unsigned extensions);
const char *smtparg_rcpt(struct smtparg_rcpt *r, const char *p, size_t n,
    unsigned extensions);
/* Appends what NOTIFY= says, as it is written on the wire. */
void smtparg_notify(struct buf *out, unsigned notify);
#endif
