/*
 * unix-io SOCKET: descriptor 0 into a stream socket, then what the socket
 * says to descriptor 1, to its end.  Exit 111 without a connection.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void
copy(int from, int to)
{
	char b[4096];
	ssize_t n;

	while ((n = read(from, b, sizeof b)) > 0)
		if (write(to, b, (size_t)n) != n)
			return;
}

int
main(int argc, char *argv[])
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof sa.sun_path)
		return 111;
	strcpy(sa.sun_path, argv[1]);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == -1)
		return 111;
	signal(SIGPIPE, SIG_IGN);
	alarm(60);
	copy(0, fd);
	shutdown(fd, SHUT_WR);
	copy(fd, 1);
	return 0;
}
