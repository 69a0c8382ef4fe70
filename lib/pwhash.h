/* Kinds of password hashes: what htpasswd(1) and crypt(5) make, and Dovecot's
 * names for them.  Nothing is computed here: auth-check does. */
#ifndef PWHASH_H
#define PWHASH_H
#include <stddef.h>

enum pwhash_kind {
	PWHASH_UNKNOWN, /* no hash at all, or none of these */
	PWHASH_LOCKED,  /* empty, or begins with * or !: no password fits */
	PWHASH_CRYPT,   /* for crypt(3) */
	PWHASH_APR1,    /* $apr1$ */
	PWHASH_SHA,     /* {SHA}, base64 of SHA-1 */
	PWHASH_SSHA,    /* {SSHA}, base64 of a salted SHA-1 and the salt */
	PWHASH_PLAIN    /* {PLAIN} or {CLEARTEXT}: the password itself */
};

/*
 * The kind of the n bytes at p.  *text is the part of p behind Dovecot's
 * scheme name, to the end of p.  A scheme name counts only if what follows has
 * its form; the form alone is looked at, not whether crypt(3) of this system
 * knows the method.
 */
enum pwhash_kind pwhash_kind(const char *p, size_t n, const char **text);
/* Bytes at the start of a hash that name method and cost: two hashes that
 * agree in them take the same time. */
size_t pwhash_cost(const char *p, size_t n);
/* The same bytes?  Takes the same time wherever they differ; their lengths may
 * show. */
int pwhash_equal(const void *a, size_t an, const void *b, size_t bn);
#endif
