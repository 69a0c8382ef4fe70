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
#include <stdio.h>
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
	uint64_t started;
	unsigned refused;
	int hide;            /* the setting hide-client */
	const char *end;     /* why the session is over */
	struct peer peer;
	char client[320];    /* for the log: name[address] */
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

/* Logs what a check decided. */
static const char *
told(const char *no)
{
	if (no != NULL)
		log_info("check-refuse", "client=%s setting=%s check=%s "
		    "reply=%s", r.client, r.checks.name, r.checks.by, no);
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
log_failure(void)
{
	if (r.message.failed != NULL) {
		errno = r.message.err;
		log_warn(r.message.failed, "client=%s err=%m", r.client);
	}
	r.message.failed = NULL;
}

static void
on_more(void *arg)
{
	recvmsg_more(message(), &r.s.msg);
	log_failure();
}

static void
on_drop(void *arg)
{
	recvmsg_drop(&r.message);
}

static const char *
on_done(void *arg)
{
	struct smtps *s = &r.s;
	const char *said, *id = r.message.inject.id;

	said = recvmsg_done(message(), &s->msg, &s->env);
	log_failure();
	restart_deadline();
	if (said[0] == '2')
		log_info("msg-accept", "id=%s client=%s helo=%s from=<%s> "
		    "nrcpt=%u size=%llu", id[0] != '\0' ? id : "-", r.client,
		    s->helo, sender(), s->nrcpt,
		    (unsigned long long)s->data.size);
	return said;
}

static const char *
on_auth(void *arg, const char *user, const char *pass)
{
	switch (login_check(&r.tables, user, pass)) {
	case LOGIN_OK:
		log_info("auth-accept", "client=%s user=%s", r.client, user);
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
	if (what == SMTPS_THE_CLIENT) {
		r.end = reply;
		return;
	}
	if (what == SMTPS_A_LOGIN) {
		log_info("auth-refuse", "client=%s helo=%s user=%.*s reply=%s",
		    r.client, r.s.helo, (int)n, text, reply);
		return;
	}
	r.refused++;
	if (what == SMTPS_A_SENDER) {
		r.conn.idle = r.idle_ms / HASTE + 1;
		log_info("mail-refuse", "client=%s helo=%s from=<%.*s> "
		    "reply=%s", r.client, r.s.helo, (int)n, text, reply);
	} else if (what == SMTPS_A_RECIPIENT) {
		log_info("rcpt-refuse", "client=%s helo=%s from=<%s> "
		    "to=<%.*s> reply=%s", r.client, r.s.helo, sender(), (int)n,
		    text, reply);
	} else {
		log_info("data-refuse", "client=%s helo=%s from=<%s> nrcpt=%u "
		    "size=%llu reply=%s", r.client, r.s.helo, sender(),
		    r.s.nrcpt, (unsigned long long)r.s.data.size, reply);
	}
}

/* Of a reply: its code, and what stands behind it. */
static void
on_command(void *arg, const char *verb, const char *reply)
{
	log_info("audit", "client=%s secs=%llu verb=%s code=%.*s info=%s",
	    r.client, (unsigned long long)((clock_ms() - r.started) / 1000),
	    verb, 3, reply, strlen(reply) > 4 ? reply + 4 : "");
}

static struct smtps_hooks hooks = {.helo = on_helo, .mail = on_mail,
    .rcpt = on_rcpt, .data = on_data, .more = on_more, .done = on_done,
    .drop = on_drop, .auth = on_auth, .refused = on_refused};

/* --- the session -------------------------------------------------------- */

static void
log_tls(const char *tls)
{
	size_t n = strcspn(tls, " ");

	log_info("tls", "client=%s proto=%.*s cipher=%s", r.client, (int)n,
	    tls, tls[n] != '\0' ? tls + n + 1 : "-");
}

static const char *
secure(void)
{
	const char *tls = starttls_begin(r.idle_ms);

	if (tls != NULL)
		log_tls(tls);
	else
		log_info("tls-fail", "client=%s", r.client);
	return tls;
}

/* Memory has run out: what was said already is true, and this is the last
 * word.  A message that is under way has no envelope, and is not queued. */
static void
no_memory(void)
{
	static const char sorry[] = "421 4.3.0 out of memory\r\n";

	log_fatal("memory", "client=%s", r.client);
	conn_write(&r.conn, r.s.out, r.s.outlen);
	conn_write(&r.conn, sorry, sizeof sorry - 1);
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
	if (setting_num(&r.tables, "audit"))
		hooks.command = on_command;
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
		log_info("conn-refuse", "client=%s reply=%s", r.client, no);
	} else if (delay > 0 && r.service == SERVICE_SMTP && r.s.tls == NULL &&
	    conn_spoke(delay)) {
		no = "554 5.5.1 you spoke before the greeting";
		log_info("pregreet", "client=%s reply=%s", r.client, no);
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
	if (r.service == SERVICE_LMTP)
		r.policy.may_relay = r.policy.local;
	s->need_login = r.service == SERVICE_SUBMISSION && !r.policy.may_relay;
	s->spam = r.policy.spam;
	s->folder = r.policy.folder;
	if (s->tls != NULL)
		log_tls(s->tls);
	restart_deadline();
}

/* The end of a session in which more happened than mail that was taken, whose
 * lines are written already. */
static void
log_close(void)
{
	if (strcmp(r.end, "quit") != 0 && hooks.command != NULL)
		on_command(NULL, "QUIT", r.end[0] == '4' ? r.end : "499 eof");
	if (r.s.messages > 0 && r.refused == 0 && r.s.errors == 0 &&
	    strcmp(r.end, "quit") == 0)
		return;
	log_info("conn-close", "client=%s helo=%s messages=%u rcpts=%u "
	    "refused=%u errors=%u ms=%llu end=%s", r.client, r.s.helo,
	    r.s.messages, r.s.rcpts, r.refused, r.s.errors,
	    (unsigned long long)(clock_ms() - r.started), r.end);
}

/* Who the client is, for the log as Postfix has it. */
static void
find_client(void)
{
	peer_find(&r.peer);
	snprintf(r.client, sizeof r.client, "%s[%s]",
	    r.peer.name[0] != '\0' ? r.peer.name : "unknown",
	    r.peer.ip[0] != '\0' ? r.peer.ip : "unknown");
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
		if (errno != EACCES || r.peer.ip[0] != '\0' ||
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
	find_client();
	r.started = clock_ms();
	r.end = "quit";
	r.message.keep.sock = -1;
	conn_init(&r.conn, 1000);
	if (open_tables() == -1) {
		log_fatal("tables-open", "client=%s err=%m", r.client);
		conn_write(&r.conn, sorry, sizeof sorry - 1);
		return 111;
	}
	buf_nomem = no_memory;
	configure();
	begin();
	end = smtpserve_run(&r.s, &r.conn, secure);
	if (end != NULL)
		r.end = end;
	else if (strcmp(r.end, "quit") != 0)
		conn_linger(&r.conn);
	recvmsg_end(&r.message);
	log_close();
	return 0;
}
