#ifdef __linux__
#include <sys/vfs.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "syncname.h"

/*
 * ext4 and XFS log an inode that is made or renamed (its ctime changes) in the
 * transaction that holds the directory's change, and fsync commits up to the
 * inode's last transaction.  Of others nothing is assumed.  The magic number
 * is ext2's too, which has no journal that could promise anything.
 */
int
sync_keeps_name(int fd)
{
#ifdef __linux__
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	    (fs.f_type == 0xef53 || fs.f_type == 0x58465342);
#else
	(void)fd;
	return 0;
#endif
}

int
sync_names(int dirfd, const char *path)
{
	int fd, r, err;

	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	r = fsync(fd);
	err = errno;
	close(fd);
	errno = err;
	return r;
}

int
sync_name(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);
	char dir[PATH_MAX];

	if (slash == NULL)
		return sync_names(dirfd, ".");
	if (n >= sizeof dir) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, path, n);
	dir[n] = '\0';
	return sync_names(dirfd, n == 0 ? "/" : dir);
}
