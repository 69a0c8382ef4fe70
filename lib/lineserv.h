/* A local socket where many clients ask in lines and are answered in text:
 * the clients' side of the owner's poll loop. */
#ifndef LINESERV_H
#define LINESERV_H
#include <sys/stat.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	LINESERV_CLIENTS = 1000, /* at once; more wait in the backlog */
	LINESERV_LINE = 512,     /* bytes of a line; a longer one ends it */
	LINESERV_IDLE = 60000    /* ms to ask again, or to take an answer */
};

struct client {
	int fd;
	int eof;       /* it will send no more */
	void *waiting; /* the owner's; not NULL: no further line is taken */
	uint64_t deadline;
	size_t got;
	size_t sent;
	struct buf out;
	char in[LINESERV_LINE];
};

/* Zero-initialised but for fd. */
struct lineserv {
	int fd;
	uint64_t paused; /* no descriptor was free: accept again after this */
	struct client *clients[LINESERV_CLIENTS];
	size_t n;
};

/* What to do with a line (without its newline): answer now, or set
 * c->waiting and answer later. */
typedef void lineserv_line(void *arg, struct client *c, const char *line,
    size_t n);

/*
 * Listens on path, a socket of this mode; makes its directories, and takes the
 * place of a socket where nobody listens.  -1 with errno
 * (EADDRINUSE: somebody does).
 */
int lineserv_open(struct lineserv *s, const char *path, mode_t mode);
/* Fills p (room for LINESERV_CLIENTS + 1); returns how many.  *deadline is
 * lowered to the time when lineserv_work must be called at the latest. */
size_t lineserv_poll(const struct lineserv *s, struct pollfd *p,
    uint64_t *deadline);
/* Serves what poll found in the n places that lineserv_poll filled: accepts,
 * reads, writes, closes.  Call it after timeouts too. */
void lineserv_work(struct lineserv *s, const struct pollfd *p, size_t n,
    lineserv_line *line, void *arg);
/* Answers c, which goes on to its next line. */
void lineserv_answer(struct client *c, const char *p, size_t n);
#endif
