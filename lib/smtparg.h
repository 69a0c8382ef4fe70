/* The arguments of MAIL and RCPT (RFC 5321 4.1.1, 4.1.2). */
#ifndef SMTPARG_H
#define SMTPARG_H
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct smtparg_mail {
	uint64_t size; /* SIZE= (RFC 1870), 0 if it was not given */
	int body;      /* BODY= (RFC 6152): 7 or 8, 0 if it was not given */
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
    struct buf *out);
/* The reply for what smtparg_path made of the path of RCPT, or of MAIL. */
const char *smtparg_bad(enum addr_result r, int rcpt);
/* The parameters behind MAIL's path: NULL, or the reply that refuses them. */
const char *smtparg_mail(struct smtparg_mail *m, const char *p, size_t n);
/* RCPT has none. */
const char *smtparg_rcpt(const char *p, size_t n);
#endif
