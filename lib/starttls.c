#include <sys/socket.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "child.h"
#include "fdio.h"
#include "paths.h"
#include "starttls.h"
#include "str.h"

enum {
	VARIABLES_MAX = 65536, /* others tell of certificates, too */
	FD_MAX = 65535
};

/* A superserver's descriptors. */
struct ucspi {
	int ctl;
	int in;
	int out;
};

/* A variable's value as an open descriptor, which no program that we start is
 * to have; -1 if it is none. */
static int
fd_of(const char *name)
{
	const char *v = getenv(name);
	uint64_t n;

	if (v == NULL || parse_u64(v, strlen(v), &n) == -1 || n > FD_MAX ||
	    fd_cloexec((int)n) == -1)
		return -1;
	return (int)n;
}

/* Does the superserver offer TLS?  "-" says that it does not. */
static int
find_ucspi(struct ucspi *u)
{
	const char *v = getenv("UCSPITLS");

	if (v == NULL || strcmp(v, "-") == 0)
		return 0;
	u->ctl = fd_of("SSLCTLFD");
	u->in = fd_of("SSLREADFD");
	u->out = fd_of("SSLWRITEFD");
	return u->ctl > 2 && u->in > 2 && u->out > 2;
}

/* The path, which is freed. */
static int
may(char *path, int mode)
{
	int r = access(path, mode) == 0;

	free(path);
	return r;
}

/* Whether the key can be read is for tls-serve alone to know. */
int
starttls_offered(void)
{
	struct ucspi u;

	return find_ucspi(&u) || (may(path_make(PATH_TLS "/cert.pem"), R_OK) &&
	    may(path_make(PATH_TLS "/key.pem"), F_OK) &&
	    may(path_program("tls-serve"), X_OK));
}

const char *
starttls_already(void)
{
	static char text[128];
	const char *protocol = getenv("SSL_PROTOCOL");
	const char *cipher = getenv("SSL_CIPHER");

	if (protocol == NULL || protocol[0] == '\0')
		return NULL;
	snprintf(text, sizeof text, "%s%s%s", protocol,
	    cipher != NULL ? " " : "", cipher != NULL ? cipher : "");
	return text;
}

/* Reads up to and with the lone NUL. */
static int
read_variables(int fd, struct buf *b, uint64_t deadline)
{
	ssize_t r;
	int ready;

	while (b->len < VARIABLES_MAX) {
		buf_room(b, 1024);
		ready = wait_readable(fd, deadline);
		r = ready == 1 ? read(fd, b->p + b->len, 1024) : -1;
		if (ready == 0 || r == 0 || (r == -1 && errno != EINTR))
			return -1;
		b->len += r > 0 ? (size_t)r : 0;
		if (b->len > 0 && b->p[b->len - 1] == '\0' &&
		    (b->len == 1 || b->p[b->len - 2] == '\0'))
			return 0;
	}
	return -1;
}

int
starttls_variables(int fd, uint64_t deadline)
{
	struct buf b = {0};
	char *p, *eq;
	int ok;

	unsetenv("SSL_PROTOCOL");
	unsetenv("SSL_CIPHER");
	unsetenv("SSL_TLS_SNI_SERVERNAME");
	ok = read_variables(fd, &b, deadline) == 0;
	for (p = b.p; ok && *p != '\0'; p += strlen(p) + 1) {
		eq = strchr(p, '=');
		if (eq == NULL || strncmp(p, "SSL_", 4) != 0)
			continue;
		*eq = '\0';
		ok = setenv(p, eq + 1, 1) == 0;
		p = eq + 1;
	}
	buf_free(&b);
	return ok ? 0 : -1;
}

/* The plain text's descriptors in the place of the network's. */
static int
take_over(int in, int out)
{
	int ok = dup2(in, 0) == 0 && dup2(out, 1) == 1;

	close(in);
	if (out != in)
		close(out);
	return ok ? 0 : -1;
}

/* "Y": start, and tell the variables. */
static int
begin_ucspi(const struct ucspi *u, uint64_t deadline)
{
	int ok = write_all(u->ctl, "Y", 1) == 0 &&
	    starttls_variables(u->ctl, deadline) == 0;

	close(u->ctl);
	unsetenv("UCSPITLS");
	return take_over(u->in, u->out) == 0 && ok ? 0 : -1;
}

/* Starts tls-serve with the network, plain and control; -1 with errno. */
static int
start_serve(int plain, int control)
{
	char name[] = "tls-serve", *argv[] = {name, NULL};
	struct child_fd map[] = {{0, 0}, {1, 1}, {2, 2}, {plain, 3},
	    {control, 4}};
	char *path = path_program(name);
	pid_t pid = child_start(path, argv, NULL, map, 5, NULL);

	free(path);
	return pid == -1 ? -1 : 0;
}

static int
begin_own(uint64_t deadline)
{
	int plain[2], control[2], ok = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, plain) == -1)
		return -1;
	fd_cloexec(plain[0]);
	fd_cloexec(plain[1]);
	if (pipe_cloexec(control) == 0) {
		ok = start_serve(plain[1], control[1]) == 0;
		close(control[1]);
		ok = ok && starttls_variables(control[0], deadline) == 0;
		close(control[0]);
	}
	close(plain[1]);
	return take_over(plain[0], plain[0]) == 0 && ok ? 0 : -1;
}

const char *
starttls_begin(unsigned long timeout)
{
	uint64_t deadline = clock_ms() + timeout;
	struct ucspi u;
	int failed;

	failed = find_ucspi(&u) ? begin_ucspi(&u, deadline)
	    : begin_own(deadline);
	return failed ? NULL : starttls_already();
}
