/* lib/mboxsection: quoting, and knowing one's own section again. */
#include <stdlib.h>
#include <unistd.h>

#include "mboxsection.h"
#include "tap.h"

static struct letter l = {
	.id = "1h4qcyd0kk000000",
	.sender = "s@x",
	.senderlen = 3,
	.rcpt = "r@y",
	.rcptlen = 3
};
#define TOP "From s@x Sat Nov  6 18:55:57 1976\n" \
	    "Return-Path: <s@x>\nDelivered-To: r@y\n"
#define RECEIVED "Received: x\n\tid 1h4qcyd0kk000000; y\n"

/* What is written for a message, NUL-terminated. */
static char *
written(const char *msg, struct mbox_section *s)
{
	static char out[20000];
	char name[] = "/tmp/mboxsection.XXXXXX";
	int fd = mkstemp(name);
	ssize_t n;
	int holes;

	unlink(name);
	l.msg = msg;
	l.msglen = strlen(msg);
	trace_head(&l);
	mbox_section(s, &l);
	if (fd == -1 || mbox_section_write(s, 1, fd) == -1)
		return NULL;
	n = pread(fd, out, sizeof out - 1, 0);
	close(fd);
	out[n > 0 ? n : 0] = '\0';
	is_int(n, (long long)s->total, "as many bytes as it counted");
	is_int((long long)mbox_section_match(s, out, (size_t)n, &holes), n,
	    "and it knows them");
	ok(!holes, "all of them");
	return out;
}

/* What is found in a file, and where. */
static void
find(const struct mbox_section *s, const char *file, enum mbox_found want,
    size_t where, const char *what)
{
	size_t at = 0;

	if (is_int(mbox_section_find(s, file, strlen(file), &at), want, what) &&
	    want != MBOX_NONE)
		is_int((long long)at, (long long)where, "and where");
}

static void
known_again(void)
{
	struct mbox_section s = {{0}, NULL, 0, NULL, 0};
	static char file[40000], other[] =
	    TOP "Received: x\n\tid other; y\n\nhello\n\n";
	char *w = written(RECEIVED "\nhello\nFrom me\n", &s);
	size_t n = strlen(w), o = strlen(other), cut;

	snprintf(file, sizeof file, "%s%s%s", other, w, other);
	find(&s, file, MBOX_WHOLE, o, "between others");
	find(&s, other, MBOX_NONE, 0, "another message of the same second");
	find(&s, "", MBOX_NONE, 0, "an empty file");
	for (cut = 5; cut < n; cut += 7) {
		snprintf(file, sizeof file, "%s%.*s", other, (int)cut, w);
		find(&s, file, MBOX_TORN, o, "torn at the end");
	}
	snprintf(file, sizeof file, "%s%.*s\n\n%s", other, (int)n - 12, w,
	    other);
	find(&s, file, MBOX_NONE, 0, "torn, and others behind it");
	snprintf(file, sizeof file, TOP RECEIVED "Status: RO\n\nhello\n"
	    ">From me\n\n%s", other);
	find(&s, file, MBOX_WHOLE, 0, "a reader has added a field");
	snprintf(file, sizeof file, "%.*s%s", (int)n - 1, w, other);
	find(&s, file, MBOX_WHOLE, 0, "a reader has dropped the empty line");
	buf_free(&s.top);
}

/* Blocks that a power failure has lost are zeros. */
static void
holes(void)
{
	struct mbox_section s = {{0}, NULL, 0, NULL, 0};
	static char file[40000], other[] =
	    TOP "Received: x\n\tid other; y\n\nhello\n\n";
	char *w = written(RECEIVED "\nhello\nFrom me\n", &s);
	size_t n = strlen(w), o = strlen(other), from, len, at, bad = 0;

	for (from = 0; from < n; from += 3)
		for (len = 1; from + len <= n; len += 3) {
			snprintf(file, sizeof file, "%s%s", other, w);
			memset(file + o + from, 0, len);
			/* The zeros at the end alone are a first step. */
			bad += mbox_section_find(&s, file, o + n, &at) !=
			    MBOX_TORN || (at != o && at != o + from);
		}
	is_int((long long)bad, 0, "zeros in it: torn");
	snprintf(file, sizeof file, "%s%s%s", other, w, other);
	memset(file + o + n / 2, 0, 20);
	is_int(mbox_section_find(&s, file, n + 2 * o, &at), MBOX_NONE,
	    "zeros in it, and others behind it");
	snprintf(file, sizeof file, "%s%s", w, other);
	memset(file + n + 5, 0, o - 6);
	is_int(mbox_section_find(&s, file, n + o, &at), MBOX_WHOLE,
	    "zeros in another one");
	is_int((long long)at, 0, "and where");
	buf_free(&s.top);
}

int
main(void)
{
	struct mbox_section s = {{0}, NULL, 0, NULL, 0};
	static char many[9000];
	size_t i;

	is_str(written("A: b\n\nx\n", &s), TOP "A: b\n\nx\n\n", "plain");
	is_str(written("A: b\n\nx", &s), TOP "A: b\n\nx\n\n", "open last line");
	is_str(written("", &s), TOP "\n", "empty");
	is_str(written("From a\n\nFrom b\n>From c\n>>From d\n> From e\nFromf\n"
		       "x From g\n", &s),
	    TOP ">From a\n\n>From b\n>>From c\n>>>From d\n> From e\nFromf\n"
		"x From g\n\n", "mboxrd quoting");
	is_str(written("x\n>>>>", &s), TOP "x\n>>>>\n\n", "only the quotes");
	for (i = 0; i + 6 < sizeof many; i += 6)
		memcpy(many + i, "From \n", 6);
	is_int((long long)strlen(written(many, &s)),
	    (long long)(strlen(TOP) + i + i / 6 + 1), "1500 lines to quote");
	ok(mbox_has_from("From a Sat Nov 2", 16), "a separator");
	ok(mbox_has_from("x\nxFrom a Sat Nov 2", 19), "glued to a line");
	ok(!mbox_has_from("x\n>From a Sat Nov 2", 19), "a quoted one is none");
	ok(!mbox_has_from("From here to there", 18), "nor is text");
	buf_free(&s.top);
	known_again();
	holes();
	return done();
}
