/*
 * fault-call: stands in for a program and makes one of its system calls fail,
 * or kills it there.  Linux, x86-64 and aarch64.
 *
 * It is linked into a directory D under the program's name; the program itself
 * is D/real/NAME, the order D/spec: `INSTANCE CALL WHICH ACTION [TREE]'.  The
 * INSTANCEth start of the program (from 1; 0 for each) is watched; at its
 * CALLth system call after the exec (from 1; 0 for none), or the first behind
 * it that is named WHICH (`any'), ACTION happens: `kill', SIGKILL in place of
 * the call, which is the same as one right behind the call before; or an error
 * number, which the call returns without doing anything.  With TREE 1 what the
 * program forks is watched too, and the calls of all are counted in their
 * order.  What was called is written to D/trace.INSTANCE, a name a line, and
 * how each process ended.  Without D/spec the program just runs.
 *
 * The program keeps its process id, parent and descriptors: the process that
 * watches is a grandchild that holds none of them.
 */
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Those whose failure can be asked for; others are written as numbers. */
#define CALL(name) {SYS_##name, #name}
static const struct {
	long number;
	const char *name;
} calls[] = {
#ifdef __x86_64__
	CALL(access), CALL(chmod), CALL(creat), CALL(dup2), CALL(fork),
	CALL(getdents), CALL(link), CALL(lstat), CALL(mkdir), CALL(mknod),
	CALL(open), CALL(pause), CALL(pipe), CALL(poll), CALL(readlink),
	CALL(rename), CALL(rmdir), CALL(select), CALL(stat), CALL(symlink),
	CALL(unlink), CALL(vfork),
#endif
	CALL(accept), CALL(accept4), CALL(bind), CALL(brk), CALL(chdir),
	CALL(clone), CALL(close), CALL(connect), CALL(dup), CALL(dup3),
	CALL(execve), CALL(exit_group), CALL(faccessat), CALL(fallocate),
	CALL(fchdir), CALL(fchmod), CALL(fchmodat), CALL(fchown), CALL(fcntl),
	CALL(fdatasync), CALL(flock), CALL(fstat), CALL(fstatfs), CALL(fsync),
	CALL(ftruncate), CALL(getdents64), CALL(getrandom), CALL(ioctl),
	CALL(kill), CALL(linkat), CALL(listen), CALL(lseek),
	CALL(memfd_create), CALL(mkdirat), CALL(mknodat), CALL(mmap),
	CALL(munmap), CALL(newfstatat), CALL(openat), CALL(openat2),
	CALL(pipe2), CALL(ppoll), CALL(pread64), CALL(pwrite64),
	CALL(pwritev), CALL(read), CALL(readlinkat), CALL(readv),
	CALL(recvfrom), CALL(recvmsg), CALL(renameat), CALL(renameat2),
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(sendmsg),
	CALL(sendto), CALL(setsockopt), CALL(shutdown), CALL(socket),
	CALL(socketpair), CALL(statfs), CALL(statx), CALL(symlinkat),
	CALL(syncfs), CALL(unlinkat), CALL(utimensat), CALL(wait4),
	CALL(write), CALL(writev),
};

static struct {
	char dir[500];
	long instance, call;
	char which[24];
	int error; /* 0: kill */
	int tree;
	int trace;
	pid_t pid; /* the one that stopped last */
} f;

static const char *
name(unsigned long long n)
{
	static char other[24];
	size_t i;

	for (i = 0; i < sizeof calls / sizeof *calls; i++)
		if (calls[i].number == (long long)n)
			return calls[i].name;
	snprintf(other, sizeof other, "call%llu", n);
	return other;
}

static void
note(const char *text)
{
	if (write(f.trace, text, strlen(text)) == -1 ||
	    write(f.trace, "\n", 1) == -1)
		_exit(1);
}

/* At the entry of a call: another number, none at all. */
static void
set_no_call(void)
{
#ifdef __x86_64__
	ptrace(PTRACE_POKEUSER, f.pid, 15 * sizeof(long), -1L); /* orig_rax */
#else
	int none = -1;
	struct iovec v = {&none, sizeof none};

	ptrace(PTRACE_SETREGSET, f.pid, NT_ARM_SYSTEM_CALL, &v);
#endif
}

/* At its exit: what it returns. */
static void
set_result(long r)
{
#ifdef __x86_64__
	ptrace(PTRACE_POKEUSER, f.pid, 10 * sizeof(long), r); /* rax */
#else
	unsigned long long regs[34];
	struct iovec v = {regs, sizeof regs};

	ptrace(PTRACE_GETREGSET, f.pid, NT_PRSTATUS, &v);
	regs[0] = (unsigned long long)r;
	ptrace(PTRACE_SETREGSET, f.pid, NT_PRSTATUS, &v);
#endif
}

/* One stop at the entry or exit of a call. */
static void
at_call(void)
{
	struct ptrace_syscall_info i;
	static long count;
	static pid_t failing;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, f.pid, sizeof i, &i) <= 0)
		return;
	if (i.op == PTRACE_SYSCALL_INFO_EXIT && failing == f.pid) {
		set_result(-f.error);
		failing = 0;
	}
	if (i.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	note(name(i.entry.nr));
	if (++count < f.call || f.call == 0 || (strcmp(f.which, "any") != 0 &&
	    strcmp(f.which, name(i.entry.nr)) != 0))
		return;
	f.call = 0;
	note(f.error ? "= error" : "= kill");
	set_no_call();
	if (f.error)
		failing = f.pid;
	else
		kill(f.pid, SIGKILL);
}

static void
note_end(int status)
{
	char end[40];

	snprintf(end, sizeof end, WIFSIGNALED(status) ? "= signal %d"
	    : "= exit %d", WIFSIGNALED(status) ? WTERMSIG(status)
	    : WEXITSTATUS(status));
	note(end);
}

static void
watch(int go)
{
	int status, sig, running = 0;

	if (ptrace(PTRACE_SEIZE, f.pid, 0, PTRACE_O_TRACESYSGOOD |
	    PTRACE_O_TRACEEXEC | (f.tree ? PTRACE_O_TRACEFORK : 0)) == -1) {
		note("= not traced");
		_exit(1);
	}
	ptrace(PTRACE_INTERRUPT, f.pid, 0, 0);
	/* All that are watched are ours to wait for, and nothing else is. */
	while ((f.pid = waitpid(-1, &status, __WALL)) != -1) {
		if (!WIFSTOPPED(status)) {
			note_end(status);
			continue;
		}
		sig = 0;
		if (status >> 16 == PTRACE_EVENT_EXEC)
			running = 1;
		else if (status >> 16 == PTRACE_EVENT_STOP && !running)
			close(go); /* stopped before its exec: on with it */
		else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (running)
				at_call();
		} else if (status >> 16 == 0) {
			sig = WSTOPSIG(status);
		}
		ptrace(PTRACE_SYSCALL, f.pid, 0, sig);
	}
	_exit(0);
}

/* Starts the process that watches; returns when it does. */
static void
start_watching(void)
{
	char path[600], c;
	int go[2], fd, i;
	pid_t pid;

	snprintf(path, sizeof path, "%s/trace.%ld", f.dir, f.instance);
	if (pipe(go) == -1)
		exit(111);
	f.pid = getpid();
	pid = fork();
	switch (pid) {
	case -1:
		exit(111);
	case 0:
		if (fork() != 0)
			_exit(0);
		signal(SIGTERM, SIG_IGN);
		dup2(go[1], 1000);
		for (i = 0; i < 1000; i++)
			close(i);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
		f.trace = fd;
		watch(1000);
	}
	close(go[1]);
	waitpid(pid, NULL, 0);
	while (read(go[0], &c, 1) == -1 && errno == EINTR)
		;
	close(go[0]);
}

/* Which start of the program is this?  One byte a start. */
static long
my_number(void)
{
	char path[600];
	long n;
	int fd;

	snprintf(path, sizeof path, "%s/starts", f.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (fd == -1 || write(fd, ".", 1) != 1)
		exit(111);
	n = (long)lseek(fd, 0, SEEK_CUR);
	close(fd);
	return n;
}

static int
read_spec(void)
{
	char path[600], text[100] = "", action[20];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/spec", f.dir);
	fd = open(path, O_RDONLY);
	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0 || sscanf(text, "%ld %ld %23s %19s %d", &f.instance,
	    &f.call, f.which, action, &f.tree) < 4)
		exit(111);
	f.error = strcmp(action, "kill") == 0 ? 0 : atoi(action);
	n = my_number();
	if (f.instance == 0)
		f.instance = n;
	return n == f.instance;
}

int
main(int argc __attribute__((unused)), char **argv)
{
	const char *self = (const char *)(uintptr_t)getauxval(AT_EXECFN);
	const char *slash = strrchr(self, '/');
	char path[600];

	if (slash == NULL)
		return 111;
	snprintf(f.dir, sizeof f.dir, "%.*s", (int)(slash - self), self);
	if (read_spec())
		start_watching();
	snprintf(path, sizeof path, "%s/real/%s", f.dir, slash + 1);
	execv(path, argv);
	return 111;
}
