/* lib/packet: bytes and descriptor arrive together, whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "child.h"
#include "packet.h"
#include "tap.h"

static char big[PACKET_MAX], in[PACKET_MAX];

static int
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

/* How many descriptors are open, to see what leaks. */
static int
count_open(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 100; fd++)
		n += is_open(fd);
	return n;
}

static void
passing(int s[2])
{
	struct iovec v[2] = {{"ab", 2}, {"cde", 3}};
	int p[2], fd, n;
	char c = 0;

	if (pipe(p) == -1)
		abort();
	is_int(packet_send(s[0], "hello", 5, p[0]), 0, "sent with a descriptor");
	close(p[0]);
	is_int(packet_recv(s[1], in, sizeof in, &fd), 5, "received");
	is_mem(in, 5, "hello", "its bytes");
	ok(fd != -1 && fcntl(fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
	ok(write(p[1], "x", 1) == 1 && read(fd, &c, 1) == 1 && c == 'x',
	    "the descriptor is the pipe");
	close(fd);
	close(p[1]);
	packet_send(s[0], "bare", 4, -1);
	packet_recv(s[1], in, sizeof in, &fd);
	is_int(fd, -1, "none came, none is told");
	packet_sendv(s[0], v, 2, -1);
	is_int(packet_recv(s[1], in, sizeof in, &fd), 5, "two pieces, one packet");
	is_mem(in, 5, "abcde", "in order");
	n = count_open();
	if (pipe(p) == -1)
		abort();
	packet_send(s[0], big, 100, p[0]);
	close(p[0]);
	close(p[1]);
	errno = 0;
	is_int(packet_recv(s[1], in, 10, &fd), -1, "longer than there is room");
	is_int(errno, EMSGSIZE, "  EMSGSIZE");
	is_int(fd, -1, "  its descriptor is not told");
	is_int(count_open(), n, "  nor left open");
}

/* Two descriptors in one message: the control data has room for both. */
static void
two(int s[2])
{
	struct iovec v = {"x", 1};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} u;
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1,
	    .msg_control = u.space, .msg_controllen = sizeof u.space};
	int p[2], fd, n = count_open();

	if (pipe(p) == -1)
		abort();
	memset(&u, 0, sizeof u);
	u.align.cmsg_level = SOL_SOCKET;
	u.align.cmsg_type = SCM_RIGHTS;
	u.align.cmsg_len = CMSG_LEN(sizeof p);
	memcpy(CMSG_DATA(&u.align), p, sizeof p);
	is_int(sendmsg(s[0], &m, 0), 1, "sent with two descriptors");
	close(p[0]);
	close(p[1]);
	packet_recv(s[1], in, sizeof in, &fd);
	if (fd != -1)
		close(fd);
	is_int(count_open(), n, "the second is not left open");
}

static void
ends(int s[2])
{
	int fd, n = 0;

	is_int(packet_send(s[0], big, sizeof big, -1), 0, "the largest packet");
	is_int(packet_recv(s[1], in, sizeof in, &fd), PACKET_MAX, "arrives");
	fd_nonblock(s[0]);
	fd_nonblock(s[1]);
	errno = 0;
	is_int(packet_recv(s[1], in, sizeof in, &fd), -1, "nothing there");
	is_int(errno, EAGAIN, "  EAGAIN");
	while (packet_send(s[0], big, sizeof big, -1) == 0)
		n++;
	is_int(errno, EAGAIN, "a full socket: EAGAIN");
	while (packet_recv(s[1], in, sizeof in, &fd) == PACKET_MAX)
		n--;
	is_int(n, 0, "every packet that was sent is whole");
	close(s[0]);
	is_int(packet_recv(s[1], in, sizeof in, &fd), 0, "end of file is 0");
	errno = 0;
	is_int(packet_send(s[1], "x", 1, -1), -1, "sent to nobody: no signal");
	is_int(errno, EPIPE, "  EPIPE");
}

int
main(void)
{
	int s[2];

	if (packet_pair(s) == -1)
		return 1;
	ok(fcntl(s[0], F_GETFD) & FD_CLOEXEC && fcntl(s[1], F_GETFD) &
	    FD_CLOEXEC, "both ends are close-on-exec");
	passing(s);
	two(s);
	ends(s);
	return done();
}
