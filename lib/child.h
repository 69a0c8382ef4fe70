/* Starting a program with exactly the descriptors that it is to have. */
#ifndef CHILD_H
#define CHILD_H
#include <sys/types.h>

/* Give the child our descriptor `from' as its descriptor `to'. */
struct child_fd {
	int from;
	int to;
};

/* Whose ids the child gets; NULL: ours.  groups may be NULL (only gid). */
struct child_user {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	int ngroups;
	const char *home; /* working directory, or NULL */
};

/*
 * Starts path (see path_program) with argv and envp (NULL: ours).  All
 * descriptors of this process should be close-on-exec; those in map are
 * given, to at most 16 different numbers.  Signals that we block or catch
 * are back to default in the child.  Returns the pid, or -1 with errno, the
 * exec's own errno included (the child exits 111 for nobody to see).  Of a
 * child that root starts as a user only a missing program is told so; what
 * goes wrong later is its exit code 111.
 * Uses vfork, but for such a child: a start costs no copy of page tables.
 */
pid_t child_start(const char *path, char *const argv[], char *const envp[],
    const struct child_fd *map, size_t nmap, const struct child_user *user);
/* waitpid until it ends, EINTR tried again.  Returns the exit code, or 111
 * for a signal. */
int child_wait(pid_t pid);
/* Exit code of a waitpid status, 111 for a signal. */
int child_code(int status);
/* Descriptors 0, 1 and 2 are open (on /dev/null if they were not), so that no
 * file is ever opened under their numbers. */
void fd_guard(void);
int fd_cloexec(int fd);
int fd_nonblock(int fd);
/* pipe and socketpair whose ends are close-on-exec. */
int pipe_cloexec(int fd[2]);
#endif
