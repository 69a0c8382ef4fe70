/* lib/forward: whatever the file, each item fits in a record and is what its
 * first byte says; a list holds addresses only. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "command.h"
#include "forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const char *p, size_t n, int list)
{
	struct forward f = {0};
	struct buf words = {0};
	const char *at, *end;
	unsigned i;
	size_t len;

	if (forward_parse(&f, p, n, list) == -1 && f.error == NULL)
		abort();
	if (f.items.len == 0) {
		buf_free(&f.items);
		return;
	}
	at = f.items.p;
	end = at + f.items.len;
	for (i = 0; i < f.n; i++, at += len + 1) {
		len = strlen(at);
		if (at + len >= end || len == 0 || len > 992 ||
		    strchr(at, '\n') != NULL || !forward_has(&f, at))
			abort();
		if (strchr("|/:", at[0]) != NULL ? list
		    : at[0] != '\\' && !addr_valid(at, len, 1))
			abort();
		words.len = 0;
		if (at[0] == '|')
			command_words(&words, at + 1);
	}
	if (at != end && f.error == NULL)
		abort();
	buf_free(&words);
	buf_free(&f.items);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check((const char *)data, size, 0);
	check((const char *)data, size, 1);
	return 0;
}
