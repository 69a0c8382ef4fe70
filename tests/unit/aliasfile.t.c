/* lib/aliasfile: entries, targets, and that every mistake has its line. */
#include "aliasfile.h"
#include "tap.h"

static struct buf got;
static struct diag d;

/* "name[line]=target|target;" for each entry; NUL as `^'. */
static void
entry(void *arg, const struct alias *a)
{
	size_t i;

	(void)arg;
	buf_fmt(&got, "%s[%u]=", a->name, a->line);
	for (i = 0; i < a->targetslen; i++)
		buf_byte(&got, a->targets[i] ? a->targets[i] : '^');
	buf_byte(&got, '\n');
}

static void
parse(const char *text, size_t n, const char *domain)
{
	got.len = 0;
	buf_free(&d.text);
	memset(&d, 0, sizeof d);
	aliasfile_parse("al", text, n, domain, &d, entry, NULL);
	buf_cstr(&d.text);
	buf_cstr(&got);
}

static void
is_parsed(const char *text, const char *domain, const char *want,
    const char *what)
{
	parse(text, strlen(text), domain);
	is_str(d.errors ? d.text.p : got.p, want, what);
}

static void
is_refused(const char *text, const char *domain, const char *want,
    const char *what)
{
	parse(text, strlen(text), domain);
	is_str(d.errors ? d.text.p : "(taken)", want, what);
	ok(got.len == 0, "and nothing of it is taken");
}

static void
entries(void)
{
	is_parsed("", "", "", "an empty file");
	is_parsed("a: b", "", "a[1]=b^\n", "no newline at the end");
	is_parsed("# c\n\n a\n", "", "al:3: continuation line without a name "
	    "before it\n", "a continuation of nothing");
	is_parsed("a: b,\n\tc\n# x\n  , d\nE : f\r\n", "",
	    "a[1]=b^c^d^\ne[5]=f^\n",
	    "continuation lines, a comment between them, CR LF");
	is_parsed("A.B+c: x\n\"Post Master\": y\n\"plain\": z\n", "",
	    "a.b+c[1]=x^\n\"post master\"[2]=y^\nplain[3]=z^\n",
	    "names in lower case, quotes only where they are needed");
	is_parsed("a: b,,c,\n", "", "a[1]=b^c^\n", "empty places are none");
}

static void
targets(void)
{
	is_parsed("a: \"|cmd -x, \\\"y\\\" \"\n", "",
	    "a[1]=|cmd -x, \"y\"^\n", "a quoted command");
	is_parsed("a: |\"cmd x, y\"\n", "", "a[1]=|cmd x, y^\n",
	    "the other way of quoting it");
	is_parsed("a: |cmd \"x, y\" z, b\n", "",
	    "a[1]=|cmd \"x, y\" z^b^\n", "an unquoted one ends at the comma");
	is_parsed("a: /var/f, \"/with space\", :Include: /l\n", "",
	    "a[1]=/var/f^/with space^:include:/l^\n", "files and lists");
	is_parsed("a: \\b, C@D.test, <e@f>, G <h@i>\n", "",
	    "a[1]=\\b^C@D.test^e@f^h@i^\n",
	    "users, addresses as they stand, without decoration");
	is_parsed("a: \"x y\", \"q\"@d\n", "", "a[1]=\"x y\"^q@d^\n",
	    "quoted local parts in canonical form");
	is_parsed("a: A, b\n", "", "a[1]=\\A^b^\n",
	    "its own name is the user");
	is_parsed("a: b, \\c, d@e, a, A@V.test, *\n*: x\n", "v.test",
	    "a[1]=b@v.test^\\c@v.test^d@e^\\a@v.test^\\A@V.test^*@v.test^\n"
	    "*[2]=x@v.test^\n", "names of a virtual domain are complete");
	is_parsed("*: *@other.test\n", "v.test", "*[1]=*@other.test^\n",
	    "a domain alias");
}

static void
mistakes(void)
{
	is_refused("\na b\n", "", "al:2: no colon after name: `a b'\n",
	    "no colon");
	is_refused("a:\n", "", "al:1: no target for: `a'\n", "no target");
	is_refused("a b: c\n", "", "al:1: not a name: `a b'\n", "a blank");
	is_refused("a@d: c\n", "", "al:1: a name has no domain here: `a@d'\n",
	    "a name with a domain");
	is_refused("*: c\n", "", "al:1: only a virtual domain has a "
	    "catch-all: `*'\n", "a catch-all of the system");
	is_refused("a: \"|x\n", "", "al:1: quote is not closed: ` \"|x'\n",
	    "an open quote");
	is_refused("\"a: b\n", "", "al:1: quote is not closed: `\"a: b'\n",
	    "an open quote in the name");
	is_refused("a: b c\n", "", "al:1: not an address: `b c'\n",
	    "two words");
	is_refused("a: b # c\n", "", "al:1: not an address: `b # c'\n",
	    "a comment behind a target");
	is_refused("a: |\n", "", "al:1: no command: `|'\n", "no command");
	is_refused("a: :include:l\n", "", "al:1: not an absolute path: "
	    "`:include:l'\n", "a relative list");
	is_refused("a: :fail: x\n", "", "al:1: only :include: is known: "
	    "`:fail: x'\n", "another word between colons");
	is_refused("a: \\b@c\n", "", "al:1: \\ takes a name without a "
	    "domain: `\\b@c'\n", "\\ with a domain");
	is_refused("a: *@o.test\n", "v.test", "al:1: *@domain is a target of "
	    "`*' only: `*@o.test'\n", "a domain alias for a name");
	is_refused("*: *@o..test\n", "v.test", "al:1: not a domain: "
	    "`*@o..test'\n", "a domain alias to no domain");
	is_refused("a: >\n", "", "al:1: not an address: `>'\n", "half a <>");
	parse("a: b\0c\n", 7, "");
	is_str(d.text.p, "al:1: control character\n", "a NUL");
	parse("a:\na b: c\nd: e\n:\n", 16, "");
	is_int(d.errors, 3, "all mistakes are reported");
	is_mem(got.p, got.len, "d[3]=e^\n", "and what is right is taken");
}

static void
long_target(void)
{
	char text[2000] = "a: ";
	size_t i;

	text[3] = '|';
	for (i = 4; i < 3 + ALIAS_TARGET_MAX; i++)
		text[i] = 'x';
	parse(text, i, "");
	is_int(d.errors, 0, "the longest target");
	text[i++] = 'x';
	parse(text, i, "");
	is_int(d.errors, 1, "one byte more");
}

int
main(void)
{
	entries();
	targets();
	mistakes();
	long_target();
	buf_free(&got);
	buf_free(&d.text);
	return done();
}
