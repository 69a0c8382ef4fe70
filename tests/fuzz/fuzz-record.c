/* lib/record and lib/envelope: what is taken lies inside of the memory, and
 * writing its records again gives an envelope that is the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct envelope *e, const char *p, size_t n)
{
	struct records r = {p, p + n};
	struct recipient rcpt;
	const char *text, *at = e->rcpts;
	struct buf b = {0};
	unsigned i = 0;
	size_t len;
	char tag;

	while (record_next(&r, &tag, &text, &len) == 1)
		record_add(&b, tag, text, len);
	buf_byte(&b, '\0');
	if (r.p != e->end || b.len != (size_t)(r.p - p) ||
	    memcmp(b.p, p, b.len) != 0)
		abort();
	while (envelope_rcpt(e, &at, &rcpt)) {
		i++;
		if (rcpt.len == 0 || rcpt.end > e->end)
			abort();
		recipient_attr(&rcpt, "orig");
	}
	if (i != e->nrcpt)
		abort();
	envelope_attr(e, "peer");
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envelope e;

	if (envelope_parse(&e, (const char *)data, size) == 0)
		check(&e, (const char *)data, size);
	return 0;
}
