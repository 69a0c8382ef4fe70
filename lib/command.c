#include <string.h>

#include "addr.h"
#include "command.h"
#include "mailbox.h"
#include "verdict.h"

#define PATH "PATH=/usr/local/bin:/usr/bin:/bin"

static void
set(struct buf *b, const char *name, const char *p, size_t n)
{
	buf_str(b, name);
	buf_byte(b, '=');
	buf_add(b, p, n);
	buf_byte(b, '\0');
}

/* HOST2 to HOST4: what precedes the last dot, the one before, ... */
static void
set_hosts(struct buf *b, const char *p, size_t n)
{
	char name[] = "HOST2";

	for (; name[4] <= '4'; name[4]++) {
		while (n > 0 && p[n - 1] != '.')
			n--;
		if (n > 0)
			n--;
		set(b, name, p, n);
	}
}

/* EXT2 to EXT4: what follows the first dash or plus, the second, ... */
static void
set_exts(struct buf *b, const char *p, size_t n)
{
	char name[] = "EXT2";

	for (; name[3] <= '4'; name[3]++) {
		while (n > 0 && *p != '-' && *p != '+') {
			p++;
			n--;
		}
		if (n > 0) {
			p++;
			n--;
		}
		set(b, name, p, n);
	}
}

void
command_env(struct buf *b, const struct letter *l,
    const struct command_user *u)
{
	struct addr a;
	struct buf line = {0};
	const char *plus;
	size_t n;

	addr_split(l->rcpt, l->rcptlen, &a);
	plus = memchr(a.local, '+', a.llen);
	n = plus == NULL ? 0 : a.llen - (size_t)(plus - a.local) - 1;
	buf_strz(b, PATH);
	buf_strz(b, "SHELL=/bin/sh");
	set(b, "USER", u->name, strlen(u->name));
	set(b, "LOGNAME", u->name, strlen(u->name));
	set(b, "HOME", u->home, strlen(u->home));
	set(b, "SENDER", l->sender, l->senderlen);
	set(b, "NEWSENDER", l->sender, l->senderlen);
	set(b, "RECIPIENT", l->rcpt, l->rcptlen);
	set(b, "LOCAL", a.local, a.llen);
	set(b, "HOST", a.domain, a.dlen);
	set_hosts(b, a.domain, a.dlen);
	set(b, "EXT", plus != NULL ? plus + 1 : "", n);
	set_exts(b, plus != NULL ? plus + 1 : "", n);
	if (n > 0)
		set(b, "DEFAULT", plus + 1, n);
	buf_str(&line, "Return-Path: <");
	buf_add(&line, l->sender, l->senderlen);
	buf_str(&line, ">\n");
	set(b, "RPLINE", line.p, line.len);
	line.len = 0;
	buf_str(&line, "Delivered-To: ");
	buf_add(&line, l->rcpt, l->rcptlen);
	buf_byte(&line, '\n');
	set(b, "DTLINE", line.p, line.len);
	line.len = 0;
	trace_from_line(&line, l);
	set(b, "UFLINE", line.p, line.len);
	buf_free(&line);
	buf_byte(b, '\0');
}

/* Does the first word mean something to sh that no file would do? */
static int
is_builtin(const char *w, size_t n)
{
	static const char *const words[] = {".", ":", "alias", "break", "case",
	    "cd", "command", "continue", "eval", "exec", "exit", "export",
	    "fg", "for", "function", "getopts", "hash", "if", "let", "local",
	    "read", "readonly", "return", "set", "shift", "source", "time",
	    "times", "trap", "type", "ulimit", "umask", "unalias", "unset",
	    "until", "wait", "while"};
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == n && memcmp(words[i], w, n) == 0)
			return 1;
	return memchr(w, '=', n) != NULL;
}

int
command_words(struct buf *b, const char *text)
{
	static const char blanks[] = " \t";
	int words = 0;
	size_t n;

	if (strpbrk(text, "|&;<>()$`\\\"'*?[]#~!{}^\n\r") != NULL)
		return 0;
	for (;;) {
		text += strspn(text, blanks);
		n = strcspn(text, blanks);
		if (n == 0)
			return words;
		if (words == 0 && is_builtin(text, n))
			return 0;
		buf_add(b, text, n);
		buf_byte(b, '\0');
		text += n;
		words++;
	}
}

/* Exit codes that end the attempts, and what they say (sysexits, and those of
 * qmail-command(8)). */
static const char *
permanent(int code)
{
	switch (code) {
	case 64: /* usage */
	case 78: /* configuration */
		return "5.3.5";
	case 65: /* data */
		return "5.6.0";
	case 67: /* no such user */
		return "5.1.1";
	case 68: /* no such host */
		return "5.1.2";
	case 77: /* not allowed */
		return "5.7.0";
	case 70: /* internal trouble */
	case 76: /* protocol */
	case 100:
	case 112:
		return "5.3.0";
	}
	return NULL;
}

/* The last line of the output that is not empty. */
static const char *
last_line(const struct command_result *r, size_t *n)
{
	size_t end = r->outlen, start;

	while (end > 0 && (unsigned char)r->out[end - 1] <= ' ')
		end--;
	for (start = end; start > 0 && r->out[start - 1] != '\n'; start--)
		;
	*n = end - start;
	return r->out + start;
}

void
command_verdict(const struct command_result *r, unsigned index,
    struct buf *out)
{
	const char *status, *said;
	char own[16];
	struct buf text = {0};
	size_t n, k;
	char kind;

	if (r->code == 0 || r->code == 99) {
		verdict_add(out, 'K', index, "2.0.0", "delivered to command");
		return;
	}
	status = permanent(r->code);
	kind = status != NULL ? 'D' : 'Z';
	if (status == NULL)
		status = "4.3.0";
	/* A command may begin its text with a status of its own. */
	said = last_line(r, &n);
	k = status_scan(said, n);
	if (k > 0 && k < sizeof own && said[0] == status[0] &&
	    (k == n || said[k] == ' ')) {
		memcpy(own, said, k);
		own[k] = '\0';
		status = own;
		said += k + (k < n);
		n -= k + (k < n);
	}
	if (r->timedout)
		buf_str(&text, "command timed out");
	else if (r->signal != 0)
		buf_fmt(&text, "command was ended by signal %d", r->signal);
	else
		buf_fmt(&text, "command exited with %d", r->code);
	if (n > 0) {
		buf_str(&text, ": ");
		buf_add(&text, said, n);
	}
	verdict_addn(out, kind, index, status, text.p, text.len);
	buf_free(&text);
}

void
command_deliver(const char *text, const struct letter *l,
    const struct command_user *u, uint64_t timeout_ms, unsigned index,
    struct buf *out)
{
	struct command_result r;
	int err;

	if (mailbox_loops(l, index, out))
		return;
	err = command_run(&r, text, l, u, timeout_ms);
	if (err == 0)
		command_verdict(&r, index, out);
	else
		mailbox_trouble(err, "command", index, out);
}
