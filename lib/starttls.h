/* The receiver's side of TLS: a superserver's UCSPI-TLS descriptors, or a
 * tls-serve of our own (INTERFACES 12). */
#ifndef STARTTLS_H
#define STARTTLS_H
#include <stdint.h>

/* Can TLS be started?  The superserver offers it, or there are a certificate,
 * its key and a tls-serve. */
int starttls_offered(void);
/* What the environment says of a session that is under TLS already (465):
 * "TLSv1.3 CIPHER", NULL for a plain one.  Static. */
const char *starttls_already(void);
/*
 * Starts TLS on the connection on 0 and 1, which become the plain text's: new
 * sockets, without the limits that the former ones had been given.  What was
 * to be written before has been.  Returns what it is, as above; NULL when the
 * handshake failed, and the connection is of no use any more.  timeout in
 * milliseconds.
 */
const char *starttls_begin(unsigned long timeout);
/*
 * Reads NAME=value\0... and a lone \0 from fd until deadline (clock_ms, 0 for
 * none) and puts the SSL_ variables among them into the environment, in the
 * place of any that were there.  0; -1: it ended before that.
 */
int starttls_variables(int fd, uint64_t deadline);
#endif
