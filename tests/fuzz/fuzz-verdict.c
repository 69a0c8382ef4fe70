/* lib/verdict: a line that is taken can be written again and says the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verdict v, w;
	struct buf b = {0};
	int r;

	if (verdict_parse(&v, (const char *)data, size) == -1)
		return 0;
	if (v.text < (const char *)data ||
	    v.text + v.len > (const char *)data + size)
		abort();
	if (v.kind == 'F') {
		r = verdict_forward(&b, v.index, v.text, v.len);
	} else {
		verdict_addn(&b, v.kind, v.index, v.status, v.text, v.len);
		r = 0;
	}
	if (r == 0) {
		if (memchr(b.p, '\n', b.len) != b.p + b.len - 1 ||
		    verdict_parse(&w, b.p, b.len - 1) == -1 ||
		    w.kind != v.kind || w.index != v.index ||
		    strcmp(w.status, v.status) != 0)
			abort();
	}
	buf_free(&b);
	return 0;
}
