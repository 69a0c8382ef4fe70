/* Any bytes as a path: what is taken is a valid envelope address, and parsing
 * it again gives the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct buf a = {0}, b = {0};
	struct addr s;
	size_t used = 0;
	int utf8;

	for (utf8 = 0; utf8 < 2; utf8++) {
		a.len = b.len = 0;
		if (addr_path(p, size, utf8, &a, &used) != ADDR_OK) {
			if (a.len != 0)
				abort();
			continue;
		}
		if (used > size || p[used - 1] != '>')
			abort();
		if (a.len == 0)
			continue;
		if (!addr_valid(a.p, a.len, utf8) ||
		    addr_parse(a.p, a.len, utf8, &b) != ADDR_OK ||
		    a.len != b.len || memcmp(a.p, b.p, a.len) != 0)
			abort();
		if (memchr(a.p, '\0', a.len) || memchr(a.p, '\n', a.len) ||
		    memchr(a.p, '\r', a.len))
			abort();
		addr_split(a.p, a.len, &s);
		if (s.llen == 0 || s.llen + s.dlen > a.len)
			abort();
	}
	addr_split(p, size, &s);
	buf_free(&a);
	buf_free(&b);
	return 0;
}
