#include <string.h>

#include "addr.h"
#include "aliasfile.h"
#include "str.h"

struct parser {
	const char *file;
	const char *domain;
	struct diag *d;
	alias_fn *fn;
	void *arg;
	unsigned line;      /* where the entry begins */
	struct buf entry;   /* its lines joined */
	struct buf name;
	struct buf targets;
	struct buf scratch;
};

static int
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t
trim(const char **p, size_t n)
{
	while (n > 0 && is_blank((*p)[n - 1]))
		n--;
	for (; n > 0 && is_blank(**p); n--)
		(*p)++;
	return n;
}

static void
bad(struct parser *ps, const char *what, const char *p, size_t n)
{
	diag_error(ps->d, ps->file, ps->line, "%s: `%.*s'", what,
	    n > 200 ? 200 : (int)n, p);
}

/*
 * Bytes up to the first of stop outside quotes, n if there is none; sets
 * *open when a quote is not closed.
 */
static size_t
span(const char *p, size_t n, char stop, int *open)
{
	size_t i;
	int quoted = 0;

	for (i = 0; i < n && (quoted || p[i] != stop); i++) {
		if (quoted && p[i] == '\\' && i + 1 < n)
			i++;
		else if (p[i] == '"')
			quoted = !quoted;
	}
	*open = quoted;
	return i;
}

/* Is p one quoted string and nothing else?  Its text goes to scratch. */
static int
quoted_string(struct parser *ps, const char *p, size_t n)
{
	size_t i;

	ps->scratch.len = 0;
	if (n < 2 || p[0] != '"' || p[n - 1] != '"')
		return 0;
	for (i = 1; i < n - 1; i++) {
		if (p[i] == '"')
			return 0;
		if (p[i] == '\\' && i + 1 < n - 1)
			i++;
		buf_byte(&ps->scratch, p[i]);
	}
	return 1;
}

static void
put_target(struct parser *ps, const char *p, size_t n)
{
	if (n > ALIAS_TARGET_MAX) {
		bad(ps, "target is too long", p, n);
		return;
	}
	buf_add(&ps->targets, p, n);
	buf_byte(&ps->targets, '\0');
}

/* |command, /file or :include:/file. */
static void
special(struct parser *ps, const char *p, size_t n)
{
	static const char include[] = ":include:";
	struct buf b = {0};
	const char *rest;
	size_t len;

	if (p[0] == '|') {
		rest = p + 1;
		len = trim(&rest, n - 1);
		if (len == 0) {
			bad(ps, "no command", p, n);
			return;
		}
		buf_byte(&b, '|');
	} else if (p[0] == ':') {
		len = sizeof include - 1;
		if (n < len || !str_caseeq(p, len, include)) {
			bad(ps, "only :include: is known", p, n);
			return;
		}
		rest = p + len;
		len = trim(&rest, n - len);
		if (len == 0 || rest[0] != '/') {
			bad(ps, "not an absolute path", p, n);
			return;
		}
		buf_str(&b, include);
	} else {
		rest = p;
		len = n;
	}
	buf_add(&b, rest, len);
	put_target(ps, b.p, b.len);
	buf_free(&b);
}

/* Is the address in scratch the name of the entry itself? */
static int
is_self(const struct parser *ps)
{
	struct addr a;

	addr_split(ps->scratch.p, ps->scratch.len, &a);
	return mem_caseeq(a.local, a.llen, ps->name.p, ps->name.len) &&
	    mem_caseeq(a.domain, a.dlen, ps->domain, strlen(ps->domain));
}

/* An address, `\name', or `Somebody <address>'. */
static void
address(struct parser *ps, const char *p, size_t n)
{
	const char *t = p;
	size_t len = n, left;
	int bare = 0, open;
	struct addr a;

	if (p[n - 1] == '>' && (left = span(p, n, '<', &open)) < n) {
		t = p + left + 1;
		len = n - left - 2;
	} else if (p[0] == '\\') {
		t++;
		len--;
		bare = 1;
	}
	ps->scratch.len = 0;
	if (addr_parse(t, len, 1, &ps->scratch) != ADDR_OK) {
		bad(ps, "not an address", p, n);
		return;
	}
	addr_split(ps->scratch.p, ps->scratch.len, &a);
	if (bare && a.dlen > 0) {
		bad(ps, "\\ takes a name without a domain", p, n);
		return;
	}
	if (a.dlen == 0 && ps->domain[0] != '\0') {
		buf_byte(&ps->scratch, '@');
		buf_str(&ps->scratch, ps->domain);
	}
	if (bare || is_self(ps)) {
		buf_byte(&ps->scratch, '\0');
		memmove(ps->scratch.p + 1, ps->scratch.p, ps->scratch.len - 1);
		ps->scratch.p[0] = '\\';
	}
	put_target(ps, ps->scratch.p, ps->scratch.len);
}

static void
target(struct parser *ps, const char *p, size_t n)
{
	struct buf b = {0};

	if (p[0] == '|' && quoted_string(ps, p + 1, n - 1)) {
		/* |"command" is written for "|command" too. */
		buf_byte(&b, '|');
		buf_add(&b, ps->scratch.p, ps->scratch.len);
		special(ps, b.p, b.len);
	} else if (quoted_string(ps, p, n) && ps->scratch.len > 0 &&
	    strchr("|/:", ps->scratch.p[0]) != NULL) {
		buf_add(&b, ps->scratch.p, ps->scratch.len);
		special(ps, b.p, b.len);
	} else if (p[0] == '|' || p[0] == '/' || p[0] == ':') {
		special(ps, p, n);
	} else {
		address(ps, p, n);
	}
	buf_free(&b);
}

/* `*: *@other', the one target of a domain alias. */
static int
domain_alias(struct parser *ps, const char *p, size_t n)
{
	if (n < 3 || p[0] != '*' || p[1] != '@')
		return 0;
	if (ps->name.len != 1 || ps->name.p[0] != '*')
		bad(ps, "*@domain is a target of `*' only", p, n);
	else if (!addr_domain_valid(p + 2, n - 2, 1, 0))
		bad(ps, "not a domain", p, n);
	else
		put_target(ps, p, n);
	return 1;
}

/* The part before the colon. */
static int
entry_name(struct parser *ps, const char *p, size_t n)
{
	struct addr a;

	n = trim(&p, n);
	ps->name.len = 0;
	if (addr_parse(p, n, 1, &ps->name) != ADDR_OK) {
		bad(ps, "not a name", p, n);
		return -1;
	}
	addr_split(ps->name.p, ps->name.len, &a);
	if (a.dlen > 0) {
		bad(ps, "a name has no domain here", p, n);
		return -1;
	}
	str_lower(ps->name.p, ps->name.len);
	buf_cstr(&ps->name);
	if (ps->domain[0] == '\0' && strcmp(ps->name.p, "*") == 0) {
		bad(ps, "only a virtual domain has a catch-all", p, n);
		return -1;
	}
	return 0;
}

static int
entry_targets(struct parser *ps, const char *p, size_t n)
{
	const char *t;
	size_t len, tn;
	int open;

	ps->targets.len = 0;
	for (; n > 0; p += len, n -= len) {
		len = span(p, n, ',', &open);
		if (open) {
			bad(ps, "quote is not closed", p, len);
			return -1;
		}
		t = p;
		tn = trim(&t, len);
		if (tn > 0 && !domain_alias(ps, t, tn))
			target(ps, t, tn);
		len += len < n;
	}
	return 0;
}

/* What the lines joined since the last name make. */
static void
entry(struct parser *ps)
{
	struct alias a;
	size_t colon;
	unsigned before = ps->d->errors;
	int open;

	if (ps->entry.len == 0)
		return;
	colon = span(ps->entry.p, ps->entry.len, ':', &open);
	if (colon == ps->entry.len) {
		bad(ps, open ? "quote is not closed" : "no colon after name",
		    ps->entry.p, ps->entry.len);
	} else if (entry_name(ps, ps->entry.p, colon) == 0 &&
	    entry_targets(ps, ps->entry.p + colon + 1,
		ps->entry.len - colon - 1) == 0 &&
	    ps->d->errors == before) {
		a.name = ps->name.p;
		a.targets = ps->targets.p;
		a.targetslen = ps->targets.len;
		a.line = ps->line;
		if (a.targetslen == 0)
			bad(ps, "no target for", a.name, strlen(a.name));
		else
			ps->fn(ps->arg, &a);
	}
	ps->entry.len = 0;
}

/* Bytes that could not stand in a table or an order. */
static int
has_control(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (((unsigned char)p[i] < ' ' && p[i] != '\t') || p[i] == 0x7f)
			return 1;
	return 0;
}

static void
one_line(struct parser *ps, unsigned line, const char *p, size_t n)
{
	const char *text = p;
	size_t len;

	if (n > 0 && p[n - 1] == '\r')
		n--;
	len = trim(&text, n);
	if (len == 0 || text[0] == '#')
		return;
	if (!is_blank(p[0])) {
		entry(ps);
		ps->line = line;
	}
	if (has_control(text, len)) {
		diag_error(ps->d, ps->file, line, "control character");
	} else if (is_blank(p[0]) && ps->entry.len == 0) {
		diag_error(ps->d, ps->file, line,
		    "continuation line without a name before it");
	} else {
		if (ps->entry.len > 0)
			buf_byte(&ps->entry, ' ');
		buf_add(&ps->entry, text, len);
	}
}

void
aliasfile_parse(const char *file, const char *p, size_t n, const char *domain,
    struct diag *d, alias_fn *fn, void *arg)
{
	struct parser ps = {.file = file, .domain = domain, .d = d, .fn = fn,
	    .arg = arg};
	const char *nl, *end = p + n;
	unsigned line = 0;

	while (p < end) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		one_line(&ps, ++line, p, (size_t)(nl - p));
		p = nl < end ? nl + 1 : end;
	}
	entry(&ps);
	buf_free(&ps.entry);
	buf_free(&ps.name);
	buf_free(&ps.targets);
	buf_free(&ps.scratch);
}
