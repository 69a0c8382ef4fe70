#include <sys/file.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mboxlock.h"
#include "str.h"

enum {
	STALE = 300,    /* seconds */
	LOCK_SIZE = 100 /* a dot-lock holds a process id or nothing */
};

/* On NFS flock is made of the same locks as fcntl, and would conflict with
 * our own. */
static int
same_locks(int fd)
{
#ifdef __linux__
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == 0x6969;
#else
	(void)fd;
	return 0;
#endif
}

int
mbox_kernel_lock(int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_SETLK, &l) == -1)
		return errno == EACCES || errno == EAGAIN ? 0 : -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 1;
	if (errno == EWOULDBLOCK && same_locks(fd))
		return 1;
	l.l_type = F_UNLCK;
	fcntl(fd, F_SETLK, &l);
	return errno == EWOULDBLOCK ? 0 : -1;
}

void
mbox_kernel_unlock(int fd)
{
	struct flock l = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	flock(fd, LOCK_UN);
	fcntl(fd, F_SETLK, &l);
}

static int
lock_name(char out[PATH_MAX], const struct place *at)
{
	return snprintf(out, PATH_MAX, "%s.lock", at->path) < PATH_MAX ? 0 : -1;
}

/* Parses `PID.START.END.TOP.HASH.NULS': 0, else -1. */
static int
parse_note(const char *p, size_t n, struct mbox_note *note)
{
	uint64_t v[6];
	size_t i, k;

	for (i = 0; i < 6; i++) {
		if (i > 0 && (n == 0 || *p++ != '.' || n-- == 0))
			return -1;
		k = scan_u64(p, n, &v[i]);
		if (k == 0 || v[i] > INT64_MAX)
			return -1;
		p += k;
		n -= k;
	}
	note->start = v[1];
	note->end = v[2];
	note->top = v[3];
	note->hash = v[4];
	note->nuls = v[5];
	return n == 0 ? 0 : -1;
}

/* Whose is the lock that is there?  In a directory that everybody may write,
 * only a link of our own user is believed. */
static enum mbox_dot
examine(const struct place *at, const char *name, struct mbox_note *left)
{
	struct stat st;
	char text[160];
	ssize_t n;

	if (fstatat(at->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return MBOX_DOT_BUSY; /* gone just now: try again */
	if (S_ISLNK(st.st_mode) && st.st_uid == geteuid()) {
		n = readlinkat(at->dirfd, name, text, sizeof text);
		if (n > 0 && parse_note(text, (size_t)n, left) == 0)
			return MBOX_DOT_LEFT;
	}
	/* Somebody's mailbox may have this name; and in the spool, where
	 * everybody may make files, others would lock us out for ever. */
	if (S_ISDIR(st.st_mode) || st.st_size > LOCK_SIZE ||
	    (at->nofollow && st.st_uid != geteuid() && st.st_uid != 0))
		return MBOX_DOT_CANNOT;
	if (time(NULL) - st.st_mtime > STALE &&
	    unlinkat(at->dirfd, name, 0) == -1 && errno != ENOENT)
		return MBOX_DOT_CANNOT;
	return MBOX_DOT_BUSY;
}

enum mbox_dot
mbox_dot_lock(const struct place *at, const struct mbox_note *note,
    struct mbox_note *left)
{
	char name[PATH_MAX], text[160];

	if (lock_name(name, at) == -1)
		return MBOX_DOT_CANNOT;
	snprintf(text, sizeof text, "%ld.%llu.%llu.%llu.%llu.%llu", (long)getpid(),
	    (unsigned long long)note->start, (unsigned long long)note->end,
	    (unsigned long long)note->top, (unsigned long long)note->hash,
	    (unsigned long long)note->nuls);
	if (symlinkat(text, at->dirfd, name) == 0)
		return MBOX_DOT_MADE;
	if (errno == EEXIST)
		return examine(at, name, left);
	return MBOX_DOT_CANNOT;
}

void
mbox_dot_unlock(const struct place *at)
{
	char name[PATH_MAX];
	int err = errno;

	if (lock_name(name, at) == 0)
		unlinkat(at->dirfd, name, 0);
	errno = err;
}
