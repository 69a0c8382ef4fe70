/* lib/child: what is started is started as it should be, and who is started
 * as cannot hold up who starts. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "tap.h"

enum { USER = 61234, STARTS = 300, PATIENCE_MS = 20000 };

static const struct child_user user = {USER, USER, NULL, 0, NULL};
static char *const args[] = {"true", NULL};

static pid_t
run_true(const struct child_user *u)
{
	return child_start("/bin/true", args, NULL, NULL, 0, u);
}

/* A process of the user that sends sig to all of his, for ever or once. */
static pid_t
signal_all(int sig, int once)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (setgid(USER) == -1 || setuid(USER) == -1)
		_exit(1);
	do {
		kill(-1, sig);
	} while (!once);
	_exit(0);
}

/* Starts many programs as the user, in a process of its own. */
static pid_t
start_many(void)
{
	pid_t pid = fork(), p;
	int i;

	if (pid != 0)
		return pid;
	for (i = 0; i < STARTS; i++) {
		p = run_true(&user);
		if (p == -1)
			_exit(1);
		kill(p, SIGKILL);
		child_wait(p);
	}
	_exit(0);
}

/* The exit code of pid; -1 if it does not end. */
static int
wait_bounded(pid_t pid)
{
	const struct timespec pause = {0, 10000000};
	int i, status;

	for (i = 0; i < PATIENCE_MS / 10; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return child_code(status);
		nanosleep(&pause, NULL);
	}
	return -1;
}

/* A user who stops his processes all the time. */
static void
stopping(void)
{
	pid_t many, stopper = signal_all(SIGSTOP, 0);

	many = start_many();
	is_int(wait_bounded(many), 0,
	    "a user who stops what is started as him holds up nobody");
	kill(stopper, SIGKILL);
	child_wait(stopper);
	child_wait(signal_all(SIGKILL, 1));
	if (kill(many, SIGKILL) == 0)
		child_wait(many);
}

static void
as_root(void)
{
	struct child_user root = {0, USER, NULL, 0, NULL};
	struct child_user wheel = {USER, 0, NULL, 0, NULL};
	pid_t p;

	ok(run_true(&root) == -1 && errno == EPERM, "never as uid 0");
	ok(run_true(&wheel) == -1 && errno == EPERM, "never as gid 0");
	p = child_start("/nonexistent", args, NULL, NULL, 0, &user);
	ok(p == -1 && errno == ENOENT, "no such program: said at once");
	p = run_true(&user);
	is_int(p == -1 ? -1 : child_wait(p), 0, "as a user");
	stopping();
}

int
main(void)
{
	struct child_user other = {USER, USER, NULL, 0, NULL};
	pid_t p = run_true(NULL);

	is_int(p == -1 ? -1 : child_wait(p), 0, "as ourselves");
	p = child_start("/nonexistent", args, NULL, NULL, 0, NULL);
	ok(forks_only() ? p > 0 && child_wait(p) == 111
	    : p == -1 && errno == ENOENT, "no such program");
	if (geteuid() == 0)
		as_root();
	else
		ok(run_true(&other) == -1 && errno == EPERM,
		    "nobody but root becomes another");
	return done();
}
