/*
 * power-trace LOG DIR PID: writes down what process PID and all that it starts
 * do to files below DIR, one operation after the other, with the bytes that
 * they write: for tests/tools/powercut.  Linux, x86-64 and aarch64.
 *
 * It says `ready' on 1 when it watches, and ends with the last process.  One
 * operation at a time goes on, so that LOG's order is theirs.  A record is a
 * line, `PROGRAM OPERATION ARGUMENT... PATH', and behind the line of a write
 * its bytes and a newline:
 *
 *	create MODE PATH        trunc SIZE PATH         write OFFSET LENGTH PATH
 *	mkdir MODE PATH         fifo MODE PATH          symlink TEXT PATH
 *	rename OLD PATH         link OLD PATH           unlink PATH
 *	rmdir PATH              fsync PATH              fdatasync PATH
 *	sync PATH               mark TEXT               say TEXT
 *
 * `mark' is the attempt to remove /power-mark/TEXT, `say' a reply 250 that is
 * written to a socket or pipe; `unknown CALL PATH' is none of these.
 */
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

enum what {
	NONE, OPEN, OPEN2, WRITE, WRITEV, TRUNC, MKDIR, MKNOD, SYMLINK, RENAME,
	LINK, UNLINK, SYNC, SYNCALL, UNKNOWN
};

/* Where a call has its directory descriptor and path, from 0; -1: AT_FDCWD,
 * and no path. */
static const struct call {
	long number;
	enum what what;
	int dir, path;
	int offset; /* argument that is the offset, or -1 */
	const char *name;
} calls[] = {
#ifdef __x86_64__
	{SYS_open, OPEN, -1, 0, -1, "open"},
	{SYS_creat, UNKNOWN, -1, 0, -1, "creat"},
	{SYS_mkdir, MKDIR, -1, 0, -1, "mkdir"},
	{SYS_mknod, MKNOD, -1, 0, -1, "fifo"},
	{SYS_symlink, SYMLINK, -1, 1, -1, "symlink"},
	{SYS_rename, RENAME, -1, 0, -1, "rename"},
	{SYS_link, LINK, -1, 0, -1, "link"},
	{SYS_unlink, UNLINK, -1, 0, -1, "unlink"},
	{SYS_rmdir, UNLINK, -1, 0, -1, "rmdir"},
#endif
	{SYS_openat, OPEN, 0, 1, -1, "open"},
	{SYS_openat2, OPEN2, 0, 1, -1, "open"},
	{SYS_mkdirat, MKDIR, 0, 1, -1, "mkdir"},
	{SYS_mknodat, MKNOD, 0, 1, -1, "fifo"},
	{SYS_symlinkat, SYMLINK, 1, 2, -1, "symlink"},
#ifdef SYS_renameat
	{SYS_renameat, RENAME, 0, 1, -1, "rename"},
#endif
	{SYS_renameat2, RENAME, 0, 1, -1, "rename"},
	{SYS_linkat, LINK, 0, 1, -1, "link"},
	{SYS_unlinkat, UNLINK, 0, 1, -1, "unlink"},
	{SYS_truncate, UNKNOWN, -1, 0, -1, "truncate"},
	{SYS_ftruncate, TRUNC, 0, -1, -1, "trunc"},
	{SYS_write, WRITE, 0, -1, -1, "write"},
	{SYS_pwrite64, WRITE, 0, -1, 3, "write"},
	{SYS_sendto, WRITE, 0, -1, -1, "send"},
	{SYS_writev, WRITEV, 0, -1, -1, "write"},
	{SYS_pwritev, WRITEV, 0, -1, 3, "write"},
	{SYS_fsync, SYNC, 0, -1, -1, "fsync"},
	{SYS_fdatasync, SYNC, 0, -1, -1, "fdatasync"},
	{SYS_syncfs, SYNC, 0, -1, -1, "sync"},
	{SYS_sync, SYNCALL, -1, -1, -1, "sync"},
	{SYS_fallocate, UNKNOWN, 0, -1, -1, "fallocate"},
	{SYS_copy_file_range, UNKNOWN, 2, -1, -1, "copy_file_range"},
	{SYS_sendfile, UNKNOWN, 0, -1, -1, "sendfile"},
};

static struct {
	FILE *log;
	const char *dir;
	size_t dirlen;
} t;

static void
fail(const char *what)
{
	fprintf(stderr, "power-trace: %s: %s\n", what, strerror(errno));
	exit(111);
}

/* n bytes of the process at its address; what can be had. */
static size_t
fetch(pid_t pid, uint64_t at, void *to, size_t n)
{
	struct iovec here = {to, n}, there = {(void *)(uintptr_t)at, n};
	size_t got = 0, page;
	ssize_t r;

	while (got < n) {
		/* Nothing is read of a range that is not there to its end. */
		page = 4096 - (at + got) % 4096;
		here.iov_base = (char *)to + got;
		there.iov_base = (void *)(uintptr_t)(at + got);
		here.iov_len = there.iov_len = page < n - got ? page : n - got;
		r = process_vm_readv(pid, &here, 1, &there, 1, 0);
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	return got;
}

static void
fetch_string(pid_t pid, uint64_t at, char out[PATH_MAX])
{
	size_t n = fetch(pid, at, out, PATH_MAX - 1);

	out[n] = '\0';
}

/* What /proc/PID/... points to; 0, or -1. */
__attribute__((format(printf, 2, 3))) static int
proc_link(char out[PATH_MAX], const char *fmt, ...)
{
	char name[64];
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	vsnprintf(name, sizeof name, fmt, ap);
	va_end(ap);
	n = readlink(name, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : -1;
}

static int
is_below(const char *path)
{
	return strncmp(path, t.dir, t.dirlen) == 0 && path[t.dirlen] == '/' &&
	    strpbrk(path, " \n") == NULL;
}

/* The full path of a name as the process would find it; its last part is not
 * followed.  0 if it is below DIR. */
static int
resolve(pid_t pid, int dirfd, uint64_t at, char out[PATH_MAX])
{
	char name[PATH_MAX], path[2 * PATH_MAX], dir[PATH_MAX], *slash;

	fetch_string(pid, at, name);
	if (name[0] == '/')
		dir[0] = '\0';
	else if (dirfd == AT_FDCWD)
		proc_link(dir, "/proc/%d/cwd", pid);
	else if (proc_link(dir, "/proc/%d/fd/%d", pid, dirfd) == -1)
		return -1;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	if (realpath(path[0] ? path : "/", dir) == NULL)
		return -1;
	if (snprintf(out, PATH_MAX, "%s/%s", dir, slash + 1) >= PATH_MAX)
		return -1;
	return is_below(out) ? 0 : -1;
}

__attribute__((format(printf, 2, 3))) static void
note(pid_t pid, const char *fmt, ...)
{
	char name[64], comm[32] = "?";
	va_list ap;
	FILE *f;

	snprintf(name, sizeof name, "/proc/%d/comm", pid);
	f = fopen(name, "re");
	if (f != NULL) {
		if (fscanf(f, "%31s", comm) != 1)
			strcpy(comm, "?");
		fclose(f);
	}
	fprintf(t.log, "%s ", comm);
	va_start(ap, fmt);
	vfprintf(t.log, fmt, ap);
	va_end(ap);
}

/* Lets the process make its call; 0 with its result, -1 if it has ended. */
static int
finish(pid_t pid, int64_t *result)
{
	struct ptrace_syscall_info i;
	int status;

	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		return -1;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i) <= 0 ||
	    i.op != PTRACE_SYSCALL_INFO_EXIT)
		return -1;
	*result = i.exit.rval;
	return 0;
}

/* Where the next byte would be read or written. */
static int64_t
position(pid_t pid, int fd)
{
	char name[64];
	long long pos = 0;
	FILE *f;

	snprintf(name, sizeof name, "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(name, "re");
	if (f == NULL || fscanf(f, "pos: %lld", &pos) != 1)
		fail(name);
	fclose(f);
	return pos;
}

static void
log_bytes(pid_t pid, uint64_t at, size_t n)
{
	char *p = malloc(n + 1);

	if (p == NULL || fetch(pid, at, p, n) != n)
		fail("bytes of a write");
	fwrite(p, 1, n, t.log);
	free(p);
}

/* The first n bytes that the call's argument means. */
static void
log_data(pid_t pid, const struct call *c, const uint64_t *a, size_t n)
{
	struct iovec v[64];
	size_t i, k;

	if (c->what == WRITE) {
		log_bytes(pid, a[1], n);
		return;
	}
	if (a[2] > 64 || fetch(pid, a[1], v, a[2] * sizeof *v) !=
	    a[2] * sizeof *v)
		fail("pieces of a write");
	for (i = 0; i < a[2] && n > 0; i++) {
		k = v[i].iov_len < n ? v[i].iov_len : n;
		log_bytes(pid, (uint64_t)(uintptr_t)v[i].iov_base, k);
		n -= k;
	}
}

static void
on_write(pid_t pid, const struct call *c, const uint64_t *a)
{
	char path[PATH_MAX], text[60];
	int64_t n, off;
	struct stat st;
	size_t got;

	if (proc_link(path, "/proc/%d/fd/%d", pid, (int)a[0]) == -1)
		return;
	if (path[0] != '/') {
		/* No file: it may wait for somebody whom we stop. */
		got = c->what == WRITE ? fetch(pid, a[1], text, a[2] <
		    sizeof text ? a[2] : sizeof text - 1) : 0;
		text[got < sizeof text ? got : sizeof text - 1] = '\0';
		text[strcspn(text, "\r\n")] = '\0';
		if (strncmp(text, "250 ", 4) == 0)
			note(pid, "say %s\n", text);
		return;
	}
	if (!is_below(path) || stat(path, &st) == -1 || !S_ISREG(st.st_mode) ||
	    finish(pid, &n) == -1 || n <= 0)
		return;
	off = c->offset >= 0 ? (int64_t)a[c->offset]
	    : position(pid, (int)a[0]) - n;
	note(pid, "write %lld %lld %s\n", (long long)off, (long long)n, path);
	log_data(pid, c, a, (size_t)n);
	fputc('\n', t.log);
}

static void
on_open(pid_t pid, const struct call *c, const uint64_t *a)
{
	int dir = c->dir == 0 ? (int)a[0] : AT_FDCWD, was;
	uint64_t flags = a[c->path + 1];
	char path[PATH_MAX];
	struct stat st;
	int64_t fd;

	if (c->what == OPEN2 &&
	    fetch(pid, a[2], &flags, sizeof flags) != sizeof flags)
		return;
	if (!(flags & (O_CREAT | O_TRUNC)) ||
	    resolve(pid, dir, a[c->path], path) == -1)
		return;
	was = lstat(path, &st) == 0;
	if (was && S_ISFIFO(st.st_mode))
		return;
	/* A link that is followed: which file that is, is seen behind it. */
	if (finish(pid, &fd) == -1 || fd < 0 ||
	    proc_link(path, "/proc/%d/fd/%d", pid, (int)fd) == -1 ||
	    !is_below(path) || stat(path, &st) == -1)
		return;
	if (!was)
		note(pid, "create %o %s\n", st.st_mode & 07777, path);
	else if (flags & O_TRUNC)
		note(pid, "trunc 0 %s\n", path);
}

/* Calls on names. */
static void
on_name(pid_t pid, const struct call *c, const uint64_t *a)
{
	int dir = c->dir >= 0 ? (int)a[c->dir] : AT_FDCWD, up = c->dir >= 0;
	char path[PATH_MAX], other[PATH_MAX];
	const char *name = c->name;
	int64_t r;

	if (c->what == UNLINK) {
		fetch_string(pid, a[c->path], other);
		if (strncmp(other, "/power-mark/", 12) == 0)
			note(pid, "mark %s\n", other + 12);
		if (up && a[2] & AT_REMOVEDIR)
			name = "rmdir";
	}
	if (resolve(pid, dir, a[c->path], path) == -1)
		path[0] = '\0';
	if (c->what == RENAME || c->what == LINK) {
		if (resolve(pid, up ? (int)a[2] : AT_FDCWD, a[up ? 3 : 1],
		    other) == -1) {
			if (path[0] != '\0')
				note(pid, "unknown %s %s\n", name, path);
			return;
		}
	} else if (c->what == SYMLINK) {
		fetch_string(pid, a[0], other);
	}
	if (path[0] == '\0' || finish(pid, &r) == -1 || r != 0)
		return;
	switch (c->what) {
	case MKDIR:
	case MKNOD:
		note(pid, "%s %o %s\n", name,
		    (unsigned)a[c->path + 1] & 07777, path);
		break;
	case RENAME:
	case LINK:
		note(pid, "%s %s %s\n", name, path, other);
		break;
	case SYMLINK:
		note(pid, "%s %s %s\n", name, other, path);
		break;
	default:
		note(pid, "%s %s\n", name, path);
	}
}

/* Calls on a descriptor of a file that is there. */
static void
on_file(pid_t pid, const struct call *c, const uint64_t *a)
{
	char path[PATH_MAX];
	int64_t r;

	if (c->what == SYNCALL) {
		if (finish(pid, &r) == 0)
			note(pid, "sync %s\n", t.dir);
		return;
	}
	if (proc_link(path, "/proc/%d/fd/%d", pid, (int)a[c->dir]) == -1 ||
	    (!is_below(path) && strcmp(path, t.dir) != 0) ||
	    finish(pid, &r) == -1 || r < 0)
		return;
	if (c->what == TRUNC)
		note(pid, "trunc %lld %s\n", (long long)a[1], path);
	else if (c->number == SYS_fallocate && a[1] == FALLOC_FL_KEEP_SIZE)
		return; /* room only: neither bytes nor length */
	else if (c->what == UNKNOWN)
		note(pid, "unknown %s %s\n", c->name, path);
	else
		note(pid, "%s %s\n", c->name, path);
}

static void
at_call(pid_t pid)
{
	struct ptrace_syscall_info i;
	uint64_t a[6];
	size_t k;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i) <= 0 ||
	    i.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	for (k = 0; k < sizeof calls / sizeof *calls; k++)
		if (calls[k].number == (long)i.entry.nr)
			break;
	if (k == sizeof calls / sizeof *calls)
		return;
	memcpy(a, i.entry.args, sizeof a);
	switch (calls[k].what) {
	case WRITE:
	case WRITEV:
		on_write(pid, &calls[k], a);
		break;
	case OPEN:
	case OPEN2:
		on_open(pid, &calls[k], a);
		break;
	case TRUNC:
	case SYNC:
	case SYNCALL:
		on_file(pid, &calls[k], a);
		break;
	case UNKNOWN:
		if (calls[k].dir >= 0)
			on_file(pid, &calls[k], a);
		else
			on_name(pid, &calls[k], a);
		break;
	default:
		on_name(pid, &calls[k], a);
	}
	fflush(t.log);
}

static void
watch(pid_t first)
{
	int status, sig, event;
	pid_t pid;

	if (ptrace(PTRACE_SEIZE, first, 0, PTRACE_O_TRACESYSGOOD |
	    PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
	    PTRACE_O_TRACEEXEC) == -1 ||
	    ptrace(PTRACE_INTERRUPT, first, 0, 0) == -1)
		fail("seize");
	puts("ready");
	fflush(stdout);
	while ((pid = waitpid(-1, &status, __WALL)) != -1) {
		if (!WIFSTOPPED(status))
			continue;
		sig = 0;
		event = status >> 16;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			at_call(pid);
		else if (event == PTRACE_EVENT_STOP &&
		    WSTOPSIG(status) != SIGTRAP) {
			ptrace(PTRACE_LISTEN, pid, 0, 0);
			continue;
		} else if (event == 0)
			sig = WSTOPSIG(status);
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
}

int
main(int argc, char *argv[])
{
	if (argc != 4) {
		fprintf(stderr, "usage: power-trace LOG DIR PID\n");
		return 100;
	}
	t.log = fopen(argv[1], "we");
	if (t.log == NULL)
		fail(argv[1]);
	t.dir = argv[2];
	t.dirlen = strlen(t.dir);
	watch((pid_t)atol(argv[3]));
	return fclose(t.log) == 0 ? 0 : 111;
}
