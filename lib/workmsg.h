/* The message of a work as a descriptor for a delivery program. */
#ifndef WORKMSG_H
#define WORKMSG_H
#include "work.h"

/* Read end of a pipe that holds all of it, or of its body file, close-on-exec;
 * -1 with errno.  Never a descriptor of a slot. */
int workmsg_open(const struct work *w);
/* An unlinked file of this content, at its beginning. */
int workmsg_file(int qdir, const void *p, size_t n);
#endif
