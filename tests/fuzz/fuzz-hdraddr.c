/* lib/hdraddr: every address that comes out may go into an envelope, and is
 * read again as itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "hdraddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = {0}, again = {0};
	const char *p = (const char *)data, *bad = NULL, *a;
	size_t nbad = 0;
	int n, i;

	n = hdraddr_parse(p, size, 1, &b, &bad, &nbad);
	if (n == -1 && (bad < p || bad + nbad > p + size || b.len != 0))
		abort();
	for (a = b.p, i = 0; i < n; i++, a += strlen(a) + 1) {
		if (!addr_valid(a, strlen(a), 1))
			abort();
		again.len = 0;
		if (hdraddr_parse(a, strlen(a), 1, &again, NULL, NULL) != 1 ||
		    strcmp(again.p, a) != 0)
			abort();
	}
	if (n > 0 && a != b.p + b.len)
		abort();
	buf_free(&b);
	buf_free(&again);
	return 0;
}
