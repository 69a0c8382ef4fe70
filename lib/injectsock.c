#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "injectsock.h"
#include "paths.h"
#include "peeruid.h"

enum { BACKLOG = 1000 };

/* Its address; -1 with errno. */
static int
address(struct sockaddr_un *sa)
{
	char *path = path_make(PATH_RUN "/inject");
	size_t n = strlen(path);

	memset(sa, 0, sizeof *sa);
	sa->sun_family = AF_UNIX;
	if (n < sizeof sa->sun_path)
		memcpy(sa->sun_path, path, n + 1);
	free(path);
	errno = ENAMETOOLONG;
	return n < sizeof sa->sun_path ? 0 : -1;
}

static int
new_socket(int flags)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
}

/* Does nobody listen on the socket that is there? */
static int
is_left(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, left;

	if (lstat(sa->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode) ||
	    (fd = new_socket(SOCK_NONBLOCK)) == -1)
		return 0;
	left = connect(fd, (const struct sockaddr *)sa, sizeof *sa) == -1 &&
	    errno == ECONNREFUSED;
	close(fd);
	return left;
}

int
injectsock_listen(void)
{
	struct sockaddr_un sa;
	int fd, r, err;
	mode_t mask;

	if (address(&sa) == -1 || (fd = new_socket(0)) == -1)
		return -1;
	/* Anybody may connect; whom it serves is decided by his uid. */
	mask = umask(0111);
	r = bind(fd, (struct sockaddr *)&sa, sizeof sa);
	if (r == -1 && errno == EADDRINUSE && is_left(&sa) &&
	    unlink(sa.sun_path) == 0)
		r = bind(fd, (struct sockaddr *)&sa, sizeof sa);
	err = errno;
	umask(mask);
	if (r == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err = r == 0 ? errno : err;
	close(fd);
	errno = err;
	return -1;
}

/* The user whose service is believed. */
static int
queue_uid(uid_t *uid)
{
	char *path = path_program("queue-inject");
	struct stat st;
	int r = stat(path, &st);

	free(path);
	*uid = r == 0 && st.st_mode & S_ISUID ? st.st_uid : geteuid();
	return r;
}

int
injectsock_connect(void)
{
	struct sockaddr_un sa;
	uid_t owner, uid;
	int fd;

	if (address(&sa) == -1 || (fd = new_socket(SOCK_NONBLOCK)) == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 &&
	    queue_uid(&owner) == 0 && peer_uid(fd, &uid) == 0 && uid == owner)
		return fd;
	close(fd);
	return -1;
}
