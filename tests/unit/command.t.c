/* lib/command: when a command needs the shell, and what its end means. */
#include "command.h"
#include "tap.h"
#include "verdict.h"

static int
words(const char *text)
{
	struct buf b = {0};
	int n = command_words(&b, text);

	buf_free(&b);
	return n;
}

static void
verdict(int code, const char *out, const char *want)
{
	struct command_result r = {.code = code, .outlen = strlen(out)};
	struct buf b = {0};

	memcpy(r.out, out, r.outlen);
	command_verdict(&r, 1, &b);
	is_mem(b.p, b.len, want, want);
	buf_free(&b);
}

/* The value of name in the environment for a recipient. */
static void
variable(const char *rcpt, const char *name, const char *want)
{
	struct letter l = {.id = "-", .sender = "", .rcpt = rcpt,
	    .rcptlen = strlen(rcpt)};
	struct command_user u = {"joe", "/home/joe"};
	struct buf b = {0};
	const char *p, *got = "(none)";
	size_t n = strlen(name);

	command_env(&b, &l, &u);
	for (p = b.p; *p != '\0'; p += strlen(p) + 1)
		if (strncmp(p, name, n) == 0 && p[n] == '=')
			got = p + n + 1;
	is_str(got, want, name);
	buf_free(&b);
}

int
main(void)
{
	is_int(words("/bin/x"), 1, "a path");
	is_int(words(" x  --y=z\ta,b "), 3, "words");
	is_int(words("x 'y'"), 0, "quotes");
	is_int(words("x; y"), 0, "two commands");
	is_int(words("x $Y"), 0, "a variable");
	is_int(words("A=b x"), 0, "an assignment");
	is_int(words("exec x"), 0, "a command of the shell's own");
	is_int(words("executor x"), 2, "only a whole word");
	is_int(words("x >y"), 0, "a redirection");
	verdict(0, "hello\n", "K1 2.0.0 delivered to command\n");
	verdict(99, "", "K1 2.0.0 delivered to command\n");
	verdict(100, "a\nb\n\n", "D1 5.3.0 command exited with 100: b\n");
	verdict(67, "5.1.6 moved", "D1 5.1.6 command exited with 67: moved\n");
	verdict(67, "5.1.6", "D1 5.1.6 command exited with 67\n");
	verdict(67, "5.1.6x", "D1 5.1.1 command exited with 67: 5.1.6x\n");
	verdict(75, "5.1.6 x", "Z1 4.3.0 command exited with 75: 5.1.6 x\n");
	verdict(111, "", "Z1 4.3.0 command exited with 111\n");
	variable("a+b-c-d@x.y.z", "EXT", "b-c-d");
	variable("a+b-c-d@x.y.z", "EXT2", "c-d");
	variable("a+b-c-d@x.y.z", "EXT3", "d");
	variable("a+b-c-d@x.y.z", "EXT4", "");
	variable("a+b-c-d@x.y.z", "DEFAULT", "b-c-d");
	variable("a@x.y.z", "DEFAULT", "(none)");
	variable("a@x.y.z", "HOST2", "x.y");
	variable("a@x.y.z", "HOST3", "x");
	variable("a@x.y.z", "HOST4", "");
	variable("a", "HOST", "");
	variable("a", "LOCAL", "a");
	return done();
}
