#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "buf.h"
#include "dnsq.h"
#include "hostq.h"
#include "netaddr.h"
#include "str.h"

enum { ADDRS_MAX = 64 }; /* above what mx-lookup gives */

static void
give_up(struct host_answer *a, int code, const char *why)
{
	host_free(a);
	a->code = code;
	snprintf(a->text, sizeof a->text, "%s", why);
}

/* ADDRESS...; -1 when one is malformed or there is none. */
static int
parse_addrs(struct host_answer *a, struct words *line)
{
	struct netaddr ip;
	struct words w;

	while (dnsq_cut(line, ' ', &w)) {
		if (a->naddrs == ADDRS_MAX || netaddr_parse(&ip, w.p, w.n))
			return -1;
		a->addrs = xrealloc(a->addrs,
		    (a->naddrs + 1) * sizeof *a->addrs);
		a->addrs[a->naddrs++] = dnsq_copy(&w);
	}
	return a->naddrs > 0 ? 0 : -1;
}

/* NAME confirmed|unconfirmed|undecided. */
static int
parse_name(struct host_answer *a, struct words *line)
{
	struct words w, is;

	if (a->name[0] != '\0' || !dnsq_cut(line, ' ', &w) ||
	    w.n >= sizeof a->name || !addr_domain_valid(w.p, w.n, 0, 0) ||
	    !dnsq_cut(line, ' ', &is))
		return -1;
	memcpy(a->name, w.p, w.n);
	str_lower(a->name, w.n);
	a->confirmed = dnsq_is(&is, "confirmed");
	if (dnsq_is(&is, "undecided")) {
		a->code = 111;
		strcpy(a->text, "its name's addresses cannot be looked up");
	} else if (!a->confirmed && !dnsq_is(&is, "unconfirmed")) {
		return -1;
	}
	return 0;
}

void
host_parse(struct host_answer *a, const char *p, size_t n)
{
	struct words all = {p, n}, line, word;
	struct dnsq_fail f = {0};
	int bad = n == 0 || p[n - 1] != '\n';

	memset(a, 0, sizeof *a);
	while (!bad && dnsq_cut(&all, '\n', &line)) {
		if (!dnsq_cut(&line, ' ', &word))
			bad = 1;
		else if (dnsq_is(&word, "addr"))
			bad = parse_addrs(a, &line);
		else if (dnsq_is(&word, "ptr"))
			bad = parse_name(a, &line);
		else if (dnsq_is(&word, "fail"))
			bad = dnsq_read_fail(&f, &line);
		/* Other first words are for later versions. */
	}
	if (bad || (a->naddrs == 0 && a->name[0] == '\0') == (f.code == 0))
		give_up(a, 111, "malformed answer of mx-lookup");
	else if (f.code != 0)
		give_up(a, f.code, f.text);
}

/* kind, a blank and the n bytes at arg are the question. */
static void
ask(struct host_answer *a, const char *kind, const char *arg, size_t n,
    uint64_t timeout)
{
	struct buf question = {0}, lines = {0};
	struct dnsq_fail f;

	memset(a, 0, sizeof *a);
	buf_str(&question, kind);
	buf_add(&question, arg, n);
	if (dnsq_ask(&f, &lines, buf_cstr(&question), timeout) == 0)
		host_parse(a, lines.p, lines.len);
	else
		give_up(a, f.code, f.text);
	buf_free(&question);
	buf_free(&lines);
}

void
host_addrs(struct host_answer *a, const char *name, size_t n, uint64_t timeout)
{
	if (addr_domain_valid(name, n, 1, 0)) {
		ask(a, "addr ", name, n, timeout);
		return;
	}
	memset(a, 0, sizeof *a);
	give_up(a, 100, "not a domain name");
}

void
host_name(struct host_answer *a, const char *ip, uint64_t timeout)
{
	struct netaddr addr;

	if (netaddr_parse(&addr, ip, strlen(ip)) == 0) {
		ask(a, "ptr ", ip, strlen(ip), timeout);
		return;
	}
	memset(a, 0, sizeof *a);
	give_up(a, 100, "not an IP address");
}

void
host_free(struct host_answer *a)
{
	size_t i;

	for (i = 0; i < a->naddrs; i++)
		free(a->addrs[i]);
	free(a->addrs);
	memset(a, 0, sizeof *a);
}
