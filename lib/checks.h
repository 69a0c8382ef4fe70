/* Running the check-* commands of a setting (INTERFACES 10). */
#ifndef CHECKS_H
#define CHECKS_H
#include "map.h"

/*
 * Runs the commands of setting name (check-mail, check-rcpt, check-data) one
 * after another, each with its standard input from infd (-1: /dev/null; it is
 * rewound before each).  What they are to know is in the environment already.
 * NULL to go on, or the reply that refuses, valid until the next call.  *by
 * (if not NULL) is then the command that did.
 */
const char *checks_run(const struct map *tables, const char *name, int infd,
    const char **by);
#endif
