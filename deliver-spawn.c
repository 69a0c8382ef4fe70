/*
 * deliver-spawn: runs delivery programs for queue-run.
 *
 * Descriptor 2: the log.  3: the channel to queue-run, packets as INTERFACES
 * 5 has them.  4: this generation's lock, handed on to every child.
 * Argument: -r for remote deliveries only.  Exit 0 when the channel closed
 * and every child has ended; 111 when a packet was malformed, after the same.
 *
 * Runs as root without -r, to become the recipient's user, which it looks up
 * itself: queue-run can name a recipient, never a program or an id.  With -r
 * it runs as the remote user and becomes nobody.  Or both as one plain user
 * in a private prefix.  Trusts the tables and the password database.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "kids.h"
#include "log.h"
#include "packet.h"
#include "paths.h"
#include "settings.h"
#include "spoolbox.h"
#include "tables.h"
#include "verdict.h"

enum {
	CHANNEL = 3,
	LOCK = 4,
	ANSWER_PACKET = 60000,
	/* A delivery that takes longer is killed and deferred: the programs
	 * have time limits of their own, this is for one that hangs.  Less
	 * than queue-run's OLD_MAX. */
	SLACK_MS = 10000,     /* more than a user's command has */
	REMOTE_MS = 7000000
};

static struct {
	struct kids kids;
	struct tables tables;
	struct spawnplan plan;
	int remote;
	int system;   /* the password database knows the system's users */
	int open;     /* the channel is */
	int code;     /* to exit with */
	char packet[PACKET_MAX];
} s;

static void
send_answer(struct buf *b)
{
	buf_byte(b, '\0');
	if (s.open && packet_send(CHANNEL, b->p, b->len, -1) == -1) {
		log_warn("spawn-answer", "err=%m");
		s.open = 0;
		s.code = 111;
	}
	b->len = 0;
}

static void
begin_answer(struct buf *b, unsigned number)
{
	buf_fmt(b, "N%u", number);
	buf_byte(b, '\0');
}

/* May the line be a record? */
static int
line_valid(const char *p, size_t n)
{
	return n > 0 && n < RECORD_MAX && memchr(p, '\0', n) == NULL &&
	    memchr(p, '\r', n) == NULL;
}

/* The answer to one request: the lines in out, and the exit code in the last
 * packet of as many as it takes. */
static void
answer(unsigned number, int code, const char *out, size_t len)
{
	const char *p, *nl, *end = out + len;
	struct buf b = {0};

	begin_answer(&b, number);
	for (p = out; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		if (line_valid(p, (size_t)(nl - p)))
			record_add(&b, 'L', p, (size_t)(nl - p));
		if (b.len > ANSWER_PACKET) {
			send_answer(&b);
			begin_answer(&b, number);
		}
	}
	buf_fmt(&b, "E%d", code);
	buf_byte(&b, '\0');
	send_answer(&b);
	buf_free(&b);
}

/* Every recipient of a request gets the same verdict from us. */
static void
answer_all(const struct spawnreq *r, const char *status, const char *text)
{
	struct buf b = {0};
	unsigned i;

	for (i = 1; i <= r->env.nrcpt; i++)
		verdict_add(&b, status[0] == '5' ? 'D' : 'Z', i, status, text);
	answer(r->number, 0, b.p, b.len);
	buf_free(&b);
}

/* A system user's mailbox, where the user cannot make it.  When it fails the
 * delivery program finds out, and says what is wrong. */
static void
make_mailbox(const struct spawnreq *r)
{
	const char *dir = setting(&s.tables.map, "mail_spool_directory");

	if (!s.system || geteuid() != 0 || strcmp(r->kind, "mbox") != 0 ||
	    *setting(&s.tables.map, "home_mailbox") != '\0')
		return;
	(void)spoolbox_make(*dir != '\0' ? dir : PATH_MAIL, s.plan.user,
	    s.plan.uid, s.plan.gid);
}

static void
malformed(size_t n)
{
	log_warn("spawn-malformed", "bytes=%zu", n);
	s.open = 0;
	s.code = 111;
}

static void
request(const char *p, size_t n, int message)
{
	struct spawnreq r;

	if (spawnreq_parse(&r, p, n) == -1 ||
	    (message == -1) != (r.msglen > 0)) {
		malformed(n);
		return;
	}
	tables_refresh(&s.tables);
	s.kids.limit = s.remote ? REMOTE_MS
	    : setting_num(&s.tables.map, "pipe-timeout") * 1000 + SLACK_MS;
	if (spawnplan_make(&s.plan, &r, &s.tables.map, s.remote, s.system)) {
		log_warn("spawn-refuse", "kind=%s dest=%s err=%s", r.kind,
		    r.dest, s.plan.problem);
		answer_all(&r, s.plan.status, s.plan.problem);
		return;
	}
	if (message == -1 && !s.plan.keep) {
		malformed(n);
		return;
	}
	make_mailbox(&r);
	if (kids_start(&s.kids, &s.plan, &r, message) == -1) {
		log_warn("spawn-start", "program=%s dest=%s err=%m",
		    s.plan.program, r.dest);
		answer_all(&r, "4.3.0", "delivery program could not be started");
	}
}

/* One packet of the channel. */
static void
read_channel(void)
{
	int message;
	ssize_t n;

	n = packet_recv(CHANNEL, s.packet, sizeof s.packet, &message);
	if (n > 0) {
		request(s.packet, (size_t)n, message);
	} else if (n == 0 || errno != EAGAIN) {
		if (n == -1) {
			log_warn("spawn-channel", "err=%m");
			s.code = 111;
		}
		s.open = 0;
	}
	if (message != -1)
		close(message);
}

static void
read_kids(const struct pollfd *p, int n)
{
	struct kid_answer a;
	int i;

	/* From the end: a child may leave the table, and the last one takes
	 * its place. */
	for (i = n - 1; i >= 0; i--) {
		if (p[i].revents == 0 && s.kids.kid[i].sock != -1)
			continue;
		kids_read(&s.kids, i);
		while (kids_answer(&s.kids, i, &a)) {
			answer(a.number, a.code, a.text, a.len);
			kids_answered(&s.kids, i);
		}
		kids_leave(&s.kids, i);
	}
}

static void
child_ended(int sig)
{
	(void)sig; /* it is there to end ppoll */
}

/* Until the channel has closed and every child has ended. */
static void
serve(void)
{
	struct pollfd p[KIDS_MAX + 1];
	struct sigaction sa = {.sa_handler = child_ended};
	struct timespec t;
	sigset_t block, while_waiting;
	int i, n, timeout, closed = 0;

	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &while_waiting);
	sigdelset(&while_waiting, SIGCHLD);
	sigaction(SIGCHLD, &sa, NULL);

	while (s.open || s.kids.n > 0) {
		if (!s.open && !closed) {
			kids_close(&s.kids, s.remote);
			closed = 1;
		}
		timeout = kids_expire(&s.kids, clock_ms());
		n = s.kids.n;
		for (i = 0; i < n; i++)
			p[i] = (struct pollfd){s.kids.kid[i].sock, POLLIN, 0};
		p[n] = (struct pollfd){s.open ? CHANNEL : -1, POLLIN, 0};
		t = (struct timespec){timeout / 1000,
		    timeout % 1000 * 1000000L};
		if (ppoll(p, (nfds_t)n + 1, timeout < 0 ? NULL : &t,
		    &while_waiting) == -1) {
			if (errno != EINTR)
				die_temp("spawn-poll", "err=%m");
			for (i = 0; i <= n; i++)
				p[i].revents = 0;
		}
		read_kids(p, n);
		if (s.open && p[n].revents)
			read_channel();
	}
}

int
main(int argc, char **argv)
{
	fd_guard();
	log_init("deliver-spawn");
	s.remote = argc == 2 && strcmp(argv[1], "-r") == 0;
	if (argc != 1 + s.remote)
		die_usage("[-r]");
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	fd_cloexec(CHANNEL);
	s.kids.lock = fcntl(LOCK, F_SETFD, FD_CLOEXEC) == 0 ? LOCK : -1;
	if (fcntl(CHANNEL, F_GETFL) == -1)
		die_temp("spawn-channel", "err=%m");
	s.system = path_prefix()[0] == '\0';
	tables_init(&s.tables, s.remote ? "public.cdb" : "mail.cdb");
	s.open = 1;
	serve();
	return s.code;
}
