#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "syslogfd.h"

static int
same_socket(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && S_ISSOCK(x.st_mode) &&
	    x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A socket to syslogd, which takes lines without a priority as user.notice,
 * and the program's name and pid from their beginning; -1. */
static int
connect_syslog(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (fd == -1)
		return -1;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	/* Without blocking: a full syslogd must not stop the mail. */
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 &&
	    fd_nonblock(fd) == 0)
		return fd;
	close(fd);
	return -1;
}

void
syslogfd_replace(void)
{
	int fd;

	if (!same_socket(0, 2))
		return;
	fd = connect_syslog("/dev/log");
	if (fd == -1)
		fd = connect_syslog("/var/run/log");
	if (fd == -1)
		fd = open("/dev/null", O_WRONLY);
	if (fd == -1 || dup2(fd, 2) == -1)
		close(2);
	if (fd != -1)
		close(fd);
}
