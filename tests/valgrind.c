/*
 * What stands in bin/ for a program during `make valgrind': starts the program
 * PROGRAM of the directory DIR under valgrind.  Links to it keep their names,
 * which some programs go by.  What is found goes to files REPORTS.*, since
 * descriptor 2 is often somebody else's.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	static char report[4096];
	static char *args[1024] = {"valgrind", "-q", "--vgdb=no",
	    "--run-libc-freeres=no", "--error-exitcode=99", "--leak-check=" LEAKS,
	    "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
	    report};
	static char path[4096] = DIR "/";
	struct timespec now;
	const char *slash = strrchr(argv[0], '/');
	size_t n = strlen(path), at = 0;

	/* The number of a process comes again. */
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(report, sizeof report, "--log-file=%s.%lld.%09ld.%ld",
	    REPORTS, (long long)now.tv_sec, now.tv_nsec, (long)getpid());
	while (args[at] != NULL)
		at++;
	if (argc < 1 || at + (size_t)argc + 1 > sizeof args / sizeof args[0])
		return 111;
	strncat(path, slash != NULL ? slash + 1 : argv[0], 200);
	if (access(path, X_OK) == -1)
		strcpy(path + n, PROGRAM);
	args[at] = path;
	memcpy(args + at + 1, argv + 1, (size_t)argc * sizeof *argv);
	execv("/usr/bin/valgrind", args);
	return 111;
}
