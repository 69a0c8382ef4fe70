/*
 * Linked into every program of `make asan'.  What the sanitizers report goes
 * to files of build/asan: many programs have no descriptor 2 that a test
 * would see, and those that clear their environment could not be told so.
 */
#include <sys/auxv.h>
#include <sys/prctl.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *__asan_default_options(void);
int __lsan_is_turned_off(void);

/* libfaketime is preloaded before the sanitizer; that does no harm here. */
const char *
__asan_default_options(void)
{
	return "log_path=" LOGS "/report:verify_asan_link_order=0";
}

/*
 * Leaks are searched with ptrace, so not in a program that strace has, nor in
 * one that was set-id or has changed its user; and by a process beside the
 * program's, so not where tests/tools/soak kills what it finds: the program
 * would wait for that process for ever.
 */
int
__lsan_is_turned_off(void)
{
	char text[1024] = "";
	const char *tracer, *name = (const char *)getauxval(AT_EXECFN);
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	if (fd != -1) {
		if (read(fd, text, sizeof text - 1) < 0)
			text[0] = '\0';
		close(fd);
	}
	tracer = strstr(text, "TracerPid:\t");
	return tracer == NULL || tracer[11] != '0' ||
	    prctl(PR_GET_DUMPABLE) != 1 ||
	    (name != NULL && strstr(name, "/soak.") != NULL);
}
