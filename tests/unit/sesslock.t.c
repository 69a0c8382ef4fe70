#include <sys/wait.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sesslock.h"
#include "tap.h"

enum { MANY = 60 };

static char path[] = "/tmp/sesslock.XXXXXX";

static struct netaddr
addr(const char *text)
{
	struct netaddr a;

	if (netaddr_parse(&a, text, strlen(text)) == -1)
		abort();
	return a;
}

/* A process that takes a place and keeps it until it is killed; *r is what
 * sesslock_take said. */
static pid_t
session(enum sesslock what, const char *ip, unsigned long max, int *r)
{
	struct netaddr a = addr(ip);
	int fd[2];
	char said;
	pid_t pid;

	if (pipe(fd) == -1)
		abort();
	pid = fork();
	if (pid == 0) {
		said = (char)sesslock_take(sesslock_open(path), what, &a, max);
		if (write(fd[1], &said, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (pid == -1 || read(fd[0], &said, 1) != 1)
		abort();
	close(fd[0]);
	close(fd[1]);
	*r = said;
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* How many of MANY sessions are let in, each from the address that begin, its
 * number and end make; all end. */
static int
let_in(enum sesslock what, const char *begin, const char *rest,
    unsigned long max)
{
	pid_t pids[MANY];
	char ip[64];
	int i, r, in = 0;

	for (i = 0; i < MANY; i++) {
		snprintf(ip, sizeof ip, "%s%d%s", begin, i, rest);
		pids[i] = session(what, ip, max, &r);
		in += r == 1;
	}
	for (i = 0; i < MANY; i++)
		end(pids[i]);
	return in;
}

int
main(void)
{
	struct netaddr a = addr("192.0.2.1");
	pid_t one, two, three;
	int r, fd;

	close(mkstemp(path));
	fd = sesslock_open(path);
	ok(fd >= 10, "the descriptor leaves the low ones free");
	ok(fcntl(fd, F_GETFD) == 0, "and stays open through exec");
	close(fd);

	one = session(SESSLOCK_ADDRESS, "192.0.2.1", 2, &r);
	ok(r == 1, "the first session of two");
	two = session(SESSLOCK_ADDRESS, "192.0.2.1", 2, &r);
	ok(r == 1, "the second");
	end(session(SESSLOCK_ADDRESS, "192.0.2.1", 2, &r));
	ok(r == 0, "no third");
	end(session(SESSLOCK_ADDRESS, "192.0.2.2", 2, &r));
	ok(r == 1, "its neighbour is another address");
	end(session(SESSLOCK_ADDRESS, "::c000:201", 2, &r));
	ok(r == 1, "and so is an IPv6 one with the same last bytes");
	end(session(SESSLOCK_ADDRESS, "::ffff:192.0.2.1", 2, &r));
	ok(r == 0, "but not IPv4 written as IPv6");
	three = session(SESSLOCK_ADDRESS, "192.0.2.0", 1, &r);
	end(session(SESSLOCK_NETWORK, "192.0.2.1", 1, &r));
	ok(r == 1, "networks and addresses are counted apart");
	end(three);
	end(session(SESSLOCK_ALL, "192.0.2.1", 2, &r));
	ok(r == 1, "and so are all");
	end(one);
	one = session(SESSLOCK_ADDRESS, "192.0.2.1", 2, &r);
	ok(r == 1, "who was killed has left");
	end(one);
	end(two);

	ok(let_in(SESSLOCK_NETWORK, "192.0.2.", "", 13) == 13,
	    "13 of an IPv4 network");
	ok(let_in(SESSLOCK_NETWORK, "2001:db8:0:", "::1", 13) == MANY,
	    "of each IPv6 network");
	ok(let_in(SESSLOCK_NETWORK, "2001:db8::", "", 13) == 13,
	    "of one /64");
	ok(let_in(SESSLOCK_ADDRESS, "2001:db8::", "", 1) == MANY,
	    "one of each IPv6 address");
	ok(let_in(SESSLOCK_ALL, "192.0.", ".1", 17) == 17, "17 of all");
	ok(let_in(SESSLOCK_ALL, "192.0.", ".1", 0) == MANY,
	    "any number where there is no limit");
	ok(let_in(SESSLOCK_NETWORK, "192.0.2.", "", 10000000) == MANY,
	    "a limit that is too large");
	ok(sesslock_take(-1, SESSLOCK_ALL, &a, 1) == -1, "no file");
	ok(sesslock_open("/nonexistent/file") == -1, "no directory");
	unlink(path);
	done();
}
