/* A client's connection on descriptors 0 and 1: one system call a read, with
 * time limits, and a TERM that is not lost. */
#ifndef CONN_H
#define CONN_H
#include <stddef.h>
#include <stdint.h>

enum conn_event {
	CONN_EOF = 0,
	CONN_TIMEOUT = -1,
	CONN_TERM = -2, /* only when asked for */
	CONN_LOST = -3  /* errno */
};

struct conn {
	uint64_t idle;     /* ms for one read or write */
	uint64_t deadline; /* clock_ms when all is over; 0: never */
	int polled;        /* 0 is no socket: poll before each read */
	uint64_t limit;    /* of a read, as the socket has it */
};

/* Ignores PIPE and catches TERM.  idle in milliseconds. */
void conn_init(struct conn *c, uint64_t idle);
/* Was TERM received? */
int conn_term(void);
/* Reads what is there, waiting for it: the bytes (over 0), or an event.  With
 * term, a TERM before or while it waits returns CONN_TERM. */
long conn_read(struct conn *c, void *p, size_t n, int term);
/* Writes all of p: 0, or an event. */
int conn_write(struct conn *c, const void *p, size_t n);
/* Closes the sending side and reads what the client still sends, a moment
 * long, so that our last reply is not lost to a reset. */
void conn_linger(struct conn *c);
#endif
