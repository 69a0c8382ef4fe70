/* Is an address one of this machine? */
#ifndef OWNADDR_H
#define OWNADDR_H
#include <sys/socket.h>

/* Loopback, unspecified, or of an interface (looked up once a process).  When
 * the system does not tell its interfaces: only the first two. */
int ownaddr(const struct sockaddr *sa);
#endif
