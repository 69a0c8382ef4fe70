/* Reading and writing descriptors with deadlines. */
#ifndef FDIO_H
#define FDIO_H
#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Milliseconds of a clock that only goes forward. */
uint64_t clock_ms(void);
/* Microseconds since 1970. */
uint64_t clock_us(void);

/* All of it or -1 with errno; EINTR is tried again. */
int write_all(int fd, const void *p, size_t n);
/* Appends to b until end of file or until b holds max bytes.  0 at end of
 * file, 1 when max was reached before it, -1 with errno. */
int read_to_end(int fd, struct buf *b, size_t max);
/*
 * Waits until fd is readable (or writable).  deadline is a clock_ms time, 0
 * for none.  1: ready; 0: the deadline passed; -1 with errno (EINTR is
 * returned, so that a signal handler's flag can be looked at).
 */
int wait_readable(int fd, uint64_t deadline);
int wait_writable(int fd, uint64_t deadline);
#endif
