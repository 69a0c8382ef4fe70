#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/random.h>
#endif

#include "deposit.h"
#include "fdio.h"
#include "syncname.h"

enum {
	/* Room for the Received field in a slot's message. */
	RECEIVED_MAX = 2048,
	TOKEN = SLOT_DIGITS + 1, /* with a newline, in the FIFO `free' */
	NOTE = SLOT_DIGITS + 1 + ID_LEN + 1,
	TRIES = 8
};

void
deposit_begin(struct deposit *d, int recycle)
{
	d->msg.len = d->env.len = d->textlen = 0;
	d->bodyfd = -1;
	d->size = 0;
	d->recycle = recycle;
	id_make(d->id);
}

/* Makes a file in one of the queue's directories; before queue-run was ever
 * started these are not there yet. */
static int
create(const char *name)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
	int fd = openat(AT_FDCWD, name, flags, 0600);
	char kind[32], dir[32];

	if (fd != -1 || errno != ENOENT)
		return fd;
	snprintf(kind, sizeof kind, "%.*s", (int)strcspn(name, "/"), name);
	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(name, '/') - name),
	    name);
	mkdir(kind, 0700);
	mkdir(dir, 0700);
	if (sync_name(AT_FDCWD, kind) == -1 || sync_name(AT_FDCWD, dir) == -1)
		return -1;
	return openat(AT_FDCWD, name, flags, 0600);
}

/* A body file, with room for the Received field in front. */
static enum deposit_error
open_body(struct deposit *d)
{
	char name[32];

	slot_body_name(name, d->id);
	d->bodyfd = create(name);
	if (d->bodyfd == -1)
		return errno == ENOENT ? DEPOSIT_QUEUE : DEPOSIT_WRITE;
	return lseek(d->bodyfd, SLOT_ROOM, SEEK_SET) == -1 ? DEPOSIT_WRITE
							   : DEPOSIT_OK;
}

/* The rest of a large message: what was read so far and all that comes go to
 * a body file. */
static enum deposit_error
spill(struct deposit *d, int fd)
{
	enum deposit_error e = open_body(d);
	int r = 1;

	if (e != DEPOSIT_OK)
		return e;
	for (;;) {
		if (write_all(d->bodyfd, d->msg.p, d->msg.len) == -1)
			return DEPOSIT_WRITE;
		d->size += d->msg.len;
		d->msg.len = 0;
		if (r == 0)
			return DEPOSIT_OK;
		r = read_to_end(fd, &d->msg, SLOT_SMALL);
		if (r == -1)
			return DEPOSIT_READ;
	}
}

enum deposit_error
deposit_message(struct deposit *d, int fd)
{
	int r = read_to_end(fd, &d->msg, SLOT_SMALL - RECEIVED_MAX);

	if (r == -1)
		return DEPOSIT_READ;
	if (r == 1)
		return spill(d, fd);
	d->text = d->msg.p;
	d->size = d->textlen = d->msg.len;
	return DEPOSIT_OK;
}

enum deposit_error
deposit_memory(struct deposit *d, const char *p, size_t n)
{
	enum deposit_error r;

	d->text = p;
	d->size = d->textlen = n;
	if (n <= SLOT_SMALL - RECEIVED_MAX)
		return DEPOSIT_OK;
	r = open_body(d);
	if (r == DEPOSIT_OK && write_all(d->bodyfd, p, n) == -1)
		r = DEPOSIT_WRITE;
	return r;
}

/* The lock of a slot that was opened or made by name, and still has the name:
 * queue-run may have unlinked it between the two (lib/store.c, store_offer). */
static int
lock_slot(int fd)
{
	struct stat st;

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	    st.st_nlink > 0 ? 0 : -1;
}

/*
 * A slot that may be written: its exclusive lock is held from before the
 * first byte until it is committed, and under the lock the head said that it is free.
 * queue-run frees a slot only under the same lock (lib/store.c).
 */
static int
take_slot(uint32_t num, struct slot_head *h)
{
	char name[32];
	int fd;

	slot_name(name, "slot", num);
	fd = openat(AT_FDCWD, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return -1;
	if (lock_slot(fd) == 0 && slot_head_read(fd, h) == 0 &&
	    h->state == SLOT_FREE)
		return fd;
	close(fd);
	return -1;
}

static void
close_fifo(int *fd)
{
	if (*fd > 0)
		close(*fd);
	*fd = 0;
}

static int
open_fifo(int *fd, const char *name, int flags)
{
	close_fifo(fd);
	*fd = openat(AT_FDCWD, name, flags | O_NONBLOCK | O_CLOEXEC);
	return *fd > 0 ? 0 : -1;
}

/* Reads a token: 0, or -1, there is none.  queue-run makes new FIFOs when it
 * starts; one that a former queue-run has left is at its end. */
static int
read_token(struct deposit *d, char token[TOKEN])
{
	ssize_t n = d->tokens > 0 ? read(d->tokens, token, TOKEN) : 0;

	if (n == 0 && open_fifo(&d->tokens, "free", O_RDONLY) == 0)
		n = read(d->tokens, token, TOKEN);
	return n == TOKEN ? 0 : -1;
}

/* A used slot by a token from queue-run's FIFO.  A token is a hint: one that
 * is stale, doubled or rubbish costs a try, never a message. */
static int
used_slot(struct deposit *d, uint32_t *num, struct slot_head *h)
{
	char token[TOKEN];
	int fd = -1, i;

	for (i = 0; i < TRIES && fd == -1; i++) {
		if (read_token(d, token) == -1)
			break;
		token[TOKEN - 1] = '\0';
		if (slot_number(token, num) == 0)
			fd = take_slot(*num, h);
	}
	return fd;
}

/* A slot that was not there before.  Durable in name before it is in content:
 * the caller syncs the file. */
static int
new_slot(uint32_t *num, struct slot_head *h)
{
	char name[32];
	int fd = -1, i;

	for (i = 0; i < TRIES && fd == -1; i++) {
		if (getentropy(num, sizeof *num) == -1)
			return -1;
		slot_name(name, "slot", *num);
		fd = create(name);
		if (fd == -1 && errno != EEXIST)
			return -1;
		/* A scan may look at it in this moment: another one then. */
		if (fd != -1 && lock_slot(fd) == -1) {
			close(fd);
			fd = -1;
		}
	}
	h->gen = 0;
	return fd;
}

/* The body file: Received right in front of the message, all of it synced
 * before the slot that names it. */
static int
finish_body(struct deposit *d, struct slot_head *h, const struct buf *received)
{
	char name[32];

	h->flags |= SLOT_BODY;
	h->start = SLOT_ROOM - received->len;
	if (pwrite(d->bodyfd, received->p, received->len, (off_t)h->start) !=
	    (ssize_t)received->len || fsync(d->bodyfd) == -1)
		return -1;
	slot_body_name(name, d->id);
	return sync_name(AT_FDCWD, name);
}

/*
 * Opens `trigger' anew unless it has a reader; where a former queue-run's has
 * none any more its tokens are void too.  Done while the slot is locked, so
 * that no queue-run but this reader and later ones can have found the
 * message: who is told by a note may believe that it was never tried.
 */
static void
open_notes(struct deposit *d)
{
	struct pollfd p = {d->notes, 0, 0};

	if (d->notes > 0) {
		if (poll(&p, 1, 0) == 0)
			return;
		close_fifo(&d->tokens);
	}
	open_fifo(&d->notes, "trigger", O_WRONLY);
}

/* Tells queue-run by a note that is a hint: number and id.  Who cannot write
 * one leaves the mark `scan'; queue-run looks for it (queue-run.c). */
static void
notify(struct deposit *d, uint32_t num)
{
	char note[NOTE];
	int fd;

	slot_digits(note, num);
	note[SLOT_DIGITS] = ' ';
	memcpy(note + SLOT_DIGITS + 1, d->id, ID_LEN);
	note[NOTE - 1] = '\n';
	if (d->notes > 0 && write(d->notes, note, NOTE) == NOTE)
		return;
	fd = openat(AT_FDCWD, "scan", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd != -1)
		close(fd);
}

/* Fills the head and writes it all with one write and one sync. */
static int
write_slot(struct deposit *d, int fd, struct slot_head *h,
    const struct buf *received, unsigned nrcpt)
{
	uint32_t gen = h->gen;
	int body = d->bodyfd != -1;

	memset(h, 0, sizeof *h);
	memcpy(h->magic, SLOT_MAGIC, sizeof h->magic);
	memcpy(h->id, d->id, ID_LEN);
	h->state = SLOT_QUEUED;
	h->gen = gen + 1;
	h->size = d->size + received->len;
	h->envlen = (uint32_t)d->env.len;
	h->nrcpt = nrcpt;
	if (body && finish_body(d, h, received) == -1)
		return -1;
	if (slot_write(fd, h, received->p, body ? 0 : received->len, d->text,
	    body ? 0 : d->textlen, d->env.p) == -1)
		return -1;
	return fdatasync(fd);
}

/* A slot that could not be written: a new one goes, a used one is free again
 * (queue-run finds it when it scans). */
static void
undo(int fd, uint32_t num, struct slot_head *h, int fresh)
{
	char name[32];
	int err = errno;

	slot_name(name, "slot", num);
	h->state = SLOT_FREE;
	if (fresh || slot_mark(fd, h) == -1)
		unlink(name);
	errno = err;
}

enum deposit_error
deposit_commit(struct deposit *d, const struct buf *received)
{
	struct slot_head h;
	struct envelope e;
	uint32_t num;
	char name[32];
	int fd = -1, fresh = 0;

	if (envelope_parse(&e, d->env.p, d->env.len) != 0) {
		errno = EINVAL;
		return DEPOSIT_WRITE;
	}
	if (d->recycle)
		fd = used_slot(d, &num, &h);
	if (fd == -1) {
		fresh = 1;
		fd = new_slot(&num, &h);
	}
	if (fd == -1)
		return errno == ENOENT ? DEPOSIT_QUEUE : DEPOSIT_WRITE;
	slot_name(name, "slot", num);
	if (write_slot(d, fd, &h, received, e.nrcpt) == -1 ||
	    (fresh && sync_name(AT_FDCWD, name) == -1)) {
		undo(fd, num, &h, fresh);
		close(fd);
		return DEPOSIT_WRITE;
	}
	/* The lock goes before the note: queue-run need not wait for it, not
	 * even of one whose user stops it here. */
	open_notes(d);
	close(fd);
	notify(d, num);
	if (d->bodyfd != -1)
		close(d->bodyfd);
	d->bodyfd = -1;
	return DEPOSIT_OK;
}

void
deposit_abort(struct deposit *d)
{
	char name[32];

	if (d->bodyfd == -1)
		return;
	slot_body_name(name, d->id);
	unlink(name);
	close(d->bodyfd);
	d->bodyfd = -1;
}
