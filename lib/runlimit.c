#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "paths.h"
#include "runlimit.h"

enum { FDS = RUNLIMIT_FDS + 2 };

/* The signal state before the program was started. */
struct before {
	struct sigaction chld;
	sigset_t mask;
};

static void
on_child(int sig)
{
	(void)sig; /* it only has to end ppoll */
}

/* From here SIGCHLD comes only while we wait in ppoll. */
static void
hold_child(struct before *b)
{
	struct sigaction sa = {.sa_handler = on_child};
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &b->mask);
	sigaction(SIGCHLD, &sa, &b->chld);
}

static void
release_child(const struct before *b)
{
	sigaction(SIGCHLD, &b->chld, NULL);
	sigprocmask(SIG_SETMASK, &b->mask, NULL);
}

/* Reads what is there: 1, or 0 at the end of file or when there is nothing.
 * What does not fit is thrown away, so that the program can go on. */
static int
take(struct runlimit *r, int fd)
{
	char junk[512];
	size_t room = r->cap - r->outlen;
	ssize_t n;

	n = room > 0 ? read(fd, r->out + r->outlen, room)
	    : read(fd, junk, sizeof junk);
	if (n > 0 && room > 0)
		r->outlen += (size_t)n;
	return n > 0;
}

/* Waits for the end of the program and takes what it says meanwhile: its
 * waitpid status in *status, or 0 when the time is over. */
static int
until_end(struct runlimit *r, pid_t pid, int out, const sigset_t *old,
    int *status)
{
	struct pollfd p = {.fd = out, .events = POLLIN};
	uint64_t deadline = clock_ms() + r->ms, now;
	struct timespec left;
	sigset_t mask = *old;

	sigdelset(&mask, SIGCHLD);
	while (waitpid(pid, status, WNOHANG) != pid) {
		now = clock_ms();
		if (now >= deadline)
			return 0;
		left.tv_sec = (time_t)((deadline - now) / 1000);
		left.tv_nsec = (long)((deadline - now) % 1000) * 1000000;
		if (ppoll(&p, 1, &left, &mask) == 1 && !take(r, out))
			p.fd = -1; /* its end of file is not the end */
	}
	return 1;
}

/* Starts it on /dev/null and what the caller gives; out: its descriptor 1. */
static pid_t
start_on(struct runlimit *r, char *const argv[], int null, int out)
{
	struct child_fd map[FDS] = {{null, 0}, {out, 1}};
	size_t i, n = 2;
	char *path;
	pid_t pid;

	for (i = 0; i < r->nfds && n < FDS; i++) {
		if (r->fds[i].to == 0)
			map[0].from = r->fds[i].from;
		else
			map[n++] = r->fds[i];
	}
	path = path_program(argv[0]);
	pid = child_start(path, argv, NULL, map, n, NULL);
	if (pid == -1)
		r->failed = strerror(errno);
	free(path);
	return pid;
}

/* *out is the read end of its descriptor 1, or -1. */
static pid_t
start(struct runlimit *r, char *const argv[], int *out)
{
	int null, pipefd[2] = {-1, -1};
	pid_t pid = -1;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || (r->cap > 0 && pipe_cloexec(pipefd) == -1))
		r->failed = strerror(errno);
	else
		pid = start_on(r, argv, null, r->cap > 0 ? pipefd[1] : null);
	if (null != -1)
		close(null);
	if (pipefd[1] != -1)
		close(pipefd[1]);
	*out = pipefd[0];
	if (*out != -1)
		fd_nonblock(*out);
	return pid;
}

/* The program is started: its exit code. */
static int
finish(struct runlimit *r, pid_t pid, int out, const sigset_t *old)
{
	int status;

	if (!until_end(r, pid, out, old, &status)) {
		/* One that has become another user cannot be killed: nor is
		 * it waited for. */
		if (kill(pid, SIGKILL) == 0)
			child_wait(pid);
		r->failed = "timeout";
		return 111;
	}
	while (out != -1 && r->outlen < r->cap && take(r, out))
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	r->failed = "signal";
	return 111;
}

int
runlimit(struct runlimit *r, char *const argv[])
{
	struct before before;
	int out, code = 111;
	pid_t pid;

	r->outlen = 0;
	r->failed = NULL;
	hold_child(&before);
	pid = start(r, argv, &out);
	if (pid != -1)
		code = finish(r, pid, out, &before.mask);
	if (out != -1)
		close(out);
	release_child(&before);
	return code;
}

int
runlimit_words(char *s, char *argv[RUNLIMIT_WORDS + 1])
{
	char *save;
	int n = 0;

	for (s = strtok_r(s, " \t", &save); s != NULL;
	    s = strtok_r(NULL, " \t", &save)) {
		if (n == RUNLIMIT_WORDS)
			return -1;
		argv[n++] = s;
	}
	argv[n] = NULL;
	return n > 0 ? n : -1;
}
