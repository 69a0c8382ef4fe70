#include <sys/stat.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"

static int
started_secure(void)
{
#ifdef __linux__
	return getauxval(AT_SECURE) != 0;
#else
	return issetugid();
#endif
}

int
env_trusted(void)
{
	static int answer = -1; /* of the start: dropping ids changes nothing */

	if (answer == -1)
		answer = getuid() == geteuid() && getgid() == getegid() &&
		    !started_secure();
	return answer;
}

/* The directory of this executable with "/prefix" added; "" if unknown. */
static void
beside_executable(char *out, size_t cap)
{
	char *slash;
	ssize_t n = -1;

#ifdef __linux__
	n = readlink("/proc/self/exe", out, cap - sizeof "/prefix");
#endif
	out[n > 0 ? n : 0] = '\0';
	slash = strrchr(out, '/');
	if (slash != NULL)
		strcpy(slash, "/prefix");
	else
		out[0] = '\0';
}

/* Reads the prefix file into out if root owns it and nobody else writes it. */
static int
prefix_file(char *out, size_t cap)
{
	struct stat st;
	ssize_t n = -1;
	int fd;

	beside_executable(out, cap);
	if (out[0] == '\0')
		return -1;
	fd = open(out, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	    (st.st_mode & 022) == 0)
		n = read(fd, out, cap - 1);
	close(fd);
	if (n <= 0 || out[0] != '/')
		return -1;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

const char *
path_prefix(void)
{
	static char file[1024];
	static const char *prefix;
	const char *e;

	if (prefix != NULL)
		return prefix;
	prefix = PC_ROOT;
	if (env_trusted()) {
		e = getenv("PC_PREFIX");
		if (e != NULL && e[0] == '/')
			prefix = e;
	} else if (prefix_file(file, sizeof file) == 0) {
		prefix = file;
	}
	return prefix;
}

char *
path_make(const char *rel)
{
	struct buf b = {0};

	buf_str(&b, path_prefix());
	buf_str(&b, rel);
	return buf_cstr(&b);
}

char *
path_program(const char *name)
{
	const char *p = NULL, *end;
	struct buf b = {0};

	if (strchr(name, '/') != NULL) {
		buf_str(&b, name);
		return buf_cstr(&b);
	}
	if (env_trusted())
		p = getenv("PC_PATH");
	for (; p != NULL && *p; p = *end ? end + 1 : end) {
		end = p + strcspn(p, ":");
		b.len = 0;
		buf_add(&b, p, (size_t)(end - p));
		buf_byte(&b, '/');
		buf_str(&b, name);
		if (access(buf_cstr(&b), X_OK) == 0)
			return b.p;
	}
	b.len = 0;
	buf_str(&b, PC_LIBEXEC "/");
	buf_str(&b, name);
	return buf_cstr(&b);
}
