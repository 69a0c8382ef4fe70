#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "journal.h"
#include "syncname.h"

/* An entry is: kind, index SP time SP status TAB place TAB text.  A tab in
 * the place is written as a space; it can then only be taken for another
 * place, which repeats nothing that was done. */

enum { JOURNAL_MAX = 64 << 20, PLACE_MAX = 700 };

static void
head_text(char out[64], const struct slot *s)
{
	snprintf(out, 64, "H%.16s %u", s->head.id, s->head.gen);
}

/* Does b begin with the head of this message's journal? */
static int
is_ours(const struct buf *b, const struct slot *s)
{
	char want[64];
	size_t n;

	head_text(want, s);
	n = strlen(want) + 1;
	return b->len >= n && memcmp(b->p, want, n) == 0;
}

int
journal_read(struct buf *b, const struct slot *s, int qdir)
{
	char name[32];
	int fd, r;

	b->len = 0;
	slot_name(name, "note", s->num);
	fd = openat(qdir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	r = read_to_end(fd, b, JOURNAL_MAX);
	close(fd);
	return r == -1 ? -1 : is_ours(b, s);
}

/* Takes the text of one entry apart; -1 when it is malformed. */
static int
parse(char *t, struct journal_entry *e)
{
	char *end, *tab;
	unsigned long index = strtoul(t, &end, 10);
	size_t n;

	if (*end != ' ')
		return -1;
	e->index = (unsigned)index;
	e->time = strtoll(end + 1, &end, 10);
	if (*end != ' ')
		return -1;
	n = strcspn(end + 1, "\t");
	if (n >= sizeof e->status || end[1 + n] != '\t')
		return -1;
	memcpy(e->status, end + 1, n);
	e->status[n] = '\0';
	e->place = end + n + 2;
	tab = strchr(e->place, '\t');
	if (tab == NULL)
		return -1;
	*tab = '\0';
	e->text = tab + 1;
	return 0;
}

int
journal_next(struct buf *b, size_t *at, struct journal_entry *e)
{
	char *p, *nul;

	while (*at < b->len) {
		p = b->p + *at;
		nul = memchr(p, '\0', b->len - *at);
		if (nul == NULL)
			return 0;
		*at = (size_t)(nul + 1 - b->p);
		e->kind = *p;
		if (*p != 'H' && *p != '\0' && parse(p + 1, e) == 0)
			return 1;
	}
	return 0;
}

/* Ends a last record that a full disk or a crash has cut off, so that the next
 * one is not taken for its rest. */
static int
end_last(int fd)
{
	off_t n = lseek(fd, 0, SEEK_END);
	char c;

	if (n <= 0 || pread(fd, &c, 1, n - 1) != 1)
		return -1;
	return c == '\0' ? 0 : write_all(fd, "", 1);
}

/* Opens for appending, with this message's head in front; a file of another
 * message is emptied. */
static int
open_append(const struct slot *s, int qdir)
{
	struct buf b = {0};
	char name[32], head[64];
	int fd, r;

	slot_name(name, "note", s->num);
	fd = openat(qdir, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	r = read_to_end(fd, &b, 64);
	if (r != -1 && is_ours(&b, s)) {
		r = end_last(fd);
	} else if (r != -1) {
		head_text(head, s);
		r = ftruncate(fd, 0);
		if (r == 0)
			r = write_all(fd, head, strlen(head) + 1);
		/* Without a head nobody would know whose it is. */
		if (r == -1)
			unlinkat(qdir, name, 0);
	}
	buf_free(&b);
	if (r != -1)
		return fd;
	close(fd);
	return -1;
}

/* Control characters out of a text that becomes part of a record. */
static void
add_clean(struct buf *b, const char *s, size_t max)
{
	size_t i;

	for (i = 0; i < max && s[i] != '\0'; i++)
		buf_byte(b, (unsigned char)s[i] < ' ' ? ' ' : s[i]);
}

/* Durable in content and name. */
static int
sync_journal(const struct slot *s, int qdir, int fd)
{
	char name[32];

	if (fsync(fd) == -1)
		return -1;
	if (sync_keeps_name(fd))
		return 0;
	slot_name(name, "note", s->num);
	return sync_name(qdir, name);
}

int
journal_add(const struct slot *s, int qdir, const struct journal_entry *e,
    int sync)
{
	struct buf b = {0};
	int fd = open_append(s, qdir), r = -1;

	if (fd == -1)
		return -1;
	buf_fmt(&b, "%c%u %lld %s\t", e->kind, e->index, (long long)e->time,
	    e->status[0] ? e->status : "-");
	add_clean(&b, e->place, PLACE_MAX);
	buf_byte(&b, '\t');
	add_clean(&b, e->text, RECORD_MAX - b.len);
	buf_byte(&b, '\0');
	if (write_all(fd, b.p, b.len) == 0 &&
	    (!sync || sync_journal(s, qdir, fd) == 0))
		r = 0;
	close(fd);
	buf_free(&b);
	return r;
}

int
journal_reserve(const struct slot *s, int qdir, unsigned entries)
{
	int fd = open_append(s, qdir), r = 0;

	if (fd == -1)
		return -1;
#ifdef FALLOC_FL_KEEP_SIZE
	r = fallocate(fd, FALLOC_FL_KEEP_SIZE, lseek(fd, 0, SEEK_END),
	    (off_t)entries * (RECORD_MAX + 1));
	/* Not every file system can. */
	if (r == -1 && errno != ENOSPC && errno != EDQUOT)
		r = 0;
#endif
	close(fd);
	return r;
}

void
journal_remove(int qdir, uint32_t num)
{
	char name[32];

	slot_name(name, "note", num);
	unlinkat(qdir, name, 0);
}
