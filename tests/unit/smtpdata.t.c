/* smtpdata: what is stored of a message, and where it ends. */
#include "smtpdata.h"
#include "tap.h"

enum { STEPS = 8 };

static struct smtpdata d;
static struct buf out;

/* Feeds in in pieces of step bytes; returns the bytes used. */
static size_t
feed(const char *in, size_t n, size_t step, int accept_lf)
{
	size_t i = 0, k;

	smtpdata_start(&d, 100, 3, accept_lf);
	out.len = 0;
	while (i < n && !d.done) {
		k = n - i < step ? n - i : step;
		i += smtpdata_feed(&d, in + i, k, &out);
	}
	return i;
}

/* in on one line, for the test's name. */
static const char *
show(const char *in)
{
	static char name[200];
	size_t n = 0;

	for (; *in && n < sizeof name - 5; in++) {
		if (*in >= ' ' && *in <= '~')
			name[n++] = *in;
		else
			n += (size_t)snprintf(name + n, 5, "\\%o",
			    (unsigned char)*in);
	}
	name[n] = '\0';
	return name;
}

/* The message in, whatever the pieces: stored as want, flaws, and what of in
 * is left behind the final dot (NULL: it has not ended). */
static void
message(const char *in, int accept_lf, const char *want, int flaws,
    const char *rest)
{
	size_t n = strlen(in), step, used = 0;
	int good = 1;

	for (step = 1; step <= STEPS; step++) {
		used = feed(in, n, step, accept_lf);
		if (d.flaws != flaws || d.done != (rest != NULL) ||
		    (rest != NULL && strcmp(in + used, rest) != 0) ||
		    (flaws == 0 && (out.len != strlen(want) ||
		    memcmp(out.p, want, out.len) != 0)))
			good = 0;
	}
	if (!ok(good, show(in)))
		printf("# got \"%.*s\" flaws %d done %d used %zu\n",
		    (int)out.len, out.p ? out.p : "", d.flaws, d.done, used);
}

static void
ends(void)
{
	message(".\r\nQUIT\r\n", 0, "", 0, "QUIT\r\n");
	message("a\r\n.\r\nQUIT", 0, "a\n", 0, "QUIT");
	message("a\r\n..\r\n.\r\n", 0, "a\n.\n", 0, "");
	message("..a\r\n.b\r\n...\r\n.\r\n", 0, ".a\nb\n..\n", 0, "");
	message("a.\r\n.\r\n", 0, "a.\n", 0, "");
	message("\r\n\r\n.\r\n", 0, "\n\n", 0, "");
	message("a\r\n.", 0, "a\n", 0, NULL);
	message("a\r\n.\r", 0, "a\n", 0, NULL);
	message("a\xff\x01\r\n.\r\n", 0, "a\xff\x01\n", 0, "");
}

/* Everything that some server somewhere takes for the end, and we do not. */
static void
smuggling(void)
{
	message("a\n.\n", 0, "", SMTPDATA_BARE, NULL);
	message("a\n.\r\n", 0, "", SMTPDATA_BARE, NULL);
	message("a\r\n.\n", 0, "", SMTPDATA_BARE, NULL);
	message("a\r.\r", 0, "", SMTPDATA_BARE, NULL);
	message("a\r.\r\n", 0, "", SMTPDATA_BARE, NULL);
	message("a\r\n.\rb\r\n", 0, "", SMTPDATA_BARE, NULL);
	message("a\r\n\r.\r\n", 0, "", SMTPDATA_BARE, NULL);
	message("a\r\r\n.\r\nx", 0, "", SMTPDATA_BARE, "x");
	message("a\n.\r\nb\r\n.\r\nx", 0, "", SMTPDATA_BARE, "x");
}

static void
old_devices(void)
{
	message("a\nb\n\nc\n\r\n.\r\nx", 1, "a\nb\n\nc\n\n", 0, "x");
	message("a\n.\r\nb\r\n.\r\nx", 1, "a\n.\nb\n", 0, "x");
	message("a\n.\nb\r\n.\r\nx", 1, "a\n.\nb\n", 0, "x");
	message("a\r\n.\nb\r\n.\r\nx", 1, "a\n.\nb\n", 0, "x");
	message("a\n..b\r\n.\r\n", 1, "a\n.b\n", 0, "");
	message("a\rb\r\n.\r\nx", 1, "", SMTPDATA_BARE, "x");
}

static void
nul(void)
{
	feed("a\0b\r\n\0\r\n.\r\n", 11, 1, 0);
	ok(out.len == 6 && memcmp(out.p, "a\0b\n\0\n", 6) == 0,
	    "NUL is kept");
}

static void
limits(void)
{
	char big[300];

	memset(big, 'x', sizeof big);
	memcpy(big + 98, "\r\n.\r\n", 5);
	feed(big, 103, 7, 0);
	ok(d.flaws == 0 && d.size == 100 && d.done, "100 octets fit");
	memset(big, 'x', sizeof big);
	memcpy(big + 99, "\r\n.\r\n", 5);
	feed(big, 104, 7, 0);
	ok(d.flaws == SMTPDATA_SIZE && d.done && out.len <= 100,
	    "one more does not, and is not stored");
	message("received: a\r\nDELIVERED-TO: b\r\n\tc\r\nReceived: d\r\n.\r\n",
	    0, "received: a\nDELIVERED-TO: b\n\tc\nReceived: d\n", 0, "");
	is_int(d.hops, 3, "three hops were counted");
	message("Received: a\r\nReceived: b\r\nReceived: c\r\nReceived: d\r\n"
	    "\r\n.\r\n", 0, "", SMTPDATA_HOPS, "");
	message("A: b\r\n Received: x\r\nReceivedx: y\r\n\r\nReceived: b\r\n"
	    ".\r\n", 0, "A: b\n Received: x\nReceivedx: y\n\nReceived: b\n",
	    0, "");
	is_int(d.hops, 0, "none is in a body or a folded line");
}

/* The chunks of BDAT, told apart by `|'. */
static void
chunks(const char *in, int accept_lf, const char *want, int flaws)
{
	const char *p, *bar;
	size_t n;

	smtpdata_start(&d, 20, 1, accept_lf);
	d.chunks = 1;
	out.len = 0;
	for (p = in; *p != '\0'; p += n) {
		bar = strchr(p, '|');
		n = bar == NULL ? strlen(p) : (size_t)(bar - p);
		if (smtpdata_feed(&d, p, n, &out) != n)
			ok(0, "a chunk is used whole");
		n += bar != NULL;
	}
	smtpdata_end(&d, &out);
	is_int(d.flaws, flaws, show(in));
	if (flaws == 0)
		is_mem(out.p, out.len, want, "  stored");
}

static void
in_chunks(void)
{
	chunks("", 0, "", 0);
	chunks("a\r|\n.|\r\n..b|\r\n", 0, "a\n.\n..b\n", 0);
	chunks(".\r\n.\r\n", 0, ".\n.\n", 0);
	chunks("a\r\nb", 0, "a\nb\n", 0);
	chunks("a\r\n|", 0, "a\n", 0);
	chunks("a\r", 0, "", SMTPDATA_BARE);
	chunks("a\r|b", 0, "", SMTPDATA_BARE);
	chunks("a\n|b", 0, "", SMTPDATA_BARE);
	chunks("a\n|.\n", 1, "a\n.\n", 0);
	chunks("12345678901234567890", 0, "12345678901234567890\n", 0);
	is_int((long long)d.size, 20, "octets that came");
	chunks("123456789012345678901", 0, "", SMTPDATA_SIZE);
	chunks("Received: a|\r\nRe|ceived:", 0, "",
	    SMTPDATA_SIZE | SMTPDATA_HOPS);
	smtpdata_start(&d, 0, 1, 0);
	d.chunks = 1;
	smtpdata_feed(&d, "Received:\r\nReceived:", 20, &out);
	is_int(d.flaws, 0, "a second hop");
	smtpdata_end(&d, &out);
	is_int(d.flaws, SMTPDATA_HOPS, "whose line is not whole counts too");
}

int
main(void)
{
	ends();
	smuggling();
	old_devices();
	nul();
	limits();
	in_chunks();
	buf_free(&out);
	return done();
}
