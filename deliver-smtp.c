/*
 * deliver-smtp: hands a message to the next host by SMTP.
 *
 * usage: deliver-smtp [-k] [-r relayhost] [-h hostname] [-p port]
 *            [-c connecttimeout] [-t timeout] [sender recipient ...]
 * 0  the message; with -k nothing
 * 1  a verdict line a recipient: K, Z or D, index, X.Y.Z, text; with -k the
 *    same socket as 3, and an empty line ends each answer
 * 2  log
 * 3  the order, where no sender and recipients are given; with -k orders come
 *    as packets with the message or its descriptor, and a connection is kept
 *    for the next message to the same destination
 * PC_PATH, PC_PREFIX: where mx-lookup and its socket are
 * exit: 0 the lines are the verdict; 100 usage; 111 what has no line is
 *    deferred
 *
 * Runs as the remote user, who owns nothing.  Trusts the order's X records;
 * of the envelope, the message and the server's bytes nothing.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "child.h"
#include "fdio.h"
#include "log.h"
#include "mxq.h"
#include "nexthost.h"
#include "order.h"
#include "outmsg.h"
#include "ownaddr.h"
#include "smtplink.h"
#include "str.h"
#include "verdict.h"

enum {
	ORDERS = 3,        /* descriptor */
	IDLE_MS = 2000,    /* a kept connection waits that long for an order */
	MESSAGES_MAX = 100, /* of one connection */
	DNS_MS = 30000
};

/* How mail is to go: by the options, or the X records of the order. */
struct config {
	const char *relayhost; /* "" for none */
	const char *hostname;
	unsigned port;
	uint64_t connect_ms;
	uint64_t timeout_ms;
};

static struct {
	int keep;
	struct config given; /* by options */
	struct config now;   /* for the order in work */
	struct order order;
	struct outmsg msg;
	struct smtpmail mail;
	struct buf lines;
	struct smtplink link; /* link.fd -1: no connection */
	struct smtpc session;
	struct buf key;       /* what the connection was made for */
	unsigned messages;    /* sent over it */
	struct smtpc_fail fail; /* the worst so far; kind 0: none */
} s;

static volatile sig_atomic_t got_term;
static sigset_t wait_mask; /* TERM arrives in waits only */

static void
on_term(int sig)
{
	got_term = 1;
}

static void
catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_term};
	sigset_t term;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &sa, NULL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &wait_mask);
	sigdelset(&wait_mask, SIGTERM);
}

/* Ends the connection; nobody waits for the answer to QUIT. */
static void
disconnect(void)
{
	if (s.link.fd == -1)
		return;
	log_info("conn-close", "relay=%s messages=%u", s.session.peer,
	    s.messages);
	smtplink_quit(&s.link, &s.session);
	smtpc_free(&s.session);
}

/* An X record that is a number, or a time with its unit. */
static void
extra_num(const char *name, uint64_t factor, uint64_t *out)
{
	const char *v = order_extra(&s.order, name);
	uint64_t n;

	if (v != NULL && parse_time(v, &n) == 0 && n > 0 && n < 1000000)
		*out = n * factor;
}

static void
configure(void)
{
	const char *v;
	uint64_t port = s.given.port;

	s.now = s.given;
	if ((v = order_extra(&s.order, "relayhost")) != NULL)
		s.now.relayhost = v;
	v = order_extra(&s.order, "hostname");
	if (v != NULL && addr_domain_valid(v, strlen(v), 0, 1))
		s.now.hostname = v;
	extra_num("port", 1, &port);
	s.now.port = (unsigned)port;
	extra_num("connecttimeout", 1000, &s.now.connect_ms);
	extra_num("timeout", 1000, &s.now.timeout_ms);
	s.link.timeout = s.now.timeout_ms;
}

/* Reads the message into s.msg; one that cannot be sent settles all. */
static void
load_message(void)
{
	int r = 0;

	if (s.order.msg != NULL)
		outmsg_take(&s.msg, s.order.msg, s.order.msglen);
	else
		r = outmsg_load(&s.msg, s.order.msgfd);
	if (r == -1) {
		log_warn("message-read", "id=%s err=%m", s.order.id);
		smtpmail_all(&s.mail, 'Z', "4.3.0", "cannot read the message");
	} else if (s.msg.is.barecr) {
		smtpmail_all(&s.mail, 'D', "5.6.11",
		    "a CR in the message has no LF behind it");
	}
	s.mail.size = s.msg.is.size;
	s.mail.eight = s.msg.is.eight;
	s.mail.header8 = s.msg.is.header8;
}

/* The connection is of no more use. */
static void
drop(void)
{
	smtplink_close(&s.link);
	smtpc_free(&s.session);
}

/* Sends the message; smtplink_body's answer to its last part. */
static enum smtpc_next
send_body(void)
{
	struct outmsg_pos pos = {0};
	enum smtpc_next next;
	int more;

	do {
		more = outmsg_part(&s.msg, &pos);
		if (more == -1) {
			/* Without its final dot it was never sent. */
			log_warn("message-read", "id=%s err=%m", s.order.id);
			smtpmail_all(&s.mail, 'Z', "4.3.0",
			    "cannot read the message");
			drop();
			return SMTPC_OVER;
		}
		next = smtplink_body(&s.link, &s.session, s.msg.wire.p,
		    s.msg.wire.len, !more);
	} while (next == SMTPC_BODY);
	return next;
}

/* One transaction over the open connection.  1: it is over, all recipients
 * that were open are settled; 0: s.session.fail says why not. */
static int
transact(void)
{
	enum smtpc_next next = smtpc_mail(&s.session, &s.mail);

	if (next == SMTPC_WAIT)
		next = smtplink_run(&s.link, &s.session);
	if (next == SMTPC_BODY)
		next = send_body();
	if (next != SMTPC_OVER)
		return 0;
	if (s.link.fd != -1 &&
	    (++s.messages >= MESSAGES_MAX || s.session.closing || !s.keep))
		disconnect();
	return 1;
}

/* Connects to one address and tries the transaction there; 1 as above. */
static int
try_host(const struct nexthost *h, unsigned port)
{
	struct smtpc_fail f = {.kind = 'Z', .status = "4.4.1"};

	if (smtplink_connect(&s.link, &h->sa.sa, h->salen,
	    s.now.connect_ms) == -1) {
		snprintf(f.text, sizeof f.text, "connect to %s[%s]:%u: %s",
		    h->name, h->addr, port, strerror(errno));
		if (!s.link.stopped)
			log_warn("conn-fail", "id=%s host=%s addr=%s port=%u "
			    "err=%m", s.order.id, h->name, h->addr, port);
		smtpc_worst(&s.fail, &f);
		return 0;
	}
	smtpc_init(&s.session, h->name, h->addr, port, s.now.hostname);
	s.session.loopcheck = port == 25;
	s.messages = 0;
	if (smtplink_run(&s.link, &s.session) == SMTPC_READY && transact())
		return 1;
	if (!s.link.stopped)
		log_warn("conn-fail", "id=%s host=%s addr=%s port=%u err=%s",
		    s.order.id, h->name, h->addr, port, s.session.fail.text);
	smtpc_worst(&s.fail, &s.session.fail);
	drop();
	return 0;
}

/* Where the mail goes: 0 with hosts; -1: everything is settled. */
static int
find_hosts(struct nexthosts *hosts, struct nexthop *hop,
    const struct addr *dest)
{
	struct mx_answer a = {0};
	int relayed = *s.now.relayhost != '\0';
	const char *where = relayed ? s.now.relayhost : dest->domain;
	char text[600];

	if (nexthop_parse(hop, where, relayed ? strlen(where) : dest->dlen,
	    s.now.port) == -1) {
		snprintf(text, sizeof text, "malformed next host %.256s",
		    where);
		smtpmail_all(&s.mail, relayed ? 'Z' : 'D',
		    relayed ? "4.3.5" : "5.1.2", text);
		return -1;
	}
	if (!hop->literal)
		mx_ask(&a, hop->query, hop->len, DNS_MS);
	nexthosts_make(hosts, hop, &a, s.now.hostname, ownaddr,
	    clock_us() ^ (uint64_t)getpid() << 32);
	mx_free(&a);
	if (hosts->n > 0)
		return 0;
	/* A relay host that is not found is the configuration's error, or
	 * DNS's: never the message's. */
	snprintf(text, sizeof text, "%s%s%s%s", relayed ? "relay host " : "",
	    relayed ? where : "", relayed ? ": " : "", hosts->text);
	if (relayed && strcmp(hosts->status, "5.4.6") != 0)
		smtpmail_all(&s.mail, 'Z', "4.4.3", text);
	else
		smtpmail_all(&s.mail, hosts->kind, hosts->status, text);
	nexthosts_free(hosts);
	return -1;
}

static void
try_hosts(const struct addr *dest)
{
	struct nexthosts hosts;
	struct nexthop hop;
	size_t i;

	s.fail.kind = 0;
	if (find_hosts(&hosts, &hop, dest) == -1)
		return;
	for (i = 0; i < hosts.n && smtpmail_open(&s.mail) > 0 &&
	    !s.link.stopped; i++)
		if (try_host(&hosts.list[i], hop.port))
			break;
	nexthosts_free(&hosts);
	smtpmail_all(&s.mail, s.fail.kind, s.fail.status, s.fail.text);
}

/* Is the open connection good for this destination?  Remembers it. */
static int
same_destination(const struct addr *dest)
{
	struct buf k = {0};
	int same;

	buf_strz(&k, s.now.relayhost);
	buf_strz(&k, s.now.hostname);
	buf_num(&k, s.now.port);
	if (*s.now.relayhost == '\0')
		buf_add(&k, dest->domain, dest->dlen);
	same = mem_caseeq(k.p, k.len, s.key.p, s.key.len);
	buf_free(&s.key);
	s.key = k;
	return same;
}

/* The order in s.order: its verdicts go into s.lines. */
static void
deliver(void)
{
	struct addr dest;
	size_t i;

	configure();
	smtpmail_make(&s.mail, &s.order.env, *s.now.relayhost != '\0',
	    &dest);
	if (smtpmail_open(&s.mail) > 0)
		load_message();
	if (smtpmail_open(&s.mail) > 0) {
		if (!same_destination(&dest))
			disconnect();
		/* A kept connection that died meanwhile is no host's fault. */
		if (s.link.fd == -1 || !transact()) {
			if (s.link.fd != -1)
				drop();
			if (!s.link.stopped)
				try_hosts(&dest);
		}
	}
	if (s.link.stopped)
		smtpmail_all(&s.mail, 'Z', "4.3.2", "delivery was interrupted");
	for (i = 0; i < s.mail.nrcpt; i++)
		verdict_addn(&s.lines, s.mail.rcpt[i].kind, (unsigned)i + 1,
		    s.mail.rcpt[i].status,
		    s.mail.texts.p + s.mail.rcpt[i].text,
		    s.mail.rcpt[i].textlen);
	smtpmail_free(&s.mail);
}

/* Waits for an order, at most IDLE_MS while a connection is open; closes that
 * when the server does, or nothing comes. */
static void
wait_order(void)
{
	struct pollfd p[2] = {{.fd = ORDERS, .events = POLLIN},
	    {.events = POLLIN}};
	struct timespec idle = {.tv_sec = IDLE_MS / 1000,
	    .tv_nsec = IDLE_MS % 1000 * 1000000L};
	int r;

	while (!got_term) {
		p[1].fd = s.link.fd;
		r = ppoll(p, 2, s.link.fd == -1 ? NULL : &idle, &wait_mask);
		if (r == 0 || (r > 0 && s.link.fd != -1 && p[1].revents != 0))
			disconnect();
		if (r > 0 && p[0].revents != 0)
			return;
	}
}

static int
serve(void)
{
	int r;

	for (;;) {
		wait_order();
		if (got_term) {
			disconnect();
			return 0;
		}
		r = order_next(&s.order, ORDERS);
		if (r == -1 && errno != EPROTO)
			log_fatal("order", "err=%m");
		else if (r == -1)
			log_fatal("order", "err=malformed");
		if (r <= 0) {
			disconnect();
			return r == 0 ? 0 : 111;
		}
		deliver();
		order_done(&s.order);
		if (order_answer(&s.lines, 1) == -1 || s.link.stopped)
			return 111;
	}
}

static int
serve_one(int argc, char *argv[])
{
	if (argc > 0)
		s.order.msgfd = 0;
	if ((argc > 0 ? order_args(&s.order, argv, argc)
		      : order_read(&s.order, ORDERS)) == -1)
		die_temp("order", "err=%m");
	deliver();
	order_done(&s.order);
	return order_answer(&s.lines, 0) == -1 || s.link.stopped ? 111 : 0;
}

static void
usage(void)
{
	die_usage("[-k] [-r relayhost] [-h hostname] [-p port] "
	    "[-c connecttimeout] [-t timeout] [sender recipient ...]");
}

static void
options(int argc, char *argv[])
{
	uint64_t n;
	int c;

	while ((c = getopt(argc, argv, "kr:h:p:c:t:")) != -1) {
		n = 0;
		if (strchr("pct", c) != NULL && (parse_time(optarg, &n) == -1 ||
		    n == 0 || n >= 1000000 || (c == 'p' && n > 65535)))
			usage();
		if (c == 'k')
			s.keep = 1;
		else if (c == 'r')
			s.given.relayhost = optarg;
		else if (c == 'h' && addr_domain_valid(optarg, strlen(optarg),
		    0, 1))
			s.given.hostname = optarg;
		else if (c == 'p')
			s.given.port = (unsigned)n;
		else if (c == 'c')
			s.given.connect_ms = n * 1000;
		else if (c == 't')
			s.given.timeout_ms = n * 1000;
		else
			usage();
	}
}

int
main(int argc, char *argv[])
{
	static char hostname[256] = "localhost";

	log_init(argv[0]);
	fd_guard();
	s.given = (struct config){.relayhost = "", .hostname = hostname,
	    .port = 25, .connect_ms = 30000, .timeout_ms = 300000};
	options(argc, argv);
	argc -= optind;
	argv += optind;
	if (argc == 1 || (s.keep && argc > 0))
		usage();
	if (s.given.hostname == hostname &&
	    (gethostname(hostname, sizeof hostname - 1) == -1 ||
	    !addr_domain_valid(hostname, strlen(hostname), 0, 0)))
		strcpy(hostname, "localhost");
	catch_signals();
	s.link = (struct smtplink){.fd = -1, .watch = s.keep ? ORDERS : -1,
	    .stop = &got_term, .mask = &wait_mask};
	return s.keep ? serve() : serve_one(argc, argv);
}
