#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "injectkeep.h"
#include "injectsock.h"
#include "packet.h"
#include "paths.h"
#include "str.h"

/* The service's answer `-': it does not serve this user. */
enum { NOT_FOR_US = -1 };

int
injectkeep_fits(size_t msg, size_t env)
{
	return msg <= PACKET_INJECT && env <= PACKET_INJECT - msg;
}

void
injectkeep_end(struct injectkeep *k)
{
	if (k->sock != -1)
		close(k->sock);
	k->sock = -1;
}

static int
send_message(const struct injectkeep *k, const struct buf *msg,
    const struct buf *env)
{
	const struct iovec v[2] = {{env->p, env->len}, {msg->p, msg->len}};

	return packet_sendv(k->sock, v, 2, -1);
}

/* Starts it with the message in its socket already. */
static int
start(struct injectkeep *k, const struct buf *msg, const struct buf *env)
{
	char *argv[] = {"queue-inject", "-k", NULL}, *path;
	struct child_fd map[2];
	int pair[2], err;

	if (packet_pair(pair) == -1)
		return -1;
	k->sock = pair[0];
	k->pid = -1;
	map[0] = (struct child_fd){pair[1], 0};
	map[1] = (struct child_fd){pair[1], 1};
	if (send_message(k, msg, env) == 0) {
		path = path_program(argv[0]);
		k->pid = child_start(path, argv, NULL, map, 2, NULL);
		free(path);
	}
	err = errno;
	close(pair[1]);
	if (k->pid == -1)
		injectkeep_end(k);
	errno = err;
	return k->pid == -1 ? -1 : 0;
}

/* It said nothing in time, or has gone: what became of the message is not
 * known, and the client will send it again. */
static enum inject_result
lost(struct injectkeep *k, struct inject *in, int code)
{
	injectkeep_end(k);
	/* A set-id program of another user cannot be killed. */
	if (k->pid != -1 && kill(k->pid, SIGKILL) == 0)
		child_wait(k->pid);
	in->code = code;
	return INJECT_TEMP;
}

/* "CODE Ktext": code, id and text into in. */
static enum inject_result
parse(struct inject *in, const char *p, size_t n)
{
	uint64_t code = 81;
	size_t used = scan_u64(p, n, &code);
	char kind = '\0';

	if (used > 0 && used + 2 <= n && p[used] == ' ') {
		kind = p[used + 1];
		p += used + 2;
		n -= used + 2;
		if (kind == 'K' && id_valid(p, n))
			memcpy(in->id, p, ID_LEN);
		else if (code == 82 && n < sizeof in->text)
			memcpy(in->text, p, n);
	}
	in->code = (int)code;
	if (code == 0)
		return INJECT_OK;
	if (code == 82)
		return kind == 'D' ? INJECT_PERM : INJECT_TEMP;
	return code >= 11 && code <= 40 ? INJECT_PERM : INJECT_TEMP;
}

static enum inject_result
answer(struct injectkeep *k, struct inject *in, uint64_t deadline)
{
	char b[512];
	ssize_t n;
	int r, fd;

	do {
		r = wait_readable(k->sock, deadline);
	} while ((r == -1 && errno == EINTR) ||
	    (r == 0 && (deadline == 0 || clock_ms() < deadline)));
	if (r != 1)
		return lost(k, in, 52);
	n = packet_recv(k->sock, b, sizeof b, &fd);
	if (fd != -1)
		close(fd);
	if (n == 1 && b[0] == '-') {
		in->code = NOT_FOR_US;
		return INJECT_TEMP;
	}
	return n > 0 ? parse(in, b, (size_t)n) : lost(k, in, 81);
}

static void
clear(struct inject *in)
{
	memset(in, 0, sizeof *in);
	in->pid = in->msgfd = in->envfd = in->replyfd = -1;
}

/* By the service, where there is one: -1 where it did not take the message.
 * No connection is kept: an idle client holds none of its workers. */
static int
by_service(struct inject *in, const struct buf *msg, const struct buf *env,
    uint64_t deadline, enum inject_result *result)
{
	struct injectkeep k = {injectsock_connect(), -1};

	if (k.sock == -1)
		return -1;
	if (send_message(&k, msg, env) == -1) {
		injectkeep_end(&k);
		return -1;
	}
	*result = answer(&k, in, deadline);
	injectkeep_end(&k);
	return in->code == NOT_FOR_US ? -1 : 0;
}

enum inject_result
injectkeep_message(struct injectkeep *k, struct inject *in,
    const struct buf *msg, const struct buf *env, uint64_t deadline)
{
	enum inject_result result;

	clear(in);
	if (k->sock == -1 && by_service(in, msg, env, deadline, &result) == 0)
		return result;
	if (k->sock != -1 && send_message(k, msg, env) == -1)
		injectkeep_end(k); /* it has gone: another one */
	else if (k->sock != -1)
		return answer(k, in, deadline);
	clear(in);
	if (start(k, msg, env) == -1) {
		in->code = 81;
		return INJECT_TEMP;
	}
	return answer(k, in, deadline);
}
