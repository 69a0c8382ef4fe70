/*
 * deliver-pipe gives a message to a command that an alias names.
 *
 * 0 the message; 1 a verdict line a recipient; 2 log; 3 the order, when no
 * sender and recipients are given.  The command gets the message on 0, the
 * environment of qmail-command(8) and nothing of ours; what it says goes into
 * the verdict.  Exits 0 with verdicts, 100 usage, 111 trouble.
 *
 * Runs as the alias user or the domain's, never as root.  Trusts the order's X
 * records (the spawner's: the command is the alias's text); no byte of the
 * message or the addresses is ever put into a command line.
 * See deliver-pipe(8), INTERFACES 4.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "log.h"
#include "msgin.h"
#include "order.h"
#include "str.h"

enum { TIMEOUT = 600 }; /* seconds, where the order has none */

static struct {
	const char *command, *timeout; /* of the command line */
	char uid[24];
	struct msgin msg;
	struct buf out; /* verdict lines */
} g;

static const char *
first_of(const char *a, const char *b, const char *c)
{
	return a != NULL ? a : b != NULL ? b : c;
}

/* Our own name and home, as far as the system knows them. */
static void
find_user(struct command_user *u, const struct order *o)
{
	const struct passwd *pw = NULL;

	u->name = order_extra(o, "user");
	u->home = order_extra(o, "home");
	if (u->name == NULL || u->home == NULL)
		pw = getpwuid(getuid());
	snprintf(g.uid, sizeof g.uid, "%lu", (unsigned long)getuid());
	u->name = first_of(u->name, pw ? pw->pw_name : NULL, g.uid);
	u->home = first_of(u->home, pw ? pw->pw_dir : NULL, "/");
}

static uint64_t
timeout_ms(const struct order *o)
{
	const char *text = first_of(g.timeout, order_extra(o, "timeout"), "");
	uint64_t s;

	if (parse_time(text, &s) == -1 || s == 0 || s > 86400 * 7)
		s = TIMEOUT;
	return s * 1000;
}

static void
deliver_order(const struct order *o)
{
	const char *command = first_of(g.command, order_extra(o, "command"),
	    "");
	const char *at = o->env.rcpts;
	struct command_user user;
	struct recipient r;
	struct letter l = {0};
	unsigned i = 0;

	if (command[strspn(command, " \t")] == '\0')
		die_temp("order", "id=%s err=%s", o->id, "no command");
	if (msgin_open(&g.msg, o->msgfd) == -1)
		die_temp("read-message", "id=%s err=%m", o->id);
	find_user(&user, o);
	l.id = o->id;
	l.again = o->again;
	l.sender = o->env.sender;
	l.senderlen = o->env.senderlen;
	l.msg = g.msg.p;
	l.msglen = g.msg.len;
	while (envelope_rcpt(&o->env, &at, &r)) {
		l.rcpt = r.addr;
		l.rcptlen = r.len;
		command_deliver(command, &l, &user, timeout_ms(o), ++i,
		    &g.out);
	}
}

static void
usage(void)
{
	die_usage("[-c command] [-t seconds] [sender recipient ...]");
}

int
main(int argc, char *argv[])
{
	static struct order o;
	int c;

	log_init(argv[0]);
	fd_guard();
	while ((c = getopt(argc, argv, "c:t:")) != -1) {
		if (c == 'c')
			g.command = optarg;
		else if (c == 't')
			g.timeout = optarg;
		else
			usage();
	}
	argc -= optind;
	argv += optind;
	if (argc == 1 || (argc > 0 && g.command == NULL))
		usage();
	if (getuid() == 0 || geteuid() == 0)
		die_temp("as-root", "commands are never run as uid 0");
	if (argc > 0 ? order_args(&o, argv, argc) : order_read(&o, 3))
		die_temp("order", "err=%m");
	deliver_order(&o);
	return order_answer(&g.out, 0) == 0 ? 0 : 111;
}
