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
#include <stdio.h>
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

enum { TOGETHER = 16 }; /* orders that wait for one mbox, taken at once */

/* One order and its message. */
struct job {
	struct order o;
	struct msgin msg;
	struct letter letter;
	const char *dir;    /* the domain's spool directory */
	const char *folder; /* to file the message in, or NULL */
	enum mailbox_format format; /* where neither is */
};

static struct {
	const char *dir, *format, *host; /* of the command line */
	struct buf open; /* path of the directory that dirfd is */
	int dirfd;
	struct job job[TOGETHER];
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
deliver(struct job *j, const struct recipient *r, unsigned index)
{
	struct place at = {.beneath = 1};
	struct letter *l = &j->letter;
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
	err = use_dir(j->dir);
	if (err != 0) {
		mailbox_trouble(err, "directory of the domain", index, &g.out);
	} else {
		at.dirfd = g.dirfd;
		err = mailbox_virtual(&at, j->format, j->folder, l, index,
		    &g.out);
	}
	if (err != 0) {
		/* The directory may have been replaced while we had it. */
		g.open.len = 0;
		errno = err;
		log_warn("deliver-defer", "id=%s to=<%.*s> file=%s/%s err=%m",
		    l->id, (int)r->len, r->addr, j->dir, at.path);
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

/* Reads the message of an order, with the facts of its X records where the
 * command line has none. */
static void
begin(struct job *j)
{
	const struct order *o = &j->o;
	const char *format = g.format ? g.format : order_extra(o, "format");
	const char *host = g.host ? g.host : order_extra(o, "hostname");

	j->dir = g.dir ? g.dir : order_extra(o, "dir");
	if (j->dir == NULL || j->dir[0] == '\0')
		die_temp("order", "id=%s err=%s", o->id, "no dir");
	if (msgin_order(&j->msg, o) == -1)
		die_temp("read-message", "id=%s err=%m", o->id);
	j->format = format != NULL && strcmp(format, "mbox") == 0
	    ? MAILBOX_MBOX : MAILBOX_MAILDIR;
	j->folder = find_folder(o);
	j->letter.id = o->id;
	j->letter.again = o->again;
	j->letter.host = mailbox_host(host);
	j->letter.sender = o->env.sender;
	j->letter.senderlen = o->env.senderlen;
	j->letter.msg = j->msg.p;
	j->letter.msglen = j->msg.len;
	j->letter.spam = envelope_attr(&o->env, "spam");
}

/* All recipients of an order, one after another. */
static void
deliver_order(struct job *j)
{
	const char *at = j->o.env.rcpts;
	struct recipient r;
	unsigned i = 0;

	while (envelope_rcpt(&j->o.env, &at, &r))
		deliver(j, &r, ++i);
}

/* Is it the first attempt of one recipient, whose mailbox may be an mbox? */
static int
may_join(const struct job *j)
{
	return j->format == MAILBOX_MBOX && j->o.env.nrcpt == 1 &&
	    !j->o.again && j->folder == NULL;
}

/* The mailbox of one that may join, as a copy. */
static int
box_of(const struct job *j, char *name, size_t cap, struct recipient *r)
{
	const char *at = j->o.env.rcpts, *box;

	box = envelope_rcpt(&j->o.env, &at, r) ? mailbox_name(r) : NULL;
	return box != NULL ? snprintf(name, cap, "%s", box) : -1;
}

/* n orders for one mbox: one append, one sync.  How many of them, from the
 * first on, this answered; 0 where each must go alone. */
static unsigned
deliver_together(struct job *job, unsigned n)
{
	struct place at = {.beneath = 1};
	struct letter *l[TOGETHER];
	struct recipient r;
	char box[256], other[256];
	unsigned i, k;
	int locked;

	for (k = 0; k < n && may_join(&job[k]) &&
	     strcmp(job[k].dir, job[0].dir) == 0; k++) {
		if (box_of(&job[k], k == 0 ? box : other, sizeof box, &r) == -1 ||
		    (k > 0 && strcmp(box, other) != 0))
			break;
		l[k] = &job[k].letter;
		l[k]->rcpt = r.addr;
		l[k]->rcptlen = r.len;
		l[k]->orig = recipient_attr(&r, "orig");
	}
	if (k < 2 || use_dir(job[0].dir) != 0)
		return 0;
	at.path = box;
	at.dirfd = g.dirfd;
	locked = mailbox_together(&at, l, k) == -1;
	/* Each by itself would wait for the lock as long. */
	if (locked && errno != EWOULDBLOCK)
		return 0;
	for (i = 0; i < k; i++) {
		if (locked)
			mailbox_trouble(EWOULDBLOCK, "mailbox", 1, &g.out);
		else
			verdict_add(&g.out, 'K', 1, "2.0.0",
			    "delivered to mailbox");
		buf_byte(&g.out, '\n');
	}
	return k;
}

/* Answers n orders. */
static int
deliver_orders(struct job *job, unsigned n)
{
	unsigned i = 0, k;

	while (i < n) {
		k = n - i > 1 ? deliver_together(job + i, n - i) : 0;
		if (k == 0) {
			deliver_order(job + i);
			buf_byte(&g.out, '\n');
			k = 1;
		}
		if (order_answer(&g.out, 0) == -1)
			return -1;
		for (; k > 0; k--, i++) {
			msgin_close(&job[i].msg);
			order_done(&job[i].o);
		}
	}
	return 0;
}

/* Orders from the socket until its end.  What waits behind one for an mbox is
 * most likely for the same. */
static int
serve(void)
{
	unsigned n;
	int r;

	while ((r = order_next(&g.job[0].o, 3)) == 1) {
		begin(&g.job[0]);
		for (n = 1; n < TOGETHER && may_join(&g.job[n - 1]) &&
		     order_waits(3) && (r = order_next(&g.job[n].o, 3)) == 1; n++)
			begin(&g.job[n]);
		if (deliver_orders(g.job, n) == -1)
			return 111;
		if (r != 1)
			break;
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
	struct job *j = &g.job[0];
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
	if (argc > 0 ? order_args(&j->o, argv, argc) : order_read(&j->o, 3))
		die_temp("order", "err=%m");
	begin(j);
	deliver_order(j);
	return order_answer(&g.out, 0) == 0 ? 0 : 111;
}
