#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "workmsg.h"

enum { PIPE_PAGE = 4096 };

int
workmsg_file(int qdir, const void *p, size_t n)
{
	static unsigned count;
	char name[48];
	int fd;

	snprintf(name, sizeof name, "tmp.%ld.%u", (long)getpid(), count++);
	fd = openat(qdir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	unlinkat(qdir, name, 0);
	if (write_all(fd, p, n) == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	return -1;
}

int
workmsg_open(const struct work *w)
{
	size_t n = w->slot.msglen;
	int p[2];

	if (w->slot.head.flags & SLOT_BODY)
		return slot_body_open(&w->slot, w->qdir);
	if (pipe_cloexec(p) == -1)
		return -1;
	/* A page always fits; more might not, and must not block. */
	if (n > PIPE_PAGE)
		fcntl(p[1], F_SETFL, O_WRONLY | O_NONBLOCK);
	if (write(p[1], w->slot.data.p, n) == (ssize_t)n || n == 0) {
		close(p[1]);
		return p[0];
	}
	/* Pipes are smaller elsewhere, and here too once a user has many. */
	close(p[0]);
	close(p[1]);
	return workmsg_file(w->qdir, w->slot.data.p, n);
}
