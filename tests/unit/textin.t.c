/* lib/textin: line ends and the dot, however the input is cut. */
#include "tap.h"
#include "textin.h"

/* `in' becomes `want' in one piece and byte by byte. */
static void
both(int dots, const char *in, const char *want, int ended, const char *what)
{
	struct textin one = TEXTIN(dots), many = TEXTIN(dots);
	struct buf a = {0}, b = {0};
	size_t i;

	textin_add(&one, &a, in, strlen(in));
	textin_end(&one, &a);
	for (i = 0; i < strlen(in); i++)
		textin_add(&many, &b, in + i, 1);
	textin_end(&many, &b);
	is_mem(a.p ? a.p : "", a.len, want, what);
	is_mem(b.p ? b.p : "", b.len, want, "  byte by byte");
	is_int(one.ended, ended, "  ended by a dot");
	buf_free(&a);
	buf_free(&b);
}

int
main(void)
{
	both(1, "a\nb\n", "a\nb\n", 0, "plain lines");
	both(1, "a\r\nb\r\n", "a\nb\n", 0, "CRLF");
	both(1, "a\rb\r\r\nc\r", "a\rb\r\nc\r", 0, "other CRs stay");
	both(1, "a\n.\nb\n", "a\n", 1, "a dot ends");
	both(1, "a\r\n.\r\nb\r\n", "a\n", 1, "with CRLF");
	both(1, ".\n", "", 1, "as the first line");
	both(0, "a\n.\nb\n", "a\n.\nb\n", 0, "but not where it must not");
	both(0, ".\r\n", ".\n", 0, "nor with CRLF");
	both(1, "..\n.a\n .\na.\n", "..\n.a\n .\na.\n", 0,
	    "dots that are not alone");
	both(1, "a\n.", "a\n.", 0, "a dot without a line end is text");
	both(1, "a\n.\r", "a\n.\r", 0, "with half of one too");
	both(1, ".\r\r\nb", ".\r\nb", 0, "dot, CR, CRLF");
	both(1, ".\rx\n.\n", ".\rx\n", 1, "dot, CR, text");
	both(1, "a", "a", 0, "no line end");
	both(1, "", "", 0, "nothing");
	return done();
}
