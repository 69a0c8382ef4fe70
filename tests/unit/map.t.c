/* lib/map held against tinycdb: its writer's files, its reader's answers; and
 * files that are damaged, which must never be read outside. */
#include <sys/mman.h>
#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "map.h"
#include "tap.h"

enum { KEYS = 3000, ROUNDS = 4000 };

static char name[] = "/tmp/map.XXXXXX";

static unsigned
chance(void)
{
	static unsigned s = 1;

	s = s * 1103515245u + 12345u;
	return s >> 8;
}

static unsigned
key_of(unsigned i, char *key)
{
	return (unsigned)snprintf(key, 40, "u%u@domain%u.test", i, i % 7);
}

static int
write_file(void)
{
	struct cdb_make make;
	char key[40], val[600];
	unsigned i, n;
	int fd = mkstemp(name);

	if (fd == -1 || cdb_make_start(&make, fd) == -1)
		return -1;
	for (i = 0; i < KEYS; i++) {
		n = key_of(i, key);
		memset(val, (int)('a' + i % 26), sizeof val);
		if (cdb_make_add(&make, key, n, val, i % sizeof val) == -1)
			return -1;
	}
	cdb_make_add(&make, "", 0, "empty key", 9);
	cdb_make_add(&make, "twice", 5, "first", 5);
	cdb_make_add(&make, "twice", 5, "second", 6);
	cdb_make_add(&make, "nul\0key", 7, "n\0v", 3);
	if (cdb_make_finish(&make) == -1)
		return -1;
	close(fd);
	return 0;
}

/* Do both readers say the same about a key? */
static int
same(struct cdb *c, const struct map *m, const char *key, unsigned n)
{
	const char *v = NULL;
	size_t len = 0;
	int ours = map_get(m, key, n, &v, &len), theirs;

	theirs = cdb_find(c, key, n);
	if (ours != theirs)
		return 0;
	return ours != 1 || (len == cdb_datalen(c) &&
	    memcmp(v, cdb_getdata(c), len) == 0);
}

static void
against_tinycdb(struct map *m)
{
	struct cdb c;
	char key[40];
	const char *v;
	size_t len;
	unsigned i, n, bad = 0;
	int fd = open(name, O_RDONLY);

	cdb_init(&c, fd);
	for (i = 0; i < KEYS * 2; i++) {
		n = key_of(i, key);
		bad += !same(&c, m, key, n);
	}
	is_int(bad, 0, "tinycdb's reader agrees about every key");
	ok(same(&c, m, "", 0), "about the empty key");
	ok(same(&c, m, "twice", 5), "about a key that is there twice");
	ok(same(&c, m, "nul\0key", 7), "about a key with a NUL in it");
	ok(same(&c, m, "nul\0kez", 7), "and one that differs behind it");
	cdb_free(&c);
	close(fd);
	is_int(map_get2(m, 'u', "7@domain0.test", 14, &v, &len), 1,
	    "a key in two parts");
	is_int((long long)len, 7, "has its value");
	is_int(map_get2(m, 'a', "7@domain0.test", 14, &v, &len), 0,
	    "another first part has none");
}

/*
 * Looks keys up in a copy that ends where memory does: reading outside is a
 * signal, not luck.
 */
static int
look(unsigned char *end, const unsigned char *data, size_t size, int *within)
{
	struct map m = {end - size, size};
	char key[40];
	const char *v;
	size_t len;
	unsigned i, n;
	int r, worst = 1;

	memcpy(end - size, data, size);
	for (i = 0; i < 20; i++) {
		n = key_of(chance() % KEYS, key);
		r = map_get(&m, key, n, &v, &len);
		if (r < worst)
			worst = r;
		if (r == 1 && (v < (const char *)m.p ||
		    len > size - (size_t)(v - (const char *)m.p)))
			*within = 0;
	}
	return worst;
}

static void
damaged(const struct map *m)
{
	size_t page = 4096, room = (m->size + page - 1) / page * page, size;
	unsigned char *mem = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *copy = malloc(m->size);
	int i, k, within = 1, seen = 0;

	mprotect(mem + room, page, PROT_NONE);
	memcpy(copy, m->p, m->size);
	is_int(look(mem + room, copy, m->size, &within), 1,
	    "the copy is whole at first");
	for (i = 0; i < ROUNDS; i++) {
		memcpy(copy, m->p, m->size);
		size = m->size;
		if (i % 2)
			size = 1 + chance() % (unsigned)m->size;
		for (k = 0; k < 30; k++)
			copy[chance() % (i % 4 < 2 ? 2048 : size)] =
			    (unsigned char)chance();
		seen += look(mem + room, copy, size, &within) == -1;
	}
	ok(within, "a damaged file's values are inside of it");
	ok(seen > ROUNDS / 10, "and damage is said to be damage");
	memset(copy, 0xff, m->size);
	is_int(look(mem + room, copy, m->size, &within), -1, "all bits set");
	memset(copy, 0, m->size);
	is_int(look(mem + room, copy, m->size, &within), 0, "an empty table");
	is_int(look(mem + room, copy, 100, &within), -1, "too short");
	free(copy);
	munmap(mem, room + page);
}

int
main(void)
{
	struct map m = {0};
	int fd;

	if (write_file() == -1 || map_open(&m, name) == -1) {
		printf("Bail out! %s\n", name);
		return 1;
	}
	against_tinycdb(&m);
	damaged(&m);
	map_close(&m);
	ok(m.p == NULL, "closed");
	fd = open(name, O_WRONLY | O_TRUNC);
	close(fd);
	ok(map_open(&m, name) == -1 && errno == EPROTO, "an empty file");
	unlink(name);
	ok(map_open(&m, name) == -1 && errno == ENOENT, "no file");
	return done();
}
