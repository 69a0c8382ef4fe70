/*
 * queue-inject: puts one message into the queue, durably.
 *
 * Descriptor 0: the message, to its end.  Descriptor 1: the envelope, read
 * after it, up to its lone NUL.  Descriptor 6, if open: text for the caller
 * (K id, or D or Z and a reason).  Arguments: none, or -f SENDER RCPT..., or
 * -k (many messages over the socket on 0), or -s (a service: a message a
 * connection, over /var/run/postchaise/inject).
 *
 * With -k and -s each packet is an envelope and, behind it, the message; each
 * answer is a code as below, a blank, and the text (INTERFACES 2).
 *
 * Exit codes are those of qmail-queue(8): 0 it is durable; 11 to 40 never;
 * 82 see descriptor 6; others temporary.
 *
 * Runs set-uid to the queue's user, started by anybody; with -s as that user.  Trusts nothing of
 * the environment then; believes attributes that say where a message came
 * from only of root, the queue's user, and the receiver's.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "claims.h"
#include "deposit.h"
#include "fdio.h"
#include "injectsock.h"
#include "log.h"
#include "packet.h"
#include "paths.h"
#include "peeruid.h"
#include "received.h"
#include "settings.h"
#include "workers.h"

enum {
	EX_LONG = 11,
	EX_REFUSED = 31,
	EX_TIME = 52,
	EX_READ = 54,
	EX_CONF = 55,
	EX_QUEUE = 61,
	EX_FORMAT = 91,
	ENVELOPE_MAX = 64 << 20,
	/* Nobody waits longer for a message; queue-run removes body files
	 * that are older than this and belong to no slot (lib/store.c). */
	PATIENCE = 86400,
	WORKERS = 16
};

static struct {
	struct deposit d;
	struct map tables;
	struct buf raw;      /* the envelope as it came */
	struct buf received;
	struct buf said;     /* to the caller */
	int trusted;         /* the caller may say where a message is from */
	int answer;          /* 6; the socket with -k and -s; -1 for none */
	int keep;            /* answers are packets */
	int listener;        /* -s */
	uid_t receiver;      /* who may say so besides root and ourselves */
	struct stat source;  /* of the tables, when they were opened */
} q;

/* Tells the caller, if there is a descriptor for it. */
static void
tell(int code, char kind, const char *text)
{
	struct buf *b = &q.said;

	b->len = 0;
	if (q.keep) {
		buf_num(b, (unsigned)code);
		buf_byte(b, ' ');
	}
	buf_byte(b, kind);
	buf_str(b, text);
	if (q.answer == -1 || write(q.answer, b->p, b->len) != -1)
		return;
	log_warn("inject-answer", "id=%s err=%m", q.d.id);
	/* Who waits for it must see that none comes. */
	if (q.keep && q.listener == -1)
		exit(EX_READ);
}

static int
refuse(int code, const char *text)
{
	int saved = errno;

	tell(code, code >= 11 && code <= 40 ? 'D' : 'Z', text);
	errno = saved;
	log_warn("inject-refuse", "uid=%u code=%d text=%s err=%m",
	    (unsigned)getuid(), code, text);
	deposit_abort(&q.d);
	return code;
}

/* Reads descriptor 1 up to the lone NUL; 0, or an exit code. */
static int
read_envelope(struct envelope *e)
{
	ssize_t n;
	int r;

	for (;;) {
		buf_room(&q.raw, 4096);
		n = read(1, q.raw.p + q.raw.len, q.raw.cap - q.raw.len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return refuse(EX_READ, "envelope is not complete");
		q.raw.len += (size_t)n;
		/* Only an envelope that ends in two NULs can be complete:
		 * without this a long one would be parsed at each read. */
		if (q.raw.p[q.raw.len - 1] != '\0' || (q.raw.len > 1 &&
		    q.raw.p[q.raw.len - 2] != '\0'))
			continue;
		r = envelope_parse(e, q.raw.p, q.raw.len);
		if (r == 0)
			return 0;
		if (r == -2)
			return refuse(EX_FORMAT, "envelope is malformed");
		if (q.raw.len > ENVELOPE_MAX)
			return refuse(EX_LONG, "envelope is too long");
	}
}

/* May this user say where a message came from? */
static int
may_claim(uid_t uid)
{
	const struct passwd *pw;

	if (uid == 0 || uid == geteuid())
		return 1;
	if (q.receiver == (uid_t)-1) {
		pw = getpwnam(setting(&q.tables, "receiver-user"));
		q.receiver = pw != NULL ? pw->pw_uid : 0;
	}
	return uid == q.receiver;
}

/* -f SENDER RCPT...: the envelope from the arguments. */
static int
envelope_args(struct envelope *e, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (strlen(argv[i]) >= RECORD_MAX)
			return refuse(EX_LONG, "address is too long");
		record_adds(&q.raw, i == 0 ? 'F' : 'T', argv[i]);
	}
	buf_byte(&q.raw, '\0');
	if (envelope_parse(e, q.raw.p, q.raw.len) != 0)
		return refuse(EX_FORMAT, "address is malformed");
	return 0;
}

/* Has the message come by too often? */
static int
loops(void)
{
	static char first[SLOT_SMALL]; /* of a message in a body file */
	const char *p = q.d.text;
	size_t n = q.d.textlen;
	ssize_t r;

	if (q.d.bodyfd != -1) {
		r = pread(q.d.bodyfd, first, sizeof first, SLOT_ROOM);
		p = first;
		n = r > 0 ? (size_t)r : 0;
	}
	return received_hops(p, n) > setting_num(&q.tables, "hops");
}

/* One message whose parts are read: 0, or an exit code. */
static int
commit(const struct envelope *e)
{
	struct envelope kept;
	int r;

	if (e->nrcpt == 0)
		return refuse(EX_FORMAT, "envelope has no recipient");
	claims_settle(&q.d.env, e, q.trusted, getuid());
	if (envelope_parse(&kept, q.d.env.p, q.d.env.len) != 0)
		return refuse(EX_FORMAT, "envelope is malformed");
	if (!envelope_bounded(&kept))
		return refuse(EX_REFUSED, "too many recipients or attributes");
	if (loops())
		return refuse(EX_REFUSED, "too many hops: the message loops");
	q.received.len = 0;
	received_add(&q.received, &kept, q.d.id,
	    setting(&q.tables, "hostname"), (int64_t)(id_time(q.d.id) / 1000000));
	r = deposit_commit(&q.d, &q.received);
	if (r != DEPOSIT_OK)
		return refuse(r, r == DEPOSIT_QUEUE ? "queue is not there"
		    : "message could not be written");
	tell(0, 'K', q.d.id);
	return 0;
}

static void
timed_out(int sig)
{
	(void)sig;
	_exit(EX_TIME);
}

static int
open_tables(void)
{
	if (tables_open(&q.tables, "public.cdb") == -1)
		return -1;
	q.d.recycle = (int)setting_num(&q.tables, "queue-recycle");
	q.receiver = (uid_t)-1;
	return 0;
}

/* Tables and queue directory; 0, or an exit code. */
static int
prepare(void)
{
	char *dir;
	sigset_t none;
	int r;

	/* A file of ours must never get the number 6 by chance. */
	q.answer = q.keep ? 0 : fcntl(6, F_SETFD, FD_CLOEXEC) == 0 ? 6 : -1;
	umask(077);
	/* The caller's limits and blocked signals are not to decide. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* an error like a full disk */
	signal(SIGALRM, timed_out);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(PATIENCE);
	deposit_begin(&q.d, 1);
	if (open_tables() == -1)
		return refuse(EX_CONF, "tables cannot be read");
	dir = path_make(PATH_QUEUE);
	r = chdir(dir);
	free(dir);
	if (r == -1)
		return refuse(EX_QUEUE, "queue is not there");
	q.trusted = may_claim(getuid());
	return 0;
}

/* A packet's message: stored, and the caller told so. */
static void
take(const char *packet, size_t n)
{
	struct envelope e;
	int r;

	alarm(PATIENCE);
	deposit_begin(&q.d, q.d.recycle);
	r = envelope_parse(&e, packet, n);
	if (r != 0) {
		refuse(EX_FORMAT, "envelope is malformed");
		return;
	}
	r = deposit_memory(&q.d, e.end, (size_t)(packet + n - e.end));
	if (r != 0)
		refuse(r, "message could not be stored");
	else
		commit(&e);
}

static char packet[PACKET_INJECT];

/* -k: a message a packet, until end of file. */
static int
serve(void)
{
	ssize_t n;
	int fd;

	while ((n = packet_recv(0, packet, sizeof packet, &fd)) > 0) {
		if (fd != -1)
			close(fd);
		take(packet, (size_t)n);
	}
	return n == 0 ? 0 : refuse(EX_READ, "packet could not be received");
}

/* The tables that are in force now, if they are others; else the former ones
 * stay. */
static void
renew_tables(void)
{
	struct map old = q.tables;
	struct stat st;
	char *path = path_make(PATH_TABLES "/public.cdb");

	if (stat(path, &st) == 0 && (st.st_ino != q.source.st_ino ||
	    st.st_dev != q.source.st_dev ||
	    st.st_mtime != q.source.st_mtime)) {
		if (open_tables() == 0) {
			map_close(&old);
			q.source = st;
		} else {
			q.tables = old;
		}
	}
	free(path);
}

/* Others have the program: they are told so, and cannot hold us up.  What they
 * sent already is read, or the answer would be lost with it. */
static void
turn_away(int sock)
{
	int fd;

	shutdown(sock, SHUT_RD);
	(void)!packet_recv(sock, packet, sizeof packet, &fd);
	if (fd != -1)
		close(fd);
	(void)!packet_send(sock, "-", 1, -1);
}

/* -s, in each worker: one connection, one message. */
static void
serve_one(void)
{
	static const struct timeval limit = {30, 0};
	uid_t uid;
	ssize_t n = -1;
	int fd;

	q.answer = accept(q.listener, NULL, NULL);
	if (q.answer == -1)
		return;
	fd_cloexec(q.answer);
	renew_tables();
	if (peer_uid(q.answer, &uid) == -1 || !may_claim(uid))
		turn_away(q.answer);
	else if (setsockopt(q.answer, SOL_SOCKET, SO_RCVTIMEO, &limit,
	    sizeof limit) == 0)
		n = packet_recv(q.answer, packet, sizeof packet, &fd);
	if (n > 0) {
		if (fd != -1)
			close(fd);
		take(packet, (size_t)n);
		alarm(0);
	}
	close(q.answer);
}

/* -s: several at once, since each waits for the disk. */
static int
service(void)
{
	static const struct timeval limit = {60, 0};

	if (getuid() != geteuid())
		die_usage("-s (as the queue's own user)");
	q.listener = injectsock_listen();
	if (q.listener == -1 || setsockopt(q.listener, SOL_SOCKET, SO_RCVTIMEO,
	    &limit, sizeof limit) == -1)
		die_temp("inject-listen", "err=%m");
	alarm(0);
	workers_run(WORKERS, serve_one);
	return 0;
}

/* One message from descriptor 0, its envelope from 1 or the arguments. */
static int
one(int argc, char **argv)
{
	struct envelope e;
	int r;

	r = deposit_message(&q.d, 0);
	if (r != 0)
		return refuse(r, "message could not be stored");
	r = argc > 0 ? envelope_args(&e, argc, argv) : read_envelope(&e);
	return r != 0 ? r : commit(&e);
}

int
main(int argc, char **argv)
{
	int r, serves;

	fd_guard();
	log_init("queue-inject");
	serves = argc == 2 && strcmp(argv[1], "-s") == 0;
	q.keep = serves || (argc == 2 && strcmp(argv[1], "-k") == 0);
	q.listener = -1;
	if (argc > 1 && !q.keep && (argc < 4 || strcmp(argv[1], "-f") != 0))
		die_usage("[-k | -s | -f SENDER RCPT ...]");
	r = prepare();
	if (r != 0)
		return r;
	if (serves)
		return service();
	return q.keep ? serve() : one(argc - 2, argv + 2);
}
