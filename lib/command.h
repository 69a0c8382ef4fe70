/* A user's command with a message on its standard input: qmail-command(8). */
#ifndef COMMAND_H
#define COMMAND_H
#include "trace.h"

enum {
	COMMAND_OUTPUT = 4096,   /* bytes kept of what a command says */
	COMMAND_GRACE_MS = 5000  /* from TERM to KILL */
};

/* Who runs it, and the facts that its environment has. */
struct command_user {
	const char *name;
	const char *home; /* working directory too, if it is there */
};

struct command_result {
	int code;     /* exit code; -1 for a signal or a timeout */
	int signal;   /* that ended it, else 0 */
	int timedout;
	char out[COMMAND_OUTPUT];
	size_t outlen;
};

/* The environment for the letter: NUL-terminated strings, and a lone NUL. */
void command_env(struct buf *b, const struct letter *l,
    const struct command_user *u);
/*
 * Splits the text into words (NUL-terminated, into b): how many, or 0 when it
 * needs the shell: it has a character that means something to sh, or begins
 * with one of its own commands or with an assignment.
 */
int command_words(struct buf *b, const char *text);
/*
 * Runs the text with the message on 0 and its output collected, to its end or
 * for timeout_ms: then its session gets TERM, and KILL.  It need not read the
 * message.  What it leaves running in the background lives on.  0, or the errno
 * for which it could not be started.
 */
int command_run(struct command_result *r, const char *text,
    const struct letter *l, const struct command_user *u, uint64_t timeout_ms);
/* Adds the verdict on it: codes of qmail-command(8) and sysexits. */
void command_verdict(const struct command_result *r, unsigned index,
    struct buf *out);
/* All of it: loop check, run, verdict. */
void command_deliver(const char *text, const struct letter *l,
    const struct command_user *u, uint64_t timeout_ms, unsigned index,
    struct buf *out);
#endif
