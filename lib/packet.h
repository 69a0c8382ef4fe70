/* Packets with a descriptor over a SOCK_SEQPACKET pair (INTERFACES 4, 5). */
#ifndef PACKET_H
#define PACKET_H
#include <sys/types.h>
#include <sys/uio.h>
#include <stddef.h>

enum {
	PACKET_MAX = 65536,
	PACKET_INJECT = 131072 /* envelope and message for queue-inject -k */
};

/* A pair, both ends close-on-exec: 0, or -1 with errno. */
int packet_pair(int fd[2]);
/* Sends p as one packet, with descriptor pass (-1: none).  0; -1 with errno
 * (EAGAIN where fd does not block). */
int packet_send(int fd, const void *p, size_t n, int pass);
/* The same of several pieces. */
int packet_sendv(int fd, const struct iovec *v, size_t n, int pass);
/* Receives one packet into p.  Returns its bytes, 0 at end of file, -1 with
 * errno (EMSGSIZE: it was longer than max).  *passed gets the descriptor that
 * came with it (close-on-exec), -1 for none. */
ssize_t packet_recv(int fd, void *p, size_t max, int *passed);
#endif
