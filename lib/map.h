/* Reads a constant database from a mapped file. */
#ifndef MAP_H
#define MAP_H
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is closed. */
struct map {
	const unsigned char *p;
	size_t size;
};

/* Maps the file; 0, or -1 with errno (EPROTO: too short for a cdb). */
int map_open(struct map *m, const char *path);
void map_close(struct map *m);
/*
 * The first value of key.  1: found, *val points into the map and stays valid
 * until map_close; 0: not there; -1: the file is damaged.  Every offset is
 * checked: a damaged file is never read outside of the map.
 */
int map_get(const struct map *m, const void *key, size_t klen,
    const char **val, size_t *vlen);
/* The same for a two-part key (prefix character, text). */
int map_get2(const struct map *m, char tag, const char *key, size_t klen,
    const char **val, size_t *vlen);
#endif
