#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "checks.h"
#include "log.h"
#include "runlimit.h"
#include "settings.h"
#include "verdict.h"

/* The codes of a check (INTERFACES 10). */
enum { PASS = 0, ACCEPT = 99, REFUSE = 100, DEFER = 111 };

/* The first line at p, without blanks at its end. */
static size_t
line_length(const char *p, size_t n)
{
	const char *end = n > 0 ? memchr(p, '\n', n) : NULL;

	if (end != NULL)
		n = (size_t)(end - p);
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\r'))
		n--;
	return n;
}

void
checks_reply(char reply[CHECKS_REPLY], int code, const char *p, size_t n)
{
	const char *status = code == REFUSE ? "5.7.1" : "4.7.1";
	const char *text = code == REFUSE ? "not accepted here"
	    : "cannot be accepted now";
	size_t i, len, slen = 5;

	n = line_length(p, n);
	len = status_scan(p, n);
	if (len > 0 && (len == n || p[len] == ' ')) {
		/* One of another class would contradict the reply. */
		if (p[0] == status[0]) {
			status = p;
			slen = len;
		}
		for (p += len, n -= len; n > 0 && *p == ' '; p++)
			n--;
	}
	if (n == 0) {
		p = text;
		n = strlen(text);
	}
	snprintf(reply, CHECKS_REPLY, "%s %.*s ",
	    code == REFUSE ? "550" : "451", (int)slen, status);
	for (i = strlen(reply); n > 0 && i < CHECKS_REPLY - 1; n--, p++)
		reply[i++] = *p >= ' ' && *p <= '~' ? *p : '?';
	reply[i] = '\0';
}

/* Runs one command; *n gets how much it said. */
static int
run(const char *line, int infd, char said[CHECKS_TEXT], size_t *n)
{
	struct child_fd in = {infd, 0};
	struct runlimit r = {.ms = CHECKS_MS, .fds = &in,
	    .nfds = infd != -1, .out = said, .cap = CHECKS_TEXT};
	char *argv[RUNLIMIT_WORDS + 1];
	struct buf words = {0};
	int code = DEFER;

	buf_str(&words, line);
	if (infd != -1)
		lseek(infd, 0, SEEK_SET);
	if (runlimit_words(buf_cstr(&words), argv) == -1)
		r.failed = "not a command";
	else
		code = runlimit(&r, argv);
	if (r.failed != NULL)
		log_warn("check-failed", "check=%s why=%s", line, r.failed);
	else if (code != PASS && code != ACCEPT && code != REFUSE &&
	    code != DEFER)
		log_warn("check-failed", "check=%s why=exit code=%d", line,
		    code);
	buf_free(&words);
	/* What one that failed has said is no reply. */
	*n = r.failed == NULL ? r.outlen : 0;
	return code;
}

const char *
checks_run(const struct map *tables, const char *name, int infd,
    const char **by)
{
	static char reply[CHECKS_REPLY];
	static struct buf command;
	const char *next = setting(tables, name);
	char said[CHECKS_TEXT];
	size_t len, n;
	int code;

	for (; *next != '\0'; next += len + (next[len] != '\0')) {
		len = strcspn(next, "\n");
		if (strspn(next, " \t") >= len)
			continue;
		command.len = 0;
		buf_add(&command, next, len);
		code = run(buf_cstr(&command), infd, said, &n);
		if (code == ACCEPT)
			return NULL;
		if (code == PASS)
			continue;
		checks_reply(reply, code, said, n);
		if (by != NULL)
			*by = command.p;
		return reply;
	}
	return NULL;
}
