/* Bytes both ways between a network connection that a library speaks (TLS) and
 * a socket with the plain text. */
#ifndef DUPLEX_H
#define DUPLEX_H
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DUPLEX_RECORD = 16384, /* the most that a TLS record holds */
	DUPLEX_AGAIN = 0,
	DUPLEX_END = -1,  /* the other side has said that no more comes */
	DUPLEX_LOST = -2  /* the connection broke */
};

/* The library.  Each returns bytes (over 0), or one of the above; with
 * DUPLEX_AGAIN it adds to *want what it waits for, POLLIN or POLLOUT. */
struct duplex_net {
	long (*read)(void *arg, char *p, size_t n, short *want);
	long (*write)(void *arg, const char *p, size_t n, short *want);
	/* Tells the other side that no more comes: 1 when that is done. */
	long (*end)(void *arg, short *want);
};

/* One direction. */
struct duplex_way {
	size_t at, len;  /* what is in buf and not written */
	int ended;       /* there is no more to read */
	int told;        /* the other side knows that, or is gone */
	char buf[DUPLEX_RECORD];
};

struct duplex {
	/* set by the caller, the rest is zero */
	const struct duplex_net *net;
	void *arg;
	int in, out; /* the connection, to poll; may be the same */
	int plain;   /* a stream socket */
	int idle_ms; /* when nothing moves for so long it is over; */
	int half_ms; /* the same when the network's side has ended or *stop is
	                set: the program may still be at work; */
	int last_ms; /* when the program has ended; half_ms altogether */
	const volatile sig_atomic_t *stop;

	/* private */
	int lost;
	int gone;     /* the program has ended */
	uint64_t end; /* clock_ms when that is over; 0: not begun */
	short want_net, want_plain;
	struct duplex_way up;   /* network to plain */
	struct duplex_way down; /* plain to network */
};

/*
 * Moves bytes until both ways have ended, the plain side is gone and has been
 * told on, or nothing moves any more.  An end of one way is passed on as just
 * that (RFC 8446 6.1), so that the other way can be finished.  The three
 * descriptors are non-blocking, and SIGPIPE is ignored.
 */
void duplex_run(struct duplex *d);
#endif
