/* Any bytes as a message that is submitted: it gets the fields that it lacks,
 * loses those that nobody is to see, keeps its body, and is complete then.
 * The first byte says who the author is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "complete.h"
#include "header.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(int good)
{
	if (!good)
		abort();
}

static void
check_fields(const struct buf *out)
{
	struct header_field f;
	size_t body, n = header_length(out->p, out->len, &body);

	check(header_find(out->p, n, "Date", &f) == 1);
	check(header_find(out->p, n, "From", &f) == 1);
	check(header_find(out->p, n, "Message-ID", &f) == 1);
	check(header_find(out->p, n, "Bcc", &f) == 0);
	check(header_find(out->p, n, "Resent-Bcc", &f) == 0);
	check(header_find(out->p, n, "Return-Path", &f) == 0);
}

/* The same body below the new header? */
static void
check_body(const struct buf *out, const char *p, size_t n)
{
	size_t was, is;

	header_length(p, n, &was);
	header_length(out->p, out->len, &is);
	check(out->len - is == n - was &&
	    (n == was || memcmp(out->p + is, p + was, n - was) == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct author a = {.login = "", .sender = "s@x.test",
	    .hostname = "mx.test"};
	struct buf out = {0}, again = {0};
	size_t n = size - 1;
	char *p;

	if (size < 2)
		return 0;
	if (data[0] & 1)
		a.login = data[0] & 2 ? "bad\nlogin" : "alice";
	if (data[0] & 4)
		a.sender = "";
	p = malloc(n); /* of this length for the sanitizer */
	memcpy(p, data + 1, n);
	if (complete_header(&out, p, n, 0, &a) == -1) {
		check(out.len == 0);
		check(complete_header(&out, p, n, 1, &a) == 0);
	}
	check_fields(&out);
	check_body(&out, p, n);
	check(complete_header(&again, out.p, out.len, 1, &a) == 0 &&
	    again.len == out.len && memcmp(again.p, out.p, out.len) == 0);
	buf_free(&out);
	buf_free(&again);
	free(p);
	return 0;
}
