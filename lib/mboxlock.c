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
	STALE = 300,     /* seconds */
	LOCK_SIZE = 100, /* a dot-lock holds a process id or nothing */
	NOTE_TEXT = 12 + MBOX_NOTES * 5 * 21
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

/* A number and the dot behind it or the end: 0, else -1. */
static int
field(const char **p, const char *end, uint64_t *v)
{
	size_t k = scan_u64(*p, (size_t)(end - *p), v);

	if (k == 0 || *v > INT64_MAX)
		return -1;
	*p += k;
	if (*p < end && (**p != '.' || ++*p == end))
		return -1;
	return 0;
}

/* Parses `PID.START' and one or more `.END.TOP.HASH.NULS': how many, 0 for
 * another text. */
static unsigned
parse_notes(const char *p, size_t len, struct mbox_note note[MBOX_NOTES])
{
	const char *end = p + len;
	struct mbox_note *o;
	uint64_t pid, start;
	unsigned n = 0;

	if (field(&p, end, &pid) == -1 || field(&p, end, &start) == -1)
		return 0;
	while (p < end && n < MBOX_NOTES) {
		o = &note[n++];
		o->start = start;
		if (field(&p, end, &o->end) == -1 ||
		    field(&p, end, &o->top) == -1 ||
		    field(&p, end, &o->hash) == -1 ||
		    field(&p, end, &o->nuls) == -1 || o->end < start)
			return 0;
		start = o->end;
	}
	return p == end ? n : 0;
}

/* Whose is the lock that is there?  In a directory that everybody may write,
 * only a link of our own user is believed. */
static enum mbox_dot
examine(const struct place *at, const char *name,
    struct mbox_note left[MBOX_NOTES], unsigned *nleft)
{
	struct stat st;
	char text[NOTE_TEXT];
	ssize_t n;

	if (fstatat(at->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return MBOX_DOT_BUSY; /* gone just now: try again */
	if (S_ISLNK(st.st_mode) && st.st_uid == geteuid()) {
		n = readlinkat(at->dirfd, name, text, sizeof text);
		*nleft = n > 0 ? parse_notes(text, (size_t)n, left) : 0;
		if (*nleft > 0)
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
mbox_dot_lock(const struct place *at, const struct mbox_note *note, unsigned n,
    struct mbox_note left[MBOX_NOTES], unsigned *nleft)
{
	char name[PATH_MAX], text[NOTE_TEXT];
	size_t len;
	unsigned i;

	if (lock_name(name, at) == -1)
		return MBOX_DOT_CANNOT;
	len = (size_t)snprintf(text, sizeof text, "%ld.%llu", (long)getpid(),
	    (unsigned long long)note->start);
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof text - len,
		    ".%llu.%llu.%llu.%llu", (unsigned long long)note[i].end,
		    (unsigned long long)note[i].top,
		    (unsigned long long)note[i].hash,
		    (unsigned long long)note[i].nuls);
	if (symlinkat(text, at->dirfd, name) == 0)
		return MBOX_DOT_MADE;
	if (errno == EEXIST)
		return examine(at, name, left, nleft);
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
