/*
 * mx_parse, host_parse and mxresolve.  Input: a byte that chooses; then for 0
 * an answer of mx-lookup, for 1 a question, else records of a byte of length
 * and as many bytes: MX (for 2 PTR), and the same again as addresses.
 */
#include <stdlib.h>
#include <string.h>

#include "hostq.h"
#include "mxq.h"
#include "mxresolve.h"

enum { RECORDS = 64 };

static size_t
cut_records(const uint8_t *p, size_t n, char *data[], int len[])
{
	size_t i, at = 0;

	for (i = 0; i < RECORDS && at < n; i++) {
		len[i] = p[at] < n - at - 1 ? p[at] : (int)(n - at - 1);
		/* A block each, so that reading over its end is seen. */
		data[i] = malloc((size_t)len[i] + 1);
		data[i] = realloc(data[i], len[i] > 0 ? (size_t)len[i] : 1);
		memcpy(data[i], p + at + 1, (size_t)len[i]);
		at += 1 + (size_t)len[i];
	}
	data[i] = NULL;
	return i;
}

/* What mxresolve writes its client must take, and as what it was meant. */
static void
check(const struct mxresolve *r)
{
	struct mx_answer a;
	struct host_answer h;

	if (r->about != MXR_MAIL) {
		host_parse(&h, r->out.p, r->out.len);
		if (strncmp(h.text, "malformed answer", 16) == 0)
			abort();
		host_free(&h);
		return;
	}
	mx_parse(&a, r->out.p, r->out.len);
	if ((a.code == 0) != (memcmp(r->out.p, "mx ", 3) == 0) ||
	    strncmp(a.text, "malformed answer", 16) == 0)
		abort();
	mx_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *data[RECORDS + 1];
	int len[RECORDS];
	struct mx_answer ans;
	struct host_answer host;
	struct mxresolve r;
	struct mxr_lookup l;
	struct dns_answer a = {.kind = DNS_DATA, .ttl = 60, .data = data,
	    .len = len};
	size_t i, k;

	if (n < 1)
		return 0;
	if (p[0] == 0) {
		mx_parse(&ans, (const char *)p + 1, n - 1);
		mx_free(&ans);
		host_parse(&host, (const char *)p + 1, n - 1);
		host_free(&host);
		return 0;
	}
	if (p[0] == 1)
		mxr_start(&r, (const char *)p + 1, n - 1);
	else if (p[0] == 2)
		mxr_start(&r, "ptr 192.0.2.7", 13);
	else
		mxr_start(&r, "d.test", 6);
	k = cut_records(p + 1, n - 1, data, len);
	a.kind = k > 0 ? DNS_DATA : DNS_NODATA;
	while (mxr_next(&r, &l))
		mxr_answer(&r, l.tag, &a);
	mxr_expire(&r, "timeout");
	check(&r);
	for (i = 0; i < k; i++)
		free(data[i]);
	mxr_free(&r);
	return 0;
}
