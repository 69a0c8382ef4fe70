/* lib/strmap: every key keeps its value while the map grows; the arena's
 * pieces do not touch each other. */
#include <stdint.h>
#include <stdio.h>

#include "strmap.h"
#include "tap.h"

enum { MANY = 20000 };

static struct arena a;

static const char *
key(int i)
{
	char s[32];

	snprintf(s, sizeof s, "user%d@example.test", i);
	return arena_copy(&a, s, strlen(s));
}

static void
map(void)
{
	struct strmap m = {0};
	int i, bad = 0;

	ok(strmap_get(&m, "x") == NULL, "an empty map has nothing");
	for (i = 0; i < MANY; i++)
		bad += *strmap_put(&m, key(i), i) != i;
	is_int(bad, 0, "new keys have the value that they were put with");
	for (i = 0; i < MANY; i++)
		bad += *strmap_put(&m, key(i), -1) != i;
	is_int(bad, 0, "put again, they keep it");
	for (i = 0; i < MANY; i++) {
		int *v = strmap_get(&m, key(i));

		bad += v == NULL || *v != i;
	}
	is_int(bad, 0, "and are found");
	ok(strmap_get(&m, "user@example.test") == NULL, "another is not");
	*strmap_get(&m, "user7@example.test") = 70;
	is_int(*strmap_get(&m, "user7@example.test"), 70, "a value is set in place");
	is_int(*strmap_put(&m, "", 5), 5, "the empty key is a key");
	strmap_free(&m);
}

static void
arena(void)
{
	char *p[200];
	int i, bad = 0, odd = 0;

	for (i = 0; i < 200; i++) {
		size_t n = (size_t)(i * 97 % 5000);

		p[i] = arena_get(&a, n + 1);
		odd += (uintptr_t)p[i] % 8 != 0;
		memset(p[i], i, n + 1);
	}
	for (i = 0; i < 200; i++) {
		size_t n = (size_t)(i * 97 % 5000) + 1;

		while (n-- > 0)
			bad += p[i][n] != (char)i;
	}
	is_int(bad, 0, "pieces of all sizes keep what was written");
	is_int(odd, 0, "and are aligned");
	is_str(arena_copy(&a, "abc", 2), "ab", "a copy ends where it should");
	is_str(arena_copy(&a, NULL, 0), "", "a copy of nothing");
	arena_free(&a);
	arena_free(&a);
	ok(1, "freed twice");
}

int
main(void)
{
	map();
	arena();
	return done();
}
