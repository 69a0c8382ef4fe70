/* Running the check-* commands of a setting (INTERFACES 10). */
#ifndef CHECKS_H
#define CHECKS_H
#include <stddef.h>

#include "map.h"

enum {
	CHECKS_TEXT = 400,               /* bytes kept of what a check says */
	CHECKS_REPLY = CHECKS_TEXT + 16, /* with code, status and a NUL */
	CHECKS_MS = 10000                /* for each of them */
};

/*
 * Runs the commands of setting name (check-mail, check-rcpt, check-data) one
 * after another, each with its standard input from infd (-1: /dev/null; it is
 * rewound before each).  What they are to know is in the environment already.
 * NULL to go on, or the reply that refuses, valid until the next call.  *by
 * (if not NULL) is then the command that did, valid as long.  What a check
 * that fails does is logged.
 */
const char *checks_run(const struct map *tables, const char *name, int infd,
    const char **by);
/*
 * The reply to a client of a check that ended with code (100: refuse, all else:
 * defer) and said the n bytes at p: its first line, printable, behind 550 or
 * 451, with an enhanced status of that class.
 */
void checks_reply(char reply[CHECKS_REPLY], int code, const char *p, size_t n);
#endif
