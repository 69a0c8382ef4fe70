/* lib/aliasfile: what comes out is what the tables may hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "aliasfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
target(const char *t, const char *domain)
{
	size_t n = strlen(t);
	struct addr a;
	const char *p;

	for (p = t; *p != '\0'; p++)
		if (*p == '\n' || *p == '\r')
			abort();
	if (n == 0 || n > ALIAS_TARGET_MAX)
		abort();
	if (t[0] == '|' || t[0] == '/' || (t[0] == '*' && t[1] == '@'))
		return;
	if (t[0] == ':') {
		if (strncmp(t, ":include:/", 10) != 0)
			abort();
		return;
	}
	t += t[0] == '\\';
	addr_split(t, strlen(t), &a);
	if (!addr_valid(t, strlen(t), 1) ||
	    (a.dlen == 0 && domain[0] != '\0'))
		abort();
}

static void
entry(void *arg, const struct alias *a)
{
	const char *p = a->targets, *end = p + a->targetslen;

	if (p == end || end[-1] != '\0' || a->line == 0 ||
	    !addr_valid(a->name, strlen(a->name), 1))
		abort();
	for (; p < end; p += strlen(p) + 1)
		target(p, arg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char system[] = "", virtual[] = "v.test";
	struct diag d = {0};

	aliasfile_parse("f", (const char *)data, size, system, &d, entry,
	    system);
	aliasfile_parse("f", (const char *)data, size, virtual, &d, entry,
	    virtual);
	buf_free(&d.text);
	return 0;
}
