#include <sys/uio.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "mboxsection.h"
#include "str.h"

static const char from[] = "From ";
enum { FROM = sizeof from - 1, IOVS = 64 };

/* The next line of the message from `at' on that is `>'s and `From ': where
 * it starts, or s->len.  Each run of > is looked at once. */
static size_t
next_quoted(const struct mbox_section *s, size_t at)
{
	const char *hit;
	size_t j;

	while (at < s->len) {
		hit = memmem(s->msg + at, s->len - at, from, FROM);
		if (hit == NULL)
			break;
		j = (size_t)(hit - s->msg);
		at = j + FROM;
		while (j > 0 && s->msg[j - 1] == '>')
			j--;
		if (j == 0 || s->msg[j - 1] == '\n')
			return j;
	}
	return s->len;
}

/* Where to look on from behind the quoted line at q. */
static size_t
behind(const struct mbox_section *s, size_t q)
{
	while (s->msg[q] == '>')
		q++;
	return q + FROM;
}

/* Gives the section's pieces in order to fn, until it returns non-zero, which
 * is returned. */
static int
walk(const struct mbox_section *s,
    int (*fn)(void *arg, const char *p, size_t n), void *arg)
{
	size_t at = 0, q, look = 0;
	int r;

	if ((r = fn(arg, s->top.p, s->top.len)) != 0)
		return r;
	while ((q = next_quoted(s, look)) < s->len) {
		if ((r = fn(arg, s->msg + at, q - at)) != 0 ||
		    (r = fn(arg, ">", 1)) != 0)
			return r;
		at = q;
		look = behind(s, q);
	}
	if ((r = fn(arg, s->msg + at, s->len - at)) != 0)
		return r;
	return fn(arg, s->tail, strlen(s->tail));
}

static int
count(void *arg, const char *p, size_t n)
{
	(void)p;
	*(size_t *)arg += n;
	return 0;
}

void
mbox_section(struct mbox_section *s, const struct letter *l)
{
	s->top.len = 0;
	trace_from_line(&s->top, l);
	buf_add(&s->top, l->head.p, l->head.len);
	s->msg = l->msg;
	s->len = l->msglen;
	s->tail = s->len > 0 && s->msg[s->len - 1] != '\n' ? "\n\n" : "\n";
	s->total = 0;
	walk(s, count, &s->total);
}

/* Pieces gathered for one writev. */
struct gather {
	int fd;
	int n;
	struct iovec v[IOVS];
};

static int
flush(struct gather *g)
{
	struct iovec *v = g->v, *end = g->v + g->n;
	ssize_t w;

	while (v < end) {
		w = writev(g->fd, v, (int)(end - v));
		if (w == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		for (; v < end && (size_t)w >= v->iov_len; v++)
			w -= (ssize_t)v->iov_len;
		if (v < end) {
			v->iov_base = (char *)v->iov_base + w;
			v->iov_len -= (size_t)w;
		}
	}
	g->n = 0;
	return 0;
}

static int
gather(void *arg, const char *p, size_t n)
{
	struct gather *g = arg;

	if (n == 0)
		return 0;
	g->v[g->n].iov_base = (void *)(uintptr_t)p;
	g->v[g->n++].iov_len = n;
	return g->n == IOVS ? flush(g) : 0;
}

int
mbox_section_write(const struct mbox_section *s, unsigned n, int fd)
{
	struct gather g;

	g.fd = fd;
	g.n = 0;
	for (; n > 0; n--, s++)
		if (walk(s, gather, &g) != 0)
			return -1;
	return flush(&g);
}

struct match {
	const char *p;
	size_t left;
	size_t same;
	int holes; /* zeros stand for what we have: a lost block's */
};

static int
compare(void *arg, const char *p, size_t n)
{
	struct match *m = arg;
	size_t i = 0, k = n < m->left ? n : m->left;

	if (k > 0 && memcmp(m->p, p, k) == 0)
		i = k;
	for (; i < k && (m->p[i] == p[i] || m->p[i] == '\0'); i++)
		m->holes |= m->p[i] != p[i];
	m->same += i;
	m->p += i;
	m->left -= i;
	return i < n;
}

size_t
mbox_section_match(const struct mbox_section *s, const char *p, size_t n,
    int *holes)
{
	struct match m = {p, n, 0, 0};

	walk(s, compare, &m);
	*holes = m.holes;
	return m.same;
}

/* `From ' at p, a word, and Www Mmm behind it? */
static int
is_from_line(const char *p, size_t n)
{
	size_t i = FROM, k;

	while (i < n && p[i] != ' ' && p[i] != '\n')
		i++;
	if (i == FROM || n - i < 9)
		return 0;
	for (k = 0; k < 9; k++)
		if (k % 4 == 0 ? p[i + k] != ' '
		    : ascii_lower(p[i + k]) < 'a' ||
		    ascii_lower(p[i + k]) > 'z')
			return 0;
	return 1;
}

int
mbox_has_from(const char *p, size_t n)
{
	const char *hit, *at = p, *end = p + n;

	while ((hit = memmem(at, (size_t)(end - at), from, FROM)) != NULL) {
		if (is_from_line(hit, (size_t)(end - hit)) &&
		    (hit == p || hit[-1] != '>'))
			return 1;
		at = hit + FROM;
	}
	return 0;
}

/* The first bytes by which a section is known as this message's: the top and
 * the first field, our own Received with the id. */
static size_t
known_by(const struct mbox_section *s)
{
	const char *p = s->msg, *end = p + s->len, *nl;

	do {
		nl = memchr(p, '\n', (size_t)(end - p));
		p = nl == NULL ? end : nl + 1;
	} while (p < end && (*p == ' ' || *p == '\t'));
	return s->top.len + (size_t)(p - s->msg);
}

/* Does a separator or the end follow, behind the empty lines with which the
 * next program to append has ended a torn section? */
static int
ends_here(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && i < 2 && p[i] == '\n')
		i++;
	return i == n || (n - i > FROM && memcmp(p + i, from, FROM) == 0 &&
	    is_from_line(p + i, n - i));
}

enum mbox_found
mbox_section_find(const struct mbox_section *s, const char *p, size_t n,
    size_t *at)
{
	size_t known = known_by(s), i, m;
	int holes;

	for (i = n; i-- > 0;) {
		if ((p[i] != '\0' && (p[i] != 'F' || n - i < FROM)) ||
		    (i > 0 && p[i - 1] != '\n'))
			continue;
		m = mbox_section_match(s, p + i, n - i, &holes);
		*at = i;
		if ((m < s->total || holes) && m == n - i)
			return MBOX_TORN;
		if (!holes && m >= known && (m + strlen(s->tail) >= s->total ||
		    !ends_here(p + i + m, n - i - m)))
			return MBOX_WHOLE;
	}
	return MBOX_NONE;
}
