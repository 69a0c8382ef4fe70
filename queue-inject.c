/*
 * queue-inject: puts one message into the queue, durably.
 *
 * Descriptor 0: the message, to its end.  Descriptor 1: the envelope, read
 * after it, up to its lone NUL.  Descriptor 6, if open: text for the caller
 * (K id, or D or Z and a reason).  Arguments: none, or -f SENDER RCPT..., or
 * -k (many messages over the socket on 0, INTERFACES 2).
 *
 * With -k each packet on 0 is an envelope and, behind it, the message; each
 * answer there is a code as below, a blank, and the text.
 *
 * Exit codes are those of qmail-queue(8): 0 it is durable; 11 to 40 never;
 * 82 see descriptor 6; others temporary.
 *
 * Runs set-uid to the queue's user, started by anybody.  Trusts nothing of
 * the environment then; believes attributes that say where a message came
 * from only of root, the queue's user, and the receiver's.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "deposit.h"
#include "fdio.h"
#include "header.h"
#include "log.h"
#include "packet.h"
#include "paths.h"
#include "received.h"
#include "settings.h"

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
	PATIENCE = 86400
};

static struct {
	struct deposit d;
	struct map tables;
	struct buf raw;      /* the envelope as it came */
	struct buf received;
	int trusted;         /* the caller may say where a message is from */
	int answer;          /* 6; 0 with -k; -1 where the caller gave no 6 */
	int keep;
} q;

/* Tells the caller, if there is a descriptor for it. */
static void
tell(int code, char kind, const char *text)
{
	char line[200];
	int n;

	if (q.keep)
		n = snprintf(line, sizeof line, "%d %c%s", code, kind, text);
	else
		n = snprintf(line, sizeof line, "%c%s", kind, text);
	if (q.answer == -1 || write(q.answer, line, (size_t)n) != -1)
		return;
	log_warn("inject-answer", "id=%s err=%m", q.d.id);
	/* Who waits for it must see that none comes. */
	if (q.keep)
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

/* Does a message attribute claim where the message came from, or what the
 * receiver thinks of that? */
static int
is_origin(const char *record)
{
	static const char *const names[] = {"proto=", "peer=", "peername=",
	    "helo=", "auth=", "tls=", "uid=", "conf=", "spam=",
	    "folder=", NULL};
	int i;

	for (i = 0; names[i] != NULL; i++)
		if (strncmp(record, names[i], strlen(names[i])) == 0)
			return 1;
	return 0;
}

/* Is it an attribute by which queue-run tells a spawner what it looked up? */
static int
is_internal(const char *record)
{
	return strncmp(record, "aplace=", 7) == 0 ||
	    strncmp(record, "auser=", 6) == 0;
}

/* The envelope that is kept: claims of origin only from those who may make
 * them; from others the uid instead. */
static void
settle(const struct envelope *e)
{
	const char *p = e->attrs, *f = e->sender - 1;
	char uid[24];

	for (; p < f; p += strlen(p) + 1)
		if (q.trusted || !is_origin(p + 1))
			buf_add(&q.d.env, p, strlen(p) + 1);
	if (!q.trusted) {
		snprintf(uid, sizeof uid, "%u", (unsigned)getuid());
		record_attr(&q.d.env, 'A', "uid", uid);
	}
	for (p = f; *p != '\0'; p += strlen(p) + 1)
		if (!is_internal(p))
			buf_add(&q.d.env, p, strlen(p) + 1);
	buf_byte(&q.d.env, '\0');
}

/* May the caller say where a message came from? */
static int
caller_trusted(void)
{
	const char *receiver;
	uid_t uid = getuid();
	struct passwd *pw;

	if (uid == 0 || uid == geteuid())
		return 1;
	receiver = setting(&q.tables, "receiver-user");
	pw = receiver ? getpwnam(receiver) : NULL;
	return pw != NULL && pw->pw_uid == uid;
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

/* Has the message come by too often?  Mail that a user's own command sends
 * back to him is stopped by nothing else. */
static int
loops(void)
{
	static char first[SLOT_SMALL]; /* of a message in a body file */
	const char *at = q.d.text, *end = at + q.d.textlen;
	struct header_field f;
	uint64_t n = 0;
	ssize_t r;

	if (q.d.bodyfd != -1) {
		r = pread(q.d.bodyfd, first, sizeof first, SLOT_ROOM);
		at = first;
		end = first + (r > 0 ? r : 0);
	}
	while (at < end && header_next(&at, end, &f) == 1)
		n += header_is(&f, "Received") || header_is(&f, "Delivered-To");
	return n > setting_num(&q.tables, "hops");
}

/* One message whose parts are read: 0, or an exit code. */
static int
commit(const struct envelope *e)
{
	struct envelope kept;
	int r;

	if (e->nrcpt == 0)
		return refuse(EX_FORMAT, "envelope has no recipient");
	settle(e);
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

/* Tables and queue directory; 0, or an exit code. */
static int
prepare(void)
{
	char *dir = path_make(PATH_QUEUE);
	sigset_t none;

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
	if (tables_open(&q.tables, "public.cdb") == -1)
		return refuse(EX_CONF, "tables cannot be read");
	if (chdir(dir) == -1)
		return refuse(EX_QUEUE, "queue is not there");
	q.d.recycle = (int)setting_num(&q.tables, "queue-recycle");
	q.trusted = caller_trusted();
	return 0;
}

/* -k: a message a packet, until end of file. */
static int
serve(void)
{
	static char packet[PACKET_INJECT];
	struct envelope e;
	ssize_t n;
	int fd, r;

	while ((n = packet_recv(0, packet, sizeof packet, &fd)) > 0) {
		if (fd != -1)
			close(fd);
		alarm(PATIENCE);
		deposit_begin(&q.d, q.d.recycle);
		r = envelope_parse(&e, packet, (size_t)n);
		if (r != 0) {
			refuse(EX_FORMAT, "envelope is malformed");
			continue;
		}
		r = deposit_memory(&q.d, e.end, (size_t)(packet + n - e.end));
		if (r != 0)
			refuse(r, "message could not be stored");
		else
			commit(&e);
	}
	return n == 0 ? 0 : refuse(EX_READ, "packet could not be received");
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
	int r;

	fd_guard();
	log_init("queue-inject");
	q.keep = argc == 2 && strcmp(argv[1], "-k") == 0;
	if (argc > 1 && !q.keep && (argc < 4 || strcmp(argv[1], "-f") != 0))
		die_usage("[-k | -f SENDER RCPT ...]");
	r = prepare();
	if (r != 0)
		return r;
	return q.keep ? serve() : one(argc - 2, argv + 2);
}
