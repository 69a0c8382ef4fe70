#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "hash.h"
#include "id.h"
#include "mbox.h"
#include "mboxlock.h"
#include "mboxsection.h"

/*
 * Exactly once.  An append may end at any byte: by a kill, a power failure,
 * or a full disk where the file cannot be cut back.  Then
 * - the next append, of whatever message, finds the note in the dot-lock
 *   (lib/mboxlock.h) and cuts the torn part off, if nobody has added to it;
 *   a power failure may have kept the length and lost blocks, which are then
 *   zeros;
 * - where no dot-lock could be made, the next append ends the torn part with
 *   an empty line, so that it never joins another message;
 * - the next attempt of the same message compares what it finds with what it
 *   would write: whole, it is there; torn at the file's end, it is cut off;
 *   torn in the middle, it is only a part of a message and stays.
 */

enum { RETRY_MS = 50 };

/* One append. */
struct append {
	const struct place *at;
	struct mbox_section *s; /* n of them */
	unsigned n;
	int fd;
	int dot;         /* the dot-lock is ours */
	int may_be_there;
	off_t size;
	const char *gap; /* what ends a last line that others left open */
};

static int
open_file(struct append *a, int owned, int *made)
{
	struct stat st;
	int flags = O_RDWR | O_APPEND | O_NOCTTY | O_NONBLOCK;

	a->fd = place_open(a->at, "", flags, 0);
	if (a->fd == -1 && errno == ENOENT) {
		*made = 1;
		a->fd = place_open(a->at, "", flags | O_CREAT, 0600);
	}
	if (a->fd == -1 || fstat(a->fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) ||
	    (owned && (st.st_uid != geteuid() || st.st_nlink > 1))) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* Is the locked file still what the path names?  A mail reader may have put
 * another in its place while we waited. */
static int
still_there(const struct append *a)
{
	struct stat st, now;

	return fstat(a->fd, &st) == 0 &&
	    fstatat(a->at->dirfd, a->at->path, &now, 0) == 0 &&
	    st.st_dev == now.st_dev && st.st_ino == now.st_ino;
}

/* Size of the file, and what must stand between its end and a section. */
static int
measure(struct append *a)
{
	struct stat st;
	char end[2] = "\n";
	off_t k;

	if (fstat(a->fd, &st) == -1)
		return -1;
	a->size = st.st_size;
	a->gap = "";
	k = a->size < 2 ? a->size : 2;
	if (k > 0 && pread(a->fd, end + 2 - k, (size_t)k, a->size - k) != k)
		return -1;
	if (k > 0 && end[1] != '\n')
		a->gap = "\n\n";
	else if (k > 0 && end[0] != '\n')
		a->gap = "\n";
	return 0;
}

/* Maps the file from `from' on (NULL: nothing there, or no memory). */
static char *
map_tail(const struct append *a, off_t from, size_t *n)
{
	off_t page = from - from % sysconf(_SC_PAGESIZE);
	char *p;

	*n = (size_t)(a->size - from);
	if (a->size <= from)
		return NULL;
	p = mmap(NULL, (size_t)(a->size - page), PROT_READ, MAP_SHARED, a->fd,
	    page);
	return p == MAP_FAILED ? NULL : p + (from - page);
}

static void
unmap_tail(const struct append *a, char *p, off_t from)
{
	off_t page = from - from % sysconf(_SC_PAGESIZE);

	munmap(p - (from - page), (size_t)(a->size - page));
}

static uint64_t
count_nuls(const char *p, size_t n)
{
	const char *end = p + n;
	uint64_t k = 0;

	while (p < end && (p = memchr(p, '\0', (size_t)(end - p))) != NULL) {
		k++;
		p++;
	}
	return k;
}

enum part { PART_WHOLE, PART_TORN, PART_OTHER };

/* The n bytes at p, up to where the note ends: what it is about, whole or torn
 * and nothing else, or not that?  If not all of the top is there, only an empty
 * line tells somebody's message; its fields have no zeros. */
static enum part
examine(const char *p, size_t n, const struct mbox_note *left)
{
	int whole = n >= left->end - left->start;
	size_t gap = 0;

	while (gap < n && gap < 2 && p[gap] == '\n')
		gap++;
	p += gap;
	n -= gap;
	if (memchr(p, '\0', n < left->top ? n : (size_t)left->top) != NULL)
		return PART_TORN;
	if (n < left->top)
		return memmem(p, n, "\n\n", 2) == NULL ? PART_TORN
							: PART_OTHER;
	if (hash_caseless(p, (size_t)left->top) != left->hash ||
	    mbox_has_from(p + left->top, n - (size_t)left->top))
		return PART_OTHER;
	return whole && count_nuls(p, n) <= left->nuls ? PART_WHOLE : PART_TORN;
}

/* Where the first torn part of the n noted ones begins in p, which begins with
 * the first one's start; len if none is, or other mail is between. */
static size_t
torn_from(const char *p, size_t len, const struct mbox_note *left, unsigned n)
{
	size_t found = len, at, k;
	unsigned i;

	for (i = 0; i < n; i++) {
		at = (size_t)(left[i].start - left->start);
		if (at >= len)
			break;
		k = (size_t)(left[i].end - left[i].start);
		switch (examine(p + at, k < len - at ? k : len - at, &left[i])) {
		case PART_OTHER:
			return len;
		case PART_TORN:
			if (found == len)
				found = at;
			break;
		case PART_WHOLE:
			break;
		}
	}
	return found;
}

/* A process that is gone left its notes: cuts its append off from where that
 * is torn, if it is the last thing in the file. */
static int
cut_left(struct append *a, const struct mbox_note *left, unsigned nleft)
{
	off_t start = (off_t)left->start;
	size_t n, at;
	char *p;
	int r = 0;

	if (a->size > start && a->size <= (off_t)left[nleft - 1].end) {
		p = map_tail(a, start, &n);
		if (p == NULL)
			return -1;
		at = torn_from(p, n, left, nleft);
		if (at < n)
			r = ftruncate(a->fd, start + (off_t)at);
		unmap_tail(a, p, start);
	}
	if (r == 0)
		mbox_dot_unlock(a->at);
	return r;
}

/* What is to be found out of each section if this process does not come to
 * its end. */
static void
make_notes(const struct append *a, struct mbox_note *note)
{
	uint64_t at = (uint64_t)a->size;
	const struct mbox_section *s;

	for (s = a->s; s < a->s + a->n; s++, note++) {
		note->start = at;
		at += (s == a->s ? strlen(a->gap) : 0) + s->total;
		note->end = at;
		note->top = s->top.len;
		note->hash = hash_caseless(s->top.p, s->top.len);
		note->nuls = count_nuls(s->msg, s->len);
	}
}

/* All locks: 1; 0 to try again; -1. */
static int
try_lock(struct append *a)
{
	struct mbox_note note[MBOX_NOTES], left[MBOX_NOTES];
	unsigned nleft;
	off_t size;
	int r = mbox_kernel_lock(a->fd);

	if (r != 1)
		return r;
	if (!still_there(a)) {
		errno = ESTALE;
		return -1;
	}
	if (measure(a) == -1)
		return -1;
	size = a->size;
	make_notes(a, note);
	switch (mbox_dot_lock(a->at, note, a->n, left, &nleft)) {
	case MBOX_DOT_MADE:
		a->dot = 1;
		/* Programs that know no other lock may just have written. */
		if (measure(a) == 0 && a->size == size)
			return 1;
		mbox_dot_unlock(a->at);
		a->dot = 0;
		break;
	case MBOX_DOT_CANNOT:
		return 1;
	case MBOX_DOT_LEFT:
		if (cut_left(a, left, nleft) == -1)
			return -1;
		break;
	case MBOX_DOT_BUSY:
		break;
	}
	/* Others take the dot-lock first: let them through. */
	mbox_kernel_unlock(a->fd);
	return 0;
}

static int
lock(struct append *a, uint64_t deadline)
{
	int r, n = 0;

	while ((r = try_lock(a)) == 0) {
		if (clock_ms() >= deadline) {
			errno = EWOULDBLOCK;
			return -1;
		}
		if (n++ > 1)
			poll(NULL, 0, RETRY_MS);
	}
	return r == 1 ? 0 : -1;
}

/* Looks for what an earlier attempt left: MBOX_THERE; 0 none; 2: a torn part
 * was cut off, and the note is no longer right; -1. */
static int
look(struct append *a)
{
	enum mbox_found f;
	size_t n, at;
	char *p = map_tail(a, 0, &n);

	if (p == NULL)
		return a->size == 0 ? 0 : -1;
	f = mbox_section_find(a->s, p, n, &at);
	unmap_tail(a, p, 0);
	if (f == MBOX_WHOLE)
		return fsync(a->fd) == 0 ? MBOX_THERE : -1;
	if (f == MBOX_TORN)
		return ftruncate(a->fd, (off_t)at) == 0 ? 2 : -1;
	return 0;
}

static int
write_sections(struct append *a)
{
	if (write_all(a->fd, a->gap, strlen(a->gap)) == 0 &&
	    mbox_section_write(a->s, a->n, a->fd) == 0 && fsync(a->fd) == 0)
		return 0;
	return -1;
}

/* With the locks: looks where it must, appends, or puts all back. */
static int
deliver(struct append *a, int made)
{
	int r = 0, err;

	if (a->may_be_there) {
		r = look(a);
		a->may_be_there = r == 2;
	}
	if (r == 0) {
		r = write_sections(a);
		/* An empty file may be what a killed attempt has made. */
		if (r == 0 && (made || a->size == 0))
			r = place_sync_parent(a->at);
		if (r == -1) {
			err = errno;
			/* Without success the note stays, and says so. */
			if (ftruncate(a->fd, a->size) == -1)
				a->dot = 0;
			errno = err;
		}
	} else if (r == MBOX_THERE && place_sync_parent(a->at) == -1) {
		r = -1;
	}
	return r;
}

/* Until it is done: others may take the file away while we wait for it. */
static int
append(struct append *a, int owned)
{
	uint64_t deadline = clock_ms() + MBOX_LOCK_MS;
	int r, made = 0, err, tries = 10;

	do {
		r = open_file(a, owned, &made);
		if (r == 0)
			r = lock(a, deadline);
		if (r == 0)
			r = deliver(a, made);
		err = errno;
		if (a->dot)
			mbox_dot_unlock(a->at);
		a->dot = 0;
		if (a->fd != -1)
			close(a->fd);
		a->fd = -1;
	} while ((r == 2 || (r == -1 && err == ESTALE)) && --tries > 0);
	errno = err;
	return r == 2 ? -1 : r;
}

int
mbox_append(const struct place *at, int owned, const struct letter *const *l,
    unsigned n)
{
	/* By hand there is no id by which to know it. */
	struct append a = {.at = at, .fd = -1, .n = n, .may_be_there =
	    l[0]->again && id_valid(l[0]->id, strlen(l[0]->id))};
	unsigned i;
	int r, err;

	a.s = xalloc(n * sizeof *a.s);
	memset(a.s, 0, n * sizeof *a.s);
	for (i = 0; i < n; i++)
		mbox_section(&a.s[i], l[i]);
	r = append(&a, owned);
	err = errno;
	for (i = 0; i < n; i++)
		buf_free(&a.s[i].top);
	free(a.s);
	errno = err;
	return r;
}
