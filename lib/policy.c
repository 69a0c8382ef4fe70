#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "hostq.h"
#include "ownaddr.h"
#include "policy.h"
#include "settings.h"
#include "str.h"
#include "verdict.h"

enum {
	DNS_MS = 20000,  /* for one question: the client waits */
	REASON_MAX = 300 /* bytes of a text for a reply */
};

const char *
policy_note(const struct policy *p, const char *rule, const char *answer,
    const char *origin)
{
	if (p->trace != NULL)
		p->trace(p->arg, rule, answer != NULL ? answer : "pass",
		    origin);
	return answer;
}

const char *
policy_origin(const struct policy *p, const char *name)
{
	return p->trace != NULL ? setting_origin(p->tables, name) : NULL;
}

int
policy_logged_in(const struct policy *p)
{
	return p->login != NULL && p->login[0] != '\0';
}

int
policy_own_addr(const struct netaddr *a)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6};

	memcpy(&sa.sin6_addr, a->b, sizeof a->b);
	return ownaddr((const struct sockaddr *)&sa);
}

int
policy_own_literal(const char *domain, size_t n)
{
	struct netaddr a;

	return n > 0 && domain[0] == '[' &&
	    netaddr_literal(&a, domain, n) == 0 && policy_own_addr(&a);
}

int
policy_here(const struct policy *p)
{
	struct netaddr a;

	return p->local || (netaddr_parse(&a, p->ip, strlen(p->ip)) == 0 &&
	    policy_own_addr(&a));
}

static int
is_service(const struct policy *p, const char *name)
{
	return strcmp(setting(p->tables, "service"), name) == 0;
}

/* Are doubts about who it is out of place?  By LMTP a server brings what it
 * took already. */
static int
well_known(const struct policy *p)
{
	return p->may_relay || policy_logged_in(p) || policy_here(p) ||
	    is_service(p, "lmtp");
}

/* The client's reverse name by DNS, asked once. */
static const struct host_answer *
reverse(struct policy *p)
{
	if (p->dns == NULL) {
		p->dns = xalloc(sizeof *p->dns);
		host_name(p->dns, p->ip, DNS_MS);
	}
	return p->dns;
}

/* `host.example' is that name, `.example' all below it. */
static int
name_matches(const char *name, const char *want, size_t n)
{
	size_t len = strlen(name);

	if (n > 1 && want[0] == '.')
		return len > n && mem_caseeq(name + len - n, n, want, n);
	return mem_caseeq(name, len, want, n);
}

/*
 * Has the client a name that is trusted?  Who owns an address can give it any
 * name, so what the environment says only saves the question: the name counts
 * if it has that address in turn.
 */
static int
trusted_name(struct policy *p, const char *want, size_t n)
{
	const struct host_answer *a;

	if (p->name[0] != '\0' && !name_matches(p->name, want, n))
		return 0;
	a = reverse(p);
	if (a->name[0] != '\0' && !name_matches(a->name, want, n))
		return 0;
	if (a->code != 0 && a->code != 100)
		p->unsure = 1;
	return a->code == 0 && a->confirmed;
}

static int
trusted(struct policy *p)
{
	const char *w = setting(p->tables, "trusted");
	struct netprefix net;
	struct netaddr ip;
	size_t n;

	if (netaddr_parse(&ip, p->ip, strlen(p->ip)) == -1)
		return 0;
	for (; *(w += strspn(w, " \t,")) != '\0'; w += n) {
		n = strcspn(w, " \t,");
		if (netprefix_parse(&net, w, n) == 0
		    ? netprefix_has(&net, &ip) : trusted_name(p, w, n))
			return 1;
	}
	return 0;
}

/* Who may relay. */
static void
find_rights(struct policy *p)
{
	if (p->local) {
		p->may_relay = 1;
		policy_note(p, "local", "may relay", NULL);
	} else if (p->relayclient != NULL) {
		p->may_relay = 1;
		policy_note(p, "RELAYCLIENT", "may relay", "environment");
	} else if (trusted(p)) {
		p->may_relay = 1;
		policy_note(p, "trusted", "may relay",
		    policy_origin(p, "trusted"));
	} else {
		policy_note(p, "trusted", p->unsure ? "cannot be told now"
		    : "no", policy_origin(p, "trusted"));
	}
}

/* Appends the text, harmless in a reply and an attribute. */
static void
add_text(struct buf *b, const char *text)
{
	size_t i;

	for (i = 0; i < REASON_MAX && text[i] != '\0'; i++)
		buf_byte(b, text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
}

/* "554 " or "421 ", a status, and the text. */
static const char *
make_reply(struct policy *p, const char *code, const char *status,
    const char *text)
{
	p->text.len = 0;
	buf_str(&p->text, code);
	buf_byte(&p->text, ' ');
	if (status_scan(text, strlen(text)) == 0 || text[0] != code[0]) {
		buf_str(&p->text, status);
		buf_byte(&p->text, ' ');
	}
	add_text(&p->text, text);
	return buf_cstr(&p->text);
}

/*
 * A client was pointed out, for this reason: what `forbidden' says.  Taken
 * mail bears the reason of the first rule that did.
 */
static const char *
forbid(struct policy *p, const char *rule, int temporary, const char *why,
    const char *origin)
{
	const char *what = setting(p->tables, "forbidden");
	const char *from = policy_origin(p, "forbidden");
	int folder = strncmp(what, "folder:", 7) == 0;

	policy_note(p, rule, why, origin);
	if (!folder && strcmp(what, "accept") != 0) {
		if (strncmp(what, "bounce:", 7) == 0)
			why = what + 7;
		return policy_note(p, "forbidden", temporary
		    ? make_reply(p, "421", "4.7.1", why)
		    : make_reply(p, "554", "5.7.1", why), from);
	}
	if (p->spam == NULL) {
		add_text(&p->why, why + status_scan(why, strlen(why)));
		p->spam = buf_cstr(&p->why);
		p->spam += strspn(p->spam, " ");
		if (folder)
			p->folder = what + 7;
	}
	policy_note(p, "forbidden", what, from);
	return NULL;
}

/* What conn-gate decided: a reply. */
static const char *
gate(struct policy *p)
{
	const char *d = p->denied;

	if (d == NULL || d[0] == '\0')
		return NULL;
	if (strncmp(d, "421 ", 4) == 0)
		return policy_note(p, "DENIED", make_reply(p, "421", "4.7.0",
		    d + 4), "conn-gate");
	return forbid(p, "DENIED", 0, strncmp(d, "554 ", 4) == 0 ? d + 4 : d,
	    "conn-gate");
}

/* RBLSMTPD as rblsmtpd(1) has it. */
static const char *
blocked(struct policy *p)
{
	const char *r = p->rblsmtpd;

	if (r == NULL || r[0] == '\0')
		return NULL;
	return forbid(p, "RBLSMTPD", r[0] != '-', r + (r[0] == '-'),
	    "environment");
}

static const char *
paranoid(struct policy *p)
{
	const char *v = setting(p->tables, "paranoid"), *why = NULL;
	const char *from = policy_origin(p, "paranoid");
	int confirmed = strcmp(v, "confirmed") == 0;
	const struct host_answer *a;

	if (v[0] == '\0' || strcmp(v, "0") == 0 || strcmp(v, "no") == 0) {
		policy_note(p, "paranoid", "off", from);
		return NULL;
	}
	if (well_known(p) || p->ip[0] == '\0' ||
	    (!confirmed && p->name[0] != '\0'))
		return policy_note(p, "paranoid", NULL, from);
	a = reverse(p);
	if (a->code == 100)
		why = "your address has no reverse name";
	else if (a->code != 0 && (confirmed || a->name[0] == '\0'))
		return policy_note(p, "paranoid",
		    "421 4.4.3 your reverse name cannot be looked up now",
		    from);
	else if (confirmed && !a->confirmed)
		why = "your reverse name has not your address";
	return why != NULL ? forbid(p, "paranoid", 0, why, from)
	    : policy_note(p, "paranoid", NULL, from);
}

/* Is the machine busy? */
static const char *
overload(const struct policy *p)
{
	uint64_t most = setting_num(p->tables, "load");
	double now;

	return policy_note(p, "load", most > 0 && getloadavg(&now, 1) == 1 &&
	    now > (double)most ? "421 4.3.2 too busy, try again later" : NULL,
	    policy_origin(p, "load"));
}

const char *
policy_client(struct policy *p)
{
	const char *no;

	if (p->local) {
		find_rights(p);
		return NULL;
	}
	/* What is cheap comes first. */
	if ((no = overload(p)) != NULL || (no = gate(p)) != NULL ||
	    (no = blocked(p)) != NULL)
		return no;
	/* LMTP is for mailboxes of ours. */
	if (!is_service(p, "lmtp"))
		find_rights(p);
	return paranoid(p);
}

int
policy_needs_login(const struct policy *p)
{
	return is_service(p, "submission") && !p->may_relay &&
	    !policy_logged_in(p);
}

/* Is it the hostname, or a domain of this system's users? */
static int
own_name(const struct policy *p, const char *name)
{
	char lower[256];
	const char *v;
	size_t n = strlen(name), len;

	if (n > 1 && name[n - 1] == '.')
		n--;
	if (n >= sizeof lower)
		return 0;
	memcpy(lower, name, n);
	str_lower(lower, n);
	return map_get2(p->tables, 'd', lower, n, &v, &len) == 1 &&
	    len >= sizeof "local" && memcmp(v, "local", sizeof "local") == 0;
}

/* Is it an address of ours, or a name that has one? */
static int
own_host(const char *name)
{
	struct host_answer a;
	struct netaddr addr;
	size_t n = strlen(name), i;
	int own = 0;

	if (name[0] == '[')
		return policy_own_literal(name, n);
	if (netaddr_parse(&addr, name, n) == 0)
		return policy_own_addr(&addr);
	if (strchr(name, '.') == NULL || !addr_domain_valid(name, n, 1, 0))
		return 0;
	host_addrs(&a, name, n, DNS_MS);
	for (i = 0; i < a.naddrs; i++)
		own |= netaddr_parse(&addr, a.addrs[i],
		    strlen(a.addrs[i])) == 0 && policy_own_addr(&addr);
	host_free(&a);
	return own;
}

const char *
policy_helo(struct policy *p)
{
	const char *from = policy_origin(p, "checkhelo");

	if (p->local || !setting_num(p->tables, "checkhelo")) {
		policy_note(p, "checkhelo", "off", from);
		return NULL;
	}
	/* Who submits greets before the login, with any name at all. */
	if (well_known(p) ||
	    is_service(p, "submission") ||
	    (!own_name(p, p->helo) && !own_host(p->helo)))
		return policy_note(p, "checkhelo", NULL, from);
	return policy_note(p, "checkhelo",
	    "554 5.7.1 that is our own name or address", from);
}

void
policy_free(struct policy *p)
{
	if (p->dns != NULL)
		host_free(p->dns);
	free(p->dns);
	p->dns = NULL;
	p->spam = p->folder = NULL;
	buf_free(&p->asked);
	buf_free(&p->text);
	buf_free(&p->why);
}
