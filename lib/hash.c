#include "hash.h"
#include "str.h"

uint32_t
hash_caseless(const char *p, size_t n)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (unsigned char)ascii_lower(p[i])) * 16777619u;
	return h;
}
