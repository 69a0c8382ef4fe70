#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "inject.h"
#include "paths.h"

enum {
	WORDS = 64,       /* of the chain */
	PIPE_LEAST = 4096 /* bytes that an empty pipe takes anywhere */
};

/* The child's ends of the pipes, until it has them. */
struct ends {
	int msg;
	int env;
	int reply;
};

static void
shut(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* Splits s at blanks; queue-inject is the last word, with its directory: the
 * programs before it look for it as a shell would. */
static int
split(char *s, char **argv, char *last)
{
	int n = 0;

	for (s = strtok(s, " \t"); s != NULL; s = strtok(NULL, " \t")) {
		if (n == WORDS)
			return -1;
		argv[n++] = s;
	}
	argv[n++] = last;
	argv[n] = NULL;
	return 0;
}

static void
shut_all(struct inject *in, struct ends *e)
{
	shut(&in->msgfd);
	shut(&in->envfd);
	shut(&in->replyfd);
	shut(&e->msg);
	shut(&e->env);
	shut(&e->reply);
}

static int
open_pipes(struct inject *in, struct ends *e)
{
	int m[2] = {-1, -1}, v[2] = {-1, -1}, r[2] = {-1, -1}, bad, err;

	memset(in, 0, sizeof *in);
	in->pid = -1;
	bad = pipe_cloexec(m) == -1 || pipe_cloexec(v) == -1 ||
	    pipe_cloexec(r) == -1;
	e->msg = m[0];
	in->msgfd = m[1];
	e->env = v[0];
	in->envfd = v[1];
	in->replyfd = r[0];
	e->reply = r[1];
	if (bad) {
		err = errno;
		shut_all(in, e);
		errno = err;
	}
	return bad ? -1 : 0;
}

/* Starts the chain on the ends; all of them are closed here.  On failure all
 * of in is closed too. */
static int
run(struct inject *in, const char *chain, struct ends *e)
{
	const struct child_fd map[] = {{e->msg, 0}, {e->env, 1},
	    {e->reply, 6}};
	char *argv[WORDS + 2], *words, *path, *last;
	int err;

	words = xalloc(strlen(chain) + 1);
	memcpy(words, chain, strlen(chain) + 1);
	last = path_program("queue-inject");
	if (split(words, argv, last) == -1) {
		errno = E2BIG;
	} else {
		path = argv[0] == last ? last : path_program(argv[0]);
		in->pid = child_start(path, argv, NULL, map, 3, NULL);
		if (path != last)
			free(path);
	}
	err = errno;
	shut(&e->msg);
	shut(&e->env);
	shut(&e->reply);
	if (in->pid == -1)
		shut_all(in, e);
	free(words);
	free(last);
	errno = err;
	return in->pid == -1 ? -1 : 0;
}

int
inject_start(struct inject *in, const char *chain)
{
	struct ends e;

	return open_pipes(in, &e) == -1 ? -1 : run(in, chain, &e);
}

static int
no_blocking(int fd)
{
	return fcntl(fd, F_SETFL, O_WRONLY | O_NONBLOCK);
}

/* All of p before the deadline. */
static int
give(int fd, const char *p, size_t n, uint64_t deadline)
{
	ssize_t w;

	if (deadline == 0) {
		fcntl(fd, F_SETFL, O_WRONLY); /* fill may have said other */
		return write_all(fd, p, n);
	}
	no_blocking(fd);
	while (n > 0) {
		w = write(fd, p, n);
		if (w == -1 && errno == EAGAIN) {
			if (wait_writable(fd, deadline) == 0) {
				errno = ETIMEDOUT;
				return -1;
			}
		} else if (w == -1 && errno != EINTR) {
			return -1;
		} else if (w > 0) {
			p += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

int
inject_write(struct inject *in, const void *p, size_t n)
{
	if (give(in->msgfd, p, n, in->deadline) == 0)
		return 0;
	in->cut = 1;
	return -1;
}

/* Waits until nobody holds the other end of descriptor 6 any more, which is
 * when the program has ended.  1; 0 when the deadline passed. */
static int
wait_hangup(const struct inject *in)
{
	struct pollfd p = {.fd = in->replyfd, .events = 0};
	uint64_t now;
	int ms = -1, r;

	do {
		if (in->deadline != 0) {
			now = clock_ms();
			if (now >= in->deadline)
				return 0;
			ms = in->deadline - now > 3600000 ? 3600000
			    : (int)(in->deadline - now);
		}
		r = poll(&p, 1, ms);
	} while (r == 0 || (r == -1 && errno == EINTR));
	return 1;
}

/* Sorts out what came on descriptor 6: K and the id, or D or Z and a text.
 * Returns the letter, 0 for none. */
static char
read_reply(struct inject *in)
{
	char b[sizeof in->text];
	ssize_t len;
	size_t n;

	len = read(in->replyfd, b, sizeof b);
	if (len <= 0)
		return '\0';
	for (n = 1; n < (size_t)len && b[n] != '\n' && b[n] != '\0'; n++)
		;
	if (b[0] == 'K' && n > 1 && id_valid(b + 1, n - 1))
		memcpy(in->id, b + 1, ID_LEN);
	else if ((b[0] == 'D' || b[0] == 'Z') && n > 1)
		memcpy(in->text, b + 1, n - 1);
	return b[0];
}

/*
 * The exit code of a program that has closed descriptor 6.  One that spoke
 * there has done so last; one that did not may have closed it only to live
 * on, and has until the deadline.
 */
static int
reap(struct inject *in, int spoke)
{
	struct timespec t = {0, 1000000};
	int status;
	pid_t r;

	if (spoke || in->deadline == 0)
		return child_wait(in->pid);
	for (;;) {
		r = waitpid(in->pid, &status, WNOHANG);
		if (r == in->pid)
			return child_code(status);
		if ((r == -1 && errno != EINTR) || clock_ms() >= in->deadline)
			return -1;
		nanosleep(&t, NULL);
		if (t.tv_nsec < 100000000)
			t.tv_nsec *= 2;
	}
}

/* Waits for the end, kills at the deadline.  Fills code, id and text. */
static enum inject_result
conclude(struct inject *in)
{
	char kind = '\0';

	in->code = -1;
	if (wait_hangup(in)) {
		kind = read_reply(in);
		in->code = reap(in, kind != '\0');
	}
	shut(&in->replyfd);
	if (in->code == -1) {
		/* A set-id program of another user cannot be killed, and is
		 * left to itself. */
		if (kill(in->pid, SIGKILL) == 0)
			child_wait(in->pid);
		in->code = 52;
	}
	in->pid = -1;
	if (in->code == 0)
		return INJECT_OK;
	if (in->code == 82)
		return kind == 'D' ? INJECT_PERM : INJECT_TEMP;
	in->text[0] = '\0';
	return in->code >= 11 && in->code <= 40 ? INJECT_PERM : INJECT_TEMP;
}

enum inject_result
inject_finish(struct inject *in, const void *env, size_t n)
{
	shut(&in->msgfd);
	/* It may have refused already: its code says why. */
	if (!in->cut)
		(void)!give(in->envfd, env, n, in->deadline);
	shut(&in->envfd);
	return conclude(in);
}

/* What an empty pipe takes of b at once; it is closed when that is all. */
static size_t
fill(int *fd, const struct buf *b)
{
	ssize_t n = 0;

	if (b->len > PIPE_LEAST)
		no_blocking(*fd);
	if (b->len > 0)
		n = write(*fd, b->p, b->len);
	if (n == (ssize_t)b->len)
		shut(fd);
	return n < 0 ? 0 : (size_t)n;
}

enum inject_result
inject_message(struct inject *in, const char *chain, const struct buf *msg,
    const struct buf *env, uint64_t deadline)
{
	struct ends e;
	size_t m, v;

	if (open_pipes(in, &e) == -1)
		goto failed;
	in->deadline = deadline;
	m = fill(&in->msgfd, msg);
	/* Only behind a whole message: if we are killed before the rest of it
	 * is written, an envelope would make a message of what was. */
	v = in->msgfd == -1 ? fill(&in->envfd, env) : 0;
	if (run(in, chain, &e) == -1)
		goto failed;
	if (in->msgfd != -1)
		(void)!inject_write(in, msg->p + m, msg->len - m);
	shut(&in->msgfd);
	if (in->envfd != -1 && !in->cut)
		(void)!give(in->envfd, env->p + v, env->len - v, deadline);
	shut(&in->envfd);
	return conclude(in);
failed:
	in->code = 81;
	return INJECT_TEMP;
}

void
inject_abort(struct inject *in)
{
	shut(&in->msgfd);
	shut(&in->envfd);
	if (in->pid != -1)
		conclude(in);
	shut(&in->replyfd);
	in->pid = -1;
}

const char *
inject_reason(int code)
{
	static const struct {
		int code;
		const char *text;
	} reasons[] = {{11, "an address is too long"},
	    {31, "the message was refused"}, {51, "out of memory"},
	    {52, "it took too long"}, {53, "cannot write to the queue"},
	    {54, "cannot read the message"}, {55, "cannot read the settings"},
	    {61, "the queue directory is not usable"},
	    {91, "the envelope is malformed"}};
	size_t i;

	for (i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].code == code)
			return reasons[i].text;
	return code >= 11 && code <= 40 ? "the message was refused"
					: "the queue cannot take it now";
}
