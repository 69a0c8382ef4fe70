/*
 * route-explain: says step by step what would happen to mail for an address,
 * or to a client that brings mail, and which file and line decided.
 *
 * Descriptors: 1 the explanation; 2 the log.
 * Arguments: ADDRESS ...; one without a domain is a name of this system.
 * --client IP with --name, --helo, --auth, --from, --to: what that client
 * would be answered; --rules FILE (tcprules(1)), --gate (asks conn-gate).
 * Exit codes: 0 deliverable, or accepted; 100 an address is unknown, or the
 * client is refused; 111 a look-up failed, or the client is deferred.
 *
 * Runs as whoever may read mail.cdb; delivers and changes nothing.  The steps
 * are those of lib/route and lib/policy themselves, told by their traces.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "child.h"
#include "explain.h"
#include "log.h"
#include "netaddr.h"
#include "paths.h"
#include "settings.h"
#include "str.h"

static const char usage[] = "ADDRESS ... | --client IP [--name NAME] "
    "[--rules FILE.cdb] [--gate] [--helo NAME] [--auth USER] [--from ADDRESS] "
    "[--to ADDRESS]";

/* What the options say; addr and ip hold what is made of them. */
static struct {
	struct explain_session s;
	struct buf from, to, name;
	char ip[NETADDR_TEXT];
} opt;

static void
print_line(void *arg, int depth, const char *text)
{
	printf("%*s%s\n", 2 * depth, "", text);
}

/* The tables, and whether they are what the files say now. */
static void
open_tables(struct map *tables)
{
	const char *path;

	if (tables_open(tables, "mail.cdb") == -1)
		die_temp("tables-open", "file=mail.cdb err=%m");
	if (tables_stale_source(tables, &path) == 1)
		log_warn("tables-stale", "file=%s: it changed after "
		    "alias-compile ran", path);
}

/* An address of an option, with or without brackets. */
static const char *
take_address(struct buf *b, const char *arg, int null)
{
	size_t n = strlen(arg);

	if (n >= 2 && arg[0] == '<' && arg[n - 1] == '>') {
		arg++;
		n -= 2;
	}
	b->len = 0;
	if (!(null && n == 0) && addr_parse(arg, n, 1, b) != ADDR_OK)
		die_perm("not-an-address", "arg=%s", arg);
	return buf_cstr(b);
}

static void
take_client(const char *arg)
{
	struct netaddr a;

	if (netaddr_parse(&a, arg, strlen(arg)) == -1 &&
	    netaddr_literal(&a, arg, strlen(arg)) == -1)
		die_perm("not-an-ip-address", "arg=%s", arg);
	netaddr_text(&a, opt.ip);
	opt.s.ip = opt.ip;
}

/* As tcpserver would have it: lower case, without a final dot. */
static void
take_name(const char *arg)
{
	size_t n = strlen(arg);

	if (!addr_domain_valid(arg, n, 0, 0))
		die_perm("not-a-domain", "arg=%s", arg);
	opt.name.len = 0;
	buf_str(&opt.name, arg);
	str_lower(opt.name.p, opt.name.len);
	opt.s.name = buf_cstr(&opt.name);
}

static void
read_options(int argc, char *argv[])
{
	static const struct option options[] = {
		{"client", required_argument, NULL, 'c'},
		{"name", required_argument, NULL, 'n'},
		{"helo", required_argument, NULL, 'h'},
		{"auth", required_argument, NULL, 'a'},
		{"from", required_argument, NULL, 'f'},
		{"to", required_argument, NULL, 't'},
		{"rules", required_argument, NULL, 'r'},
		{"gate", no_argument, NULL, 'g'},
		{NULL, 0, NULL, 0}
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			take_client(optarg);
		else if (c == 'n')
			take_name(optarg);
		else if (c == 'h')
			opt.s.helo = optarg;
		else if (c == 'a')
			opt.s.login = optarg;
		else if (c == 'f')
			opt.s.from = take_address(&opt.from, optarg, 1);
		else if (c == 't')
			opt.s.to = take_address(&opt.to, optarg, 0);
		else if (c == 'r')
			opt.s.rules = optarg;
		else if (c == 'g')
			opt.s.gate = 1;
		else
			die_usage(usage);
	}
}

static int
explain_client(const struct explain *e)
{
	char *rules = path_make(PATH_CONF "/tcp.cdb");
	int r;

	if (opt.s.rules == NULL && access(rules, F_OK) == 0)
		opt.s.rules = rules;
	r = explain_session(e, &opt.s);
	free(rules);
	return r;
}

static int
explain_all(const struct explain *e, char *argv[])
{
	struct buf addr = {0};
	int r, result = EXPLAIN_OK;

	for (; *argv != NULL; argv++) {
		addr.len = 0;
		if (addr_parse(*argv, strlen(*argv), 1, &addr) != ADDR_OK) {
			log_warn("not-an-address", "addr=%s", *argv);
			r = EXPLAIN_REFUSED;
		} else {
			r = explain_address(e, buf_cstr(&addr));
		}
		if (r > result)
			result = r;
	}
	buf_free(&addr);
	return result;
}

int
main(int argc, char *argv[])
{
	struct map tables = {0};
	struct explain e = {&tables, print_line, NULL};
	int result, any;

	fd_guard();
	log_init(argv[0]);
	read_options(argc, argv);
	any = opt.s.name || opt.s.helo || opt.s.login || opt.s.from ||
	    opt.s.to || opt.s.rules || opt.s.gate;
	if (opt.s.ip != NULL ? optind < argc : any || optind == argc)
		die_usage(usage);
	open_tables(&tables);
	result = opt.s.ip != NULL ? explain_client(&e)
	    : explain_all(&e, argv + optind);
	if (fflush(stdout) == EOF)
		die_temp("cannot-write", "err=%m");
	buf_free(&opt.from);
	buf_free(&opt.to);
	buf_free(&opt.name);
	return result;
}
