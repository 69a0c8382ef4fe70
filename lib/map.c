#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "map.h"

/* cdb: 256 (position, slots) pairs, then records (klen, dlen, key, data),
 * then the hash tables of (hash, position) pairs; all 32 bits, little end
 * first; position 0 is an empty slot. */
enum { HEADER = 2048 };

int
map_open(struct map *m, const char *path)
{
	struct stat st;
	void *p;
	int fd, err;

	/* openat: one system call where a libc's open makes two of O_CLOEXEC. */
	fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1) {
		err = errno;
	} else if (st.st_size < HEADER || st.st_size > UINT32_MAX) {
		err = EPROTO;
	} else {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		err = errno;
		if (p != MAP_FAILED) {
			close(fd);
			m->p = p;
			m->size = (size_t)st.st_size;
			return 0;
		}
	}
	close(fd);
	errno = err;
	return -1;
}

void
map_close(struct map *m)
{
	if (m->p != NULL)
		munmap((void *)(uintptr_t)m->p, m->size);
	m->p = NULL;
	m->size = 0;
}

static uint32_t
u32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

/* Are n bytes from pos on inside of the map? */
static int
inside(const struct map *m, uint32_t pos, uint64_t n)
{
	return pos <= m->size && n <= m->size - pos;
}

/* Is the record at pos that of tag+key?  -1: outside of the map. */
static int
matches(const struct map *m, uint32_t pos, char tag, const char *key,
    size_t klen)
{
	size_t t = tag != '\0';
	const unsigned char *r;

	if (!inside(m, pos, 8))
		return -1;
	r = m->p + pos;
	if (!inside(m, pos, 8 + (uint64_t)u32(r) + u32(r + 4)))
		return -1;
	return u32(r) == klen + t && (t == 0 || r[8] == (unsigned char)tag) &&
	    memcmp(r + 8 + t, key, klen) == 0;
}

int
map_get2(const struct map *m, char tag, const char *key, size_t klen,
    const char **val, size_t *vlen)
{
	uint32_t h = 5381, table, slots, i, n, pos;
	const unsigned char *e, *r;
	size_t k;
	int hit;

	if (tag != '\0')
		h = (h + (h << 5)) ^ (unsigned char)tag;
	for (k = 0; k < klen; k++)
		h = (h + (h << 5)) ^ (unsigned char)key[k];
	if (m->size < HEADER)
		return -1;
	table = u32(m->p + (h & 255) * 8);
	slots = u32(m->p + (h & 255) * 8 + 4);
	if (slots == 0)
		return 0;
	if (!inside(m, table, (uint64_t)slots * 8))
		return -1;
	i = (h >> 8) % slots;
	for (n = 0; n < slots; n++, i = i + 1 == slots ? 0 : i + 1) {
		e = m->p + table + (size_t)i * 8;
		pos = u32(e + 4);
		if (pos == 0)
			return 0;
		if (u32(e) != h)
			continue;
		hit = matches(m, pos, tag, key, klen);
		if (hit == -1)
			return -1;
		if (hit) {
			r = m->p + pos;
			*val = (const char *)r + 8 + u32(r);
			*vlen = u32(r + 4);
			return 1;
		}
	}
	return 0;
}

int
map_get(const struct map *m, const void *key, size_t klen, const char **val,
    size_t *vlen)
{
	return map_get2(m, '\0', key, klen, val, vlen);
}
