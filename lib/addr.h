/* Mail addresses as the envelope holds them (RFC 5321 4.1.2, RFC 6531 3.3). */
#ifndef ADDR_H
#define ADDR_H
#include <stddef.h>

#include "buf.h"

/* An address split at its last @; a part that is missing has length 0.  The
 * pointers are into the text that was split. */
struct addr {
	const char *local;
	size_t llen;
	const char *domain;
	size_t dlen;
};

enum addr_result {
	ADDR_OK = 0,
	ADDR_SYNTAX = -1,   /* 501 5.1.3 */
	ADDR_TOO_LONG = -2, /* local part over 64, domain over 255 octets */
	ADDR_UTF8 = -3      /* needs SMTPUTF8 and utf8 was 0 */
};

/*
 * Parses `<path>' at the start of p, with a source route ignored, and appends
 * the canonical address to out: no brackets, a quoted local part unquoted
 * where it may be, the domain as given less a final dot.  *used gets the
 * bytes up to and with `>'.  `<>' appends nothing; a local part without
 * domain is taken (callers decide about <postmaster>).  On failure out is as
 * before.
 */
enum addr_result addr_path(const char *p, size_t n, int utf8, struct buf *out,
    size_t *used);
/* The same for an address without brackets that is the whole of p. */
enum addr_result addr_parse(const char *p, size_t n, int utf8,
    struct buf *out);
/* Splits at the last @ outside quotes; never fails. */
void addr_split(const char *p, size_t n, struct addr *a);
/* Does it fit in MAIL FROM:<...> without escapes, and hold only what may be
 * in an envelope (no control characters, no space outside quotes)?  For
 * addresses that come from files and the command line. */
int addr_valid(const char *p, size_t n, int utf8);
/* Is p a domain name (labels of letters, digits, hyphens, underscores; UTF-8
 * with utf8) or, with literal, a [literal]? */
int addr_domain_valid(const char *p, size_t n, int utf8, int literal);
/* Well-formed UTF-8 without overlong forms and surrogates (RFC 3629)? */
int addr_utf8(const char *p, size_t n);
#endif
