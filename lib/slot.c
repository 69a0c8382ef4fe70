#include <sys/uio.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "hash64.h"
#include "slot.h"

_Static_assert(sizeof(struct slot_head) == SLOT_HEAD, "slot_head has no holes");

/* Bytes read at first: most messages need no second read. */
enum { FIRST_READ = 16384, SUM_FROM = offsetof(struct slot_head, gen) };

uint64_t
slot_states_at(const struct slot_head *h)
{
	return SLOT_HEAD + (h->flags & SLOT_BODY ? 0 : h->size) + h->envlen;
}

void
slot_digits(char out[SLOT_DIGITS + 1], uint32_t num)
{
	int i;

	for (i = SLOT_DIGITS; i-- > 0; num >>= 4)
		out[i] = "0123456789abcdef"[num & 15];
	out[SLOT_DIGITS] = '\0';
}

void
slot_name(char out[32], const char *kind, uint32_t num)
{
	char *p = stpcpy(out, kind);

	slot_digits(p + 4, num);
	p[0] = p[3] = '/';
	p[1] = p[4];
	p[2] = p[5];
}

void
slot_body_name(char out[32], const char *id)
{
	char *p = stpcpy(out, "body/");

	p[0] = id[ID_LEN - 1];
	p[1] = '/';
	memcpy(p + 2, id, ID_LEN);
	p[2 + ID_LEN] = '\0';
}

int
slot_number(const char *name, uint32_t *num)
{
	uint32_t n = 0;
	int i;

	for (i = 0; i < SLOT_DIGITS; i++) {
		if (name[i] >= '0' && name[i] <= '9')
			n = n << 4 | (uint32_t)(name[i] - '0');
		else if (name[i] >= 'a' && name[i] <= 'f')
			n = n << 4 | (uint32_t)(name[i] - 'a' + 10);
		else
			return -1;
	}
	*num = n;
	return name[SLOT_DIGITS] == '\0' ? 0 : -1;
}

/* Is the head one whose lengths can be believed enough to read the rest? */
static int
head_valid(const struct slot_head *h)
{
	return memcmp(h->magic, SLOT_MAGIC, 8) == 0 &&
	    (h->state == SLOT_FREE || h->state == SLOT_QUEUED ||
		h->state == SLOT_HELD) &&
	    (h->flags & SLOT_BODY || h->size <= SLOT_SMALL) &&
	    h->nrcpt <= h->envlen && h->envlen <= 1u << 30 &&
	    id_valid(h->id, ID_LEN);
}

int
slot_head_read(int fd, struct slot_head *h)
{
	ssize_t n = pread(fd, h, SLOT_HEAD, 0);

	if (n == SLOT_HEAD && head_valid(h))
		return 0;
	if (n != -1)
		errno = EPROTO;
	return -1;
}

/* The rest of the file up to the last state byte, behind what data has. */
static int
read_rest(int fd, struct buf *data, size_t want)
{
	ssize_t n;

	while (data->len < want) {
		buf_room(data, want - data->len);
		n = pread(fd, data->p + data->len, want - data->len,
		    (off_t)(SLOT_HEAD + data->len));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EPROTO;
		if (n <= 0)
			return -1;
		data->len += (size_t)n;
	}
	data->len = want;
	return 0;
}

/* Head and the beginning of the rest in one read. */
static int
read_first(int fd, struct slot_head *h, struct buf *data)
{
	struct iovec iov[2];
	ssize_t n;

	data->len = 0;
	buf_room(data, FIRST_READ);
	iov[0].iov_base = h;
	iov[0].iov_len = SLOT_HEAD;
	iov[1].iov_base = data->p;
	iov[1].iov_len = FIRST_READ;
	n = preadv(fd, iov, 2, 0);
	if (n == -1)
		return -1;
	if (n < SLOT_HEAD || !head_valid(h)) {
		errno = EPROTO;
		return -1;
	}
	data->len = (size_t)n - SLOT_HEAD;
	return 0;
}

static uint64_t
checksum(const struct slot_head *h, const char *rest, size_t n)
{
	struct hash64 s = {0};

	hash64_add(&s, (const char *)h + SUM_FROM, SLOT_HEAD - SUM_FROM);
	hash64_add(&s, rest, n);
	return hash64_end(&s);
}

static int
load(struct slot *s)
{
	size_t states;

	if (read_first(s->fd, &s->head, &s->data) == -1)
		return -1;
	if (s->head.state == SLOT_FREE) {
		errno = ENODATA;
		return -1;
	}
	states = (size_t)slot_states_at(&s->head) - SLOT_HEAD;
	if (read_rest(s->fd, &s->data, states + s->head.nrcpt) == -1)
		return -1;
	s->msglen = s->head.flags & SLOT_BODY ? 0 : (size_t)s->head.size;
	s->states = s->data.p + states;
	if (checksum(&s->head, s->data.p, states) != s->head.sum ||
	    envelope_parse(&s->env, s->data.p + s->msglen, s->head.envlen) ||
	    s->env.nrcpt != s->head.nrcpt) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}

int
slot_load(struct slot *s, int qdir, uint32_t num, int flags)
{
	char name[32];
	int err;

	slot_name(name, "slot", num);
	s->num = num;
	s->fd = openat(qdir, name, flags | O_CLOEXEC | O_NOFOLLOW);
	if (s->fd == -1)
		return -1;
	if (load(s) == 0)
		return 0;
	err = errno;
	slot_close(s);
	errno = err;
	return -1;
}

int
slot_peek(struct slot *s, int fd)
{
	size_t want;
	uint64_t at;
	ssize_t n;

	errno = 0;
	if (slot_head_read(fd, &s->head) == -1 || s->head.state == SLOT_FREE)
		return -1;
	at = slot_states_at(&s->head) - s->head.envlen;
	want = (size_t)s->head.envlen + s->head.nrcpt;
	s->data.len = 0;
	buf_room(&s->data, want);
	n = pread(fd, s->data.p, want, (off_t)at);
	if (n == -1)
		return -1;
	if (n != (ssize_t)want ||
	    envelope_parse(&s->env, s->data.p, s->head.envlen) != 0 ||
	    s->env.nrcpt != s->head.nrcpt) {
		errno = EPROTO;
		return -1;
	}
	s->states = s->data.p + s->head.envlen;
	return 0;
}

void
slot_close(struct slot *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

int
slot_body_open(const struct slot *s, int qdir)
{
	char name[32];
	int fd;

	slot_body_name(name, s->head.id);
	fd = openat(qdir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd != -1)
		lseek(fd, (off_t)s->head.start, SEEK_SET);
	return fd;
}

int
slot_write(int fd, struct slot_head *head, const char *received, size_t rlen,
    const char *msg, size_t mlen, const char *env)
{
	struct buf states = {0};
	struct hash64 s = {0};
	struct iovec v[5];
	size_t i, want = 0;
	ssize_t n;

	buf_room(&states, head->nrcpt);
	memset(states.p, RCPT_TODO, head->nrcpt);
	hash64_add(&s, (const char *)head + SUM_FROM, SLOT_HEAD - SUM_FROM);
	hash64_add(&s, received, rlen);
	hash64_add(&s, msg, mlen);
	hash64_add(&s, env, head->envlen);
	head->sum = hash64_end(&s);
	v[0] = (struct iovec){head, SLOT_HEAD};
	v[1] = (struct iovec){(char *)(uintptr_t)received, rlen};
	v[2] = (struct iovec){(char *)(uintptr_t)msg, mlen};
	v[3] = (struct iovec){(char *)(uintptr_t)env, head->envlen};
	v[4] = (struct iovec){states.p, head->nrcpt};
	for (i = 0; i < 5; i++)
		want += v[i].iov_len;
	n = pwritev(fd, v, 5, 0);
	buf_free(&states);
	if (n != -1 && (size_t)n != want)
		errno = ENOSPC;
	return n != -1 && (size_t)n == want ? 0 : -1;
}

int
slot_mark(int fd, const struct slot_head *head)
{
	return pwrite(fd, head, SUM_FROM, 0) == SUM_FROM ? 0 : -1;
}

int
slot_mark_rcpt(struct slot *s, unsigned index, char state)
{
	s->states[index] = state;
	return pwrite(s->fd, &state, 1,
	    (off_t)(slot_states_at(&s->head) + index)) == 1 ? 0 : -1;
}
