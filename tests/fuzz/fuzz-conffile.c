/* lib/conffile: values are valid text, messages are whole lines. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conffile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conffile c = {0};
	struct diag d = {0};
	size_t i, lines = 0;

	conffile_parse(&c, "f", (const char *)data, size, &d);
	for (i = 0; i < c.n; i++)
		if (strlen(c.v[i].text.p) != c.v[i].text.len ||
		    ((c.v[i].s->flags & SET_LIST) == 0 &&
		    setting_valid(c.v[i].s, c.v[i].text.p) == -1))
			abort();
	for (i = 0; i < d.text.len; i++)
		lines += d.text.p[i] == '\n';
	if (lines != d.errors + d.warnings)
		abort();
	conffile_free(&c);
	buf_free(&d.text);
	return 0;
}
