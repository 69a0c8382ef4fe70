#include <sys/types.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "compile.h"
#include "hash64.h"
#include "nexthost.h"
#include "paths.h"
#include "settings.h"
#include "str.h"
#include "sysuser.h"

enum { HOST = 256 };

void
compile_origin(struct buf *b, const char *file, unsigned line)
{
	buf_str(b, file);
	if (line > 0)
		buf_fmt(b, ":%u", line);
	buf_byte(b, '\0');
}

/* The origin field of a record of mail: the last but the targets and the
 * other domain, which come behind it. */
static const char *
record_origin(const struct table_record *r)
{
	const char *p = r->val, *end = r->val + r->vlen;
	int skip = r->key[0] == 'd' ? 4 : r->key[0] == 'u' ? 3 : 0;

	for (; skip > 0 && p < end; skip--)
		p += strlen(p) + 1;
	return p < end ? p : "";
}

int
compile_put(struct compile *c, char tag, const char *key, size_t klen,
    const struct buf *val, const char *what, const char *file, unsigned line)
{
	struct table_record old;

	if (table_put(&c->mail, tag, key, klen, val->p, val->len, &old) == 0)
		return 0;
	diag_error(&c->diag, file, line, "%s `%.*s' is given already, in %s",
	    what, (int)(klen > 200 ? 200 : klen), key, record_origin(&old));
	return -1;
}

/* The format that a word of virtual-mailbox names, behind skip bytes of it;
 * NULL when it is none. */
static const char *
format_word(const char *p, size_t n, size_t skip)
{
	return str_caseeq(p + skip, n - skip, "mbox") ? "mbox"
	    : str_caseeq(p + skip, n - skip, "maildir") ? "maildir" : NULL;
}

const char *
compile_format(const struct compile *c, const char *domain)
{
	const char *p = conffile_get(&c->conf, "virtual-mailbox");
	const char *format = "maildir", *found;
	size_t n, d = strlen(domain);

	for (; *p != '\0'; p += n + strspn(p + n, " ")) {
		n = strcspn(p, " ");
		/* The domain's own word is the last. */
		if (n > d && p[d] == ':' && mem_caseeq(p, d, domain, d) &&
		    (found = format_word(p, n, d + 1)) != NULL)
			return found;
		found = format_word(p, n, 0);
		if (found != NULL)
			format = found;
	}
	return format;
}

/* virtual-mailbox: words, each a format or DOMAIN:format. */
static void
check_formats(struct compile *c)
{
	const struct conf_value *v = conffile_find(&c->conf, "virtual-mailbox");
	const char *p = v == NULL ? "" : v->text.p, *colon;
	size_t n;

	for (; *p != '\0'; p += n + strspn(p + n, " ")) {
		n = strcspn(p, " ");
		colon = memchr(p, ':', n);
		if (format_word(p, n, colon ? (size_t)(colon + 1 - p) : 0) ==
		    NULL)
			diag_error(&c->diag, c->conf_path, v->line,
			    "virtual-mailbox: `%.*s' is neither mbox nor "
			    "maildir", (int)n, p);
	}
}

int
compile_domain(struct compile *c, const char *domain, const char *type,
    uid_t uid, gid_t gid, const char *file, unsigned line)
{
	struct table_record old;
	struct buf v = {0};
	int r = 0;

	buf_strz(&v, type);
	if (strcmp(type, "vhost") == 0) {
		buf_fmt(&v, "%lu%c%lu%c", (unsigned long)uid, '\0',
		    (unsigned long)gid, '\0');
		buf_strz(&v, compile_format(c, domain));
	} else {
		buf_add(&v, "\0\0\0", 3);
	}
	compile_origin(&v, file, line);
	if (table_put(&c->mail, 'd', domain, strlen(domain), v.p, v.len,
	    &old) == -1) {
		diag_error(&c->diag, file, line,
		    "domain %s cannot be %s: it is %s already, in %s", domain,
		    type, old.val, record_origin(&old));
		r = -1;
	} else if (strcmp(type, "local") == 0) {
		/* A login there is a user of the system. */
		table_put(&c->auth, 'd', domain, strlen(domain), v.p, v.len,
		    NULL);
	}
	buf_free(&v);
	return r;
}

/* An alias file being read. */
struct aliases {
	struct compile *c;
	const char *file;
	const char *domain;
	unsigned count;
	size_t longest, total;
};

/* `*: *@other': a record of its own kind. */
static void
put_domain_alias(struct aliases *s, const struct alias *a)
{
	struct buf v = {0};
	const char *other = a->targets + 2;
	size_t n = strlen(other);

	compile_origin(&v, s->file, a->line);
	buf_add(&v, other, n + 1);
	str_lower(v.p + v.len - n - 1, n);
	if (n + 3 < a->targetslen)
		diag_error(&s->c->diag, s->file, a->line,
		    "*@%s must be the only target", other);
	else
		compile_put(s->c, 'D', s->domain, strlen(s->domain), &v,
		    "domain alias", s->file, a->line);
	buf_free(&v);
}

static void
put_alias(void *arg, const struct alias *a)
{
	struct aliases *s = arg;
	struct buf key = {0}, v = {0};

	s->count++;
	s->total += strlen(a->name) + a->targetslen;
	if (a->targetslen > s->longest)
		s->longest = a->targetslen;
	if (a->targets[0] == '*' && a->targets[1] == '@') {
		put_domain_alias(s, a);
		return;
	}
	buf_str(&key, a->name);
	if (s->domain[0] != '\0') {
		buf_byte(&key, '@');
		buf_str(&key, s->domain);
	}
	compile_origin(&v, s->file, a->line);
	buf_add(&v, a->targets, a->targetslen);
	compile_put(s->c, 'a', key.p, key.len, &v, "alias", s->file, a->line);
	buf_free(&key);
	buf_free(&v);
}

int
compile_aliases(struct compile *c, const char *path, const char *domain)
{
	struct aliases s = {c, path, domain, 0, 0, 0};
	struct buf text = {0};
	int r = source_read(&c->sources, path, &text, &c->diag);

	if (r == 1) {
		aliasfile_parse(path, text.p, text.len, domain, &c->diag,
		    put_alias, &s);
		buf_fmt(&c->counts, "%s: %u aliases, longest %zu bytes, "
		    "%zu bytes total\n", path, s.count, s.longest, s.total);
	}
	buf_free(&text);
	return r;
}

/* Our name: the setting, or what the system says. */
static void
set_hostname(struct compile *c)
{
	const struct conf_value *v = conffile_find(&c->conf, "hostname");
	const char *name = conffile_get(&c->conf, "hostname");
	struct addrinfo hint = {.ai_flags = AI_CANONNAME}, *ai;
	char host[HOST] = "";
	int asks = strcmp(name, "auto") == 0;

	if (asks || strcmp(name, "literal") == 0) {
		if (gethostname(host, sizeof host - 1) == -1 || host[0] == 0)
			strcpy(host, "localhost");
	} else if (strlen(name) < sizeof host) {
		strcpy(host, name);
	}
	/* A short name: what hostname -f would say. */
	if (asks && strchr(host, '.') == NULL &&
	    getaddrinfo(host, NULL, &hint, &ai) == 0) {
		if (ai->ai_canonname != NULL &&
		    strchr(ai->ai_canonname, '.') != NULL &&
		    strlen(ai->ai_canonname) < sizeof host)
			strcpy(host, ai->ai_canonname);
		freeaddrinfo(ai);
	}
	if (!addr_domain_valid(host, strlen(host), 1, 0))
		diag_error(&c->diag, c->conf_path, v ? v->line : 0,
		    "hostname: `%s' is not a domain name", host);
	conffile_set(&c->conf, "hostname", host);
}

/* Numbers that would stop the mail. */
static void
check_numbers(struct compile *c)
{
	static const struct {
		const char *name;
		uint64_t least, most;
		const char *text;
	} range[] = {
		{"recipients", 100, UINT64_MAX,
		    "at least 100 (RFC 5321 4.5.3.1.8)"},
		{"smtp-port", 1, 65535, "a port is 1 to 65535"},
		{"concurrency-local", 1, UINT64_MAX, "at least 1"},
		{"concurrency-remote", 1, UINT64_MAX, "at least 1"},
		{"concurrency-destination", 1, UINT64_MAX, "at least 1"}};
	const struct conf_value *v;
	uint64_t n;
	size_t i;

	for (i = 0; i < sizeof range / sizeof range[0]; i++) {
		v = conffile_find(&c->conf, range[i].name);
		if (v != NULL && (parse_u64(v->text.p, strlen(v->text.p), &n) ||
		    n < range[i].least || n > range[i].most))
			diag_error(&c->diag, c->conf_path, v->line, "%s: %s",
			    range[i].name, range[i].text);
	}
}

/* What the type of a setting does not say. */
static void
check_settings(struct compile *c)
{
	const struct conf_value *v;
	struct nexthop hop;
	uid_t uid;
	gid_t gid;

	v = conffile_find(&c->conf, "bare-newline");
	if (v != NULL && strcmp(v->text.p, "refuse") != 0 &&
	    strcmp(v->text.p, "accept") != 0)
		diag_error(&c->diag, c->conf_path, v->line,
		    "bare-newline: `%s' is neither refuse nor accept",
		    v->text.p);
	check_formats(c);
	check_numbers(c);
	compile_check_rules(c);
	v = conffile_find(&c->conf, "relay-host");
	if (v != NULL && *v->text.p != '\0' && nexthop_parse(&hop, v->text.p,
	    strlen(v->text.p), 25) == -1)
		diag_error(&c->diag, c->conf_path, v->line,
		    "relay-host: `%s' is not [host]:port or a domain",
		    v->text.p);
	v = conffile_find(&c->conf, "alias-user");
	if (v == NULL)
		return;
	if (sysuser_ids(v->text.p, &uid, &gid) != 1)
		diag_error(&c->diag, c->conf_path, v->line,
		    "alias-user: no user `%s'", v->text.p);
	else if (uid == 0)
		diag_error(&c->diag, c->conf_path, v->line,
		    "alias-user: nothing is run as uid 0");
}

/* Each domain of a list setting: type local or relay. */
static void
domain_list(struct compile *c, const char *name, const char *type)
{
	const struct conf_value *v = conffile_find(&c->conf, name);
	struct table_record old;
	char d[HOST];
	const char *p;
	size_t n;

	if (v == NULL)
		return;
	for (p = v->text.p; *(p += strspn(p, " \t,")) != '\0'; p += n) {
		n = strcspn(p, " \t,");
		if (!addr_domain_valid(p, n, 1, 1) || n >= sizeof d) {
			diag_error(&c->diag, c->conf_path, v->line,
			    "%s: `%.*s' is not a domain", name,
			    n > 200 ? 200 : (int)n, p);
			continue;
		}
		memcpy(d, p, n);
		d[n] = '\0';
		str_lower(d, n);
		if (table_get(&c->mail, 'd', d, n, &old) &&
		    strcmp(old.val, type) == 0)
			continue;
		compile_domain(c, d, type, 0, 0, c->conf_path, v->line);
	}
}

/* hostname and localhost are local without being told. */
static void
implicit_local(struct compile *c, const char *name, const char *file,
    unsigned line)
{
	struct table_record old;
	struct buf d = {0};

	buf_str(&d, name);
	str_lower(d.p, d.len);
	buf_cstr(&d);
	if (!table_get(&c->mail, 'd', d.p, d.len, &old))
		compile_domain(c, d.p, "local", 0, 0, file, line);
	else if (strcmp(old.val, "local") != 0)
		diag_warn(&c->diag, file, line, "%s is a %s domain (%s): the "
		    "system's users are not reached by it", d.p, old.val,
		    record_origin(&old));
	buf_free(&d);
}

static void
put_user(void *arg, const struct sysuser *u)
{
	struct compile *c = arg;
	char *file = u->line > 0 ? sysuser_file() : NULL;
	const char *from = file != NULL ? file : u->origin;
	struct buf v = {0}, key = {0};

	buf_fmt(&v, "%lu%c%lu%c%s%c", (unsigned long)u->uid, '\0',
	    (unsigned long)u->gid, '\0', u->home.p, '\0');
	compile_origin(&v, from, u->line);
	buf_add(&key, u->name.p, u->name.len);
	str_lower(key.p, key.len);
	if (memcmp(key.p, u->name.p, key.len) != 0)
		diag_warn(&c->diag, from, u->line, "user `%s' has capitals in "
		    "its name and gets no mail", u->name.p);
	else if (addr_valid(key.p, key.len, 1) &&
	    memchr(key.p, '@', key.len) == NULL)
		/* The first of a name counts, as for getpwnam. */
		table_put(&c->mail, 'u', key.p, key.len, v.p, v.len, NULL);
	buf_free(&v);
	buf_free(&key);
	free(file);
}

static void
put_settings(struct compile *c)
{
	const struct conf_value *v;
	struct buf b = {0};
	size_t i;

	for (i = 0; i < c->conf.n; i++) {
		v = &c->conf.v[i];
		b.len = 0;
		buf_add(&b, v->text.p, v->text.len + 1);
		if (v->line > 0)
			compile_origin(&b, c->conf_path, v->line);
		table_put(&c->mail, 's', v->s->name, strlen(v->s->name), b.p,
		    b.len, NULL);
		if (v->s->flags & SET_PUBLIC)
			table_put(&c->public, 's', v->s->name,
			    strlen(v->s->name), v->text.p, v->text.len + 1,
			    NULL);
	}
	buf_free(&b);
}

/* The key h of all tables: hash of the set and time made; in mail.cdb also
 * the sources, whose names show the domains to who may read them. */
static void
put_head(struct compile *c)
{
	struct table *t[] = {&c->public, &c->auth, &c->relay, &c->mail};
	struct hash64 h = {0};
	struct buf v = {0};
	size_t i;

	for (i = 0; i < 4; i++)
		hash64_add(&h, t[i]->data.p, t[i]->data.len);
	buf_fmt(&v, "%016llx%c%lld%c", (unsigned long long)hash64_end(&h),
	    '\0', (long long)time(NULL), '\0');
	for (i = 0; i < 4; i++) {
		if (t[i] == &c->mail)
			buf_add(&v, c->sources.list.p, c->sources.list.len);
		table_put(t[i], 'h', "", 0, v.p, v.len, NULL);
	}
	buf_free(&v);
}

void
compile_sources(struct compile *c)
{
	const struct conf_value *host;
	char *aliases = path_make(PATH_ALIASES);
	struct buf text = {0};

	c->conf_path = path_make(PATH_CONF "/postchaise.conf");
	if (source_read(&c->sources, c->conf_path, &text, &c->diag) == 1)
		conffile_parse(&c->conf, c->conf_path, text.p, text.len,
		    &c->diag);
	check_settings(c);
	host = conffile_find(&c->conf, "hostname");
	domain_list(c, "locals", "local");
	domain_list(c, "relay-domains", "relay");
	if (sysuser_each(put_user, c) == -1)
		diag_errno(&c->diag, "passwd", "cannot list the users");
	compile_aliases(c, aliases, "");
	compile_virtual(c);
	set_hostname(c);
	implicit_local(c, conffile_get(&c->conf, "hostname"),
	    host ? c->conf_path : "hostname(1)", host ? host->line : 0);
	implicit_local(c, "localhost", "localhost", 0);
	compile_rules(c);
	put_settings(c);
	put_head(c);
	buf_free(&text);
	free(aliases);
}

void
compile_free(struct compile *c)
{
	table_free(&c->public);
	table_free(&c->mail);
	table_free(&c->auth);
	table_free(&c->relay);
	conffile_free(&c->conf);
	buf_free(&c->diag.text);
	buf_free(&c->sources.list);
	buf_free(&c->counts);
	free(c->conf_path);
	c->conf_path = NULL;
}
