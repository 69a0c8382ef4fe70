#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "hash64.h"
#include "strmap.h"

enum { CHUNK = 2048 };

struct arena_chunk {
	struct arena_chunk *next;
	_Alignas(16) char p[];
};

void *
arena_get(struct arena *a, size_t n)
{
	struct arena_chunk *c;
	size_t want;
	char *p;

	n = (n + 7) & ~(size_t)7;
	if (a->chunk == NULL || n > a->left) {
		want = n > CHUNK ? n : CHUNK;
		c = xalloc(sizeof *c + want);
		c->next = a->chunk;
		a->chunk = c;
		a->left = want;
	}
	/* Given out from the end of the chunk towards its beginning. */
	a->left -= n;
	p = a->chunk->p + a->left;
	return p;
}

char *
arena_copy(struct arena *a, const char *p, size_t n)
{
	char *c = arena_get(a, n + 1);

	if (n > 0)
		memcpy(c, p, n);
	c[n] = '\0';
	return c;
}

void
arena_free(struct arena *a)
{
	struct arena_chunk *c;

	while ((c = a->chunk) != NULL) {
		a->chunk = c->next;
		free(c);
	}
	a->left = 0;
}

static size_t
place(const struct strmap *m, const char *key)
{
	struct hash64 h = {0};
	size_t i;

	hash64_add(&h, key, strlen(key));
	i = hash64_end(&h) & (m->size - 1);
	while (m->e[i].key != NULL && strcmp(m->e[i].key, key) != 0)
		i = (i + 1) & (m->size - 1);
	return i;
}

static void
grow(struct strmap *m)
{
	struct strmap old = *m;
	size_t i;

	m->size = old.size ? old.size * 2 : 16;
	m->e = xalloc(m->size * sizeof *m->e);
	memset(m->e, 0, m->size * sizeof *m->e);
	for (i = 0; i < old.size; i++)
		if (old.e[i].key != NULL)
			m->e[place(m, old.e[i].key)] = old.e[i];
	free(old.e);
}

int *
strmap_put(struct strmap *m, const char *key, int value)
{
	size_t i;

	if ((m->n + 1) * 4 > m->size * 3)
		grow(m);
	i = place(m, key);
	if (m->e[i].key == NULL) {
		m->e[i].key = key;
		m->e[i].value = value;
		m->n++;
	}
	return &m->e[i].value;
}

int *
strmap_get(const struct strmap *m, const char *key)
{
	size_t i;

	if (m->size == 0)
		return NULL;
	i = place(m, key);
	return m->e[i].key != NULL ? &m->e[i].value : NULL;
}

void
strmap_free(struct strmap *m)
{
	free(m->e);
	memset(m, 0, sizeof *m);
}
