/* Growable bytes: the one owner of heap memory in short-lived programs. */
#ifndef BUF_H
#define BUF_H
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty and valid.  p is owned; not NUL-terminated
 * unless buf_cstr was called after the last change. */
struct buf {
	char *p;
	size_t len;
	size_t cap;
};

/* Called when memory runs out; must not return.  The default ends the
 * process with 111, so that no buf_ function has an error to report. */
extern void (*buf_nomem)(void);

/* Makes room for n more bytes after len. */
void buf_room(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
/* Adds s and its NUL. */
void buf_strz(struct buf *b, const char *s);
void buf_byte(struct buf *b, char c);
void buf_num(struct buf *b, uint64_t n);
/* printf into the end of b. */
void buf_fmt(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* NUL after the last byte (not counted in len); returns p. */
char *buf_cstr(struct buf *b);
/* Empties and gives the memory back. */
void buf_free(struct buf *b);
/* malloc and realloc that end through buf_nomem. */
void *xalloc(size_t n);
void *xrealloc(void *p, size_t n);
#endif
