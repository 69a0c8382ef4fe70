#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "paths.h"
#include "settings.h"
#include "source.h"

enum { FILE_MAX = 1 << 30 };

static int
trusted_owner(const struct sources *s, uid_t uid)
{
	size_t i;

	for (i = 0; i < s->nowners; i++)
		if (uid == s->owners[i])
			return 1;
	return uid == 0 || uid == getuid();
}

/* May a group write it?  Only root's and the owner's own. */
static int
trusted_group(uid_t owner, gid_t gid)
{
	const struct passwd *pw;

	if (gid == 0 || (owner == getuid() && gid == getgid()))
		return 1;
	pw = getpwuid(owner);
	return pw != NULL && pw->pw_gid == gid;
}

/* Says what is unsafe about a file or directory; 0 when nothing is. */
static int
unsafe(const struct sources *s, const char *path, const struct stat *st,
    struct diag *d)
{
	unsigned mode = (unsigned)st->st_mode & 07777;
	/* In a sticky directory nobody replaces another's file. */
	int sticky = S_ISDIR(st->st_mode) && mode & 01000;

	if (!trusted_owner(s, st->st_uid))
		diag_error(d, path, 0, "unsafe owner: it belongs to uid %lu",
		    (unsigned long)st->st_uid);
	else if (mode & 02 && !sticky)
		diag_error(d, path, 0,
		    "unsafe mode %04o: anybody can change it", mode);
	else if (mode & 020 && !sticky &&
	    !trusted_group(st->st_uid, st->st_gid))
		diag_error(d, path, 0,
		    "unsafe mode %04o: group %lu can change it", mode,
		    (unsigned long)st->st_gid);
	else
		return 0;
	return -1;
}

/* A link in somebody's own directory leads where he likes: to a file that only
 * root can read too, and a table would show him what is in it. */
static int
unsafe_link(const char *path, const struct stat *file, struct diag *d)
{
	struct stat st;

	if (lstat(path, &st) == -1) {
		diag_errno(d, path, "stat");
		return -1;
	}
	if (!S_ISLNK(st.st_mode) || st.st_uid == 0 || st.st_uid == getuid() ||
	    st.st_uid == file->st_uid)
		return 0;
	diag_error(d, path, 0, "unsafe link: uid %lu made it, to a file of "
	    "uid %lu", (unsigned long)st.st_uid, (unsigned long)file->st_uid);
	return -1;
}

/* The directories above a real path, up to the prefix, that is not looked
 * at: whoever chose it answers for it. */
static int
unsafe_parents(const struct sources *s, char *real, struct diag *d)
{
	char *top = realpath(path_prefix()[0] ? path_prefix() : "/", NULL);
	struct stat st;
	char *slash;
	int r = 0;

	while (r == 0 && (slash = strrchr(real, '/')) != NULL &&
	    slash > real) {
		*slash = '\0';
		if (top != NULL && strcmp(real, top) == 0)
			break;
		if (stat(real, &st) == -1) {
			diag_errno(d, real, "stat");
			r = -1;
		} else {
			r = unsafe(s, real, &st, d);
		}
	}
	free(top);
	return r;
}

static void
remember(struct sources *s, const char *path, const struct stat *st)
{
	char stamp[STAMP_MAX];

	settings_stamp(st, stamp);
	buf_str(&s->list, stamp);
	buf_byte(&s->list, ' ');
	buf_strz(&s->list, path);
}

static int
read_checked(struct sources *s, const char *path, int fd, struct buf *text,
    struct diag *d)
{
	struct stat st;
	char *real;
	int r = -1;

	if (fstat(fd, &st) == -1) {
		diag_errno(d, path, "stat");
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		diag_error(d, path, 0, "not a regular file");
		return -1;
	}
	real = realpath(path, NULL);
	if (real == NULL) {
		diag_errno(d, path, "realpath");
	} else if (unsafe_link(path, &st, d) == 0 &&
	    unsafe(s, path, &st, d) == 0 &&
	    unsafe_parents(s, real, d) == 0) {
		remember(s, path, &st);
		r = read_to_end(fd, text, FILE_MAX);
		if (r == -1)
			diag_errno(d, path, "read");
		else if (r == 1)
			diag_error(d, path, 0, "file is too large");
		r = r == 0 ? 1 : -1;
	}
	free(real);
	return r;
}

int
source_read(struct sources *s, const char *path, struct buf *text,
    struct diag *d)
{
	/* O_NONBLOCK: a FIFO in its place must not hold us up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd == -1 && errno == ENOENT) {
		remember(s, path, NULL);
		return 0;
	}
	if (fd == -1) {
		diag_errno(d, path, "open");
		return -1;
	}
	r = read_checked(s, path, fd, text, d);
	close(fd);
	return r;
}
