#include <sys/stat.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "fdio.h"

/* A command that runs.  Its session is its own, so that a signal reaches
 * all that it started and nothing else. */
struct run {
	pid_t pid;
	int in;  /* we write the message here; -1: done */
	int out; /* and read what it says; -1: closed */
	const char *msg;
	size_t left;
	int failed; /* errno: the message could not be given to it */
	struct command_result *r;
};

static void
on_child(int sig)
{
	(void)sig; /* it only has to end ppoll */
}

/* Pointers to n NUL-terminated strings at p, and a NULL; the caller frees. */
static char **
pointers(char *p, size_t n)
{
	char **v = xalloc((n + 1) * sizeof *v);
	size_t i;

	for (i = 0; i < n; i++, p += strlen(p) + 1)
		v[i] = p;
	v[n] = NULL;
	return v;
}

/* Descriptors that we were started with, the order among them. */
static void
close_others(void)
{
	int fd;

#if defined(__linux__) && defined(SYS_close_range)
	if (syscall(SYS_close_range, 3, ~0u, 0) == 0)
		return;
#endif
	for (fd = 3; fd < 256; fd++)
		close(fd);
}

/* In the child. */
static void
become_command(char *const argv[], char *const envp[], const char *home,
    int in, int out)
{
	static const char *const dirs[] = {"/usr/local/bin/", "/usr/bin/",
	    "/bin/"};
	struct sigaction sa = {.sa_handler = SIG_DFL};
	char path[1100];
	sigset_t none;
	size_t i;
	int sig;

	setsid();
	umask(077);
	for (sig = 1; sig < 32; sig++)
		sigaction(sig, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) == -1 || dup2(out, 1) == -1 || dup2(out, 2) == -1)
		_exit(111);
	close_others();
	if (chdir(home) == -1 && chdir("/") == -1)
		_exit(111);
	if (strchr(argv[0], '/') != NULL) {
		execve(argv[0], argv, envp);
	} else {
		for (i = 0; i < sizeof dirs / sizeof *dirs; i++) {
			snprintf(path, sizeof path, "%s%s", dirs[i], argv[0]);
			execve(path, argv, envp);
		}
	}
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(111);
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* Some more of the message; EPIPE means that it wants no more. */
static void
feed(struct run *run)
{
	ssize_t n = write(run->in, run->msg, run->left);

	if (n > 0) {
		run->msg += n;
		run->left -= (size_t)n;
	}
	else if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	else if (n == -1 && errno != EPIPE)
		run->failed = errno;
	if (n == -1 || run->left == 0)
		close_fd(&run->in);
}

/* 0, or an errno.  SIGCHLD is blocked by the caller.  What fits is in the pipe
 * before the command is there: if we are killed it still gets all or nothing
 * of a message that is not large. */
static int
start(struct run *run, char *const argv[], char *const envp[],
    const char *home)
{
	int in[2], out[2], err;

	if (pipe_cloexec(in) == -1)
		return errno;
	if (pipe_cloexec(out) == -1) {
		err = errno;
		close(in[0]);
		close(in[1]);
		return err;
	}
	run->in = in[1];
	run->out = out[0];
	fd_nonblock(run->in);
	fd_nonblock(run->out);
	feed(run);
	run->pid = run->failed ? -1 : fork();
	if (run->pid == 0)
		become_command(argv, envp, home, in[0], out[1]);
	err = run->failed ? run->failed : run->pid == -1 ? errno : 0;
	close(in[0]);
	close(out[1]);
	return err;
}

/* Some more of what it says: 1, or 0 when there is nothing.  The end is what
 * counts: the oldest half goes when there is no room. */
static int
listen_to(struct run *run)
{
	struct command_result *r = run->r;
	ssize_t n;

	if (r->outlen == sizeof r->out) {
		memmove(r->out, r->out + sizeof r->out / 2, sizeof r->out / 2);
		r->outlen = sizeof r->out / 2;
	}
	n = read(run->out, r->out + r->outlen, sizeof r->out - r->outlen);
	if (n > 0)
		r->outlen += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_fd(&run->out);
	return n > 0;
}

/* Waits until something can be done, the command ends or time is over; does
 * it.  Returns 0 when time is over. */
static int
step(struct run *run, uint64_t deadline)
{
	struct pollfd p[2] = {
		{.fd = run->in, .events = POLLOUT},
		{.fd = run->out, .events = POLLIN}
	};
	uint64_t now = clock_ms();
	struct timespec left;
	sigset_t none;

	if (now >= deadline)
		return 0;
	left.tv_sec = (time_t)((deadline - now) / 1000);
	left.tv_nsec = (long)((deadline - now) % 1000) * 1000000;
	sigemptyset(&none);
	if (ppoll(p, 2, &left, &none) > 0) {
		if (p[0].revents != 0)
			feed(run);
		if (p[1].revents != 0)
			listen_to(run);
	}
	return 1;
}

/* Runs it to its end, to the deadline, or until it cannot be given the whole
 * message: 1 if it has ended. */
static int
until(struct run *run, uint64_t deadline, int *status)
{
	do {
		if (waitpid(run->pid, status, WNOHANG) == run->pid)
			return 1;
	} while (!run->failed && step(run, deadline));
	return 0;
}

/* To its end, by force if it must be. */
static void
supervise(struct run *run, uint64_t timeout_ms)
{
	struct command_result *r = run->r;
	int status;

	if (!until(run, clock_ms() + timeout_ms, &status)) {
		r->timedout = run->failed == 0;
		kill(-run->pid, SIGTERM);
		if (!until(run, clock_ms() + COMMAND_GRACE_MS, &status)) {
			kill(-run->pid, SIGKILL);
			while (waitpid(run->pid, &status, 0) == -1 &&
			    errno == EINTR)
				;
		}
		kill(-run->pid, SIGKILL); /* what it started */
	}
	/* What it has said is in the pipe by now; what it left in the
	 * background may hold it open for ever. */
	close_fd(&run->in);
	while (run->out != -1 && listen_to(run))
		;
	close_fd(&run->out);
	if (r->timedout || run->failed)
		return;
	if (WIFEXITED(status))
		r->code = WEXITSTATUS(status);
	else
		r->signal = WTERMSIG(status);
}

int
command_run(struct command_result *r, const char *text,
    const struct letter *l, const struct command_user *u, uint64_t timeout_ms)
{
	struct run run = {.in = -1, .out = -1, .msg = l->msg,
	    .left = l->msglen, .r = r};
	struct sigaction sa = {.sa_handler = on_child};
	struct buf words = {0}, env = {0};
	char *shell[] = {(char *)"/bin/sh", (char *)"-c",
	    (char *)(uintptr_t)text, NULL};
	char **argv, **envp;
	size_t i, n = 0;
	sigset_t chld;
	int err, k;

	memset(r, 0, sizeof *r);
	r->code = -1;
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	command_env(&env, l, u);
	for (i = 0; i + 1 < env.len; i += strlen(env.p + i) + 1)
		n++;
	envp = pointers(env.p, n);
	k = command_words(&words, text);
	argv = k > 0 ? pointers(words.p, (size_t)k) : NULL;
	err = start(&run, argv ? argv : shell, envp, u->home);
	if (err == 0) {
		supervise(&run, timeout_ms);
		err = run.failed;
	}
	close_fd(&run.in);
	close_fd(&run.out);
	free(argv);
	free(envp);
	buf_free(&words);
	buf_free(&env);
	return err;
}
