/* Counting sessions by fcntl(2) locks, which the kernel releases when the
 * process that holds them ends, whatever ends it. */
#ifndef SESSLOCK_H
#define SESSLOCK_H
#include "netaddr.h"

enum sesslock {
	SESSLOCK_ALL,     /* all sessions that this file counts */
	SESSLOCK_NETWORK, /* those of the client's network (netprefix_of) */
	SESSLOCK_ADDRESS  /* those of its address */
};

enum {
	/* The largest limits; larger ones count as these. */
	SESSLOCK_MAX_ALL = 1 << 20,
	SESSLOCK_MAX_CLIENT = 4096,
	/* Places that are tried, so that a crowd that is refused costs little:
	 * limits to this one are exact; of a larger one the last hundredth may
	 * stay free. */
	SESSLOCK_TRIES = 256
};

/*
 * Opens the file, made if it is missing (mode 600), as a descriptor from 10 on
 * that stays open through exec: -1 with errno.  The locks live as long as this
 * process, through exec; a child does not have them.  They are gone as soon as
 * the process closes any descriptor of this file.
 */
int sesslock_open(const char *path);
/*
 * Counts this process as one session of a.  1: it is one of at most max (0:
 * any number); 0: there are max already; -1: the locks do not work (errno).
 * However many processes ask at the same time, max is never exceeded.
 */
int sesslock_take(int fd, enum sesslock what, const struct netaddr *a,
    unsigned long max);
#endif
