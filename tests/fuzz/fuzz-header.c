/* lib/header: fields lie side by side, inside of the memory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *at = p, *was = p;
	struct header_field f;
	struct buf b = {0};
	size_t body, n;

	while (header_next(&at, p + size, &f)) {
		if (f.raw != was || f.raw + f.rawlen != at || f.rawlen == 0 ||
		    f.value + f.valuelen > at || f.name + f.namelen >= f.value)
			abort();
		was = at;
		b.len = 0;
		header_unfold(&b, f.value, f.valuelen);
		if (b.len > f.valuelen ||
		    (b.len > 0 && memchr(b.p, '\n', b.len) != NULL))
			abort();
	}
	n = header_length(p, size, &body);
	if (p + n != at || body < n || body > size || body > n + 2)
		abort();
	buf_free(&b);
	return 0;
}
