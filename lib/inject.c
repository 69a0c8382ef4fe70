#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "inject.h"
#include "paths.h"

enum { WORDS = 64 }; /* of the chain */

static void
shut(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* Splits s at blanks; queue-inject is the last word. */
static int
split(char *s, char **argv)
{
	int n = 0;

	for (s = strtok(s, " \t"); s != NULL; s = strtok(NULL, " \t")) {
		if (n == WORDS)
			return -1;
		argv[n++] = s;
	}
	argv[n++] = (char *)(uintptr_t)"queue-inject";
	argv[n] = NULL;
	return 0;
}

int
inject_start(struct inject *in, const char *chain)
{
	int msg[2] = {-1, -1}, env[2] = {-1, -1}, reply[2] = {-1, -1};
	char *argv[WORDS + 2], *words = NULL, *path = NULL;
	int err;

	memset(in, 0, sizeof *in);
	in->pid = -1;
	words = xalloc(strlen(chain) + 1);
	memcpy(words, chain, strlen(chain) + 1);
	if (split(words, argv) == -1) {
		errno = E2BIG;
	} else if (pipe_cloexec(msg) == 0 && pipe_cloexec(env) == 0 &&
	    pipe_cloexec(reply) == 0) {
		const struct child_fd map[] = {{msg[0], 0}, {env[0], 1},
		    {2, 2}, {reply[1], 6}};

		path = path_program(argv[0]);
		in->pid = child_start(path, argv, NULL, map, 4, NULL);
	}
	err = errno;
	shut(&msg[0]);
	shut(&env[0]);
	shut(&reply[1]);
	in->msgfd = msg[1];
	in->envfd = env[1];
	in->replyfd = reply[0];
	if (in->pid == -1) {
		shut(&in->msgfd);
		shut(&in->envfd);
		shut(&in->replyfd);
	}
	free(words);
	free(path);
	errno = err;
	return in->pid == -1 ? -1 : 0;
}

int
inject_write(struct inject *in, const void *p, size_t n)
{
	return write_all(in->msgfd, p, n);
}

/* Sorts out what came on descriptor 6: K and the id, or D or Z and a text.
 * Returns the letter, 0 for none. */
static char
read_reply(struct inject *in)
{
	struct buf b = {0};
	size_t n;
	char kind;

	read_to_end(in->replyfd, &b, sizeof in->text);
	kind = b.len > 0 ? b.p[0] : '\0';
	for (n = 1; n < b.len && b.p[n] != '\n' && b.p[n] != '\0'; n++)
		;
	if (kind == 'K' && n > 1 && id_valid(b.p + 1, n - 1))
		memcpy(in->id, b.p + 1, ID_LEN);
	else if ((kind == 'D' || kind == 'Z') && n > 1)
		memcpy(in->text, b.p + 1, n - 1);
	buf_free(&b);
	return kind;
}

enum inject_result
inject_finish(struct inject *in, const void *env, size_t n)
{
	char kind;

	shut(&in->msgfd);
	/* It may have refused already: its code says why. */
	(void)!write_all(in->envfd, env, n);
	shut(&in->envfd);
	kind = read_reply(in);
	shut(&in->replyfd);
	in->code = child_wait(in->pid);
	in->pid = -1;
	if (in->code == 0)
		return INJECT_OK;
	if (in->code == 82)
		return kind == 'D' ? INJECT_PERM : INJECT_TEMP;
	in->text[0] = '\0';
	return in->code >= 11 && in->code <= 40 ? INJECT_PERM : INJECT_TEMP;
}

void
inject_abort(struct inject *in)
{
	shut(&in->msgfd);
	shut(&in->envfd);
	shut(&in->replyfd);
	if (in->pid != -1)
		child_wait(in->pid);
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
