/*
 * deliver-mbox delivers to a user of the system: by his .forward, or into his
 * mbox or Maildir; and to a file that an alias names.
 *
 * 0 the message; 1 a verdict line, or F lines for several places; 2 log; 3 the
 * order, when no sender and recipients are given.  Exits 0 with verdicts, 100
 * usage, 111 trouble.
 *
 * Runs as the user (for an alias's file, as the alias user), never as root.
 * Trusts the order's X records (the spawner's) and a .forward that only its
 * owner can change; what is asked for by `place' is done only if the .forward
 * has it still.  Nothing of the message or the addresses reaches a command
 * line.  See deliver-mbox(8), postchaise-forward(5), INTERFACES 4.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "forward.h"
#include "log.h"
#include "mailbox.h"
#include "msgin.h"
#include "order.h"
#include "paths.h"
#include "str.h"
#include "verdict.h"

enum { TIMEOUT = 600 }; /* seconds of a command, where the order has none */

static struct {
	/* Of the command line, else of the order; NULL or empty: none. */
	const char *file, *home, *homemailbox, *host, *spooldir, *timeout,
	    *user;
	struct msgin msg;
	struct letter letter;
	const char *folder; /* to file the message in, or NULL */
	struct forward forward;
	struct buf out; /* verdict lines */
} g;

static int
is_set(const char *s)
{
	return s != NULL && s[0] != '\0';
}

/* A place that kept the message for later is worth a line. */
static void
note_trouble(int err, const char *path)
{
	if (err == 0)
		return;
	errno = err;
	log_warn("deliver-defer", "id=%s to=<%.*s> file=%s err=%m",
	    g.letter.id, (int)g.letter.rcptlen, g.letter.rcpt, path);
}

/* Into the mbox at path, or the Maildir, or its folder, where it ends in a
 * slash. */
static void
deliver_path(const char *path, const char *folder, int spool, unsigned index)
{
	size_t n = strlen(path);
	enum mailbox_format format = MAILBOX_MBOX;
	struct place at = {AT_FDCWD, NULL, 0, spool};
	struct buf p = {0};
	int err;

	while (n > 1 && path[n - 1] == '/') {
		n--;
		format = MAILBOX_MAILDIR;
	}
	buf_add(&p, path, n);
	at.path = buf_cstr(&p);
	err = mailbox_deliver(&at, format, folder, spool, &g.letter, index,
	    &g.out);
	note_trouble(err, at.path);
	buf_free(&p);
}

/* A file that an alias or a .forward names. */
static void
deliver_file(const char *path, unsigned index)
{
	if (strcmp(path, "/dev/null") == 0)
		verdict_add(&g.out, 'K', index, "2.0.0",
		    "delivered to /dev/null");
	else
		deliver_path(path, NULL, 0, index);
}

/* A folder of one whose mailbox is an mbox: another one in his home, from
 * where no link leads out.  -1: he has no home. */
static int
deliver_home_folder(unsigned index)
{
	struct place at = {.path = g.folder, .beneath = 1};
	int err;

	at.dirfd = open(g.home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at.dirfd == -1) {
		err = errno;
		if (err == ENOENT)
			return -1;
		mailbox_trouble(err, "home directory", index, &g.out);
	} else {
		err = mailbox_deliver(&at, MAILBOX_MBOX, NULL, 1, &g.letter,
		    index, &g.out);
		close(at.dirfd);
	}
	note_trouble(err, g.folder);
	return 0;
}

/* The user's own: below the home, in the spool directory, in /var/mail. */
static void
deliver_own(unsigned index)
{
	struct buf p = {0};
	int spool = !is_set(g.homemailbox);
	char *mail;

	if (!spool) {
		buf_str(&p, g.home);
		buf_byte(&p, '/');
		buf_str(&p, g.homemailbox);
	} else if (is_set(g.spooldir)) {
		buf_str(&p, g.spooldir);
		if (g.spooldir[strlen(g.spooldir) - 1] != '/')
			buf_byte(&p, '/');
		buf_str(&p, g.user);
		if (g.spooldir[strlen(g.spooldir) - 1] == '/')
			buf_byte(&p, '/');
	} else {
		mail = path_make(PATH_MAIL);
		buf_str(&p, mail);
		buf_byte(&p, '/');
		buf_str(&p, g.user);
		free(mail);
	}
	if (g.folder == NULL || p.p[p.len - 1] == '/' ||
	    deliver_home_folder(index) == -1)
		deliver_path(buf_cstr(&p), g.folder, spool, index);
	buf_free(&p);
}

static void
deliver_command(const char *command, unsigned index)
{
	struct command_user u = {g.user, g.home};
	uint64_t s;

	if (g.timeout == NULL || parse_time(g.timeout, &s) == -1 || s == 0 ||
	    s > 86400 * 7)
		s = TIMEOUT;
	command_deliver(command, &g.letter, &u, s * 1000, index, &g.out);
}

/* A Z line about the .forward, with its line number if there is one. */
static void
complain(const char *what, unsigned line, unsigned index)
{
	struct buf text = {0};

	buf_str(&text, ".forward");
	if (line > 0)
		buf_fmt(&text, ":%u", line);
	buf_str(&text, ": ");
	buf_str(&text, what);
	verdict_addn(&g.out, 'Z', index, "4.3.5", text.p, text.len);
	log_warn("forward-refused", "id=%s user=%s line=%u err=%s",
	    g.letter.id, g.user, line, what);
	buf_free(&text);
}

/* Reads and parses ~/.forward into g.forward: 0; -1 with a verdict said. */
static int
read_forward(unsigned index)
{
	struct buf path = {0}, text = {0};
	enum forward_file found;
	struct stat st;
	const char *why;
	int r = 0;

	memset(&g.forward, 0, sizeof g.forward);
	if (!is_set(g.home))
		return 0;
	buf_str(&path, g.home);
	buf_str(&path, "/.forward");
	found = forward_load(&text, buf_cstr(&path), FORWARD_MAX, getuid(),
	    &why);
	if (found == FORWARD_REFUSED) {
		complain(why != NULL ? why : strerror(errno), 0, index);
		r = -1;
	} else if (found == FORWARD_READ) {
		if (stat(g.home, &st) == 0 && (st.st_mode & 02) != 0) {
			complain("the home directory is writable by everybody",
			    0, index);
			r = -1;
		} else if (forward_parse(&g.forward, text.p, text.len, 0)) {
			complain(g.forward.error, g.forward.line, index);
			r = -1;
		}
	}
	buf_free(&path);
	buf_free(&text);
	return r;
}

/* The user himself, who gets no mail by his own .forward again. */
static int
is_own(const char *item)
{
	return strcmp(item[0] == '\\' ? item + 1 : item, g.user) == 0;
}

/* One place of the .forward, with what it says there. */
static void
deliver_item(const char *item, unsigned index)
{
	if (is_own(item))
		deliver_own(index);
	else if (item[0] == '|')
		deliver_command(item + 1, index);
	else if (item[0] == '/')
		deliver_file(item, index);
	else if (item[0] == ':')
		complain(":include: has no place in it", 0, index);
	else
		verdict_forward(&g.out, index, item + (item[0] == '\\'),
		    strlen(item + (item[0] == '\\')));
}

/* Several places: each is to be a recipient with a state of its own. */
static void
answer_places(unsigned index)
{
	struct buf own = {0};
	const char *at = g.forward.items.p, *t;
	unsigned i;

	buf_byte(&own, '\\');
	buf_strz(&own, g.user);
	for (i = 0; i < g.forward.n; i++, at += strlen(at) + 1)
		if (at[0] == ':') {
			complain(":include: has no place in it", 0, index);
			buf_free(&own);
			return;
		}
	at = g.forward.items.p;
	for (i = 0; i < g.forward.n; i++, at += strlen(at) + 1) {
		t = is_own(at) ? own.p : at[0] == '\\' ? at + 1 : at;
		verdict_forward(&g.out, index, t, strlen(t));
	}
	buf_free(&own);
}

/* A place that an earlier answer named. */
static void
deliver_place(const char *place, unsigned index)
{
	if (is_own(place)) {
		deliver_own(index);
	} else if (read_forward(index) == 0) {
		if (forward_has(&g.forward, place))
			deliver_item(place, index);
		else
			verdict_add(&g.out, 'K', index, "2.0.0",
			    "no longer in .forward");
		buf_free(&g.forward.items);
	}
}

static void
deliver_user(unsigned index)
{
	if (mailbox_loops(&g.letter, index, &g.out))
		return;
	if (read_forward(index) == -1)
		return;
	if (g.forward.n == 0)
		deliver_own(index);
	else if (g.forward.n == 1)
		deliver_item(g.forward.items.p, index);
	else
		answer_places(index);
	buf_free(&g.forward.items);
}

static void
take(const char **what, const struct order *o, const char *name)
{
	if (*what == NULL)
		*what = order_extra(o, name);
}

/* What neither the options nor the order say, the system knows. */
static void
take_facts(const struct order *o)
{
	const struct passwd *pw = NULL;

	take(&g.file, o, "file");
	take(&g.home, o, "home");
	take(&g.homemailbox, o, "homemailbox");
	take(&g.host, o, "hostname");
	take(&g.spooldir, o, "spooldir");
	take(&g.timeout, o, "timeout");
	take(&g.user, o, "user");
	if (g.file == NULL && (g.user == NULL || g.home == NULL))
		pw = getpwuid(getuid());
	if (g.user == NULL)
		g.user = pw != NULL ? pw->pw_name : "";
	if (g.home == NULL)
		g.home = pw != NULL ? pw->pw_dir : "";
	if (g.file == NULL && (g.user[0] == '\0' || g.user[0] == '.' ||
	    strchr(g.user, '/') != NULL))
		die_temp("order", "id=%s err=%s", o->id, "no user");
	if (is_set(g.file) && g.file[0] != '/')
		die_temp("order", "id=%s err=%s", o->id, "no full path");
}

/* The folder that the message is to be filed in, if it is a name for one and
 * there is a home for it. */
static void
find_folder(const struct order *o)
{
	g.folder = envelope_attr(&o->env, "folder");
	if (g.folder == NULL || is_set(g.file) ||
	    (mailbox_folder_valid(g.folder) && is_set(g.home)))
		return;
	log_warn("folder-ignored", "id=%s folder=%s", o->id, g.folder);
	g.folder = NULL;
}

static void
deliver_order(const struct order *o)
{
	const char *at = o->env.rcpts, *place;
	struct recipient r;
	unsigned i = 0;

	take_facts(o);
	if (msgin_open(&g.msg, o->msgfd) == -1)
		die_temp("read-message", "id=%s err=%m", o->id);
	g.letter.id = o->id;
	g.letter.again = o->again;
	g.letter.host = mailbox_host(g.host);
	g.letter.sender = o->env.sender;
	g.letter.senderlen = o->env.senderlen;
	g.letter.msg = g.msg.p;
	g.letter.msglen = g.msg.len;
	g.letter.spam = envelope_attr(&o->env, "spam");
	find_folder(o);
	while (envelope_rcpt(&o->env, &at, &r)) {
		g.letter.rcpt = r.addr;
		g.letter.rcptlen = r.len;
		g.letter.orig = recipient_attr(&r, "orig");
		place = recipient_attr(&r, "place");
		if (is_set(g.file))
			deliver_file(g.file, ++i);
		else if (g.folder != NULL) /* a .forward is for other mail */
			deliver_own(++i);
		else if (is_set(place))
			deliver_place(place, ++i);
		else
			deliver_user(++i);
	}
}

static void
usage(void)
{
	die_usage("[-d home] [-f file] [-m home_mailbox] [-n hostname] "
		  "[-s spool_directory] [-t seconds] [-u user] "
		  "[sender recipient ...]");
}

static void
options(int argc, char *argv[])
{
	int c;

	while ((c = getopt(argc, argv, "d:f:m:n:s:t:u:")) != -1) {
		if (c == 'd')
			g.home = optarg;
		else if (c == 'f')
			g.file = optarg;
		else if (c == 'm')
			g.homemailbox = optarg;
		else if (c == 'n')
			g.host = optarg;
		else if (c == 's')
			g.spooldir = optarg;
		else if (c == 't')
			g.timeout = optarg;
		else if (c == 'u')
			g.user = optarg;
		else
			usage();
	}
}

int
main(int argc, char *argv[])
{
	struct order o = {0};

	log_init(argv[0]);
	fd_guard();
	options(argc, argv);
	argc -= optind;
	argv += optind;
	if (argc == 1)
		usage();
	if (getuid() == 0 || geteuid() == 0)
		die_temp("as-root", "mail is never delivered as uid 0");
	umask(077);
	signal(SIGXFSZ, SIG_IGN); /* an error like a full disk */
	if (argc > 0 ? order_args(&o, argv, argc) : order_read(&o, 3))
		die_temp("order", "err=%m");
	deliver_order(&o);
	return order_answer(&g.out, 0) == 0 ? 0 : 111;
}
