/*
 * smtp-recv: receives mail by SMTP and hands it to queue-inject.
 *
 * Descriptors 0 and 1 are the connection, 2 is the log.  No arguments.  Who
 * the client is it reads from the environment of tcpserver or another UCSPI
 * server (PROTO, TCPREMOTEIP, TCPREMOTEHOST), or asks the socket (inetd); if 2
 * is the socket too, the log goes to syslogd.
 * RELAYCLIENT, DATABYTES and PC_ settings are the administrator's word on this
 * client.  Exit codes: 0 the session is over; 111 the tables cannot be opened.
 *
 * Runs as a user of its own, which can read mail.cdb and nothing else of the
 * system's mail.  Trusts its environment; nothing that comes on 0.
 * See smtp-recv(8), INTERFACES 1, 2 and 6.
 */
#include <sys/statvfs.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admit.h"
#include "child.h"
#include "conn.h"
#include "fdio.h"
#include "inject.h"
#include "injectkeep.h"
#include "log.h"
#include "paths.h"
#include "peer.h"
#include "settings.h"
#include "smtps.h"
#include "str.h"
#include "syslogfd.h"
#include "verdict.h"

enum {
	RCPT_LEAST = 100,   /* RFC 5321 4.5.3.1.8 */
	ABORT_MS = 5000     /* for a chain whose message is void */
};

static struct {
	struct conn conn;
	struct map tables;
	struct peer peer;
	struct admit admit;
	uint64_t session_ms; /* for one message */
	uint64_t minfree;
	uint64_t started;
	unsigned refused;
	const char *end;     /* why the session is over */
	int injecting;       /* a message is being streamed into inject */
	struct inject inject;
	struct injectkeep keep;
	char hostname[256];
	char verdict[512];   /* on the message that is being read, or "" */
	struct smtps s;
} r;

/* Client's name for the log, as Postfix writes it: name[address]. */
static const char *
name_of_peer(void)
{
	return r.peer.name[0] != '\0' ? r.peer.name : "unknown";
}

static const char *
ip_of_peer(void)
{
	return r.peer.ip[0] != '\0' ? r.peer.ip : "unknown";
}

static void
restart_deadline(void)
{
	if (r.session_ms != 0)
		r.conn.deadline = clock_ms() + r.session_ms;
}

/* Is there room for a message of this size?  A queue that this user cannot
 * look at is left to queue-inject. */
static int
queue_has_room(uint64_t size)
{
	struct statvfs v;
	char *path;
	int known;

	if (r.minfree == 0)
		return 1;
	path = path_make(PATH_QUEUE);
	known = statvfs(path, &v) == 0;
	free(path);
	return !known || (uint64_t)v.f_bavail * v.f_frsize >= r.minfree + size;
}

static const char *
on_mail(void *arg, const char *sender, size_t n,
    const struct smtparg_mail *m)
{
	restart_deadline();
	if (!queue_has_room(m->size))
		return "452 4.3.1 the queue is full";
	return admit_sender(&r.admit, sender, n);
}

static const char *
on_rcpt(void *arg, struct buf *addr)
{
	return admit_rcpt(&r.admit, addr);
}

/* Makes the reply of what the chain answered; a text of its own may bring its
 * status along. */
static void
judge(enum inject_result result)
{
	const struct inject *in = &r.inject;
	const char *text = in->text, class = result == INJECT_PERM ? '5' : '4';
	struct buf b = {0};
	size_t i;

	if (result == INJECT_OK) {
		buf_str(&b, "250 2.0.0 queued as ");
		buf_str(&b, in->id[0] != '\0' ? in->id : "-");
	} else {
		buf_str(&b, in->code == 53 ? "452 4.3.1 "
		    : class == '5' ? "554 " : "451 ");
		if (in->code != 53 && (text[0] != class ||
		    status_scan(text, strlen(text)) == 0))
			buf_str(&b, class == '5' ? "5.3.0 " : "4.3.0 ");
		buf_str(&b, text[0] != '\0' ? text : inject_reason(in->code));
	}
	for (i = 0; i < b.len && i < sizeof r.verdict - 1; i++)
		r.verdict[i] = b.p[i] >= ' ' && b.p[i] <= '~' ? b.p[i] : '?';
	r.verdict[i] = '\0';
	buf_free(&b);
}

static const char *
chain(void)
{
	return setting(&r.tables, "filter-chain");
}

/* Streams a large message on.  Where the chain refuses before its end, the
 * rest is read for nothing. */
static void
on_more(void *arg)
{
	if (!r.injecting && r.verdict[0] == '\0') {
		if (inject_start(&r.inject, chain()) == -1) {
			log_warn("inject-start", "err=%m");
			r.inject.code = 81;
			judge(INJECT_TEMP);
		} else {
			r.inject.deadline = r.conn.deadline;
			r.injecting = 1;
		}
	}
	if (r.injecting &&
	    inject_write(&r.inject, r.s.msg.p, r.s.msg.len) == -1) {
		/* No envelope: whatever it answers, nothing is queued. */
		r.injecting = 0;
		judge(inject_finish(&r.inject, "", 0) == INJECT_PERM
		    ? INJECT_PERM : INJECT_TEMP);
	}
}

static void
on_drop(void *arg)
{
	if (r.injecting) {
		r.inject.deadline = clock_ms() + ABORT_MS;
		inject_abort(&r.inject);
	}
	r.injecting = 0;
	r.verdict[0] = '\0';
}

static void
inject_all(void)
{
	struct smtps *s = &r.s;
	enum inject_result result;

	if (!r.injecting) {
		/* Without filters one queue-inject serves the session. */
		if (chain()[0] == '\0' &&
		    injectkeep_fits(s->msg.len, s->env.len))
			result = injectkeep_message(&r.keep, &r.inject,
			    &s->msg, &s->env, r.conn.deadline);
		else
			result = inject_message(&r.inject, chain(), &s->msg,
			    &s->env, r.conn.deadline);
		if (result == INJECT_TEMP && r.inject.code == 81)
			log_warn("inject-start", "err=%m");
	} else {
		/* A chain that has ended already has its reason told. */
		(void)!inject_write(&r.inject, s->msg.p, s->msg.len);
		result = inject_finish(&r.inject, s->env.p, s->env.len);
	}
	r.injecting = 0;
	judge(result);
}

static const char *
on_done(void *arg)
{
	static char said[sizeof r.verdict];
	struct smtps *s = &r.s;

	if (r.verdict[0] == '\0')
		inject_all();
	memcpy(said, r.verdict, sizeof said);
	r.verdict[0] = '\0';
	restart_deadline();
	if (said[0] == '2')
		log_info("msg-accept", "id=%s client=%s[%s] helo=%s from=<%s> "
		    "nrcpt=%u size=%llu",
		    r.inject.id[0] != '\0' ? r.inject.id : "-",
		    name_of_peer(), ip_of_peer(), s->helo,
		    s->env.p + s->sender, s->nrcpt,
		    (unsigned long long)s->data.size);
	return said;
}

static void
on_refused(void *arg, enum smtps_what what, const char *text, size_t n,
    const char *reply)
{
	const char *from = r.s.env.len > 0 ? r.s.env.p + r.s.sender : "";

	if (what == SMTPS_THE_CLIENT) {
		r.end = reply;
		return;
	}
	r.refused++;
	if (what == SMTPS_A_SENDER)
		log_info("mail-refuse", "client=%s[%s] helo=%s from=<%.*s> "
		    "reply=%s", name_of_peer(), ip_of_peer(), r.s.helo,
		    (int)n, text, reply);
	else if (what == SMTPS_A_RECIPIENT)
		log_info("rcpt-refuse", "client=%s[%s] helo=%s from=<%s> "
		    "to=<%.*s> reply=%s", name_of_peer(), ip_of_peer(),
		    r.s.helo, from, (int)n, text, reply);
	else
		log_info("data-refuse", "client=%s[%s] helo=%s from=<%s> "
		    "nrcpt=%u size=%llu reply=%s", name_of_peer(),
		    ip_of_peer(), r.s.helo, from, r.s.nrcpt,
		    (unsigned long long)r.s.data.size, reply);
}

static const struct smtps_hooks hooks = {.mail = on_mail, .rcpt = on_rcpt,
    .more = on_more, .done = on_done, .drop = on_drop, .refused = on_refused};

/* Writes the replies that have gathered. */
static int
flush(void)
{
	static const struct timespec second = {1, 0};
	int event;

	if (r.s.slow)
		nanosleep(&second, NULL);
	r.s.slow = 0;
	event = conn_write(&r.conn, r.s.out, r.s.outlen);
	r.s.outlen = 0;
	if (event < 0)
		r.end = event == CONN_TIMEOUT ? "timeout" : "lost";
	return event;
}

/* Reads more of what the client sends; -1 when there is no more. */
static int
fill(void)
{
	int between = r.s.state != SMTPS_DATA;
	size_t n;
	char *p = smtps_space(&r.s, &n);
	long got = conn_read(&r.conn, p, n, between);

	if (got > 0) {
		smtps_read(&r.s, (size_t)got);
	} else if (got == CONN_TERM) {
		smtps_end(&r.s, "421 4.3.2 going down, try again");
	} else if (got == CONN_TIMEOUT) {
		smtps_end(&r.s, "421 4.4.2 timeout");
	} else {
		r.end = got == CONN_EOF ? "eof" : "lost";
		return -1;
	}
	return 0;
}

static void
session(void)
{
	int ok = 1;

	smtps_start(&r.s);
	while (ok && r.s.state != SMTPS_CLOSED) {
		if (conn_term() && r.s.state != SMTPS_DATA) {
			smtps_end(&r.s, "421 4.3.2 going down, try again");
			break;
		}
		switch (smtps_step(&r.s)) {
		case SMTPS_WORKED:
			break;
		case SMTPS_WRITE:
		case SMTPS_STARTTLS:
			ok = flush() == 0;
			break;
		case SMTPS_READ:
			ok = (r.s.outlen == 0 || flush() == 0) && fill() == 0;
		}
	}
	if (ok && flush() == 0 && strcmp(r.end, "quit") != 0)
		conn_linger(&r.conn);
}

/* Settings and the client's variables into the state. */
static void
configure(void)
{
	const char *bytes = getenv("DATABYTES");
	struct smtps *s = &r.s;
	uint64_t n;

	s->hooks = &hooks;
	s->hostname = r.hostname;
	s->peer = r.peer.ip[0] != '\0' ? r.peer.ip : NULL;
	s->peername = r.peer.name[0] != '\0' ? r.peer.name : NULL;
	s->size_max = setting_num(&r.tables, "size");
	if (bytes != NULL && parse_u64(bytes, strlen(bytes), &n) == 0)
		s->size_max = n;
	n = setting_num(&r.tables, "recipients");
	s->rcpt_max = n < RCPT_LEAST ? RCPT_LEAST
	    : n > 1000000 ? 1000000 : (unsigned)n;
	n = setting_num(&r.tables, "hops");
	s->hops_max = n > 1000000 ? 1000000 : (unsigned)n;
	s->accept_lf =
	    strcmp(setting(&r.tables, "bare-newline"), "accept") == 0;
	r.minfree = setting_num(&r.tables, "minfree");
	r.session_ms = setting_num(&r.tables, "session-timeout") * 1000;
	r.admit.tables = &r.tables;
	r.admit.relayclient = getenv("RELAYCLIENT");
	r.admit.verify_from = (int)setting_num(&r.tables, "verify-from");
	restart_deadline();
}

/* Our name: the setting, or what the system says. */
static void
find_hostname(void)
{
	const char *name = setting(&r.tables, "hostname");
	size_t n = strlen(name);

	if (n == 0 || n >= sizeof r.hostname || strcmp(name, "auto") == 0)
		gethostname(r.hostname, sizeof r.hostname - 1);
	else
		memcpy(r.hostname, name, n);
}

/* The end of a session in which more happened than mail that was taken, whose
 * lines are written already. */
static void
log_close(void)
{
	if (r.s.messages > 0 && r.refused == 0 && r.s.errors == 0 &&
	    strcmp(r.end, "quit") == 0)
		return;
	log_info("conn-close", "client=%s[%s] helo=%s messages=%u rcpts=%u "
	    "refused=%u errors=%u ms=%llu end=%s", name_of_peer(),
	    ip_of_peer(), r.s.helo, r.s.messages, r.s.rcpts, r.refused,
	    r.s.errors, (unsigned long long)(clock_ms() - r.started), r.end);
}

/*
 * Routes and settings.  Without a client there is a user of this host, as in
 * sendmail -bs, who may not read the routes and needs none: he could hand
 * anything to queue-inject, and unknown recipients bounce.
 */
static int
open_tables(void)
{
	if (tables_open(&r.tables, "mail.cdb") == 0)
		return 0;
	if (errno != EACCES || peer_on_network() ||
	    tables_open(&r.tables, "public.cdb") == -1)
		return -1;
	r.admit.local = 1;
	return 0;
}

int
main(int argc, char **argv)
{
	static const char sorry[] = "421 4.3.0 the tables cannot be opened\r\n";
	uint64_t idle;

	log_init("smtp-recv");
	if (argc > 1)
		die_usage("(no arguments; SMTP on descriptors 0 and 1)");
	fd_guard();
	if (getenv("TCPREMOTEIP") == NULL)
		syslogfd_replace();
	peer_find(&r.peer);
	r.started = clock_ms();
	r.end = "quit";
	r.keep.sock = -1;
	if (open_tables() == -1) {
		log_fatal("tables-open", "client=%s[%s] err=%m",
		    name_of_peer(), ip_of_peer());
		conn_init(&r.conn, 1000);
		conn_write(&r.conn, sorry, sizeof sorry - 1);
		return 111;
	}
	idle = setting_num(&r.tables, "timeout");
	conn_init(&r.conn, (idle == 0 ? 1 : idle) * 1000);
	find_hostname();
	configure();
	session();
	on_drop(NULL);
	injectkeep_end(&r.keep);
	log_close();
	return 0;
}
