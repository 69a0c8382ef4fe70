/*
 * smtp-recv: receives mail by SMTP or LMTP and hands it to queue-inject.
 *
 * Descriptors 0 and 1 are the connection, 2 is the log.  No arguments: the
 * setting `service' says what it is.  Who the client is it reads from the
 * environment of tcpserver or another UCSPI server (PROTO, TCPREMOTEIP,
 * TCPREMOTEHOST), or asks the socket (inetd); if 2 is the socket too, the log
 * goes to syslogd.  RELAYCLIENT, DATABYTES, DENIED, RBLSMTPD and PC_ settings
 * are the administrator's word on this client.  Exit codes: 0 the session is
 * over; 111 the tables cannot be opened, or memory ran out.
 *
 * Runs as a user of its own, which can read mail.cdb and nothing else of the
 * system's mail: no mailbox, password or key.  Trusts its environment; nothing
 * that comes on 0.  See smtp-recv(8), INTERFACES 1, 2, 6 and 10 to 14.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "conn.h"
#include "fdio.h"
#include "log.h"
#include "login.h"
#include "peer.h"
#include "policy.h"
#include "recvcheck.h"
#include "recvconf.h"
#include "recvlog.h"
#include "recvmsg.h"
#include "room.h"
#include "settings.h"
#include "smtpserve.h"
#include "starttls.h"
#include "syslogfd.h"

enum { HASTE = 10 }; /* a refused client has so much less time */

static struct {
	struct conn conn;
	struct map tables;
	enum service service;
	struct policy policy;
	struct recvcheck checks;
	struct recvmsg message;
	struct author author;
	uint64_t idle_ms;    /* for a command */
	uint64_t session_ms; /* for one message */
	struct room room;
	int hide;            /* the setting hide-client */
	struct peer peer;
	struct recvlog log;
	char hostname[256];
	struct smtps s;
} r;

/* --- what smtps asks ---------------------------------------------------- */

static const char *
sender(void)
{
	return r.s.env.len > 0 ? r.s.env.p + r.s.sender : "";
}

/* May the client do more than strangers? */
static int
trusted(void)
{
	return r.policy.may_relay || r.s.login[0] != '\0';
}

static void
restart_deadline(void)
{
	if (r.session_ms != 0)
		r.conn.deadline = clock_ms() + r.session_ms;
}

/* What a check decided, for the log too. */
static const char *
told(const char *no)
{
	if (no != NULL)
		recvlog_check(&r.log, r.checks.name, r.checks.by, no);
	return no;
}

static const char *
on_helo(void *arg)
{
	return policy_helo(&r.policy);
}

static const char *
on_mail(void *arg, const char *addr, size_t n, const struct smtparg_mail *m)
{
	int hide = r.hide && trusted();
	const char *no;

	restart_deadline();
	r.s.hide = hide;
	r.s.peer = hide || r.peer.ip[0] == '\0' ? NULL : r.peer.ip;
	r.s.peername = hide || r.peer.name[0] == '\0' ? NULL : r.peer.name;
	if (!room_for(&r.room, m->size))
		return "452 4.3.1 the disk is full";
	no = policy_sender(&r.policy, addr, n);
	if (no == NULL && !trusted())
		no = told(recvcheck_mail(&r.checks, addr, n, m->size));
	if (no == NULL)
		r.conn.idle = r.idle_ms;
	return no;
}

static const char *
on_rcpt(void *arg, struct buf *addr)
{
	const char *no = policy_rcpt(&r.policy, addr);

	if (no == NULL && !trusted())
		no = told(recvcheck_rcpt(&r.checks, addr));
	return no;
}

static const char *
on_check_data(void *arg, int fd)
{
	return told(recvcheck_data(&r.checks, fd));
}

/* A message is about to come. */
static const char *
on_data(void *arg)
{
	if (r.s.login[0] == '\0')
		return NULL;
	return login_quota(&r.tables, r.s.login, r.s.nrcpt);
}

/* What is to be done with the message that is coming. */
static struct recvmsg *
message(void)
{
	struct recvmsg *m = &r.message;

	r.author.sender = sender();
	m->chain = setting(&r.tables, "filter-chain");
	m->author = r.service == SERVICE_SUBMISSION ? &r.author : NULL;
	m->check = !trusted() && recvcheck_wants_data(&r.checks)
	    ? on_check_data : NULL;
	m->deadline = r.conn.deadline;
	return m;
}

static void
tell_failure(void)
{
	if (r.message.failed != NULL)
		recvlog_failed(&r.log, r.message.failed, r.message.err);
	r.message.failed = NULL;
}

static void
on_more(void *arg)
{
	recvmsg_more(message(), &r.s.msg);
	tell_failure();
}

static void
on_drop(void *arg)
{
	recvmsg_drop(&r.message);
}

static const char *
on_done(void *arg)
{
	const char *said = recvmsg_done(message(), &r.s.msg, &r.s.env);

	tell_failure();
	restart_deadline();
	if (said[0] == '2')
		recvlog_accepted(&r.log, r.message.inject.id);
	return said;
}

static const char *
on_auth(void *arg, const char *user, const char *pass)
{
	switch (login_check(&r.tables, user, pass)) {
	case LOGIN_OK:
		recvlog_login(&r.log, user);
		return NULL;
	case LOGIN_WRONG:
		return "535 5.7.8 wrong login or password";
	case LOGIN_LIMIT:
		return "454 4.7.0 too many failed logins, try later";
	case LOGIN_LATER:
		break;
	}
	return "454 4.7.0 logins cannot be checked now";
}

static void
on_refused(void *arg, enum smtps_what what, const char *text, size_t n,
    const char *reply)
{
	if (what == SMTPS_A_SENDER)
		r.conn.idle = r.idle_ms / HASTE + 1;
	recvlog_refused(&r.log, what, text, n, reply);
}

static void
on_command(void *arg, const char *verb, const char *reply)
{
	recvlog_command(&r.log, verb, reply);
}

static const struct smtps_hooks hooks = {.helo = on_helo, .mail = on_mail,
    .rcpt = on_rcpt, .data = on_data, .more = on_more, .done = on_done,
    .drop = on_drop, .auth = on_auth, .refused = on_refused,
    .command = on_command};

/* --- the session -------------------------------------------------------- */

static const char *
secure(void)
{
	const char *tls = starttls_begin(r.idle_ms);

	recvlog_tls(&r.log, tls);
	return tls;
}

/* Memory has run out: what was said already is true, and this is the last
 * word.  A message that is under way has no envelope, and is not queued. */
static void
no_memory(void)
{
	static const char sorry[] = "421 4.3.0 out of memory\r\n";

	size_t n = r.s.outlen;

	/* Of the replies that wait only whole lines. */
	while (n > 0 && r.s.out[n - 1] != '\n')
		n--;
	log_fatal("memory", "client=%s", r.log.client);
	conn_write(&r.conn, r.s.out, n);
	conn_write(&r.conn, sorry, sizeof sorry - 1);
	conn_linger(&r.conn);
	_exit(111);
}

/* The settings. */
static void
configure(void)
{
	uint64_t idle = setting_num(&r.tables, "timeout");

	recvconf_hostname(&r.tables, r.hostname);
	r.service = recvconf_service(&r.tables);
	recvconf_session(&r.s, &r.tables, r.service);
	r.s.hooks = &hooks;
	r.s.hostname = r.hostname;
	r.idle_ms = r.conn.idle = (idle == 0 ? 1 : idle) * 1000;
	r.session_ms = setting_num(&r.tables, "session-timeout") * 1000;
	r.hide = setting_num(&r.tables, "hide-client") != 0;
	r.log.audit = setting_num(&r.tables, "audit") != 0;
	r.room.tables = &r.tables;
	r.room.least = setting_num(&r.tables, "minfree");
	r.checks.tables = &r.tables;
	r.checks.s = &r.s;
	r.author.login = r.s.login;
	r.author.hostname = r.hostname;
}

/* Is the client taken at all?  NULL, or the greeting that refuses it. */
static const char *
meet_client(void)
{
	struct policy *p = &r.policy;
	uint64_t delay = setting_num(&r.tables, "greet-delay") * 1000;
	const char *no;

	p->tables = &r.tables;
	recvconf_client(p, &r.s, &r.peer, r.service);
	no = policy_client(p);
	if (no != NULL) {
		recvlog_client(&r.log, "conn-refuse", no);
	} else if (delay > 0 && r.service == SERVICE_SMTP && r.s.tls == NULL &&
	    conn_spoke(delay)) {
		no = "554 5.5.1 you spoke before the greeting";
		recvlog_client(&r.log, "pregreet", no);
	}
	return no;
}

/* The client's rights into the state. */
static void
begin(void)
{
	struct smtps *s = &r.s;

	s->shut = meet_client();
	if (s->shut != NULL)
		r.conn.idle = r.idle_ms / HASTE + 1;
	s->need_login = policy_needs_login(&r.policy);
	s->spam = r.policy.spam;
	s->folder = r.policy.folder;
	recvlog_command(&r.log, "CONN", s->shut != NULL ? s->shut : "220");
	if (s->tls != NULL)
		recvlog_tls(&r.log, s->tls);
	restart_deadline();
}

/*
 * Routes and settings.  Without a client there is a user of this host, as in
 * sendmail -bs, who may not read the routes and needs none: he could hand
 * anything to queue-inject, and unknown recipients bounce.  Under TLS the
 * network is at the other end, whatever the socket looks like.
 */
static int
open_tables(void)
{
	if (tables_open(&r.tables, "mail.cdb") == -1) {
		if (errno != EACCES || (r.peer.ip[0] != '\0' &&
		    strcmp(r.peer.ip, "127.0.0.1") != 0) ||
		    starttls_already() != NULL || peer_on_network() ||
		    tables_open(&r.tables, "public.cdb") == -1)
			return -1;
		r.policy.local = 1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const char sorry[] = "421 4.3.0 the tables cannot be opened\r\n";
	const char *end;

	log_init("smtp-recv");
	if (argc > 1)
		die_usage("(no arguments; SMTP on descriptors 0 and 1)");
	fd_guard();
	if (getenv("TCPREMOTEIP") == NULL)
		syslogfd_replace();
	peer_find(&r.peer);
	recvlog_init(&r.log, &r.s, &r.peer);
	r.message.keep.sock = -1;
	conn_init(&r.conn, 1000);
	/* A libc may unmap what it has when all is freed: with this held, paths
	 * come and go without that. */
	buf_room(&r.s.env, 1);
	if (open_tables() == -1) {
		log_fatal("tables-open", "client=%s err=%m",
		    r.log.client);
		conn_write(&r.conn, sorry, sizeof sorry - 1);
		return 111;
	}
	buf_nomem = no_memory;
	configure();
	begin();
	end = smtpserve_run(&r.s, &r.conn, secure);
	if (end != NULL)
		r.log.end = end;
	else if (strcmp(r.log.end, "quit") != 0)
		conn_linger(&r.conn);
	recvmsg_end(&r.message);
	recvlog_close(&r.log);
	return 0;
}
