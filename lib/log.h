/* One line an event on descriptor 2: program[pid]: level: event key=value …
 * (postchaise-log(5)).  And the ways a program ends. */
#ifndef LOG_H
#define LOG_H
#include <stddef.h>

/* The program's name in every line, without a path.  Call first. */
void log_init(const char *program);
const char *log_program(void);

/*
 * Writes one line with one write(2), at most 1000 bytes.  fmt holds key=value
 * fields; its literal text goes out as it stands, each value through a
 * conversion: %s (NULL is "-"), %.*s, %d %u %ld %lu %lld %llu %zu %x %c, and
 * %m for strerror(errno).  In the values of %s, %.*s, %c and %m every byte
 * outside 0x21-0x7e, and `"' and `%', is written %XX: no client can forge a
 * line or a field.  errno is kept.
 */
void log_info(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_fatal(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Log at level fatal and exit 111 (temporary) or 100 (permanent). */
void die_temp(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));
void die_perm(const char *event, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));
/* "usage: program text" in plain words to descriptor 2; exit 100. */
void die_usage(const char *text) __attribute__((noreturn));
#endif
