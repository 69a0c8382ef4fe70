/*
 * queue-list: shows the queue, as mailq or as JSON lines.
 *
 * Descriptor 1: the list.  Arguments: -j for JSON.  Reads the queue's files,
 * changes nothing and locks nothing; asks queue-run, where it is up, what it is
 * doing with each message.
 *
 * Exit codes: 0; 77 not permitted to read the queue; 100 usage; 111 the queue
 * cannot be read now.
 *
 * Runs as its caller, which must be root or the queue's user.  Trusts no text
 * in the queue: senders chose it.
 */
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "journal.h"
#include "listing.h"
#include "log.h"
#include "paths.h"
#include "queueq.h"
#include "slot.h"

enum {
	FLUSH_AT = 65536,
	/* A slot that is being written is no slot for a moment. */
	SETTLED = 60
};

static struct {
	int json;
	int qdir;
	struct queueq states;
	struct slot slot;   /* its data holds envelope and states only */
	struct buf journal;
	struct buf out;
	unsigned long long messages;
	unsigned long long bytes;
} q;

static void
flush(void)
{
	if (write_all(1, q.out.p, q.out.len) == -1)
		die_temp("list-write", "err=%m");
	q.out.len = 0;
}

/* Ends for a directory or file that could not be read. */
static void
fail(const char *what)
{
	if (errno == EACCES || errno == EPERM) {
		dprintf(2, "%s: you may not read the queue\n", log_program());
		exit(EX_NOPERM);
	}
	die_temp("list-read", "name=%s err=%m", what);
}

static void
show(void)
{
	const struct slot_head *h = &q.slot.head;
	const struct queueq_msg *m;
	struct listing l = {.slot = &q.slot, .journal = &q.journal,
	    .next = h->next, .attempts = h->attempts};

	m = queueq_find(&q.states, q.slot.num, h->id);
	l.state = h->state == SLOT_HELD ? "held" : "waiting";
	if (m != NULL) {
		l.state = m->state;
		l.next = m->next;
		l.attempts = m->attempts;
	}
	if (journal_read(&q.journal, &q.slot, q.qdir) != 1)
		q.journal.len = 0;
	if (q.json) {
		listing_json(&q.out, &l);
	} else {
		if (q.messages == 0)
			listing_head(&q.out);
		listing_text(&q.out, &l);
	}
	q.messages++;
	q.bytes += h->size;
	if (q.out.len > FLUSH_AT)
		flush();
}

/* Shows the message in one slot, if there is one. */
static void
visit(int dir, const char *name)
{
	struct stat st;
	int fd;

	if (slot_number(name, &q.slot.num) == -1)
		return;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1) {
		if (errno != ENOENT)
			fail(name);
		return;
	}
	if (slot_peek(&q.slot, fd) == 0)
		show();
	else if (errno == EPROTO && fstat(fd, &st) == 0 && st.st_size > 0 &&
	    st.st_mtime < time(NULL) - SETTLED)
		log_warn("list-damaged", "slot=%s", name);
	close(fd);
}

/* Visits all entries of a directory below dir. */
static void
walk(int dir, const char *name, void each(int dir, const char *name))
{
	struct dirent *e;
	DIR *d;
	int fd;

	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd == -1 ? NULL : fdopendir(fd);
	if (d == NULL)
		fail(name);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			each(fd, e->d_name);
	closedir(d);
}

static void
visit_part(int dir, const char *name)
{
	walk(dir, name, visit);
}

int
main(int argc, char **argv)
{
	char *path;
	int c;

	fd_guard();
	log_init("queue-list");
	while ((c = getopt(argc, argv, "jv")) != -1) {
		if (c == 'j')
			q.json = 1;
		else if (c != 'v') /* mailq's; here everything is shown */
			die_usage("[-j]");
	}
	if (optind != argc)
		die_usage("[-j]");
	path = path_make(PATH_QUEUE);
	q.qdir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (q.qdir == -1 || fchdir(q.qdir) == -1)
		fail(path);
	if (queueq_ask(&q.states) == -1) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			dprintf(2, "(queue-run is down)\n");
		else
			log_warn("list-ask", "err=%m");
	}
	walk(q.qdir, "slot", visit_part);
	if (!q.json)
		listing_foot(&q.out, q.messages, q.bytes);
	flush();
	return 0;
}
