/*
 * deliver-vhost puts a message into the mailboxes of virtual users of one
 * domain: Maildirs and mboxes below the domain's spool directory.
 *
 * 0 the message; 1 a verdict line a recipient; 2 log; 3 the order, when no
 * sender and recipients are given.  With -k orders come as packets on 3, each
 * with its message as a descriptor, and every answer ends with an empty line.
 * Exits 0 with verdicts, 100 usage, 111 trouble.
 *
 * Runs as the users' uid, never as root.  Trusts the order's X records (the
 * spawner's), not its addresses, and nothing in the message: a mailbox's name
 * has no slash and no dot in front, and no link in it leads out of the spool.
 * See deliver-vhost(8), INTERFACES 4.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "child.h"
#include "log.h"
#include "mailbox.h"
#include "msgin.h"
#include "order.h"
#include "str.h"
#include "verdict.h"

static struct {
	const char *dir, *format, *host; /* of the command line */
	struct buf open; /* path of the directory that dirfd is */
	int dirfd;
	struct msgin msg;
	struct letter letter;
	const char *folder; /* to file the message in, or NULL */
	struct buf name; /* the mailbox's */
	struct buf out;  /* verdict lines */
} g = {.dirfd = -1};

/* The spool directory of the domain, made if its parent allows; the last one
 * is kept open from order to order.  0, or an errno. */
static int
use_dir(const char *dir)
{
	int up;

	if (g.dirfd != -1 && strcmp(buf_cstr(&g.open), dir) == 0)
		return 0;
	if (g.dirfd != -1)
		close(g.dirfd);
	g.open.len = 0;
	buf_str(&g.open, dir);
	g.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g.dirfd != -1)
		return 0;
	if (errno != ENOENT || mkdir(dir, 0700) == -1)
		return errno;
	g.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g.dirfd == -1)
		return errno;
	up = openat(g.dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up != -1) {
		fsync(up);
		close(up);
	}
	return 0;
}

/* The recipient's mailbox name: what the router found or, by hand, the local
 * part without extension.  NULL when it can be no file's name; a name in
 * .lock would be taken for another mailbox's lock. */
static const char *
mailbox_name(const struct recipient *r)
{
	const char *user = recipient_attr(r, "user"), *plus;
	struct addr a;
	size_t i;

	g.name.len = 0;
	if (user != NULL) {
		buf_str(&g.name, user);
	} else {
		addr_split(r->addr, r->len, &a);
		plus = memchr(a.local, '+', a.llen);
		buf_add(&g.name, a.local, plus == NULL || plus == a.local
		    ? a.llen : (size_t)(plus - a.local));
		str_lower(g.name.p, g.name.len);
	}
	if (g.name.len == 0 || g.name.len > 200 || g.name.p[0] == '.' ||
	    (g.name.len > 5 &&
	    memcmp(g.name.p + g.name.len - 5, ".lock", 5) == 0))
		return NULL;
	for (i = 0; i < g.name.len; i++)
		if (g.name.p[i] == '/' || (unsigned char)g.name.p[i] < ' ')
			return NULL;
	return buf_cstr(&g.name);
}

static void
deliver(const char *dir, enum mailbox_format format,
    const struct recipient *r, unsigned index)
{
	struct place at = {.beneath = 1};
	struct letter *l = &g.letter;
	int err;

	at.path = mailbox_name(r);
	if (at.path == NULL) {
		verdict_add(&g.out, 'D', index, "5.1.3",
		    "no mailbox can have this name");
		return;
	}
	l->rcpt = r->addr;
	l->rcptlen = r->len;
	l->orig = recipient_attr(r, "orig");
	err = use_dir(dir);
	if (err != 0) {
		mailbox_trouble(err, "directory of the domain", index, &g.out);
	} else {
		at.dirfd = g.dirfd;
		err = mailbox_virtual(&at, format, g.folder, l, index, &g.out);
	}
	if (err != 0) {
		/* The directory may have been replaced while we had it. */
		g.open.len = 0;
		errno = err;
		log_warn("deliver-defer", "id=%s to=<%.*s> file=%s/%s err=%m",
		    l->id, (int)r->len, r->addr, dir, at.path);
	}
}

/* The folder that the message is to be filed in; NULL for none, or for one
 * that no folder can be. */
static const char *
find_folder(const struct order *o)
{
	const char *folder = envelope_attr(&o->env, "folder");

	if (folder == NULL || mailbox_folder_valid(folder))
		return folder;
	log_warn("folder-ignored", "id=%s folder=%s", o->id, folder);
	return NULL;
}

/* All recipients of an order, with the facts of its X records where the
 * command line has none. */
static void
deliver_order(const struct order *o)
{
	const char *dir = g.dir ? g.dir : order_extra(o, "dir");
	const char *format = g.format ? g.format : order_extra(o, "format");
	const char *host = g.host ? g.host : order_extra(o, "hostname");
	const char *at = o->env.rcpts;
	struct recipient r;
	unsigned i = 0;

	if (dir == NULL || dir[0] == '\0')
		die_temp("order", "id=%s err=%s", o->id, "no dir");
	if (msgin_open(&g.msg, o->msgfd) == -1)
		die_temp("read-message", "id=%s err=%m", o->id);
	g.letter.id = o->id;
	g.letter.again = o->again;
	g.letter.host = mailbox_host(host);
	g.letter.sender = o->env.sender;
	g.letter.senderlen = o->env.senderlen;
	g.letter.msg = g.msg.p;
	g.letter.msglen = g.msg.len;
	g.letter.spam = envelope_attr(&o->env, "spam");
	g.folder = find_folder(o);
	while (envelope_rcpt(&o->env, &at, &r))
		deliver(dir, format != NULL && strcmp(format, "mbox") == 0
		    ? MAILBOX_MBOX : MAILBOX_MAILDIR, &r, ++i);
	msgin_close(&g.msg);
}

/* Orders from the socket until its end. */
static int
serve(void)
{
	static struct order o;
	int r;

	while ((r = order_next(&o, 3)) == 1) {
		deliver_order(&o);
		order_done(&o);
		if (order_answer(&g.out, 1) == -1)
			return 111;
	}
	if (r == -1)
		die_temp("order", "err=%m");
	return 0;
}

static void
usage(void)
{
	die_usage("[-k] [-d directory] [-f mbox|maildir] [-n hostname] "
		  "[sender recipient ...]");
}

int
main(int argc, char *argv[])
{
	static struct order o;
	int c, keep = 0;

	log_init(argv[0]);
	fd_guard();
	while ((c = getopt(argc, argv, "d:f:kn:")) != -1) {
		if (c == 'd')
			g.dir = optarg;
		else if (c == 'f' && (strcmp(optarg, "mbox") == 0 ||
		    strcmp(optarg, "maildir") == 0))
			g.format = optarg;
		else if (c == 'k')
			keep = 1;
		else if (c == 'n')
			g.host = optarg;
		else
			usage();
	}
	argc -= optind;
	argv += optind;
	if (argc == 1 || (argc > 0 && (keep || g.dir == NULL)))
		usage();
	if (getuid() == 0 || geteuid() == 0)
		die_temp("as-root", "mail is never delivered as uid 0");
	umask(077);
	signal(SIGXFSZ, SIG_IGN); /* an error like a full disk */
	if (keep)
		return serve();
	if (argc > 0 ? order_args(&o, argv, argc) : order_read(&o, 3))
		die_temp("order", "err=%m");
	deliver_order(&o);
	return order_answer(&g.out, 0) == 0 ? 0 : 111;
}
