/* A map from text to a number, and memory that goes all at once. */
#ifndef STRMAP_H
#define STRMAP_H
#include <stddef.h>

/* Memory given out in pieces and freed together.  Zero-initialise. */
struct arena {
	struct arena_chunk *chunk;
	size_t left;
};

void *arena_get(struct arena *a, size_t n);
/* A NUL-terminated copy of n bytes. */
char *arena_copy(struct arena *a, const char *p, size_t n);
void arena_free(struct arena *a);

struct strmap_entry {
	const char *key;
	int value;
};

/* Zero-initialise; keys are not copied and must outlive the map. */
struct strmap {
	struct strmap_entry *e;
	size_t size; /* a power of two */
	size_t n;
};

/* The place of key's value, made with `value' if it was not there. */
int *strmap_put(struct strmap *m, const char *key, int value);
/* The place of its value, or NULL. */
int *strmap_get(const struct strmap *m, const char *key);
void strmap_free(struct strmap *m);
#endif
