/* lib/smtpout: the wire form of a message, whatever parts it comes in. */
#include "smtpout.h"
#include "tap.h"

/* The wire form of text given in parts of `part' bytes. */
static struct smtpout
convert(const char *p, size_t n, size_t part, struct buf *out)
{
	struct smtpout s = {0};
	size_t i, k;

	out->len = 0;
	for (i = 0; i < n; i += k) {
		k = n - i < part ? n - i : part;
		smtpout_add(&s, p + i, k, out);
	}
	smtpout_end(&s, out);
	return s;
}

static void
one(const char *p, size_t n, const char *want, size_t wantlen,
    const char *what)
{
	struct buf b = {0};
	struct smtpout s;
	size_t part, bad = 0;

	for (part = 1; part <= n + 1; part++) {
		s = convert(p, n, part, &b);
		if (b.len != wantlen || memcmp(b.p, want, b.len) != 0 ||
		    s.barecr)
			bad = part;
	}
	if (!ok(bad == 0, what))
		printf("# in parts of %zu: \"%.*s\"\n", bad, (int)b.len, b.p);
	buf_free(&b);
}
#define ONE(text, wire, what) \
	one(text, sizeof(text) - 1, wire, sizeof(wire) - 1, what)

static int
bare(const char *p)
{
	struct buf b = {0};
	int r = 0;
	size_t part;

	for (part = 1; part <= strlen(p); part++)
		r += convert(p, strlen(p), part, &b).barecr;
	buf_free(&b);
	return r == 0 ? 0 : r == (int)strlen(p) ? 1 : -1;
}

/* Is the header, or only the body, not ASCII?  -1: it depends on the parts. */
static int
header8(const char *p)
{
	struct buf b = {0};
	size_t part;
	int r = 0;

	for (part = 1; part <= strlen(p); part++)
		r += convert(p, strlen(p), part, &b).header8;
	buf_free(&b);
	return r == 0 ? 0 : r == (int)strlen(p) ? 1 : -1;
}

int
main(void)
{
	struct buf b = {0};
	struct smtpout s;

	ONE("", ".\r\n", "an empty message");
	ONE("a\nb\n", "a\r\nb\r\n.\r\n", "LF becomes CRLF");
	ONE("a\r\nb\n", "a\r\nb\r\n.\r\n", "CRLF stays as it is");
	ONE("a", "a\r\n.\r\n", "a last line without newline is ended");
	ONE(".\n..\n.a\na.\n", "..\r\n...\r\n..a\r\na.\r\n.\r\n",
	    "dots at the start of lines are doubled, no others");
	ONE("\n\n", "\r\n\r\n.\r\n", "empty lines");
	ONE("\r\n", "\r\n.\r\n", "a line of CRLF alone");
	ONE("a\0b\377\n", "a\0b\377\r\n.\r\n", "NUL and 8-bit bytes pass");
	is_int(bare("a\rb\n"), 1, "a CR in a line");
	is_int(bare("a\n\r"), 1, "a CR at the end");
	is_int(bare("a\r\r\n"), 1, "two CR before LF");
	is_int(bare("\r\r\n.\r\n"), 1, "a CR at the start of a line");
	is_int(bare("a\r\n\r\nb\r\n"), 0, "CR only before LF is no bare CR");
	s = convert(".a\nb", 4, 9, &b);
	is_int((long long)s.size, 7, "size counts CRLF, not doubled dots");
	is_int(s.eight, 0, "no 8-bit byte");
	is_int(convert("abcdefgh\200xyz\n", 13, 13, &b).eight, 1, "one");
	is_int(convert("abcdefghxyz\303", 12, 13, &b).eight, 1, "at the end");
	is_int(header8("a: \303\244\nb: c\n\nd\n"), 1, "an 8-bit header");
	is_int(header8("a: b\r\nb: \303\244"), 1, "in its last line");
	is_int(header8("a: b\n\n\303\244\n"), 0, "an 8-bit body");
	is_int(header8("a: b\r\n\r\n\303\244\n"), 0, "behind CRLF");
	is_int(header8("\n\303\244\n"), 0, "without a header");
	buf_free(&b);
	return done();
}
