/* Whose process is at the other end of a local socket. */
#ifndef PEERUID_H
#define PEERUID_H
#include <sys/types.h>

/* The user that connected it, or of a connection that we made, that listened.
 * 0, or -1 with errno. */
int peer_uid(int fd, uid_t *uid);
#endif
