/*
 * include-read prints the addresses of an :include: file.
 *
 * 1 an F line for each address, or a verdict line that says what is wrong; 2
 * log; 3 the order, when no file is given; 0 is not read.  Exits 0 with lines,
 * 100 usage, 111 trouble.
 *
 * Runs as the file's owner, never as root, so that a list shows nobody what
 * its owner could not read.  Trusts nothing in the file: commands, files and
 * other lists in it are refused.  See include-read(8), INTERFACES 4.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "forward.h"
#include "log.h"
#include "order.h"
#include "verdict.h"

/* A Z line about the file. */
static void
complain(struct buf *out, const char *status, const char *file, unsigned line,
    const char *what)
{
	struct buf text = {0};

	buf_str(&text, file);
	if (line > 0)
		buf_fmt(&text, ":%u", line);
	buf_str(&text, ": ");
	buf_str(&text, what);
	verdict_addn(out, 'Z', 1, status, text.p, text.len);
	buf_free(&text);
}

static void
read_list(struct buf *out, const char *file)
{
	struct buf text = {0};
	struct forward f = {0};
	enum forward_file found;
	const char *why, *at;
	unsigned i;

	found = forward_load(&text, file, INCLUDE_MAX, (uid_t)-1, &why);
	if (found != FORWARD_READ) {
		complain(out, "4.2.4", file, 0,
		    why != NULL ? why : strerror(errno));
	} else if (forward_parse(&f, text.p, text.len, 1) == -1) {
		complain(out, "4.3.5", file, f.line, f.error);
	} else {
		if (f.skipped > 0)
			log_warn("list-skipped", "file=%s line=%u count=%u "
			    "err=%s", file, f.line, f.skipped, f.error);
		at = f.items.p;
		for (i = 0; i < f.n; i++, at += strlen(at) + 1)
			verdict_forward(out, 1, at, strlen(at));
		if (f.n == 0)
			verdict_add(out, 'K', 1, "2.0.0", "the list is empty");
	}
	buf_free(&text);
	buf_free(&f.items);
}

int
main(int argc, char *argv[])
{
	static struct order o;
	static struct buf out;
	const char *file = argc == 2 ? argv[1] : NULL;

	log_init(argv[0]);
	fd_guard();
	if (argc > 2 || (file != NULL && file[0] == '-'))
		die_usage("[file]");
	if (getuid() == 0 || geteuid() == 0)
		die_temp("as-root", "lists are never read as uid 0");
	if (file == NULL) {
		if (order_read(&o, 3) == -1)
			die_temp("order", "err=%m");
		file = order_extra(&o, "file");
		if (file == NULL || file[0] == '\0')
			die_temp("order", "id=%s err=%s", o.id, "no file");
	}
	read_list(&out, file);
	return order_answer(&out, 0) == 0 ? 0 : 111;
}
