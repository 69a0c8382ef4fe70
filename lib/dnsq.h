/* Asking mx-lookup one question and reading the words of its answer
 * (mx-lookup(8)): what lib/mxq and lib/hostq have in common. */
#ifndef DNSQ_H
#define DNSQ_H
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { DNSQ_ANSWER = 131072 }; /* bytes; above what mx-lookup gives */

/* What is not read yet of an answer, of a line of it, or a word. */
struct words {
	const char *p;
	size_t n;
};

/* Why there is no answer, or the line `fail' of one. */
struct dnsq_fail {
	int code;        /* 0 none, 100 never, 111 try later */
	char status[12]; /* X.Y.Z */
	char text[200];  /* for people */
};

/*
 * Asks the resident service on its socket; where there is none, runs mx-lookup
 * once.  0: lines (emptied before) has the answer without the `.' that ends it
 * on the socket; -1: f says why there is none.  question has no newline;
 * timeout in milliseconds.
 */
int dnsq_ask(struct dnsq_fail *f, struct buf *lines, const char *question,
    uint64_t timeout);

/* Takes what stands before the next sep, and sep; 0 when nothing is left. */
int dnsq_cut(struct words *t, char sep, struct words *out);
int dnsq_is(const struct words *w, const char *s);
/* A word as a string that the caller frees. */
char *dnsq_copy(const struct words *w);
/* STATUS TEXT of a line `fail': 0, or -1 when it is malformed or f is filled
 * already.  Bytes of the text that are not printable become `?'. */
int dnsq_read_fail(struct dnsq_fail *f, struct words *line);
void dnsq_set_fail(struct dnsq_fail *f, int code, const char *status,
    const char *text);
#endif
