#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <unistd.h>

#include "child.h"

extern char **environ;

/* Would placing another entry overwrite the descriptor that entry i needs? */
static int
in_the_way(const struct child_fd *map, size_t n, size_t i)
{
	size_t k;

	for (k = 0; k < n; k++)
		if (k != i && map[k].to == map[i].from)
			return 1;
	return 0;
}

/* In the child: descriptors to their numbers.  A source that is another one's
 * target is first lifted above every target. */
static int
place_fds(const struct child_fd *map, size_t n)
{
	int lifted[16], f;
	size_t i;

	if (n > 16)
		return -1;
	for (i = 0; i < n; i++) {
		lifted[i] = map[i].from;
		if (map[i].from != map[i].to && in_the_way(map, n, i)) {
			f = fcntl(map[i].from, F_DUPFD_CLOEXEC, 16);
			if (f == -1)
				return -1;
			lifted[i] = f;
		}
	}
	for (i = 0; i < n; i++) {
		if (lifted[i] == map[i].to) {
			if (fcntl(lifted[i], F_SETFD, 0) == -1)
				return -1;
		} else if (dup2(lifted[i], map[i].to) == -1) {
			return -1;
		}
	}
	return 0;
}

/* May we run something as the user? */
static int
may_become(const struct child_user *u)
{
	if (u == NULL || (geteuid() == 0 ? u->uid != 0 && u->gid != 0
	    : geteuid() == u->uid))
		return 1;
	errno = EPERM;
	return 0;
}

static int
become(const struct child_user *u)
{
	if (u == NULL)
		return 0;
	if (geteuid() == 0) {
		if (u->groups != NULL ? setgroups((size_t)u->ngroups, u->groups)
				      : setgroups(1, &u->gid))
			return -1;
		if (setgid(u->gid) == -1 || setuid(u->uid) == -1)
			return -1;
	}
	return u->home != NULL ? chdir(u->home) : 0;
}

/* Back to the signal state that a program expects to start with.  An exec
 * itself puts what is caught back to default; what is ignored stays so, and in
 * these programs that is SIGPIPE only. */
static void
reset_signals(void)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigset_t none;

	sigaction(SIGPIPE, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: returns only with an errno. */
static int
run(const char *path, char *const argv[], char *const envp[],
    const struct child_fd *map, size_t nmap, const struct child_user *user)
{
	if (place_fds(map, nmap) == 0 && become(user) == 0) {
		reset_signals();
		execve(path, argv, envp != NULL ? envp : environ);
	}
	return errno;
}

pid_t
child_start(const char *path, char *const argv[], char *const envp[],
    const struct child_fd *map, size_t nmap, const struct child_user *user)
{
	volatile int err = 0; /* written by the child: vfork shares memory */
	int other = user != NULL && geteuid() == 0;
	sigset_t all, old;
	pid_t pid;

	if (!may_become(user) || (other && access(path, X_OK) == -1))
		return -1;
	/* No handler of ours may run in the child before the exec. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	/*
	 * Behind vfork we wait for the exec, and a child that has become its
	 * user can be stopped by him before it: he would stop us.
	 */
	/* NOLINTNEXTLINE(clang-analyzer-*fork): run() calls the system only. */
	pid = other ? fork() : vfork();
	if (pid == 0) {
		err = run(path, argv, envp, map, nmap, user);
		_exit(111);
	}
	if (pid == -1)
		err = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid > 0 && err != 0) {
		child_wait(pid);
		pid = -1;
	}
	if (pid == -1)
		errno = err;
	return pid;
}

int
child_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 111;
}

int
child_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return 111;
	return child_code(status);
}

void
fd_guard(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    openat(AT_FDCWD, "/dev/null", O_RDWR) != fd)
			_exit(111);
}

int
fd_cloexec(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int
fd_nonblock(int fd)
{
	int f = fcntl(fd, F_GETFL);

	return f == -1 ? -1 : fcntl(fd, F_SETFL, f | O_NONBLOCK);
}

int
pipe_cloexec(int fd[2])
{
#ifdef __linux__
	return pipe2(fd, O_CLOEXEC);
#else
	if (pipe(fd) == -1)
		return -1;
	fd_cloexec(fd[0]);
	fd_cloexec(fd[1]);
	return 0;
#endif
}
