#include <sys/file.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "log.h"
#include "store.h"
#include "syncname.h"

enum {
	/* Free slots that are kept for use again; the rest is unlinked. */
	FREE_MAX = 1000,
	FREE_BYTES = 64 << 20,
	NOTE = 26 /* "abcdef01 " id "\n" (lib/deposit.c, notify) */
};

/* ---- lists and the heap ---- */

void
msglist_add(struct msglist *l, struct msg *m)
{
	m->link = NULL;
	if (l->tail != NULL)
		l->tail->link = m;
	else
		l->head = m;
	l->tail = m;
	l->n++;
}

struct msg *
msglist_take(struct msglist *l)
{
	struct msg *m = l->head;

	if (m != NULL) {
		l->head = m->link;
		if (l->head == NULL)
			l->tail = NULL;
		m->link = NULL;
		l->n--;
	}
	return m;
}

static void
heap_put(struct store *s, size_t i, struct msg *m)
{
	s->heap[i] = m;
	m->heap = (uint32_t)i;
}

static void
heap_up(struct store *s, size_t i)
{
	struct msg *m = s->heap[i];

	for (; i > 1 && s->heap[i / 2]->next > m->next; i /= 2)
		heap_put(s, i, s->heap[i / 2]);
	heap_put(s, i, m);
}

static void
heap_down(struct store *s, size_t i)
{
	struct msg *m = s->heap[i];
	size_t c;

	for (; (c = 2 * i) <= s->nheap; i = c) {
		if (c < s->nheap && s->heap[c + 1]->next < s->heap[c]->next)
			c++;
		if (s->heap[c]->next >= m->next)
			break;
		heap_put(s, i, s->heap[c]);
	}
	heap_put(s, i, m);
}

static void
heap_remove(struct store *s, struct msg *m)
{
	size_t i = m->heap;
	struct msg *last;

	m->heap = 0;
	last = s->heap[s->nheap--];
	if (last == m)
		return;
	heap_put(s, i, last);
	heap_up(s, i);
	heap_down(s, last->heap);
}

void
store_schedule(struct store *s, struct msg *m)
{
	if (s->nheap + 2 > s->heapcap) {
		s->heapcap = s->heapcap ? s->heapcap + s->heapcap / 2 : 1024;
		s->heap = xrealloc(s->heap, s->heapcap * sizeof *s->heap);
	}
	m->state = MSG_WAITING;
	heap_put(s, ++s->nheap, m);
	heap_up(s, s->nheap);
}

void
store_ready(struct store *s, struct msg *m)
{
	if (m->heap != 0)
		heap_remove(s, m);
	m->state = MSG_READY;
	msglist_add(m->again || m->attempts > 0 ? &s->ready : &s->fresh, m);
}

void
store_hold(struct store *s, struct msg *m)
{
	if (m->heap != 0)
		heap_remove(s, m);
	m->state = MSG_HELD;
}

struct msg *
store_next(struct store *s)
{
	struct msglist *first = &s->fresh, *other = &s->ready;

	if ((++s->taken & 3) == 0) {
		first = &s->ready;
		other = &s->fresh;
	}
	return msglist_take(first->n > 0 ? first : other);
}

size_t
store_nready(const struct store *s)
{
	return s->fresh.n + s->ready.n;
}

uint32_t
store_due(struct store *s, uint32_t now)
{
	while (s->nheap > 0 && s->heap[1]->next <= now)
		store_ready(s, s->heap[1]);
	return s->nheap > 0 ? s->heap[1]->next : 0;
}

void
store_due_all(struct store *s)
{
	while (s->nheap > 0)
		store_ready(s, s->heap[s->nheap]);
}

/* ---- the index ---- */

static size_t
place(const struct store *s, uint32_t num)
{
	size_t i = num * 2654435761u & (s->slots - 1);

	while (s->index[i] != NULL && s->index[i]->num != num)
		i = (i + 1) & (s->slots - 1);
	return i;
}

static void
grow(struct store *s)
{
	struct msg **old = s->index;
	size_t i, n = s->slots;

	s->slots = n ? n * 2 : 4096;
	s->index = xalloc(s->slots * sizeof *s->index);
	memset(s->index, 0, s->slots * sizeof *s->index);
	for (i = 0; i < n; i++)
		if (old[i] != NULL)
			s->index[place(s, old[i]->num)] = old[i];
	free(old);
}

struct msg *
store_find(struct store *s, uint32_t num)
{
	return s->slots ? s->index[place(s, num)] : NULL;
}

/* Message structures are allocated many at once. */
struct msg *
store_add(struct store *s, uint32_t num, const char *id)
{
	enum { CHUNK = 256 };
	struct msg *m;
	int i;

	if (s->spare == NULL) {
		m = xalloc(CHUNK * sizeof *m);
		for (i = 0; i < CHUNK; i++) {
			m[i].link = s->spare;
			s->spare = &m[i];
		}
	}
	if ((s->count + 1) * 4 > s->slots * 3)
		grow(s);
	m = s->spare;
	s->spare = m->link;
	memset(m, 0, sizeof *m);
	m->num = num;
	memcpy(m->id, id, ID_LEN);
	s->index[place(s, num)] = m;
	s->count++;
	return m;
}

void
store_forget(struct store *s, struct msg *m)
{
	size_t i = place(s, m->num), j = i, home;

	if (m->heap != 0)
		heap_remove(s, m);
	/* Close the gap so that every other stays reachable. */
	for (;;) {
		s->index[i] = NULL;
		do {
			j = (j + 1) & (s->slots - 1);
			if (s->index[j] == NULL)
				goto out;
			home = s->index[j]->num * 2654435761u & (s->slots - 1);
		} while (i <= j ? i < home && home <= j : i < home || home <= j);
		s->index[i] = s->index[j];
		i = j;
	}
out:
	m->link = s->spare;
	s->spare = m;
	s->count--;
}

/* ---- opening ---- */

static int
make_fifo(struct store *s, const char *name)
{
	char tmp[16];
	int fd;

	/* A new one: what a former queue-run's held is hints that are void. */
	snprintf(tmp, sizeof tmp, "%s.new", name);
	unlinkat(s->qdir, tmp, 0);
	if (mkfifoat(s->qdir, tmp, 0600) == -1 ||
	    renameat(s->qdir, tmp, s->qdir, name) == -1)
		return -1;
	/* For reading and writing: it never is at end of file, and what is
	 * in it stays while nobody else has it open. */
	fd = openat(s->qdir, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd;
}

/* kind/00 … kind/ff, or kind/0 … kind/z for the bodies; durable, but for kind
 * itself: a slot is there only if its directory is. */
static int
make_dirs(struct store *s, const char *kind, const char *digits)
{
	char name[16];
	int i, made = 0;

	if (mkdirat(s->qdir, kind, 0700) == -1 && errno != EEXIST)
		return -1;
	for (i = 0; digits ? digits[i] != '\0' : i < 256; i++) {
		if (digits)
			snprintf(name, sizeof name, "%s/%c", kind, digits[i]);
		else
			snprintf(name, sizeof name, "%s/%02x", kind, i);
		if (mkdirat(s->qdir, name, 0700) == 0)
			made = 1;
		else if (errno != EEXIST)
			return -1;
	}
	return made ? sync_names(s->qdir, kind) : 0;
}

int
store_open(struct store *s, const char **what)
{
	*what = ".";
	s->qdir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->qdir == -1)
		return -1;
	if (make_dirs(s, *what = "note", NULL) == -1 ||
	    make_dirs(s, *what = "body", "0123456789abcdefghjkmnpqrstvwxyz") ||
	    make_dirs(s, *what = "slot", NULL) == -1 ||
	    make_dirs(s, *what = "bad", "") == -1)
		return -1;
	s->free_fifo = make_fifo(s, *what = "free");
	if (s->free_fifo == -1)
		return -1;
	s->trigger = make_fifo(s, *what = "trigger");
	if (s->trigger == -1)
		return -1;
	return fsync(s->qdir);
}

int
store_old_running(struct store *s, const char *mine)
{
	const char *own = strrchr(mine, '/');
	int running = 0, fd, dfd;
	struct dirent *e;
	DIR *d;

	dfd = openat(s->qdir, "lock", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = dfd == -1 ? NULL : fdopendir(dfd);
	if (d == NULL)
		return 0;
	own = own ? own + 1 : mine;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, own) == 0)
			continue;
		fd = openat(dfd, e->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == -1)
			running = 1;
		else
			unlinkat(dfd, e->d_name, 0);
		if (fd != -1)
			close(fd);
	}
	closedir(d);
	return running;
}

/* ---- notes ---- */

/* One note: a message that has just come.  A hint: the slot is read and
 * checked before anything is believed (slot_load). */
static void
take_note(struct store *s, const char *note)
{
	char name[9];
	uint32_t num;
	struct msg *m;

	memcpy(name, note, 8);
	name[8] = '\0';
	if (slot_number(name, &num) == -1 || note[8] != ' ' ||
	    !id_valid(note + 9, ID_LEN))
		return;
	m = store_find(s, num);
	if (m != NULL) {
		/* Known already by a scan, or an older message of this slot
		 * whose end is not complete: its turn shows what it is. */
		return;
	}
	m = store_add(s, num, note + 9);
	if (s->tokens > 0)
		s->tokens--;
	store_ready(s, m);
}

void
store_read_notes(struct store *s)
{
	size_t i;
	ssize_t n;

	do {
		n = read(s->trigger, s->note + s->nnote,
		    sizeof s->note - s->nnote);
		if (n <= 0)
			return;
		s->nnote += (size_t)n;
		for (i = 0; i < s->nnote;) {
			if (s->nnote - i >= 2 && s->note[i] == '*' &&
			    s->note[i + 1] == '\n') {
				store_due_all(s); /* sendmail -q */
				i += 2;
			} else if (s->nnote - i < NOTE) {
				break;
			} else if (s->note[i + NOTE - 1] == '\n') {
				take_note(s, s->note + i);
				i += NOTE;
			} else {
				i++; /* not ours: on to the next place */
			}
		}
		s->nnote -= i;
		memmove(s->note, s->note + i, s->nnote);
	} while (n == (ssize_t)sizeof s->note);
}

/* ---- free slots ---- */

void
store_offer(struct store *s, uint32_t num, int fd)
{
	char token[16], name[32];
	struct stat st;
	int n;

	if (s->recycle && s->tokens < FREE_MAX && s->bytes < FREE_BYTES) {
		n = snprintf(token, sizeof token, "%08x\n", num);
		if (write(s->free_fifo, token, (size_t)n) == n) {
			s->tokens++;
			if ((s->tokens & 15) == 0 && fstat(fd, &st) == 0)
				s->bytes = (uint64_t)st.st_size * s->tokens;
			return;
		}
	}
	slot_name(name, "slot", num);
	unlinkat(s->qdir, name, 0);
}

int
store_done(struct store *s, struct msg *m, struct slot *slot, int sync)
{
	char name[32];

	/* queue-inject holds the lock until the message is committed; one that
	 * the scan found early may still be locked. */
	if (flock(slot->fd, LOCK_EX | LOCK_NB) == -1)
		return -1;
	slot->head.state = SLOT_FREE;
	if (slot_mark(slot->fd, &slot->head) == -1 ||
	    ((sync || m->noted) && fdatasync(slot->fd) == -1))
		return -1;
	if (slot->head.flags & SLOT_BODY) {
		slot_body_name(name, slot->head.id);
		unlinkat(s->qdir, name, 0);
	}
	/* What the scan found may have some, of the time before. */
	if (m->noted || (sync && m->again))
		journal_remove(s->qdir, slot->num);
	store_offer(s, slot->num, slot->fd);
	store_forget(s, m);
	return 0;
}

void
store_aside(struct store *s, uint32_t num, const char *why)
{
	char name[32], to[64];

	slot_name(name, "slot", num);
	snprintf(to, sizeof to, "bad/%08x.%lld", num, (long long)time(NULL));
	if (renameat(s->qdir, name, s->qdir, to) == -1)
		log_warn("queue-aside", "slot=%s err=%m", name);
	else
		log_warn("queue-aside", "slot=%s to=%s reason=%s", name, to, why);
}
