/* Saying step by step what the mail server would do: by the modules that do
 * it, told by their traces. */
#ifndef EXPLAIN_H
#define EXPLAIN_H
#include "map.h"

enum { EXPLAIN_OK = 0, EXPLAIN_REFUSED = 100, EXPLAIN_FAILED = 111 };

/* A line of the explanation, without control characters; depth is how far it
 * is indented. */
typedef void explain_line(void *arg, int depth, const char *text);

struct explain {
	const struct map *tables;
	explain_line *line;
	void *arg;
};

/* Where mail for an address (canonical, NUL-terminated) goes.  EXPLAIN_OK if
 * one place of it at least can be reached. */
int explain_address(const struct explain *e, const char *addr);

/* A session to be explained; NULL for what is not known, and what would come
 * behind it is left out. */
struct explain_session {
	const char *ip;
	const char *name;  /* what TCPREMOTEHOST would be */
	const char *helo;
	const char *from;  /* canonical, "" for the null sender */
	const char *to;    /* canonical */
	const char *login;
	const char *rules; /* a cdb of tcprules(1) */
	int gate;          /* ask conn-gate */
};

/*
 * What a client would be answered at each step.  Changes the environment: the
 * variables of UCSPI, and what the rules set.
 */
int explain_session(const struct explain *e, const struct explain_session *s);
#endif
