/* lib/forward: what the lines of .forward and include files mean. */
#include "forward.h"
#include "tap.h"

/* The items, one a line, in static memory. */
static const char *
items(const char *text, int list)
{
	static char out[4000];
	struct forward f = {0};
	size_t i;

	if (forward_parse(&f, text, strlen(text), list) == -1)
		snprintf(out, sizeof out, "line %u", f.line);
	else {
		for (i = 0; i < f.items.len; i++)
			out[i] = f.items.p[i] ? f.items.p[i] : '\n';
		out[i] = '\0';
	}
	buf_free(&f.items);
	return out;
}

int
main(void)
{
	char text[1100];

	is_str(items("", 0), "", "empty");
	is_str(items("# c\n\n , ,\r\n", 0), "", "comments and blanks");
	is_str(items("a@x", 0), "a@x\n", "no newline at the end");
	is_str(items("a@x,b@x, c\n", 0), "a@x\nb@x\nc\n", "commas");
	is_str(items("a@x # c, d\r\nb@x", 0), "a@x\nb@x\n", "comment, CR");
	is_str(items("a#b@x", 0), "a#b@x\n", "# within an address");
	is_str(items("Joe Doe <a@x>", 0), "a@x\n", "with a name");
	is_str(items("\"j d\"@x, \"a,b\"@x", 0), "\"j d\"@x\n\"a,b\"@x\n",
	    "quoted local parts");
	is_str(items("\\joe", 0), "\\joe\n", "escaped name");
	is_str(items("|a b, c", 0), "|a b\nc\n", "a comma ends a command");
	is_str(items("|a 'b, c' #d", 0), "|a 'b, c' #d\n",
	    "but not in quotes, and a # ends none");
	is_str(items("\"|a \\\"b\\\" \\n, c\"", 0), "|a \"b\" \\n, c\n",
	    "a quoted command");
	is_str(items("|\"a b, c\"", 0), "|a b, c\n", "quoted behind the bar");
	is_str(items("\"|IFS=' '&&p=/usr/bin/procmail&&test -f $p&&"
		     "exec $p -f-||exit 75 #joe\"", 0),
	    "|IFS=' '&&p=/usr/bin/procmail&&test -f $p&&exec $p -f-"
	    "||exit 75 #joe\n", "procmail's recipe");
	is_str(items("/a/b, \"/a b/\"", 0), "/a/b\n/a b/\n", "files");
	is_str(items(":include:/l", 0), ":include:/l\n", "include");
	is_str(items("a@x\n\"b", 0), "line 2", "a quote that is not closed");
	is_str(items("a@x\n\nb c", 0), "line 3", "two words");
	is_str(items("|", 0), "line 1", "an empty command");
	is_str(items("x <|touch>", 0), "line 1", "a command as an address");
	is_str(items("x <\"|touch\"@y>", 0), "line 1", "a quoted one");
	is_str(items("x <|touch>, y@z", 1), "y@z\n", "nor in a list");
	is_str(items("|\n", 1), "line 1", "a command in a list");
	is_str(items("a@x\n/f\n", 1), "line 2", "a file in a list");
	is_str(items("a@x\nb c\nd@x", 1), "a@x\nd@x\n",
	    "a list goes on behind a malformed address");
	memset(text, 'x', sizeof text);
	text[0] = '|';
	text[sizeof text - 1] = '\0';
	is_str(items(text, 0), "line 1", "too long for a record");
	text[990] = '\0';
	ok(strlen(items(text, 0)) == 991, "990 bytes are not");
	return done();
}
