#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "compile.h"
#include "paths.h"
#include "settings.h"
#include "str.h"
#include "sysuser.h"

enum { NAME = 256, COLUMNS = 4 };

/* Whose the virtual mail is, by the settings. */
struct ids {
	int owner;  /* each domain's own */
	int failed; /* reported already */
	uid_t uid;
	gid_t gid;
	uint64_t minimum;
};

/* A line split at its colons. */
struct columns {
	const char *p[COLUMNS];
	size_t n[COLUMNS];
};

typedef void line_fn(void *arg, unsigned line, const struct columns *col);

/* Calls fn for each line that is neither empty nor a comment. */
static void
each_line(const struct buf *text, line_fn *fn, void *arg)
{
	const char *p = text->p, *end = p + text->len, *nl, *eol, *colon;
	struct columns col;
	unsigned line = 0;
	size_t i;

	for (; p < end; p = nl < end ? nl + 1 : end) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		eol = nl > p && nl[-1] == '\r' ? nl - 1 : nl;
		line++;
		if (p == eol || *p == '#')
			continue;
		for (i = 0; i < COLUMNS; i++) {
			colon = memchr(p, ':', (size_t)(eol - p));
			if (colon == NULL)
				colon = eol;
			col.p[i] = p;
			col.n[i] = (size_t)(colon - p);
			p = colon < eol ? colon + 1 : eol;
		}
		fn(arg, line, &col);
	}
}

/* May virtual mail be written with this uid?  Says why not. */
static int
uid_allowed(struct compile *c, const struct ids *ids, uid_t uid,
    const char *what, const char *file, unsigned line)
{
	if (uid == 0)
		diag_error(&c->diag, file, line,
		    "%s is uid 0: virtual mail is never root's", what);
	else if (uid < ids->minimum)
		diag_error(&c->diag, file, line, "%s is uid %lu, below "
		    "virtual-minimum-uid=%llu", what, (unsigned long)uid,
		    (unsigned long long)ids->minimum);
	else
		return 1;
	return 0;
}

/* "uid:gid" in numbers? */
static int
two_ids(const char *p, const char *q, size_t pn, size_t qn, struct ids *ids)
{
	uint64_t u, g;

	if (parse_u64(p, pn, &u) == -1 || parse_u64(q, qn, &g) == -1 ||
	    u >= UINT32_MAX || g >= UINT32_MAX)
		return -1;
	ids->uid = (uid_t)u;
	ids->gid = (gid_t)g;
	return 0;
}

/* What virtual-user and virtual-minimum-uid say. */
static void
virtual_ids(struct compile *c, struct ids *ids)
{
	const struct conf_value *v = conffile_find(&c->conf, "virtual-user");
	const char *user = conffile_get(&c->conf, "virtual-user"), *colon;
	unsigned line = v != NULL ? v->line : 0;

	memset(ids, 0, sizeof *ids);
	parse_u64(conffile_get(&c->conf, "virtual-minimum-uid"),
	    strlen(conffile_get(&c->conf, "virtual-minimum-uid")),
	    &ids->minimum);
	ids->owner = strcmp(user, "owner") == 0;
	if (ids->owner)
		return;
	colon = strchr(user, ':');
	if (colon != NULL ? two_ids(user, colon + 1, (size_t)(colon - user),
	    strlen(colon + 1), ids) == -1
	    : sysuser_ids(user, &ids->uid, &ids->gid) != 1) {
		diag_error(&c->diag, c->conf_path, line,
		    "virtual-user: no user `%s'", user);
		ids->failed = 1;
	} else {
		ids->failed = !uid_allowed(c, ids, ids->uid, "virtual-user",
		    c->conf_path, line);
	}
}

/* One domain's passwd file being read. */
struct passwd_file {
	struct compile *c;
	const struct ids *ids; /* the domain's */
	const char *file;
	const char *domain;
};

/* The canonical name of a virtual user, which is also a file name; -1: it is
 * none. */
static int
user_name(const struct passwd_file *s, const char *p, size_t n, char *out)
{
	struct addr a;

	addr_split(p, n, &a);
	if (a.dlen > 0 && !str_caseeq(a.domain, a.dlen, s->domain))
		return -1;
	if (a.llen >= NAME || memchr(a.local, '"', a.llen) != NULL ||
	    memchr(a.local, '/', a.llen) != NULL ||
	    memchr(a.local, '@', a.llen) != NULL ||
	    !addr_valid(a.local, a.llen, 1))
		return -1;
	memcpy(out, a.local, a.llen);
	out[a.llen] = '\0';
	str_lower(out, a.llen);
	return 0;
}

/* A user's records in mail.cdb and auth.cdb. */
static void
put_virtual(const struct passwd_file *s, unsigned line, const char *name,
    const struct ids *ids, const char *hash, size_t hashlen)
{
	struct compile *c = s->c;
	struct buf key = {0}, v = {0};

	buf_fmt(&key, "%s@%s", name, s->domain);
	buf_fmt(&v, "%lu%c%lu%c%s%c", (unsigned long)ids->uid, '\0',
	    (unsigned long)ids->gid, '\0',
	    compile_format(c, s->domain), '\0');
	compile_origin(&v, s->file, line);
	if (compile_put(c, 'u', key.p, key.len, &v, "user", s->file,
	    line) == 0)
		compile_password(c, &key, hash, hashlen, ids->uid, ids->gid,
		    s->file, line);
	buf_free(&key);
	buf_free(&v);
}

static void
passwd_line(void *arg, unsigned line, const struct columns *col)
{
	struct passwd_file *s = arg;
	struct compile *c = s->c;
	struct ids ids = *s->ids;
	char name[NAME];

	if (user_name(s, col->p[0], col->n[0], name) == -1 ||
	    memchr(col->p[1], '\0', col->n[1]) != NULL) {
		diag_error(&c->diag, s->file, line,
		    "`%.*s' cannot be a mailbox name",
		    col->n[0] > 200 ? 200 : (int)col->n[0], col->p[0]);
		return;
	}
	if (col->n[2] + col->n[3] > 0) {
		if (two_ids(col->p[2], col->p[3], col->n[2], col->n[3],
		    &ids) == -1)
			diag_error(&c->diag, s->file, line,
			    "%s: uid and gid are not numbers", name);
		else
			uid_allowed(c, &ids, ids.uid, name, s->file, line);
	}
	put_virtual(s, line, name, &ids, col->p[1], col->n[1]);
}

/* domains.cf being read. */
struct domains {
	struct compile *c;
	struct ids ids;
	int have_ids;
	const char *file;
};

/* The passwd and aliases files of a domain; dir is its name as written. */
static void
domain_files(struct domains *s, const struct ids *ids, const char *domain,
    const char *dir, size_t dirlen, unsigned line)
{
	struct compile *c = s->c;
	struct buf path = {0}, text = {0};
	struct passwd_file pf = {c, ids, NULL, domain};
	int users, aliases;

	buf_fmt(&path, "%s" PATH_VIRTUAL "/%.*s/passwd", path_prefix(),
	    (int)dirlen, dir);
	pf.file = buf_cstr(&path);
	users = source_read(&c->sources, path.p, &text, &c->diag);
	if (users == 1)
		each_line(&text, passwd_line, &pf);
	path.len -= strlen("passwd");
	buf_str(&path, "aliases");
	aliases = compile_aliases(c, buf_cstr(&path), domain);
	if (users == 0 && aliases == 0)
		diag_warn(&c->diag, s->file, line,
		    "%s has neither passwd nor aliases: nobody is there",
		    domain);
	buf_free(&path);
	buf_free(&text);
}

/* The ids of one domain and who may own its files; -1: not usable. */
static int
domain_ids(struct domains *s, const char *owner, size_t n, unsigned line,
    struct ids *ids)
{
	struct compile *c = s->c;
	struct buf name = {0};
	int found;

	if (!s->have_ids)
		virtual_ids(c, &s->ids);
	s->have_ids = 1;
	*ids = s->ids;
	buf_add(&name, owner, n);
	found = sysuser_ids(buf_cstr(&name), &ids->uid, &ids->gid) == 1;
	c->sources.nowners = 0;
	if (found)
		c->sources.owners[c->sources.nowners++] = ids->uid;
	if (!ids->owner) {
		ids->uid = s->ids.uid;
		ids->gid = s->ids.gid;
		if (!ids->failed)
			c->sources.owners[c->sources.nowners++] = ids->uid;
		if (!found)
			diag_warn(&c->diag, s->file, line,
			    "no user `%s', the owner", name.p);
	} else if (!found) {
		diag_error(&c->diag, s->file, line,
		    "no user `%s', whose the mail would be", name.p);
	} else {
		found = uid_allowed(c, ids, ids->uid, name.p, s->file, line);
	}
	buf_free(&name);
	return ids->owner && !found ? -1 : 0;
}

/* owner:domain:active:comment */
static void
domain_line(void *arg, unsigned line, const struct columns *col)
{
	struct domains *s = arg;
	struct ids ids;
	char domain[NAME];
	size_t n = col->n[1];

	if (!addr_domain_valid(col->p[1], n, 1, 0) || n >= sizeof domain) {
		diag_error(&s->c->diag, s->file, line,
		    "`%.*s' is not a domain (owner:domain:active:comment)",
		    n > 200 ? 200 : (int)n, col->p[1]);
		return;
	}
	if (col->n[2] != 1 || (*col->p[2] != '0' && *col->p[2] != '1')) {
		diag_error(&s->c->diag, s->file, line,
		    "the third column must be 1 (active) or 0");
		return;
	}
	if (*col->p[2] == '0')
		return;
	memcpy(domain, col->p[1], n);
	domain[n] = '\0';
	str_lower(domain, n);
	if (domain_ids(s, col->p[0], col->n[0], line, &ids) == 0 &&
	    compile_domain(s->c, domain, "vhost", ids.uid, ids.gid, s->file,
	    line) == 0)
		domain_files(s, &ids, domain, col->p[1], n, line);
	s->c->sources.nowners = 0;
}

void
compile_virtual(struct compile *c)
{
	char *file = path_make(PATH_VIRTUAL "/domains.cf");
	struct domains s = {.c = c, .file = file};
	struct buf text = {0};

	if (source_read(&c->sources, file, &text, &c->diag) == 1)
		each_line(&text, domain_line, &s);
	if (!s.have_ids && conffile_find(&c->conf, "virtual-user") != NULL)
		virtual_ids(c, &s.ids);
	compile_nobody(c);
	buf_free(&text);
	free(file);
}
