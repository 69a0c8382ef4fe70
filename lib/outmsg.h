/* A message to be sent by SMTP, perhaps several times: a small one is kept as
 * it goes over the wire, a large file is read again in parts. */
#ifndef OUTMSG_H
#define OUTMSG_H
#include <sys/types.h>

#include "smtpout.h"

enum {
	OUTMSG_PART = 65536,       /* bytes read at once, and kept of a file */
	OUTMSG_PIPE = 64000000     /* most that is taken from a pipe */
};

/* Zero-initialised is valid; one may be used for many messages. */
struct outmsg {
	struct smtpout is; /* size, eight and barecr of the whole message */
	struct buf wire;   /* all of it, or its current part */
	struct buf raw;
	int fd;
	int seekable;
	off_t start;
	off_t end;
	int large;         /* not kept in wire */
};

/* How far it has been sent; zero-initialised is the beginning. */
struct outmsg_pos {
	off_t off;
	struct smtpout state;
};

/* Reads fd from where it stands to its end, and leaves the place of a file as
 * it was.  0, or -1 with errno (EFBIG: too much from a pipe). */
int outmsg_load(struct outmsg *m, int fd);
/* The same of n bytes that are all of it; they are not needed any more. */
void outmsg_take(struct outmsg *m, const char *p, size_t n);
/*
 * The next part in wire form, in m->wire.  1: there is more; 0: this is the
 * last, with the final dot; -1 with errno (EIO: the file is not what it was).
 */
int outmsg_part(struct outmsg *m, struct outmsg_pos *pos);
void outmsg_free(struct outmsg *m);
#endif
