#include <stdlib.h>
#include <string.h>

#include "fdio.h"
#include "mxserve.h"

static void
answer(struct client *c, const struct buf *lines)
{
	buf_add(&c->out, lines->p, lines->len);
	lineserv_answer(c, ".\n", 2);
}

/* Where the answer to key would be: one place each, so that what is kept is
 * bounded without any order. */
static struct memory *
place(struct mxserve *s, const char *key)
{
	uint32_t h = 5381;

	for (; *key != '\0'; key++)
		h = (h << 5) + h + (unsigned char)*key;
	return &s->memory[h % MXSERVE_REMEMBER];
}

static void
remember(struct mxserve *s, const struct mxresolve *r)
{
	struct memory *e = place(s, r->key);
	size_t n = strlen(r->key) + 1;

	if (r->ttl == 0 || r->out.len > MXSERVE_TEXT_MAX)
		return;
	free(e->key);
	e->key = xalloc(n);
	memcpy(e->key, r->key, n);
	buf_free(&e->text);
	buf_add(&e->text, r->out.p, r->out.len);
	e->expires = clock_ms() + (uint64_t)r->ttl * 1000;
}

struct question *
mxserve_add(struct mxserve *s, const struct mxresolve *r)
{
	struct question *q = xalloc(sizeof *q);

	memset(q, 0, sizeof *q);
	q->r = *r;
	q->deadline = clock_ms() + s->timeout;
	q->next = s->questions;
	s->questions = q;
	return q;
}

void
mxserve_line(void *arg, struct client *c, const char *line, size_t n)
{
	struct mxserve *s = arg;
	struct mxresolve r;
	struct question *q;
	struct memory *e;

	mxr_start(&r, line, n > 0 && line[n - 1] == '\r' ? n - 1 : n);
	e = place(s, r.key);
	for (q = s->questions; q != NULL; q = q->next)
		if (strcmp(q->r.key, r.key) == 0)
			break;
	if (r.done) {
		answer(c, &r.out);
	} else if (e->key != NULL && strcmp(e->key, r.key) == 0 &&
	    clock_ms() < e->expires) {
		answer(c, &e->text);
	} else if (q != NULL) {
		c->waiting = q;
	} else {
		c->waiting = mxserve_add(s, &r);
		return;
	}
	mxr_free(&r);
}

void
mxserve_conclude(struct mxserve *s, struct question *q)
{
	struct question **p;
	size_t i;

	for (i = 0; i < s->serv.n; i++)
		if (s->serv.clients[i]->waiting == q)
			answer(s->serv.clients[i], &q->r.out);
	remember(s, &q->r);
	for (p = &s->questions; *p != q; p = &(*p)->next)
		;
	*p = q->next;
	mxr_free(&q->r);
	free(q);
}
