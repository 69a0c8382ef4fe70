#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "buf.h"
#include "dnsq.h"
#include "mxq.h"
#include "netaddr.h"
#include "str.h"

/* Above what mx-lookup gives (lib/mxresolve.h). */
enum { HOSTS_MAX = 64, ADDRS_MAX = 64 };

static void
give_up(struct mx_answer *a, const struct dnsq_fail *f)
{
	mx_free(a);
	a->code = f->code;
	memcpy(a->status, f->status, sizeof a->status);
	memcpy(a->text, f->text, sizeof a->text);
}

/* The addresses of an mx line, at least one. */
static int
parse_addrs(struct mx_host *h, struct words *line)
{
	struct netaddr ip;
	struct words w;

	while (dnsq_cut(line, ' ', &w)) {
		if (h->naddrs == ADDRS_MAX || netaddr_parse(&ip, w.p, w.n))
			return -1;
		h->addrs = xrealloc(h->addrs,
		    (h->naddrs + 1) * sizeof *h->addrs);
		h->addrs[h->naddrs++] = dnsq_copy(&w);
	}
	return h->naddrs > 0 ? 0 : -1;
}

/* PREF HOST DNSSEC ADDR...; preferences may not fall from line to line. */
static int
parse_host(struct mx_answer *a, struct words *line)
{
	struct mx_host *h;
	struct words pref, name, sec;
	uint64_t n;

	if (a->nhosts == HOSTS_MAX || !dnsq_cut(line, ' ', &pref) ||
	    !dnsq_cut(line, ' ', &name) || !dnsq_cut(line, ' ', &sec) ||
	    parse_u64(pref.p, pref.n, &n) == -1 || n > 65535 ||
	    (a->nhosts > 0 && n < a->hosts[a->nhosts - 1].pref) ||
	    !addr_domain_valid(name.p, name.n, 0, 1) ||
	    (!dnsq_is(&sec, "secure") && !dnsq_is(&sec, "insecure")))
		return -1;
	a->hosts = xrealloc(a->hosts, (a->nhosts + 1) * sizeof *a->hosts);
	h = &a->hosts[a->nhosts++];
	memset(h, 0, sizeof *h);
	h->pref = (unsigned)n;
	h->name = dnsq_copy(&name);
	h->dnssec = dnsq_copy(&sec);
	return parse_addrs(h, line);
}

void
mx_parse(struct mx_answer *a, const char *p, size_t n)
{
	struct words all = {p, n}, line, word;
	struct dnsq_fail f = {0};
	int bad = n == 0 || n > DNSQ_ANSWER || p[n - 1] != '\n';

	memset(a, 0, sizeof *a);
	while (!bad && dnsq_cut(&all, '\n', &line)) {
		if (!dnsq_cut(&line, ' ', &word))
			bad = 1;
		else if (dnsq_is(&word, "mx"))
			bad = parse_host(a, &line);
		else if (dnsq_is(&word, "fail"))
			bad = dnsq_read_fail(&f, &line);
		/* Other first words are for later versions. */
	}
	if (bad || (a->nhosts == 0) == (f.code == 0))
		dnsq_set_fail(&f, 111, "4.4.3",
		    "malformed answer of mx-lookup");
	if (f.code != 0)
		give_up(a, &f);
}

void
mx_free(struct mx_answer *a)
{
	struct mx_host *h;
	size_t i;

	for (h = a->hosts; h != NULL && h < a->hosts + a->nhosts; h++) {
		for (i = 0; i < h->naddrs; i++)
			free(h->addrs[i]);
		free(h->addrs);
		free(h->name);
		free(h->dnssec);
	}
	free(a->hosts);
	memset(a, 0, sizeof *a);
}

void
mx_ask(struct mx_answer *a, const char *domain, size_t len, uint64_t timeout)
{
	struct dnsq_fail f = {0};
	struct buf lines = {0};
	char name[300];
	size_t i;

	memset(a, 0, sizeof *a);
	for (i = 0; i < len && len < sizeof name; i++) {
		/* A newline would be a second question, a blank another one. */
		if ((unsigned char)domain[i] <= ' ' || domain[i] == 0x7f)
			break;
		name[i] = domain[i];
	}
	if (len == 0 || i < len) {
		dnsq_set_fail(&f, 100, "5.1.2", "not a domain name");
		give_up(a, &f);
		return;
	}
	name[len] = '\0';
	if (dnsq_ask(&f, &lines, name, timeout) == 0)
		mx_parse(a, lines.p, lines.len);
	else
		give_up(a, &f);
	buf_free(&lines);
}
