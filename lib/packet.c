#include <sys/socket.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "packet.h"

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

int
packet_pair(int fd[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == -1)
		return -1;
	fd_cloexec(fd[0]);
	fd_cloexec(fd[1]);
	return 0;
}

int
packet_send(int fd, const void *p, size_t n, int pass)
{
	struct iovec iov = {(void *)(uintptr_t)p, n};

	return packet_sendv(fd, &iov, 1, pass);
}

int
packet_sendv(int fd, const struct iovec *v, size_t n, int pass)
{
	struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)v,
	    .msg_iovlen = n};
	union control u;
	struct cmsghdr *c;
	ssize_t r;

	if (pass != -1) {
		memset(&u, 0, sizeof u);
		m.msg_control = u.space;
		m.msg_controllen = sizeof u.space;
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof pass);
		memcpy(CMSG_DATA(c), &pass, sizeof pass);
	}
	do {
		r = sendmsg(fd, &m, MSG_NOSIGNAL);
	} while (r == -1 && errno == EINTR);
	return r == -1 ? -1 : 0;
}

/* The descriptor of a control message; what came besides it is closed, for
 * there is room for two where one is wanted. */
static int
take_one(const struct cmsghdr *c)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;
	int fd = -1, other;

	for (i = 0; i < n; i++) {
		memcpy(&other, CMSG_DATA(c) + i * sizeof other, sizeof other);
		if (i == 0)
			fd = other;
		else
			close(other);
	}
	return fd;
}

ssize_t
packet_recv(int fd, void *p, size_t max, int *passed)
{
	struct iovec iov = {p, max};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union control u;
	struct cmsghdr *c;
	ssize_t r;

	*passed = -1;
	m.msg_control = u.space;
	m.msg_controllen = sizeof u.space;
	do {
		r = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	} while (r == -1 && errno == EINTR);
	if (r == -1)
		return -1;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			*passed = take_one(c);
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		if (*passed != -1)
			close(*passed);
		*passed = -1;
		errno = EMSGSIZE;
		return -1;
	}
	return r;
}
