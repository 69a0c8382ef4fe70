/*
 * queue-run: schedules the queue.  An event loop that never waits for one
 * destination, one file or one program.
 *
 * Descriptor 2: the log.  3: the channel to the local spawner, 4: to the
 * remote one (INTERFACES 5).  Argument: the name of this generation's lock.
 * queue-start makes all that and becomes this program.
 *
 * Signals: TERM starts nothing more, waits for what runs, exits 0; HUP opens
 * the tables anew; ALRM tries everything now.  Exit 111 when a spawner is gone
 * or the queue cannot be opened.
 *
 * Runs as the queue's user, who owns the queue and nothing else.  Trusts what
 * queue-inject wrote; of the spawners it believes verdicts only.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "control.h"
#include "log.h"
#include "packet.h"
#include "paths.h"
#include "sched.h"

enum {
	CHANNEL_LOCAL = 3,
	CHANNEL_REMOTE = 4,
	SCAN_EVERY = 1500,  /* seconds between scans for what no note told */
	MARK_EVERY = 5,     /* seconds between looks for the mark `scan' */
	OLD_MAX = 7200,     /* nothing that an old spawner runs lives longer */
	SOON_MS = 5         /* when queue-inject has not let go of a slot yet */
};

static struct {
	struct store store;
	struct sched sched;
	struct tables tables;
	struct control control;
	const char *lock;
	time_t started;
	time_t next_scan;   /* 0: as soon as the old generation is gone */
	time_t next_mark;
	char packet[PACKET_MAX];
} q;

static volatile sig_atomic_t got_term, got_hup, got_alrm, got_chld;

static void
caught(int sig)
{
	if (sig == SIGTERM)
		got_term = 1;
	else if (sig == SIGHUP)
		got_hup = 1;
	else if (sig == SIGALRM)
		got_alrm = 1;
	else
		got_chld = 1;
}

/* Signals are delivered only while ppoll waits. */
static void
catch_signals(sigset_t *while_waiting)
{
	static const int sigs[] = {SIGTERM, SIGHUP, SIGALRM, SIGCHLD};
	struct sigaction sa = {.sa_handler = caught};
	sigset_t block;
	size_t i;

	sigemptyset(&block);
	for (i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		sigaction(sigs[i], &sa, NULL);
		sigaddset(&block, sigs[i]);
	}
	sigprocmask(SIG_BLOCK, &block, while_waiting);
	for (i = 0; i < sizeof sigs / sizeof *sigs; i++)
		sigdelset(while_waiting, sigs[i]);
	signal(SIGPIPE, SIG_IGN);
}

/* HUP: who only edited a file learns that it is not in force. */
static void
hint_stale(void)
{
	const char *path;

	sched_tables(&q.sched);
	if (q.tables.map.p != NULL &&
	    tables_stale_source(&q.tables.map, &path) == 1)
		log_warn("tables-stale", "file=%s conf=%s text=%s", path,
		    tables_hash(&q.tables.map), "it changed after "
		    "alias-compile ran");
}

static void
act_on_signals(void)
{
	int status;
	pid_t pid;

	if (got_term && !q.sched.stopping) {
		log_info("queue-stop", "running=%u", q.sched.running[0] +
		    q.sched.running[1]);
		q.sched.stopping = 1;
	}
	if (got_hup)
		hint_stale();
	if (got_alrm)
		sched_retry(&q.sched);
	got_hup = got_alrm = 0;
	while (got_chld && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (!sched_reaped(&q.sched, pid, WIFEXITED(status)
		    ? WEXITSTATUS(status) : 111) && !q.sched.stopping)
			die_temp("queue-spawner", "pid=%d err=ended", (int)pid);
	}
	got_chld = 0;
}

/* Verdicts from one spawner. */
static void
read_channel(int fd)
{
	ssize_t n;
	int passed;

	while ((n = packet_recv(fd, q.packet, sizeof q.packet, &passed)) > 0) {
		if (passed != -1)
			close(passed);
		if (sched_answer(&q.sched, q.packet, (size_t)n) == -1)
			die_temp("queue-answer", "fd=%d err=malformed", fd);
	}
	if (n == 0)
		die_temp("queue-spawner", "fd=%d err=gone", fd);
	if (errno != EAGAIN)
		die_temp("queue-channel", "fd=%d err=%m", fd);
}

/* Scans when it is time: at the start once nothing of an older generation
 * runs any more (what it runs must not be started again), now and then, and
 * when somebody could not write a note.  Returns whether there is more. */
static int
scan(time_t now)
{
	if (now >= q.next_mark && q.next_scan != 0) {
		q.next_mark = now + MARK_EVERY;
		if (store_scan_wanted(&q.store))
			q.next_scan = now;
	}
	if (now >= q.next_scan) {
		if (q.next_scan == 0) {
			if (now < q.next_mark)
				return 0;
			q.next_mark = now + 1;
			if (store_old_running(&q.store, q.lock) &&
			    now - q.started < OLD_MAX)
				return 0;
			store_sweep_bodies(&q.store);
		}
		store_scan_wanted(&q.store);
		store_scan(&q.store);
		q.next_scan = now + SCAN_EVERY;
	}
	return store_scan_some(&q.store);
}

/* How long poll may wait, in milliseconds. */
static int
patience(uint32_t due, time_t now, int soon, int scanning)
{
	int ms = MARK_EVERY * 1000;

	if (scanning || (store_nready(&q.store) > 0 && q.sched.nactive < ACTIVE_MAX))
		return 0;
	if (soon)
		return SOON_MS;
	if (q.next_scan == 0 || store_nready(&q.store) > 0)
		ms = 1000;
	if (due != 0 && (time_t)due <= now)
		ms = 0;
	else if (due != 0 && (time_t)due - now < ms / 1000)
		ms = (int)((time_t)due - now) * 1000;
	return ms;
}

enum { P_TRIGGER, P_LOCAL, P_REMOTE, P_CONTROL, P_CLIENTS };

static void
serve_ready(struct pollfd *p)
{
	int i;

	if (p[P_TRIGGER].revents)
		store_read_notes(&q.store);
	for (i = 0; i < CHANS; i++) {
		if (p[P_LOCAL + i].revents & POLLOUT)
			sched_writable(&q.sched, i);
		if (p[P_LOCAL + i].revents & ~POLLOUT)
			read_channel(q.sched.chan[i]);
	}
	if (p[P_CONTROL].revents)
		control_accept(&q.control);
	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (p[P_CLIENTS + i].revents)
			control_serve(&q.control, i, &q.store);
}

/* Waits for what happens next and takes it in. */
static void
wait_events(int ms, const sigset_t *while_waiting)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	struct pollfd p[P_CLIENTS + CONTROL_CLIENTS];
	int i, n = P_CLIENTS + CONTROL_CLIENTS;

	p[P_TRIGGER] = (struct pollfd){q.store.trigger, POLLIN, 0};
	for (i = 0; i < CHANS; i++)
		p[P_LOCAL + i] = (struct pollfd){q.sched.chan[i],
		    (short)(q.sched.full[i] ? POLLIN | POLLOUT : POLLIN), 0};
	p[P_CONTROL] = (struct pollfd){q.control.listen, POLLIN, 0};
	for (i = 0; i < CONTROL_CLIENTS; i++)
		p[P_CLIENTS + i] = (struct pollfd){q.control.client[i].fd,
		    control_events(&q.control, i), 0};
	i = ppoll(p, (nfds_t)n, &t, while_waiting);
	if (i > 0)
		serve_ready(p);
	else if (i == 0)
		sched_tables(&q.sched);
	else if (errno != EINTR)
		die_temp("queue-poll", "err=%m");
}

static void
run(const sigset_t *while_waiting)
{
	int soon, scanning;
	uint32_t due;
	time_t now;

	for (;;) {
		act_on_signals();
		now = time(NULL);
		scanning = !q.sched.stopping && scan(now);
		due = store_due(&q.store, (uint32_t)now);
		soon = sched_run(&q.sched);
		if (q.sched.stopping && sched_idle(&q.sched))
			break;
		wait_events(patience(due, now, soon, scanning), while_waiting);
	}
}

/* One queue-run a queue: the lock is held until the process ends. */
static void
only_one(void)
{
	int fd = open("queue-run.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1)
		die_temp("queue-lock", "err=%m");
}

int
main(int argc, char **argv)
{
	sigset_t while_waiting;
	const char *what = "";
	char *dir;

	fd_guard();
	log_init("queue-run");
	if (argc != 2)
		die_usage("LOCK (queue-start starts it)");
	q.lock = argv[1];
	umask(077);
	q.started = time(NULL);
	srand((unsigned)q.started ^ (unsigned)getpid());
	dir = path_make(PATH_QUEUE);
	if (chdir(dir) == -1)
		die_temp("queue-open", "err=%m");
	free(dir);
	only_one();
	fd_cloexec(CHANNEL_LOCAL);
	fd_cloexec(CHANNEL_REMOTE);
	if (fd_nonblock(CHANNEL_LOCAL) == -1 || fd_nonblock(CHANNEL_REMOTE) == -1)
		die_temp("queue-channel", "err=%m");
	if (store_open(&q.store, &what) == -1)
		die_temp("queue-open", "what=%s err=%m", what);
	if (control_open(&q.control) == -1)
		die_temp("queue-control", "err=%m");
	tables_init(&q.tables, "mail.cdb");
	if (q.tables.map.p == NULL)
		log_warn("queue-tables", "err=%m");
	sched_init(&q.sched, &q.store, &q.tables, CHANNEL_LOCAL, CHANNEL_REMOTE);
	catch_signals(&while_waiting);
	log_info("queue-start", "lock=%s conf=%s", q.lock,
	    tables_hash(&q.tables.map));
	run(&while_waiting);
	log_info("queue-end", "messages=%zu", q.store.count);
	return 0;
}
