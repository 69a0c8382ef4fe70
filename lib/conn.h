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
	uint64_t idle;     /* ms for a line, for one read of a message, and
	                      for one conn_write */
	uint64_t deadline; /* clock_ms when all is over; 0: never */
	uint64_t line;     /* when the line must be complete; 0: none is
	                      waited for */
	int polled;        /* 0 is no socket: poll before each read */
	uint64_t limit;    /* of a read, as the socket has it */
};

/* Ignores PIPE and catches TERM.  idle in milliseconds. */
void conn_init(struct conn *c, uint64_t idle);
/* Other descriptors have become 0 and 1. */
void conn_replaced(struct conn *c);
/* Was TERM received? */
int conn_term(void);
/*
 * Reads what is there, waiting for it: the bytes (over 0), or an event.  With
 * command it is a command line that is read: it has `idle' from the first of
 * these reads to conn_line, however it dribbles in, and a TERM before or while
 * it waits returns CONN_TERM.
 */
long conn_read(struct conn *c, void *p, size_t n, int command);
/* A line was complete: the next one has its whole time. */
void conn_line(struct conn *c);
/* Waits for ms milliseconds, less if the client speaks or is gone: 1 if it
 * spoke. */
int conn_spoke(uint64_t ms);
/* Writes all of p: 0, or an event. */
int conn_write(struct conn *c, const void *p, size_t n);
/* Closes the sending side and reads what the client still sends, a moment
 * long, so that our last reply is not lost to a reset. */
void conn_linger(struct conn *c);
#endif
