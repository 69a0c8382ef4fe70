#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "dnsname.h"
#include "str.h"

int
dnsname_text(const unsigned char *p, size_t n, char out[DNSNAME_MAX])
{
	size_t i = 0, len = 0, label;

	while (i < n && p[i] != 0) {
		label = p[i++];
		if (label > 63 || label > n - i || len + label + 1 > 255 ||
		    memchr(p + i, '.', label) != NULL)
			return -1;
		if (len > 0)
			out[len++] = '.';
		memcpy(out + len, p + i, label);
		len += label;
		i += label;
	}
	if (i + 1 != n)
		return -1;
	out[len] = '\0';
	str_lower(out, len);
	return len == 0 || addr_domain_valid(out, len, 0, 0) ? 0 : -1;
}

void
dnsname_reverse(const struct netaddr *a, char out[DNSNAME_MAX])
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *b = a->b;
	size_t i, at = 0;

	if (netaddr_is4(a)) {
		snprintf(out, DNSNAME_MAX, "%u.%u.%u.%u.in-addr.arpa", b[15],
		    b[14], b[13], b[12]);
		return;
	}
	for (i = 16; i-- > 0;) {
		out[at++] = hex[b[i] & 15];
		out[at++] = '.';
		out[at++] = hex[b[i] >> 4];
		out[at++] = '.';
	}
	strcpy(out + at, "ip6.arpa");
}
