#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "outmsg.h"

/* Reads once into raw, which is emptied before.  Bytes, 0 at the end, -1. */
static ssize_t
fill(struct outmsg *m, off_t off, size_t max)
{
	ssize_t r;

	buf_room(&m->raw, OUTMSG_PART - m->raw.len);
	m->raw.len = 0;
	do {
		r = m->seekable ? pread(m->fd, m->raw.p, max, off)
				: read(m->fd, m->raw.p, max);
	} while (r == -1 && errno == EINTR);
	m->raw.len = r > 0 ? (size_t)r : 0;
	return r;
}

/* Forgets the message before. */
static void
begin(struct outmsg *m)
{
	if (m->wire.cap > 4 * OUTMSG_PART)
		buf_free(&m->wire);
	memset(&m->is, 0, sizeof m->is);
	m->wire.len = m->raw.len = 0;
	m->large = 0;
}

void
outmsg_take(struct outmsg *m, const char *p, size_t n)
{
	begin(m);
	smtpout_add(&m->is, p, n, &m->wire);
	smtpout_end(&m->is, &m->wire);
}

int
outmsg_load(struct outmsg *m, int fd)
{
	off_t off;
	ssize_t r;

	begin(m);
	m->fd = fd;
	m->start = lseek(fd, 0, SEEK_CUR);
	m->seekable = m->start != -1;
	if (!m->seekable)
		m->start = 0;
	for (off = m->start; (r = fill(m, off, OUTMSG_PART)) > 0; off += r) {
		if (!m->seekable && off + r > OUTMSG_PIPE) {
			errno = EFBIG;
			return -1;
		}
		m->large |= m->seekable && off + r - m->start > OUTMSG_PART;
		if (m->large)
			m->wire.len = 0;
		smtpout_add(&m->is, m->raw.p, (size_t)r, &m->wire);
	}
	m->end = off;
	smtpout_end(&m->is, &m->wire);
	return r == -1 ? -1 : 0;
}

/* Is it what outmsg_load saw? */
static int
same(const struct smtpout *a, const struct smtpout *b)
{
	return a->size == b->size && a->eight == b->eight &&
	    a->header8 == b->header8 && a->barecr == b->barecr;
}

int
outmsg_part(struct outmsg *m, struct outmsg_pos *pos)
{
	off_t left = m->end - m->start - pos->off;
	ssize_t r;

	if (!m->large)
		return 0;
	r = fill(m, m->start + pos->off,
	    left < OUTMSG_PART ? (size_t)left : OUTMSG_PART);
	if (r <= 0) {
		errno = r == 0 ? EIO : errno;
		return -1;
	}
	m->wire.len = 0;
	smtpout_add(&pos->state, m->raw.p, (size_t)r, &m->wire);
	pos->off += r;
	if (pos->off < m->end - m->start)
		return 1;
	smtpout_end(&pos->state, &m->wire);
	if (!same(&pos->state, &m->is)) {
		errno = EIO;
		return -1;
	}
	return 0;
}

void
outmsg_free(struct outmsg *m)
{
	buf_free(&m->wire);
	buf_free(&m->raw);
}
