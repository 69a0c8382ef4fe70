/* lib/map and lib/route: any bytes as the table, the first line as the
 * address; answers lie inside of the table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nl = size ? memchr(data, '\n', size) : NULL;
	struct map m = {0};
	struct route r;
	const char *v, *t;
	size_t n, len;

	if (nl == NULL)
		return 0;
	len = (size_t)(nl - data);
	m.size = size - len - 1;
	m.p = nl + 1;
	if (map_get(&m, data, len, &v, &n) == 1 &&
	    (v < (const char *)m.p || n > m.size ||
	    (size_t)(v - (const char *)m.p) > m.size - n))
		abort();
	route_find(&r, &m, (const char *)data, len, 0, NULL, NULL);
	if (r.kind == ROUTE_ALIAS)
		for (t = r.targets; t < r.targets + r.targetslen;)
			t += strlen(t) + 1;
	if (r.kind == ROUTE_VHOST && strlen(r.format) > m.size)
		abort();
	if (r.kind == ROUTE_USER && strlen(r.home) > m.size)
		abort();
	route_ours(&m, (const char *)data, len);
	return 0;
}
