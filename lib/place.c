#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "place.h"

enum { LINKS = 8 };

/* The text of link `name' in dir with `rest' behind it, into out. */
static int
expand(int dir, const char *name, const char *rest, char out[PATH_MAX])
{
	ssize_t n = readlinkat(dir, name, out, PATH_MAX - 1);
	size_t r = strlen(rest);

	if (n == -1)
		return -1;
	if (n == 0 || out[0] == '/' || (size_t)n + r >= PATH_MAX) {
		errno = EXDEV;
		return -1;
	}
	memcpy(out + n, rest, r + 1);
	return 0;
}

/* Component by component, each without following links; a link's text is
 * walked like the path itself.  For systems without openat2. */
static int
walk(int dirfd, const char *path, int flags, mode_t mode, int links)
{
	char name[NAME_MAX + 1], text[PATH_MAX];
	const char *rest = path + strcspn(path, "/");
	size_t n = (size_t)(rest - path);
	int last, fd, r, err;

	if (n == 0 || n > NAME_MAX || (n == 2 && memcmp(path, "..", 2) == 0)) {
		errno = n > NAME_MAX ? ENAMETOOLONG : EXDEV;
		return -1;
	}
	memcpy(name, path, n);
	name[n] = '\0';
	last = rest[strspn(rest, "/")] == '\0';
	fd = openat(dirfd, name, O_NOFOLLOW | O_CLOEXEC |
	    (last ? flags : O_RDONLY | O_DIRECTORY), mode);
	if (fd == -1) {
		/* O_DIRECTORY and a link: ENOTDIR on Linux, ELOOP, EMLINK. */
		err = errno;
		if (links > 0 && (flags & O_NOFOLLOW) == 0 &&
		    expand(dirfd, name, rest, text) == 0)
			return walk(dirfd, text, flags, mode, links - 1);
		if (errno != EXDEV)
			errno = err;
		return -1;
	}
	if (last)
		return fd;
	r = walk(fd, rest + strspn(rest, "/"), flags, mode, links);
	err = errno;
	close(fd);
	errno = err;
	return r;
}

#if defined(__linux__) && defined(SYS_openat2)
/* As in linux/openat2.h, which a libc other than the system's lacks. */
struct open_how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};
enum { RESOLVE_BENEATH = 0x08 };

static int
open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH
	};
	int tries = 8;
	long fd;

	do { /* EAGAIN: a rename elsewhere while .. was resolved */
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
	} while (fd == -1 && (errno == EAGAIN || errno == EINTR) && --tries);
	if (fd == -1 && (errno == ENOSYS || errno == EPERM))
		return walk(dirfd, path, flags, mode, LINKS);
	return (int)fd;
}
#else
static int
open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	return walk(dirfd, path, flags, mode, LINKS);
}
#endif

int
place_open(const struct place *at, const char *below, int flags, mode_t mode)
{
	char path[PATH_MAX];
	size_t n = strlen(at->path), k = strlen(below);

	if (n + k >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path, at->path, n);
	memcpy(path + n, below, k + 1);
	if (at->nofollow && k == 0)
		flags |= O_NOFOLLOW;
	if (at->beneath)
		return open_beneath(at->dirfd, path, flags, mode);
	return openat(at->dirfd, path, flags | O_CLOEXEC, mode);
}

int
place_sync_parent(const struct place *at)
{
	char path[PATH_MAX];
	const char *slash = strrchr(at->path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - at->path);
	struct place dir = {at->dirfd, path, at->beneath, 0};
	int fd, r;

	if (n >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (n > 0) {
		memcpy(path, at->path, n);
		path[n] = '\0';
	} else {
		strcpy(path, slash != NULL ? "/" : ".");
	}
	fd = place_open(&dir, "", O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return -1;
	r = fsync(fd);
	close(fd);
	return r;
}
