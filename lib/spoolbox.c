#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "spoolbox.h"

/* Makes it without an owner, or opens what a crash has left so: its
 * descriptor, or -1. */
static int
create(int dirfd, const char *user, int maildir)
{
	struct stat st;
	int fd;

	if (maildir)
		return mkdirat(dirfd, user, 0700) == -1 ? -1
		    : openat(dirfd, user, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
			O_CLOEXEC);
	fd = openat(dirfd, user, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd != -1 || errno != EEXIST)
		return fd;
	fd = openat(dirfd, user, O_WRONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return -1;
	/* No link to an empty file of root's elsewhere. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	    st.st_size == 0 && st.st_nlink == 1)
		return fd;
	close(fd);
	errno = EEXIST;
	return -1;
}

int
spoolbox_make(const char *dir, const char *user, uid_t uid, gid_t gid)
{
	size_t n = strlen(dir);
	int maildir = n > 0 && dir[n - 1] == '/', dirfd, fd, r = 0, err;
	struct stat st;

	if (*user == '\0' || *user == '.' || strchr(user, '/') != NULL) {
		errno = EINVAL;
		return -1;
	}
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return -1;
	if (fstatat(dirfd, user, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    (st.st_uid == 0 && S_ISREG(st.st_mode))) {
		fd = create(dirfd, user, maildir);
		if (fd != -1) {
			r = fchown(fd, uid, gid) == -1 || fsync(fd) == -1 ||
			    fsync(dirfd) == -1 ? -1 : 0;
			err = errno;
			close(fd);
			errno = err;
		} else if (errno != EEXIST) {
			r = -1;
		}
	}
	err = errno;
	close(dirfd);
	errno = err;
	return r;
}
