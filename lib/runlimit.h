/* Running a program for its exit code and what it says, with a time limit. */
#ifndef RUNLIMIT_H
#define RUNLIMIT_H
#include <stddef.h>
#include <stdint.h>

#include "child.h"

enum {
	RUNLIMIT_WORDS = 64, /* of a command line */
	RUNLIMIT_FDS = 6     /* given to a program besides 0 and 1 */
};

struct runlimit {
	/* set by the caller */
	uint64_t ms;             /* its time; then it is killed */
	const struct child_fd *fds; /* at most RUNLIMIT_FDS, besides our 2; 0 */
	size_t nfds;             /* is /dev/null unless it is among them */
	char *out;               /* the first cap bytes that it writes on 1; */
	size_t cap;              /* 0: its 1 is /dev/null */
	/* the result */
	size_t outlen;
	const char *failed;      /* NULL: it ended by itself; else why not, */
};                               /* for the log */

/*
 * Runs argv, found by path_program, with our environment, and waits for it to
 * end; what it leaves in the background is not waited for.  Returns its exit
 * code, 111 when it failed.  SIGCHLD is taken over meanwhile, then given back.
 */
int runlimit(struct runlimit *r, char *const argv[]);
/* Splits s at blanks in place: how many words, argv ends with NULL.  -1 when
 * there is none, or more than RUNLIMIT_WORDS. */
int runlimit_words(char *s, char *argv[RUNLIMIT_WORDS + 1]);
#endif
