/* lib/runlimit: codes, output, time, and what the program gets. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "runlimit.h"
#include "tap.h"

static char out[16];
static struct runlimit r;

static int
sh(const char *text, size_t cap)
{
	char name[] = "/bin/sh", c[] = "-c", *arg = strdup(text);
	char *argv[] = {name, c, arg, NULL};
	int code;

	r.ms = r.ms == 0 ? 60000 : r.ms;
	r.out = out;
	r.cap = cap;
	code = runlimit(&r, argv);
	free(arg);
	return code;
}

static void
codes(void)
{
	char none[] = "/nonexistent/x", *argv[] = {none, NULL};

	is_int(sh("exit 0", 0), 0, "exit 0");
	ok(r.failed == NULL, "  by itself");
	is_int(sh("exit 99", sizeof out), 99, "exit 99");
	is_int(sh("kill -9 $$", 0), 111, "killed");
	ok(r.failed != NULL && strcmp(r.failed, "signal") == 0, "  is told");
	is_int(runlimit(&r, argv), 111, "not there");
	ok(forks_only() || (r.failed != NULL &&
	    strstr(r.failed, "No such") != NULL), "  is told");
}

static void
output(void)
{
	is_int(sh("echo hello", sizeof out), 0, "output");
	is_mem(out, r.outlen, "hello\n", "  is kept");
	is_int(sh("yes | head -c 1000000; exit 3", sizeof out), 3,
	    "more than there is room for");
	is_int((long long)r.outlen, sizeof out, "  is cut, and the rest read");
	sh("echo x >&1 && test ! -p /dev/stdout", 0);
	is_int((long long)r.outlen, 0, "none wanted");
	is_int(sh("exec >&-; sleep 0.2; exit 7", sizeof out), 7,
	    "its output closed before its end");
	is_int(sh("read x; test -z \"$x\"", 0), 0, "input is empty");
}

static void
limits(void)
{
	r.ms = 200;
	is_int(sh("echo part; exec sleep 50", sizeof out), 111, "too long");
	ok(r.failed != NULL && strcmp(r.failed, "timeout") == 0,
	    "  is told");
	is_mem(out, r.outlen, "part\n", "  what it said is kept");
	is_int(sh("exec >&-; exec sleep 50", sizeof out), 111,
	    "too long without output");
	r.ms = 5000;
	is_int(sh("sleep 10 2>/dev/null & exit 5", sizeof out), 5,
	    "what holds the output in the background is not waited for");
	r.ms = 0;
}

static volatile sig_atomic_t seen;

static void
on_child(int sig)
{
	seen = sig;
}

static void
given(void)
{
	struct child_fd fds[2];
	struct sigaction sa = {.sa_handler = on_child}, now;
	sigset_t mask;
	int fd[2], file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	(void)!pipe_cloexec(fd);
	(void)!write(fd[1], "secret", 6);
	close(fd[1]);
	fds[0] = (struct child_fd){fd[0], 3};
	fds[1] = (struct child_fd){file, 0};
	r.fds = fds;
	r.nfds = 2;
	sigaction(SIGCHLD, &sa, NULL);
	is_int(sh("read x && test -n \"$x\" && test \"$(cat <&3)\" = secret",
	    sizeof out), 0, "descriptors 0 and 3");
	sigaction(SIGCHLD, NULL, &now);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	ok(now.sa_handler == on_child && !sigismember(&mask, SIGCHLD),
	    "SIGCHLD is as before");
	close(fd[0]);
	close(file);
}

/* A program that becomes another user: a copy of setuidgid with the right to. */
static void
others(void)
{
	char tool[] = "/tmp/postchaise-unit.XXXXXX", who[] = "daemon",
	    sleeper[] = "sleep", seconds[] = "30", command[128];
	char *argv[] = {tool, who, sleeper, seconds, NULL};
	uint64_t start = clock_ms();
	int fd;
	pid_t pid;

	if (geteuid() != 0 || (fd = mkstemp(tool)) == -1)
		return;
	close(fd);
	snprintf(command, sizeof command, "cat $(command -v setuidgid) >%s && "
	    "chmod 4755 %s", tool, tool);
	if (system(command) == 0) {
		pid = fork();
		if (pid == 0) {
			r = (struct runlimit){.ms = 500};
			/* prove would wait for the sleeper's descriptor 2. */
			_exit(freopen("/dev/null", "w", stderr) != NULL &&
			    setgid(65534) == 0 && setuid(65534) == 0 &&
			    runlimit(&r, argv) == 111 ? 0 : 1);
		}
		is_int(child_wait(pid), 0, "time is over for another user's");
		ok(clock_ms() - start < 20000, "  which is not waited for");
	}
	unlink(tool);
}

static void
words(void)
{
	char text[] = "  a b\t c  ", none[] = " \t", many[200], last[] = "x";
	char *argv[RUNLIMIT_WORDS + 1];
	int i;

	is_int(runlimit_words(text, argv), 3, "words");
	ok(strcmp(argv[0], "a") == 0 && strcmp(argv[2], "c") == 0 &&
	    argv[3] == NULL, "  without the blanks");
	is_int(runlimit_words(none, argv), -1, "none");
	is_int(runlimit_words(last, argv), 1, "one");
	for (i = 0; i < RUNLIMIT_WORDS + 1; i++)
		memcpy(many + 2 * i, "w ", 3);
	is_int(runlimit_words(many, argv), -1, "too many");
}

int
main(void)
{
	codes();
	output();
	limits();
	given();
	others();
	words();
	return done();
}
