/* lib/conffile: what is taken, and that every mistake has its line. */
#include "conffile.h"
#include "tap.h"

static struct conffile c;
static struct diag d;

static void
parse(const char *text)
{
	conffile_free(&c);
	buf_free(&d.text);
	memset(&d, 0, sizeof d);
	conffile_parse(&c, "conf", text, strlen(text), &d);
	buf_cstr(&d.text);
}

static void
taken(void)
{
	parse("size=30m\n# comment\n\n  hops = 50 # more\r\n"
	    "queue-recycle\nself=mx.test\nhome_mailbox=Maildir/");
	is_int(d.errors + d.warnings, 0, "nothing to say");
	is_str(conffile_get(&c, "size"), "30m", "a value");
	is_str(conffile_get(&c, "hops"), "50", "blanks and comment are gone");
	is_str(conffile_get(&c, "queue-recycle"), "1", "a name alone is 1");
	is_str(conffile_get(&c, "hostname"), "mx.test", "self is hostname");
	is_str(conffile_get(&c, "home_mailbox"), "Maildir/",
	    "a last line without newline");
	is_str(conffile_get(&c, "timeout"), "5m", "a default");
	is_int(conffile_find(&c, "hops")->line, 4, "the line");
	ok(conffile_find(&c, "timeout") == NULL, "what is not set");
	ok(conffile_get(&c, "nothing") == NULL, "what does not exist");
	parse("locals=a.test\nlocals=b.test c.test\n");
	is_str(conffile_get(&c, "locals"), "a.test b.test c.test",
	    "a list is joined");
	is_int(d.errors + d.warnings, 0, "silently");
	parse("size=1\nsize=2\n");
	is_str(conffile_get(&c, "size"), "2", "the last of two counts");
	is_str(d.text.p, "conf:2: warning: size is set in line 1 already; "
	    "the last one counts\n", "and that is said");
	parse("relay-host=\n");
	is_str(conffile_get(&c, "relay-host"), "", "an empty text");
	is_int(d.errors, 0, "is one");
	conffile_set(&c, "hostname", "x.test");
	is_str(conffile_get(&c, "hostname"), "x.test", "set by a program");
}

static void
refused(void)
{
	parse("\nsise=1\n");
	is_str(d.text.p, "conf:2: unknown option `sise'; did you mean "
	    "`size'?\n", "the nearest name");
	is_int(d.errors, 1, "is an error");
	parse("concurency-locl=1\n");
	is_str(d.text.p, "conf:1: unknown option `concurency-locl'; did you "
	    "mean `concurrency-local'?\n", "two letters off");
	parse("xyzzy=1\n");
	is_str(d.text.p, "conf:1: unknown option `xyzzy'\n", "none is near");
	parse("debug=1\nusermap=*-~:~\n");
	is_int(d.errors, 0, "Postoffice's options are no errors");
	is_int(d.warnings, 2, "but warnings");
	ok(strstr(d.text.p, "conf:2: warning: Postoffice's option `usermap'")
	    != NULL, "with their line");
	parse("size=big\ntimeout=5 m\nhops=-1\nverify-from=maybe\nsize=\n");
	is_int(d.errors, 5, "values that do not fit are all reported");
	ok(strstr(d.text.p, "conf:1: size: `big' is not a size") != NULL,
	    "a size");
	ok(strstr(d.text.p, "conf:4: verify-from: `maybe' is not 0, 1") !=
	    NULL, "a switch");
	parse("hostname\n");
	is_str(d.text.p, "conf:1: hostname needs a value\n", "a text alone");
	parse("=x\nsi\001ze=3\nsize=3\033[2J\n");
	is_int(d.errors, 3, "no name, control characters");
	ok(strchr(d.text.p, '\033') == NULL, "not even in the message");
	conffile_parse(&c, "conf", "size\0=1\n", 8, &d);
	is_int(d.errors, 4, "a NUL");
}

int
main(void)
{
	taken();
	refused();
	conffile_free(&c);
	buf_free(&d.text);
	return done();
}
