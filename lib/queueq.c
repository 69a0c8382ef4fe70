#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "child.h"
#include "fdio.h"
#include "queueq.h"
#include "slot.h"
#include "str.h"

/* queue-run answers between two events of its loop. */
enum { PATIENCE = 30000 };

/* The next word of a line; its length. */
static size_t
word(const char **p, const char *end)
{
	size_t n = 0;

	while (*p < end && **p == ' ')
		(*p)++;
	while (*p + n < end && (*p)[n] != ' ')
		n++;
	return n;
}

static int
number(const char **p, const char *end, uint32_t *out)
{
	size_t n = word(p, end);
	uint64_t v;

	if (parse_u64(*p, n, &v) == -1 || v > UINT32_MAX)
		return -1;
	*p += n;
	*out = (uint32_t)v;
	return 0;
}

int
queueq_parse(struct queueq_msg *m, const char *line, size_t len)
{
	const char *p = line, *end = line + len;
	char name[9];
	size_t n;

	memset(m, 0, sizeof *m);
	if (word(&p, end) != 8)
		return -1;
	memcpy(name, p, 8);
	name[8] = '\0';
	p += 8;
	if (slot_number(name, &m->slot) == -1 || word(&p, end) != ID_LEN)
		return -1;
	memcpy(m->id, p, ID_LEN);
	p += ID_LEN;
	n = word(&p, end);
	if (n == 0 || n >= sizeof m->state)
		return -1;
	memcpy(m->state, p, n);
	p += n;
	return number(&p, end, &m->next) == -1 ||
	    number(&p, end, &m->attempts) == -1 ? -1 : 0;
}

/* Takes the whole lines in b; 1 at the dot, -1 for rubbish. */
static int
take_lines(struct queueq *q, size_t *cap, struct buf *b)
{
	size_t at = 0, n;
	const char *lf;
	int r = 0;

	while (r == 0 && (lf = memchr(b->p + at, '\n', b->len - at)) != NULL) {
		n = (size_t)(lf - b->p) - at;
		if (q->n == *cap) {
			*cap = *cap ? *cap * 2 : 256;
			q->msg = xrealloc(q->msg, *cap * sizeof *q->msg);
		}
		if (n == 1 && b->p[at] == '.')
			r = 1;
		else if (queueq_parse(&q->msg[q->n], b->p + at, n) == 0)
			q->n++;
		else
			r = -1;
		at += n + 1;
	}
	b->len -= at;
	memmove(b->p, b->p + at, b->len);
	return r;
}

static int
read_answer(struct queueq *q, int fd)
{
	uint64_t deadline = clock_ms() + PATIENCE;
	struct buf b = {0};
	size_t cap = 0;
	ssize_t n;
	int r = 0;

	while (r == 0) {
		buf_room(&b, 65536);
		if (wait_readable(fd, deadline) == 0) {
			errno = ETIMEDOUT;
			break;
		}
		n = read(fd, b.p + b.len, b.cap - b.len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EPROTO : errno;
			break;
		}
		b.len += (size_t)n;
		r = take_lines(q, &cap, &b);
	}
	if (r == -1)
		errno = EPROTO;
	buf_free(&b);
	return r == 1 ? 0 : -1;
}

static int
by_slot(const void *x, const void *y)
{
	const struct queueq_msg *a = x, *b = y;

	return a->slot < b->slot ? -1 : a->slot > b->slot;
}

int
queueq_ask(struct queueq *q)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "control"};
	int fd, err, r = -1;

	memset(q, 0, sizeof *q);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1)
		return -1;
	fd_cloexec(fd);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
	    send(fd, "list\n", 5, MSG_NOSIGNAL) == 5)
		r = read_answer(q, fd);
	err = errno;
	close(fd);
	if (r == -1)
		queueq_free(q);
	else if (q->n > 0)
		qsort(q->msg, q->n, sizeof *q->msg, by_slot);
	errno = err;
	return r;
}

const struct queueq_msg *
queueq_find(const struct queueq *q, uint32_t slot, const char *id)
{
	struct queueq_msg key = {.slot = slot}, *m;

	if (q->n == 0)
		return NULL;
	m = bsearch(&key, q->msg, q->n, sizeof *q->msg, by_slot);
	return m != NULL && memcmp(m->id, id, ID_LEN) == 0 ? m : NULL;
}

void
queueq_free(struct queueq *q)
{
	free(q->msg);
	q->msg = NULL;
	q->n = 0;
}
