/*
 * mx-lookup: says where mail for a domain goes: MX hosts, addresses, DNSSEC;
 * and what addresses a name has, or what name an address.
 *
 * mx-lookup [-D] [-a FILE] [-t SECONDS] DOMAIN          once; answer on 1
 * mx-lookup [-D] [-a FILE] [-t SECONDS] addr NAME | ptr ADDRESS
 * mx-lookup [-D] [-a FILE] [-t SECONDS] -s [SOCKET]     resident, on a socket
 * Descriptors: 1 the answer, 2 log.  Environment: DNSCACHEIP.
 * Exit: 0 found, 100 there is none and never will be, 111 try later.
 *
 * Runs as a user of its own or anybody; reads resolv.conf and the root's key
 * at the start.  Trusts neither DNS (libunbound validates, mxresolve checks
 * every record) nor whoever connects (lineserv bounds them).
 * See mx-lookup(8), INTERFACES 7.
 */
#include <sys/resource.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "log.h"
#include "mxserve.h"
#include "paths.h"
#include "str.h"

enum {
	TIMEOUT = 10,  /* seconds for one question */
	PROBE_MS = 4000, /* for the root's keys; then DNSSEC is off ... */
	REPROBE_MS = 120000, /* ... and they are asked for again after this */
	DNSKEY = 48,
	NS = 2,
	CLASS_IN = 1
};

/* Where systems keep the root's key (Debian, unbound, Alpine, OpenBSD,
 * FreeBSD); the first that can be read. */
static const char *const anchors[] = {"/usr/share/dns/root.key",
    "/var/lib/unbound/root.key", "/usr/share/dnssec-root/trusted-key.key",
    "/var/unbound/db/root.key", "/usr/local/etc/unbound/root.key",
    "/var/unbound/root.key", NULL};

/* Names of private networks, which the public root proves not to exist
 * (RFC 6761, RFC 8375, RFC 6762 appendix G): what the site's own resolver
 * says about them is taken as unsigned. */
static const char *const private_names[] = {"test", "home.arpa", "internal",
    "intranet", "private", "corp", "home", "lan", "local", NULL};

/* Is the chain from the root to be had here?  While that is not known no
 * question is begun. */
enum dnssec { UNKNOWN, ON, OFF };

static struct {
	struct ub_ctx *valid; /* validates; NULL without a root key */
	struct ub_ctx *plain; /* does not; NULL where DNSSEC is required */
	enum dnssec dnssec;
	int probing;          /* probes under way */
	int plain_works;      /* the probe of plain was answered */
	uint64_t probe_at;    /* the next probe; end of one under way */
	struct mxserve s;
} m = {.s = {.timeout = TIMEOUT * 1000, .serv = {.fd = -1}}};

static void
set_option(struct ub_ctx *ctx, const char *name, const char *value)
{
	int err = ub_ctx_set_option(ctx, name, value);

	/* One that another version lacks is no reason to take no mail. */
	if (err != 0)
		log_warn("dns-option", "name=%s err=%s", name,
		    ub_strerror(err));
}

/* Resolvers from DNSCACHEIP, else from resolv.conf.  Are there any? */
static int
set_forwarders(struct ub_ctx *ctx)
{
	const char *e = getenv("DNSCACHEIP");
	char addr[64];
	size_t n;
	int some = 0, err;

	for (; e != NULL && *e != '\0'; e += n) {
		e += strspn(e, " \t");
		n = strcspn(e, " \t");
		if (n == 0)
			break;
		snprintf(addr, sizeof addr, "%.*s", (int)n, e);
		err = n < sizeof addr ? ub_ctx_set_fwd(ctx, addr) : UB_SYNTAX;
		if (err != 0)
			log_warn("dns-cacheip", "address=%s err=%s", addr,
			    ub_strerror(err));
		some |= err == 0;
	}
	return some || ub_ctx_resolvconf(ctx, NULL) == 0;
}

/* A context with our options; *forwards: it asks resolvers, not the roots. */
static struct ub_ctx *
make_context(int *forwards)
{
	struct ub_ctx *ctx = ub_ctx_create();
	char value[64];
	int i;

	if (ctx == NULL)
		die_temp("dns-context", "err=%m");
	ub_ctx_debugout(ctx, NULL);
	/* The library works in a thread of its own; callbacks come from
	 * ub_process in ours.  Its other way is a process that holds every
	 * descriptor that is open when it starts, and outlives a kill of this
	 * one. */
	ub_ctx_async(ctx, 1);
	*forwards = set_forwarders(ctx);
	set_option(ctx, "outgoing-range:", "256");
	set_option(ctx, "num-queries-per-thread:", "1024");
	set_option(ctx, "msg-cache-size:", "4m");
	set_option(ctx, "rrset-cache-size:", "8m");
	/* One silent domain may not make the resolver count as dead. */
	set_option(ctx, "infra-keep-probing:", "yes");
	for (i = 0; private_names[i] != NULL; i++) {
		snprintf(value, sizeof value, "%s.", private_names[i]);
		set_option(ctx, "domain-insecure:", value);
	}
	/* The library would deny these by itself. */
	set_option(ctx, "local-zone:", "test. transparent");
	set_option(ctx, "local-zone:", "home.arpa. transparent");
	/* And the names of private addresses. */
	set_option(ctx, "unblock-lan-zones:", "yes");
	set_option(ctx, "insecure-lan-zones:", "yes");
	return ctx;
}

/* Makes the contexts.  file NULL: the system's key. */
static void
open_dns(const char *file, int required)
{
	int i, forwards, err;

	for (i = 0; file == NULL && anchors[i] != NULL; i++)
		if (access(anchors[i], R_OK) == 0)
			file = anchors[i];
	if (file == NULL && required)
		die_perm("dnssec-key", "err=no-root-key-file");
	m.valid = make_context(&forwards);
	if (file == NULL) {
		log_warn("dnssec-off", "err=no-root-key-file");
		m.plain = m.valid;
		m.valid = NULL;
		set_option(m.plain, "module-config:", "iterator");
		m.dnssec = OFF;
		return;
	}
	err = access(file, R_OK) == 0 ? ub_ctx_add_ta_file(m.valid, file)
				      : UB_READFILE;
	if (err != 0)
		die_perm("dnssec-key", "file=%s err=%s", file,
		    ub_strerror(err));
	/* What comes from the roots themselves has DNSSEC or is forged. */
	if (required || !forwards) {
		m.dnssec = ON;
		return;
	}
	m.plain = make_context(&forwards);
	set_option(m.plain, "module-config:", "iterator");
}

/* libunbound's result in mxresolve's terms; why is used as a place for text. */
static void
translate(struct dns_answer *a, int err, const struct ub_result *u,
    char *why, size_t cap)
{
	memset(a, 0, sizeof *a);
	a->kind = DNS_FAIL;
	a->why = why;
	if (err != 0 || u == NULL) {
		snprintf(why, cap, "%s", ub_strerror(err));
		return;
	}
	a->secure = u->secure;
	a->ttl = u->ttl > 0 ? (uint32_t)u->ttl : 0;
	a->data = u->data;
	a->len = u->len;
	if (u->bogus)
		snprintf(why, cap, "DNSSEC: %s",
		    u->why_bogus != NULL ? u->why_bogus : "bogus");
	else if (u->rcode == 3 || (u->rcode == 0 && u->nxdomain))
		a->kind = DNS_NXDOMAIN;
	else if (u->rcode != 0)
		snprintf(why, cap, "%s", u->rcode == 2 ? "SERVFAIL"
		    : u->rcode == 5 ? "REFUSED" : "DNS error");
	else
		a->kind = u->havedata ? DNS_DATA : DNS_NODATA;
}

/* Hosts that were left out are worth a line: somebody's DNS is wrong. */
static void
log_unused(const struct mxresolve *r)
{
	const struct mxr_host *h;
	size_t i;

	for (i = 0; i < r->nhosts; i++) {
		h = &r->hosts[i];
		if (h->n4 + h->n6 == 0 && r->about == MXR_MAIL && !r->implicit)
			log_info("mx-unused", "domain=%s host=%s err=%s",
			    r->key, h->name,
			    h->failed ? "lookup-failed" : "no-address");
	}
	if (r->malformed > 0)
		log_info("mx-unused", "domain=%s err=no-host-name records=%u",
		    r->key, r->malformed);
}

/* Cancels what is still under way of a question that is done: nobody is
 * called back for it. */
static void
cancel(struct question *q)
{
	struct ask *k;

	for (k = q->asks; k < q->asks + MXR_LOOKUPS; k++)
		if (k->busy)
			ub_cancel(k->via, k->id);
}

static void
lookup_done(void *arg, int err, struct ub_result *u)
{
	struct ask *ask = arg;
	struct dns_answer a;
	char why[120];

	ask->busy = 0;
	translate(&a, err, u, why, sizeof why);
	mxr_answer(&ask->q->r, (unsigned)(ask - ask->q->asks), &a);
	ub_resolve_free(u);
}

/* Sends the look-ups that the question needs now. */
static void
advance(struct question *q)
{
	struct mxr_lookup l;
	struct dns_answer a;
	struct ask *k;
	int err;

	while (mxr_next(&q->r, &l)) {
		k = &q->asks[l.tag];
		k->q = q;
		k->via = m.dnssec == ON ? m.valid : m.plain;
		k->busy = 1;
		err = ub_resolve_async(k->via, l.name, l.type, CLASS_IN, k,
		    lookup_done, &k->id);
		if (err == 0)
			continue;
		k->busy = 0;
		memset(&a, 0, sizeof a);
		a.kind = DNS_FAIL;
		a.why = ub_strerror(err);
		mxr_answer(&q->r, l.tag, &a);
	}
}

static void
probe_done(void *arg, int err, struct ub_result *u)
{
	struct dns_answer a;
	char why[120];

	translate(&a, err, u, why, sizeof why);
	m.probing--;
	if (arg == m.plain) {
		m.plain_works = a.kind != DNS_FAIL;
	} else if (a.kind == DNS_DATA && a.secure) {
		if (m.dnssec == OFF)
			log_info("dnssec-on", "root-keys=secure");
		m.dnssec = ON;
	}
	ub_resolve_free(u);
}

static void
probe(struct ub_ctx *ctx, int type)
{
	int err;

	if (ctx == NULL)
		return;
	err = ub_resolve_async(ctx, ".", type, CLASS_IN, ctx, probe_done, NULL);
	if (err != 0)
		die_temp("dns-probe", "err=%s", ub_strerror(err));
	m.probing++;
}

/* Asks for the root's keys, and whether the resolver works at all. */
static void
start_probe(void)
{
	m.probe_at = clock_ms() + PROBE_MS;
	probe(m.valid, DNSKEY);
	probe(m.plain, NS);
}

/*
 * A resolver that works but cannot give the root's keys with signatures
 * strips DNSSEC, as many of providers do: all would be bogus behind it and no
 * mail would leave.  So DNSSEC is off there, every answer is insecure, and
 * the keys are asked for again later.  Once they were there it stays on: who
 * cuts them off then gets failures, not plain answers.
 */
static void
decide(void)
{
	struct question *q;
	uint64_t now = clock_ms();

	if (m.dnssec == ON || m.valid == NULL || m.plain == NULL)
		return;
	if (m.dnssec == OFF) {
		if (now >= m.probe_at) {
			m.probe_at = now + REPROBE_MS;
			probe(m.valid, DNSKEY);
		}
		return;
	}
	if (m.probing > 0 && (now < m.probe_at || !m.plain_works))
		return;
	if (m.plain_works) {
		m.dnssec = OFF;
		m.probe_at = now + REPROBE_MS;
		log_warn("dnssec-off", "err=resolver-gives-no-root-keys");
		return;
	}
	for (q = m.s.questions; q != NULL; q = q->next)
		mxr_expire(&q->r, "no DNS server answers");
}

/* Begins, carries on or expires every question. */
static void
settle(void)
{
	uint64_t now = clock_ms();
	struct question *q;

	for (q = m.s.questions; q != NULL; q = q->next) {
		if (q->r.done)
			continue;
		if (m.dnssec == UNKNOWN && m.probing == 0)
			start_probe();
		if (m.dnssec != UNKNOWN)
			advance(q);
		if (now >= q->deadline)
			mxr_expire(&q->r, m.dnssec == UNKNOWN
			    ? "no DNS server answers" : "timeout");
	}
}

static void
process(struct ub_ctx *ctx)
{
	int err = ub_process(ctx);

	if (err != 0)
		die_temp("dns-process", "err=%s", ub_strerror(err));
}

/* Waits for the resolver, a client, or the next deadline. */
static void
turn(void)
{
	static struct pollfd p[LINESERV_CLIENTS + 3];
	uint64_t now = clock_ms(), until = UINT64_MAX;
	struct question *q;
	size_t n = 0;

	if (m.dnssec != ON && m.probe_at > now)
		until = m.probe_at;
	for (q = m.s.questions; q != NULL; q = q->next)
		if (q->deadline < until)
			until = q->deadline;
	p[0] = (struct pollfd){.fd = m.valid ? ub_fd(m.valid) : -1,
	    .events = POLLIN};
	p[1] = (struct pollfd){.fd = m.plain ? ub_fd(m.plain) : -1,
	    .events = POLLIN};
	if (m.s.serv.fd != -1)
		n = lineserv_poll(&m.s.serv, p + 2, &until);
	until = until > now ? until - now : 0;
	if (poll(p, n + 2, until > 3600000 ? 3600000 : (int)until) == -1) {
		if (errno != EINTR)
			die_temp("poll", "err=%m");
		return;
	}
	if (p[0].revents != 0)
		process(m.valid);
	if (p[1].revents != 0)
		process(m.plain);
	decide();
	if (n > 0)
		lineserv_work(&m.s.serv, p + 2, n, mxserve_line, &m.s);
}

/* Ends the process itself: the library's threads do not outlive main well. */
static void
once(char *const word[], const char *anchor, int required)
{
	char question[600]; /* what is cut off was too long to be a name */
	struct mxresolve r;
	struct question *q;

	snprintf(question, sizeof question, "%s%s%s", word[0],
	    word[1] != NULL ? " " : "", word[1] != NULL ? word[1] : "");
	mxr_start(&r, question, strlen(question));
	if (!r.done) {
		open_dns(anchor, required);
		q = mxserve_add(&m.s, &r);
		for (settle(); !q->r.done; settle())
			turn();
		log_unused(&q->r);
		r = q->r;
	}
	if (write_all(1, r.out.p, r.out.len) == -1)
		die_temp("write", "err=%m");
	if (memcmp(r.out.p, "fail ", 5) == 0)
		_exit(r.out.p[5] == '5' ? 100 : 111);
	_exit(0);
}

/* At the socket that was given; NULL: where it is expected. */
static void
serve(const char *given)
{
	char *made = given == NULL ? path_make(PATH_RUN "/mx-lookup") : NULL;
	const char *path = given != NULL ? given : made;
	struct rlimit l;
	struct question *q, *next;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	if (lineserv_open(&m.s.serv, path, 0666) == -1)
		die_temp("socket-open", "path=%s err=%m", path);
	log_info("ready", "socket=%s", path);
	free(made);
	for (;;) {
		settle();
		for (q = m.s.questions; q != NULL; q = next) {
			next = q->next;
			if (!q->r.done)
				continue;
			log_unused(&q->r);
			cancel(q);
			mxserve_conclude(&m.s, q);
		}
		turn();
	}
}

int
main(int argc, char *argv[])
{
	static const char usage[] =
	    "[-D] [-a file] [-t seconds] "
	    "domain | addr name | ptr address | -s [socket]";
	const char *anchor = NULL;
	int c, resident = 0, required = 0;
	uint64_t n;

	log_init("mx-lookup");
	fd_guard();
	while ((c = getopt(argc, argv, "Da:st:")) != -1) {
		if (c == 'D')
			required = 1;
		else if (c == 'a')
			anchor = optarg;
		else if (c == 's')
			resident = 1;
		else if (c == 't' && parse_u64(optarg, strlen(optarg), &n) ==
		    0 && n >= 1 && n <= 600)
			m.s.timeout = n * 1000;
		else
			die_usage(usage);
	}
	argc -= optind;
	argv += optind;
	if (argc > 2 - resident || argc < 1 - resident || (argc == 2 &&
	    strcmp(argv[0], "addr") != 0 && strcmp(argv[0], "ptr") != 0))
		die_usage(usage);
	if (!resident)
		once(argv, anchor, required);
	open_dns(anchor, required);
	serve(argc > 0 ? argv[0] : NULL);
}
