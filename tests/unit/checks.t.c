/* lib/checks: what check commands say, and what the client is told. */
#include "checks.h"
#include "settingsmap.h"
#include "tap.h"

static struct map m;

/* What one line of TAP has room for. */
static const char *
shown(const char *s)
{
	static char line[200];
	size_t i;

	for (i = 0; s[i] != '\0' && i < sizeof line - 1; i++)
		line[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '.';
	line[i] = '\0';
	return line;
}

static void
reply(int code, const char *said, const char *want)
{
	char got[CHECKS_REPLY];

	checks_reply(got, code, said, strlen(said));
	is_str(got, want, shown(said));
}

static void
replies(void)
{
	char got[CHECKS_REPLY], longer[600];

	reply(100, "go away\n", "550 5.7.1 go away");
	reply(111, "later\nsecond line\n", "451 4.7.1 later");
	reply(100, "5.7.23 SPF says no\r\n", "550 5.7.23 SPF says no");
	reply(111, "4.2.0 greylisted", "451 4.2.0 greylisted");
	reply(100, "4.2.0 another class", "550 5.7.1 another class");
	reply(111, "5.7.1 another class", "451 4.7.1 another class");
	reply(100, "5.7.1", "550 5.7.1 not accepted here");
	reply(100, "", "550 5.7.1 not accepted here");
	reply(42, "", "451 4.7.1 cannot be accepted now");
	reply(100, "\nsecond", "550 5.7.1 not accepted here");
	reply(100, "5.7.1.2 no status", "550 5.7.1 5.7.1.2 no status");
	reply(100, "5.7.1x", "550 5.7.1 5.7.1x");
	reply(100, "a\tb\x80\x01", "550 5.7.1 a?b??");
	memset(longer, 'x', sizeof longer);
	checks_reply(got, 100, longer, sizeof longer);
	is_int((long long)strlen(got), CHECKS_REPLY - 1, "cut to its room");
	checks_reply(got, 100, "a\0b", 3);
	is_str(got, "550 5.7.1 a?b", "NUL");
}

/* The setting's commands, and the reply they lead to; NULL: to go on. */
static void
run(const char *commands, const char *want, const char *by_want)
{
	const char *got, *by = "-";

	settings_map(&m, "check-mail", commands, NULL);
	got = checks_run(&m, "check-mail", -1, &by);
	is_str(got != NULL ? got : "-", want != NULL ? want : "-",
	    shown(commands));
	is_str(by, by_want, "  by");
}

static void
commands(void)
{
	script("yes", "exit 0");
	script("accept", "echo never seen; exit 99");
	script("no", "echo \"5.7.1 not $1 $2\"; exit 100");
	script("later", "echo wait; exit 111");
	script("odd", "exit 3");
	script("crash", "echo 5.7.1 half; kill -SEGV $$");
	script("know", "echo \"$SENDER\"; exit 100");
	run("yes\nyes", NULL, "-");
	run("no you  x ", "550 5.7.1 not you x", "no you  x ");
	run("yes\nlater\nno", "451 4.7.1 wait", "later");
	run("yes\naccept\nno", NULL, "-");
	run("odd", "451 4.7.1 cannot be accepted now", "odd");
	run("crash", "451 4.7.1 cannot be accepted now", "crash");
	run("not-there x", "451 4.7.1 cannot be accepted now", "not-there x");
	run("\n  \nno a b", "550 5.7.1 not a b", "no a b");
	run("no ;touch $(touch bad)", "550 5.7.1 not ;touch $(touch",
	    "no ;touch $(touch bad)");
	ok(access("bad", F_OK) == -1, "  no shell");
	setenv("SENDER", "joe@remote.test", 1);
	run("know", "550 5.7.1 joe@remote.test", "know");
	settings_map(&m, NULL);
	ok(checks_run(&m, "check-mail", -1, NULL) == NULL, "no commands");
}

/* Each command gets the message from its beginning. */
static void
message(void)
{
	const char *got;
	int fd = open("message", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	(void)!write(fd, "Subject: spam\n", 14);
	script("look", "read x; test \"$x\" = 'Subject: spam'");
	script("spam", "grep -q spam && echo 5.7.1 spam && exit 100; exit 0");
	settings_map(&m, "check-data", "look\nlook\nspam", NULL);
	got = checks_run(&m, "check-data", fd, NULL);
	is_str(got != NULL ? got : "-", "550 5.7.1 spam", "a message");
	close(fd);
}

int
main(void)
{
	scratch_make();
	replies();
	commands();
	message();
	scratch_remove();
	return done();
}
