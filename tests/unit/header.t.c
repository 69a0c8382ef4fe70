/* lib/header: walking fields, finding the body, unfolding. */
#include "header.h"
#include "tap.h"

static struct header_field f;

static void
walk(void)
{
	static const char m[] = "From: a@b\nSubject: one\n two\n\tthree\nX-Empty:\n"
				"Old : style\r\n\nbody: no\n";
	const char *at = m, *end = m + sizeof m - 1;

	is_int(header_next(&at, end, &f), 1, "first field");
	is_mem(f.name, f.namelen, "From", "its name");
	is_mem(f.value, f.valuelen, " a@b", "its value");
	header_next(&at, end, &f);
	is_mem(f.value, f.valuelen, " one\n two\n\tthree", "folded value");
	is_mem(f.raw, f.rawlen, "Subject: one\n two\n\tthree\n", "raw field");
	header_next(&at, end, &f);
	is_mem(f.value, f.valuelen, "", "empty value");
	is_int(header_next(&at, end, &f), 1, "blank before the colon is taken");
	is_mem(f.name, f.namelen, "Old", "name without the blank");
	is_mem(f.value, f.valuelen, " style", "CRLF is not part of a value");
	is_int(header_next(&at, end, &f), 0, "ends at the empty line");
	ok(*at == '\n', "and stands at it");
	ok(!header_find(m, sizeof m - 1, "body", &f), "body is not searched");
	ok(header_find(m, sizeof m - 1, "x-EMPTY", &f), "any case is found");
}

static void
length(const char *m, size_t want, size_t wantbody, const char *what)
{
	size_t body, n = header_length(m, strlen(m), &body);

	is_int((long long)n, (long long)want, what);
	is_int((long long)body, (long long)wantbody, "  and its body");
}

static void
unfold(const char *in, const char *want, const char *what)
{
	struct buf b = {0};

	header_unfold(&b, in, strlen(in));
	is_mem(b.p ? b.p : "", b.len, want, what);
	buf_free(&b);
}

int
main(void)
{
	walk();
	length("A: b\n\nbody", 5, 6, "empty line");
	length("A: b\r\n\r\nbody", 6, 8, "CRLF");
	length("A: b\nnot a field\n", 5, 5, "body without an empty line");
	length("hello\n", 0, 0, "no header at all");
	length("\nhello\n", 0, 1, "empty header");
	length("", 0, 0, "empty message");
	length("A: b\n c", 7, 7, "only a header, cut in a line");
	length(" A: b\n", 0, 0, "a first line that continues nothing");
	length("From bob Sat Nov 21\n", 0, 0, "a From_ line is no field");
	length("A\x01: b\n", 0, 0, "no control character in a name");
	length(": b\n", 0, 0, "a field has a name");
	unfold(" a\n b\r\n\tc ", "a b\tc", "line breaks go, blanks stay");
	unfold("\n x\n ", "x", "blanks at both ends go");
	unfold(" \n ", "", "nothing is nothing");
	return done();
}
