#include <stdlib.h>
#include <string.h>

#include "conffile.h"
#include "str.h"

enum { NAME = 64 };

/* Options of Postoffice that settings[] may lack. */
static const char *const postoffice[] = {"debug", "delay", "dnscheck",
    "escape-from", "filter", "forward-all", "greylist-from", "immediate",
    "localmx", "msp", "mxpool", "relay", "safe", "spam", "usermap"};

static int
is_postoffice(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof postoffice / sizeof postoffice[0]; i++)
		if (strcmp(name, postoffice[i]) == 0)
			return 1;
	return 0;
}

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Letters to insert, remove or change to make b of a (Levenshtein). */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME], i, j, diagonal, up, n = strlen(b);

	for (j = 0; j <= n; j++)
		row[j] = j;
	for (i = 1; a[i - 1] != '\0'; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= n; j++) {
			up = row[j];
			row[j] = min3(up + 1, row[j - 1] + 1,
			    diagonal + (a[i - 1] != b[j - 1]));
			diagonal = up;
		}
	}
	return row[n];
}

/* The known name that is most like the given one; NULL if none is. */
static const char *
nearest(const char *name)
{
	const struct setting *s;
	const char *best = NULL;
	size_t d, least = strlen(name) / 2 + 1;

	for (s = settings; s->name != NULL; s++) {
		if (strlen(s->name) >= NAME)
			continue;
		d = distance(name, s->name);
		if (d < least) {
			least = d;
			best = s->name;
		}
	}
	return best;
}

static const char *
type_text(enum setting_type type)
{
	switch (type) {
	case SET_BOOL:
		return "not 0, 1, no or yes";
	case SET_NUM:
		return "not a number";
	case SET_TIME:
		return "not a time (30, 5m, 2h, 3d)";
	case SET_SIZE:
		return "not a size (30000, 64k, 30m, 1g)";
	case SET_TEXT:
		break;
	}
	return "not a value";
}

const struct conf_value *
conffile_find(const struct conffile *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->v[i].s->name, name) == 0)
			return &c->v[i];
	return NULL;
}

const char *
conffile_get(const struct conffile *c, const char *name)
{
	const struct conf_value *v = conffile_find(c, name);
	const struct setting *s;

	if (v != NULL)
		return v->text.p;
	s = setting_find(name);
	return s != NULL ? s->dflt : NULL;
}

/* The place of a setting's value, made if there is none. */
static struct conf_value *
slot(struct conffile *c, const struct setting *s)
{
	struct conf_value *v = (struct conf_value *)(uintptr_t)
	    conffile_find(c, s->name);

	if (v != NULL)
		return v;
	c->v = xrealloc(c->v, (c->n + 1) * sizeof *c->v);
	v = &c->v[c->n++];
	memset(v, 0, sizeof *v);
	v->s = s;
	return v;
}

void
conffile_set(struct conffile *c, const char *name, const char *value)
{
	struct conf_value *v = slot(c, setting_find(name));

	v->text.len = 0;
	buf_str(&v->text, value);
	buf_cstr(&v->text);
}

/* One option with its value, blanks around them gone; NULL: the name alone. */
static void
option(struct conffile *c, const char *file, unsigned line, const char *name,
    const char *value, struct diag *d)
{
	const struct setting *s = setting_find(name);
	struct conf_value *v;
	const char *like;

	if (strcmp(name, "msp") == 0) {
		diag_warn(d, file, line, "msp is a service of its own here, "
		    "run/submission; it has no effect");
		return;
	}
	if (s == NULL && is_postoffice(name)) {
		diag_warn(d, file, line, "Postoffice's option `%s' does not "
		    "exist in this version; it has no effect", name);
		return;
	}
	if (s == NULL) {
		like = nearest(name);
		diag_error(d, file, line, "unknown option `%s'%s%s%s", name,
		    like ? "; did you mean `" : "", like ? like : "",
		    like ? "'?" : "");
		return;
	}
	if (value == NULL && s->type == SET_TEXT) {
		diag_error(d, file, line, "%s needs a value", name);
		return;
	}
	if (value == NULL)
		value = "1";
	if (setting_valid(s, value) == -1) {
		diag_error(d, file, line, "%s: `%s' is %s", name, value,
		    type_text(s->type));
		return;
	}
	v = slot(c, s);
	if (v->line != 0 && !(s->flags & (SET_LIST | SET_LINES))) {
		diag_warn(d, file, line, "%s is set in line %u already; "
		    "the last one counts", name, v->line);
		v->text.len = 0;
	} else if (v->line != 0) {
		buf_byte(&v->text, s->flags & SET_LINES ? '\n' : ' ');
	} else {
		v->line = line;
	}
	buf_str(&v->text, value);
	buf_cstr(&v->text);
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the blanks off both ends; returns the new length. */
static size_t
trim(const char **p, size_t n)
{
	while (n > 0 && is_blank((*p)[n - 1]))
		n--;
	for (; n > 0 && is_blank(**p); n--)
		(*p)++;
	return n;
}

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
parse_line(struct conffile *c, const char *file, unsigned line, const char *p,
    size_t n, struct diag *d)
{
	const char *comment = memchr(p, '#', n), *eq, *v;
	struct buf name = {0}, value = {0};
	size_t nn, vn;

	if (comment != NULL)
		n = (size_t)(comment - p);
	n = trim(&p, n);
	if (n == 0)
		return;
	eq = memchr(p, '=', n);
	v = eq != NULL ? eq + 1 : p + n;
	vn = (size_t)(p + n - v);
	vn = trim(&v, vn);
	nn = trim(&p, eq != NULL ? (size_t)(eq - p) : n);
	if (nn == 0 || nn >= NAME || has_control(p, n) || has_control(v, vn)) {
		diag_error(d, file, line, "expected name=value");
		return;
	}
	/* Postoffice's second name for it. */
	if (nn == 4 && memcmp(p, "self", 4) == 0) {
		p = "hostname";
		nn = 8;
	}
	buf_add(&name, p, nn);
	buf_add(&value, v, vn);
	buf_cstr(&name);
	buf_cstr(&value);
	option(c, file, line, name.p, eq != NULL ? value.p : NULL, d);
	buf_free(&name);
	buf_free(&value);
}

void
conffile_parse(struct conffile *c, const char *file, const char *p, size_t n,
    struct diag *d)
{
	const char *nl, *end = p + n;
	unsigned line = 0;

	while (p < end) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		parse_line(c, file, ++line, p, (size_t)(nl - p), d);
		p = nl < end ? nl + 1 : end;
	}
}

void
conffile_free(struct conffile *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		buf_free(&c->v[i].text);
	free(c->v);
	c->v = NULL;
	c->n = 0;
}
