/* The checksum of a slot: 64 bits, against torn writes and rot, not against
 * anybody who means harm. */
#ifndef HASH64_H
#define HASH64_H
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; add text in any pieces; the result is that of the whole. */
struct hash64 {
	uint64_t h;
	uint64_t len;
	unsigned char tail[8];
	unsigned ntail;
};

void hash64_add(struct hash64 *s, const void *p, size_t n);
uint64_t hash64_end(struct hash64 *s);
#endif
