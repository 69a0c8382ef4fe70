/* What the lines of AUTH PLAIN and LOGIN hold (RFC 4954, 4616, 4648). */
#ifndef SMTPAUTH_H
#define SMTPAUTH_H
#include <stddef.h>

enum smtpauth_result {
	SMTPAUTH_OK,
	SMTPAUTH_SYNTAX, /* 501 5.5.2 */
	SMTPAUTH_OTHER   /* to act for somebody else: 535 5.7.8 */
};

/* Decodes the n bytes at p into out, which has room for n / 4 * 3 of them.
 * Returns their number; -1 for everything that no encoder makes: blanks,
 * padding that is missing or stands elsewhere, bits behind the last byte. */
long smtpauth_base64(char *out, const char *p, size_t n);
/* Can it be a login or a password: not empty, no control characters? */
int smtpauth_text(const char *p, size_t n);
/* Takes PLAIN's authzid NUL authcid NUL passwd apart; p[n] is a NUL.  *user
 * and *pass point into p, and are set unless it is SMTPAUTH_SYNTAX. */
enum smtpauth_result smtpauth_plain(const char *p, size_t n,
    const char **user, const char **pass);
#endif
