#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "compile.h"
#include "netaddr.h"
#include "paths.h"
#include "str.h"

enum {
	TEXT_MAX = 300,  /* of `bounce:why', which goes into a reply */
	FOLDER_MAX = 64,
	ISSUE_MAX = 1000 /* the greeting must fit in a reply (lib/smtps.h) */
};

static int
printable(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] > '~')
			return 0;
	return 1;
}

/* A folder is one name below a mailbox, never a path out of it. */
static int
folder_name(const char *p)
{
	size_t n = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstu"
	    "vwxyz0123456789._-");

	return n > 0 && n <= FOLDER_MAX && p[n] == '\0' && p[0] != '.' &&
	    p[0] != '-' && strstr(p, "..") == NULL && p[n - 1] != '.';
}

static const char *
bad_forbidden(const char *v)
{
	if (strcmp(v, "accept") == 0 || strcmp(v, "bounce") == 0)
		return NULL;
	if (strncmp(v, "bounce:", 7) == 0)
		return v[7] == '\0' ? "no text behind bounce:"
		    : strlen(v + 7) > TEXT_MAX ? "the text is too long"
		    : printable(v + 7, strlen(v + 7)) ? NULL
		    : "the text must be ASCII";
	if (strncmp(v, "folder:", 7) == 0)
		return folder_name(v + 7) ? NULL
		    : "a folder is a name of letters, digits, `.', `_', `-'";
	return "it is accept, bounce, bounce:text or folder:name";
}

/* Settings that take one of a few words. */
static void
check_words(struct compile *c)
{
	static const struct {
		const char *name;
		const char *words; /* with blanks around each */
	} few[] = {{"paranoid", " 0 1 no yes confirmed "},
	    {"auth", " no virtual passwd "},
	    {"service", " smtp submission lmtp "}};
	const struct conf_value *v;
	struct buf w = {0};
	size_t i;

	for (i = 0; i < sizeof few / sizeof few[0]; i++) {
		v = conffile_find(&c->conf, few[i].name);
		if (v == NULL)
			continue;
		w.len = 0;
		buf_fmt(&w, " %s ", v->text.p);
		if (strchr(v->text.p, ' ') != NULL ||
		    strstr(few[i].words, buf_cstr(&w)) == NULL)
			diag_error(&c->diag, c->conf_path, v->line,
			    "%s: `%s' is none of:%.*s", few[i].name,
			    v->text.p, (int)strlen(few[i].words) - 1,
			    few[i].words);
	}
	buf_free(&w);
}

/* `host.example' or `.example'; the last label of a name has a letter. */
static int
is_name(const char *p, size_t n)
{
	size_t i = n;

	if (n > 0 && p[0] == '.') {
		p++;
		n--;
	}
	if (!addr_domain_valid(p, n, 0, 0))
		return 0;
	for (i = n; i > 0 && p[i - 1] != '.'; i--)
		if (p[i - 1] < '0' || p[i - 1] > '9')
			return 1;
	return 0;
}

static void
check_trusted(struct compile *c)
{
	const struct conf_value *v = conffile_find(&c->conf, "trusted");
	struct netprefix x;
	const char *p;
	size_t n;

	if (v == NULL)
		return;
	for (p = v->text.p; *(p += strspn(p, " \t,")) != '\0'; p += n) {
		n = strcspn(p, " \t,");
		if (netprefix_parse(&x, p, n) == 0) {
			if (x.bits == 0 || (x.bits == 96 &&
			    netaddr_is4(&x.net)))
				diag_warn(&c->diag, c->conf_path, v->line,
				    "trusted: `%.*s' lets anybody relay",
				    (int)n, p);
		} else if (!is_name(p, n)) {
			diag_error(&c->diag, c->conf_path, v->line,
			    "trusted: `%.*s' is neither an address, a network "
			    "nor a name", n > 200 ? 200 : (int)n, p);
		}
	}
}

/* A command line whose program is not there would defer all mail. */
static void
check_program(struct compile *c, const struct conf_value *v, const char *p,
    size_t n)
{
	struct buf word = {0};
	char *path;

	p += strspn(p, " \t");
	buf_add(&word, p, strcspn(p, " \t\n") < n ? strcspn(p, " \t\n") : n);
	path = path_program(buf_cstr(&word));
	if (word.len == 0)
		diag_error(&c->diag, c->conf_path, v->line, "%s: no command",
		    v->s->name);
	else if (access(path, X_OK) == -1)
		diag_warn(&c->diag, c->conf_path, v->line,
		    "%s: there is no program %s: mail will be deferred",
		    v->s->name, path);
	free(path);
	buf_free(&word);
}

static void
check_commands(struct compile *c)
{
	static const char *const names[] = {"check-mail", "check-rcpt",
	    "check-data"};
	const struct conf_value *v;
	const char *p;
	size_t i, n;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		v = conffile_find(&c->conf, names[i]);
		for (p = v != NULL ? v->text.p : NULL; p != NULL;
		    p = p[n] != '\0' ? p + n + 1 : NULL) {
			n = strcspn(p, "\n");
			check_program(c, v, p, n);
		}
	}
}

void
compile_check_rules(struct compile *c)
{
	const struct conf_value *v = conffile_find(&c->conf, "forbidden");
	const char *bad = v != NULL ? bad_forbidden(v->text.p) : NULL;

	if (bad != NULL)
		diag_error(&c->diag, c->conf_path, v->line,
		    "forbidden: `%s': %s", v->text.p, bad);
	check_words(c);
	check_trusted(c);
	check_commands(c);
}

/* One login of the senders file, its lines being gathered. */
struct senders {
	struct compile *c;
	const char *file;
	unsigned line;   /* where the login stands */
	struct buf login; /* empty: none, or a wrong one */
	struct buf val;
};

/* Appends the address in lower case; -1 when it is none. */
static int
add_address(struct buf *out, const char *p, size_t n)
{
	size_t at = out->len;

	if (addr_parse(p, n, 1, out) != ADDR_OK) {
		out->len = at;
		return -1;
	}
	str_lower(out->p + at, out->len - at);
	return 0;
}

/* The login as the tables name its user: bare for one of the system. */
static void
set_login(struct senders *s, const char *p, size_t n)
{
	struct table_record d, u;
	struct addr a;

	if (add_address(&s->login, p, n) == -1) {
		diag_error(&s->c->diag, s->file, s->line,
		    "`%.*s' is not a login", n > 200 ? 200 : (int)n, p);
		return;
	}
	addr_split(s->login.p, s->login.len, &a);
	if (a.dlen == 0 || !table_get(&s->c->mail, 'd', a.domain, a.dlen, &d))
		return;
	if (strcmp(d.val, "local") == 0)
		s->login.len = a.llen;
	else if (strcmp(d.val, "vhost") == 0 && !table_get(&s->c->mail, 'u',
	    s->login.p, s->login.len, &u))
		diag_warn(&s->c->diag, s->file, s->line, "there is no user "
		    "`%.*s'", (int)s->login.len, s->login.p);
}

/* What the login may send as besides its own: address, @domain, *. */
static void
add_entry(struct senders *s, const char *p, size_t n, unsigned line)
{
	size_t at = s->val.len;
	int ok;

	if (p[0] == '@') {
		buf_add(&s->val, p, n);
		str_lower(s->val.p + at, n);
		ok = addr_domain_valid(p + 1, n - 1, 1, 1);
	} else if (n == 1 && p[0] == '*') {
		buf_byte(&s->val, '*');
		ok = 1;
	} else {
		/* A word alone is rather a slip than a name. */
		ok = memchr(p, '@', n) != NULL &&
		    add_address(&s->val, p, n) == 0;
	}
	if (ok) {
		buf_byte(&s->val, '\0');
		return;
	}
	s->val.len = at;
	diag_error(&s->c->diag, s->file, line, "`%.*s' is neither an address, "
	    "@domain nor *", n > 200 ? 200 : (int)n, p);
}

static void
add_entries(struct senders *s, const char *p, size_t n, unsigned line)
{
	const char *end = p + n, *e;

	for (; p < end; p = e) {
		while (p < end && strchr(" \t,\r", *p) != NULL)
			p++;
		for (e = p; e < end && strchr(" \t,\r", *e) == NULL; e++)
			;
		if (e > p)
			add_entry(s, p, (size_t)(e - p), line);
	}
}

static void
put_login(struct senders *s)
{
	if (s->login.len > 0)
		compile_put(s->c, 'l', s->login.p, s->login.len, &s->val,
		    "login", s->file, s->line);
	s->login.len = s->val.len = 0;
}

/* One line without its newline: a login with its first entries, or more of
 * them behind white space. */
static void
senders_line(struct senders *s, const char *p, size_t n, unsigned line)
{
	const char *colon = memchr(p, ':', n);
	size_t login;

	while (n > 0 && strchr(" \t\r", p[n - 1]) != NULL)
		n--;
	if (n == 0 || p[0] == '#')
		return;
	if (memchr(p, '\0', n) != NULL) {
		diag_error(&s->c->diag, s->file, line, "a NUL");
		return;
	}
	if (p[0] == ' ' || p[0] == '\t') {
		if (s->line == 0)
			diag_error(&s->c->diag, s->file, line,
			    "expected login: address, ...");
		add_entries(s, p, n, line);
		return;
	}
	put_login(s);
	s->line = line;
	if (colon == NULL) {
		diag_error(&s->c->diag, s->file, line,
		    "expected login: address, ...");
		return;
	}
	login = (size_t)(colon - p);
	while (login > 0 && strchr(" \t", p[login - 1]) != NULL)
		login--;
	set_login(s, p, login);
	compile_origin(&s->val, s->file, line);
	add_entries(s, colon + 1, n - (size_t)(colon + 1 - p), line);
}

static void
put_senders(struct compile *c)
{
	char *path = path_make(PATH_CONF "/senders");
	struct senders s = {.c = c, .file = path};
	struct buf text = {0};
	const char *p, *nl, *end;
	unsigned line = 0;

	if (source_read(&c->sources, path, &text, &c->diag) == 1) {
		end = text.p + text.len;
		for (p = text.p; p < end; p = nl < end ? nl + 1 : end) {
			nl = memchr(p, '\n', (size_t)(end - p));
			if (nl == NULL)
				nl = end;
			senders_line(&s, p, (size_t)(nl - p), ++line);
		}
		put_login(&s);
	}
	buf_free(&text);
	buf_free(&s.login);
	buf_free(&s.val);
	free(path);
}

/* The lines of the greeting, separated by newlines. */
static void
put_issue(struct compile *c)
{
	char *path = path_make("/etc/issue.smtp");
	struct buf text = {0}, v = {0};
	const char *p, *end;
	unsigned line = 0;
	size_t n;

	if (source_read(&c->sources, path, &text, &c->diag) == 1) {
		buf_cstr(&text);
		end = text.p + text.len;
		for (p = text.p; p < end; p += n + 1) {
			n = strcspn(p, "\n");
			if (!printable(p, n - (n > 0 && p[n - 1] == '\r')))
				diag_error(&c->diag, path, line + 1,
				    "a byte that is not printable ASCII");
			if (line++ > 0)
				buf_byte(&v, '\n');
			buf_add(&v, p, n - (n > 0 && p[n - 1] == '\r'));
		}
		if (v.len > ISSUE_MAX)
			diag_error(&c->diag, path, 0, "longer than %d bytes",
			    ISSUE_MAX);
		buf_byte(&v, '\0');
		if (v.len > 1)
			table_put(&c->mail, 'i', "", 0, v.p, v.len, NULL);
	}
	buf_free(&text);
	buf_free(&v);
	free(path);
}

void
compile_rules(struct compile *c)
{
	put_senders(c);
	put_issue(c);
}
