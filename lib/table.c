#include <stdlib.h>
#include <string.h>

#include "table.h"

/* data holds for each record two 32-bit lengths, the key and the value. */
enum { HEAD = 8, FIRST_SLOTS = 256 };

static uint32_t
hash(char tag, const char *key, size_t klen)
{
	uint32_t h = 2166136261u;
	size_t i;

	if (tag != '\0')
		h = (h ^ (unsigned char)tag) * 16777619u;
	for (i = 0; i < klen; i++)
		h = (h ^ (unsigned char)key[i]) * 16777619u;
	return h;
}

static size_t
record_at(const struct table *t, size_t at, struct table_record *r)
{
	const char *p = t->data.p + at;

	memcpy(&r->klen, p, 4);
	memcpy(&r->vlen, p + 4, 4);
	r->key = p + HEAD;
	r->val = r->key + r->klen;
	return at + HEAD + r->klen + r->vlen;
}

static int
same_key(const struct table_record *r, char tag, const char *key, size_t klen)
{
	size_t n = tag != '\0';

	return r->klen == klen + n && (n == 0 || r->key[0] == tag) &&
	    memcmp(r->key + n, key, klen) == 0;
}

/* The slot that has the key, or the empty one where it belongs. */
static size_t
probe(const struct table *t, char tag, const char *key, size_t klen)
{
	size_t i = hash(tag, key, klen) & (t->slots - 1);
	struct table_record r;

	while (t->index[i] != 0) {
		record_at(t, t->index[i] - 1, &r);
		if (same_key(&r, tag, key, klen))
			break;
		i = (i + 1) & (t->slots - 1);
	}
	return i;
}

/* Keeps the index at most half full. */
static void
grow(struct table *t)
{
	struct table_record r;
	size_t at = 0, here;

	if (t->count * 2 < t->slots)
		return;
	t->slots = t->slots == 0 ? FIRST_SLOTS : t->slots * 2;
	free(t->index);
	t->index = xalloc(t->slots * sizeof *t->index);
	memset(t->index, 0, t->slots * sizeof *t->index);
	for (here = 0; table_next(t, &at, &r); here = at)
		t->index[probe(t, '\0', r.key, r.klen)] = (uint32_t)here + 1;
}

int
table_put(struct table *t, char tag, const char *key, size_t klen,
    const char *val, size_t vlen, struct table_record *r)
{
	uint32_t k = (uint32_t)(klen + (tag != '\0')), v = (uint32_t)vlen;
	size_t i, at = t->data.len;

	grow(t);
	i = probe(t, tag, key, klen);
	if (t->index[i] != 0) {
		if (r != NULL)
			record_at(t, t->index[i] - 1, r);
		return -1;
	}
	/* Offsets have 32 bits, as they have in a cdb. */
	if (klen + vlen > UINT32_MAX / 2 || at > UINT32_MAX / 2)
		buf_nomem();
	buf_add(&t->data, &k, 4);
	buf_add(&t->data, &v, 4);
	if (tag != '\0')
		buf_byte(&t->data, tag);
	buf_add(&t->data, key, klen);
	buf_add(&t->data, val, vlen);
	t->index[i] = (uint32_t)at + 1;
	t->count++;
	return 0;
}

size_t
table_find(const struct table *t, char tag, const char *key, size_t klen)
{
	size_t i;

	if (t->slots == 0)
		return SIZE_MAX;
	i = probe(t, tag, key, klen);
	return t->index[i] != 0 ? t->index[i] - 1 : SIZE_MAX;
}

int
table_get(const struct table *t, char tag, const char *key, size_t klen,
    struct table_record *r)
{
	size_t at = table_find(t, tag, key, klen);

	if (at == SIZE_MAX)
		return 0;
	record_at(t, at, r);
	return 1;
}

int
table_next(const struct table *t, size_t *at, struct table_record *r)
{
	if (*at >= t->data.len)
		return 0;
	*at = record_at(t, *at, r);
	return 1;
}

void
table_free(struct table *t)
{
	buf_free(&t->data);
	free(t->index);
	t->index = NULL;
	t->slots = t->count = 0;
}
