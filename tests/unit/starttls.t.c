/* lib/starttls: what a superserver or tls-serve tells, and whether it offers
 * TLS at all. */
#include <sys/wait.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "starttls.h"
#include "tap.h"

/* starttls_variables on these bytes. */
static int
variables(const char *p, size_t n)
{
	int fd[2], r;

	if (pipe_cloexec(fd) == -1)
		_exit(111);
	write_all(fd[1], p, n);
	close(fd[1]);
	r = starttls_variables(fd[0], clock_ms() + 5000);
	close(fd[0]);
	return r;
}
#define VARIABLES(s) variables(s, sizeof s - 1)

static const char *
get(const char *name)
{
	const char *v = getenv(name);

	return v != NULL ? v : "(unset)";
}

static int
offered(const char *ucspi, const char *ctl, const char *in, const char *out)
{
	setenv("UCSPITLS", ucspi, 1);
	setenv("SSLCTLFD", ctl, 1);
	setenv("SSLREADFD", in, 1);
	setenv("SSLWRITEFD", out, 1);
	return starttls_offered();
}

int
main(void)
{
	static char much[70000];
	char ctl[8], out[8];
	int fd[2];

	ok(starttls_already() == NULL, "no TLS from the start");
	setenv("SSL_TLS_SNI_SERVERNAME", "forged", 1);
	setenv("PATH", "/here", 1);
	is_int(VARIABLES("SSL_PROTOCOL=TLSv1.3\0SSL_CIPHER=X=Y\0PATH=/evil\0"
	    "LD_AUDIT=x\0odd\0\0"), 0, "variables");
	is_str(get("SSL_PROTOCOL"), "TLSv1.3", "one");
	is_str(get("SSL_CIPHER"), "X=Y", "another");
	is_str(get("SSL_TLS_SNI_SERVERNAME"), "(unset)", "an old one is gone");
	is_str(get("PATH"), "/here", "only SSL_ is taken");
	is_str(get("LD_AUDIT"), "(unset)", "nothing else is");
	is_str(starttls_already(), "TLSv1.3 X=Y", "what it is");
	is_int(VARIABLES("SSL_PROTOCOL=TLSv1.3\0"), -1, "no end");
	ok(starttls_already() == NULL, "then there is no TLS");
	is_int(VARIABLES(""), -1, "nothing at all");
	is_int(VARIABLES("\0"), 0, "no variables");
	memset(much, 'x', sizeof much);
	if (fork() == 0) /* more than a pipe holds */
		_exit(variables(much, 60000) == -1 ? 0 : 1);
	is_int(child_wait(-1), 0, "without end, and much");

	setenv("PC_PREFIX", "/nonexistent", 1);
	ok(!starttls_offered(), "no certificate: not offered");
	if (pipe_cloexec(fd) == -1)
		return 111;
	snprintf(ctl, sizeof ctl, "%d", fd[0]);
	snprintf(out, sizeof out, "%d", fd[1]);
	ok(offered("", ctl, ctl, out), "UCSPITLS");
	ok(!offered("-", ctl, ctl, out), "UCSPITLS that says no");
	ok(!offered("1", "99", ctl, out), "a closed descriptor");
	ok(!offered("1", ctl, "x", out), "no number");
	ok(!offered("1", ctl, "0", out), "the network's own");
	ok(!offered("1", ctl, ctl, ""), "none");
	return done();
}
