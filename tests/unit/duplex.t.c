/* lib/duplex over a connection that is a plain socket: ends, losses, and what
 * a library's waiting looks like. */
#include <sys/socket.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "duplex.h"
#include "fdio.h"
#include "tap.h"

static int net, fail_write, flood, ended;
static volatile sig_atomic_t stop;

static long
result(ssize_t r, short *want, short what)
{
	if (r > 0)
		return r;
	if (r == -1 && errno == EAGAIN) {
		*want |= what;
		return DUPLEX_AGAIN;
	}
	return r == 0 ? DUPLEX_END : DUPLEX_LOST;
}

static long
net_read(void *arg, char *p, size_t n, short *want)
{
	if (flood) {
		memset(p, 'x', n);
		return (long)n;
	}
	return result(read(net, p, n), want, POLLIN);
}

static long
net_write(void *arg, const char *p, size_t n, short *want)
{
	if (fail_write)
		return DUPLEX_LOST;
	return result(write(net, p, n > 100 ? 100 : n), want, POLLOUT);
}

static long
net_end(void *arg, short *want)
{
	ended++;
	return 1;
}

/* A client and a program with duplex between them, in a child of its own;
 * its exit code says how often the end was told. */
static pid_t
start(int *client, int *program, int last_ms)
{
	static const struct duplex_net hooks = {net_read, net_write, net_end};
	static struct duplex d;
	int a[2], b[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, a) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, b) == -1)
		_exit(111);
	*client = a[1];
	*program = b[1];
	pid = fork();
	if (pid == 0) {
		close(a[1]);
		close(b[1]);
		net = d.in = d.out = a[0];
		d.plain = b[0];
		d.net = &hooks;
		d.idle_ms = 10000;
		d.half_ms = d.last_ms = last_ms;
		d.stop = &stop;
		fd_nonblock(net);
		fd_nonblock(d.plain);
		duplex_run(&d);
		_exit(ended);
	}
	close(a[0]);
	close(b[0]);
	return pid;
}

/* Reads to the end: the bytes. */
static size_t
drain(int fd)
{
	char b[4096];
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, b, sizeof b)) > 0)
		n += (size_t)r;
	return n;
}

int
main(void)
{
	static char big[300000];
	int client, program, status, tries;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);

	pid = start(&client, &program, 10000);
	write_all(client, "question", 8);
	shutdown(client, SHUT_WR);
	ok(drain(program) == 8, "the client's end comes behind its bytes");
	write_all(program, "answer", 6);
	close(program);
	ok(drain(client) == 6, "the answer still comes, and its end");
	ok(child_wait(pid) == 1, "the end was told once");
	close(client);

	pid = start(&client, &program, 10000);
	write_all(program, "221 bye", 7);
	close(program);
	ok(child_wait(pid) == 1, "over when the program is gone");
	ok(drain(client) == 7, "what it said last is there");
	close(client);

	pid = start(&client, &program, 10000);
	shutdown(program, SHUT_WR);
	ok(drain(client) == 0, "the program's end is told");
	write_all(client, "more", 4);
	shutdown(client, SHUT_WR);
	ok(drain(program) == 4, "it can read on behind it");
	close(program);
	ok(child_wait(pid) == 1, "then it is over");
	close(client);

	fail_write = 1;
	pid = start(&client, &program, 10000);
	write_all(program, big, sizeof big);
	close(program);
	ok(child_wait(pid) == 0, "a lost connection swallows what is left");
	close(client);
	fail_write = 0;

	pid = start(&client, &program, 100);
	shutdown(client, SHUT_WR);
	ok(child_wait(pid) == 0, "a program that hears nothing is not waited "
	    "for without end");
	close(client);
	close(program);

	for (flood = 0; flood < 2; flood++) {
		pid = start(&client, &program, 200);
		fd_nonblock(client);
		write_all(program, big, 150000);
		close(program);
		for (tries = 0; tries < 400 &&
		    waitpid(pid, &status, WNOHANG) == 0; tries++) {
			(void)!write(client, "x", 1);
			usleep(50000);
		}
		ok(tries < 400, flood ? "nor by sending without a pause"
		    : "who reads nothing does not stay by sending");
		close(client);
		if (tries == 400) {
			kill(pid, SIGKILL);
			child_wait(pid);
		}
	}
	flood = 0;

	stop = 1;
	pid = start(&client, &program, 100);
	ok(child_wait(pid) == 0, "told to stop: ends when nothing moves");
	close(client);
	close(program);
	return done();
}
