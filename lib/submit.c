#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "hdraddr.h"
#include "header.h"
#include "record.h"
#include "str.h"
#include "submit.h"

/* Which fields the header has. */
struct has {
	int from, date, id;
	int resent; /* any Resent- field */
	int rfrom, rdate, rid;
};

/* What becomes of a field. */
enum { DROP = 1, RCPT = 2, RESENT_RCPT = 4 };
static const struct {
	const char *name;
	int what;
} fields[] = {
	{"Return-Path", DROP},
	{"To", RCPT},
	{"Cc", RCPT},
	{"Bcc", RCPT | DROP},
	{"Resent-To", RESENT_RCPT},
	{"Resent-Cc", RESENT_RCPT},
	{"Resent-Bcc", RESENT_RCPT | DROP}
};

static int
treatment(const struct header_field *f)
{
	size_t i;

	for (i = 0; i < sizeof fields / sizeof *fields; i++)
		if (header_is(f, fields[i].name))
			return fields[i].what;
	return 0;
}

static void
survey(struct has *h, const char *p, size_t n)
{
	const char *end = p + n;
	struct header_field f;

	memset(h, 0, sizeof *h);
	while (header_next(&p, end, &f)) {
		h->from |= header_is(&f, "From");
		h->date |= header_is(&f, "Date");
		h->id |= header_is(&f, "Message-ID");
		h->resent |= f.namelen > 7 && str_caseeq(f.name, 7, "Resent-");
		h->rfrom |= header_is(&f, "Resent-From");
		h->rdate |= header_is(&f, "Resent-Date");
		h->rid |= header_is(&f, "Resent-Message-ID");
	}
}

/* Outside text in a message for people: control characters become `?'. */
static void
add_clean(struct buf *b, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < 200; i++)
		buf_byte(b, (unsigned char)p[i] < ' ' || p[i] == 0x7f ? '?'
								      : p[i]);
}

int
submit_recipients(struct submit *s, const char *what, const char *text,
    size_t n)
{
	struct buf list = {0};
	const char *bad, *a;
	size_t nbad;
	int i, found;

	found = hdraddr_parse(text, n, 1, &list, &bad, &nbad);
	if (found == -1) {
		s->error.len = 0;
		buf_str(&s->error, what);
		buf_str(&s->error, ": not an address: ");
		while (nbad > 0 && strchr(" \t\r\n", *bad) != NULL)
			bad++, nbad--;
		add_clean(&s->error, bad, nbad);
	}
	for (a = list.p, i = 0; i < found; i++, a += strlen(a) + 1) {
		buf_str(&s->rcpts, a);
		/* Without a domain it holds @ only in quotes, at its end. */
		if (a[strlen(a) - 1] == '"' || strchr(a, '@') == NULL) {
			buf_byte(&s->rcpts, '@');
			buf_str(&s->rcpts, s->hostname);
		}
		buf_byte(&s->rcpts, '\0');
		s->nrcpt++;
	}
	buf_free(&list);
	return found == -1 ? -1 : 0;
}

/* Those of the three fields that are not there, with the prefix. */
static void
add_missing(struct submit *s, const char *prefix, int from, int date, int id)
{
	struct buf *h = &s->header;

	if (!date) {
		buf_fmt(h, "%sDate: ", prefix);
		date_local(h, s->now);
		buf_byte(h, '\n');
	}
	if (!from) {
		buf_fmt(h, "%sFrom: ", prefix);
		if (s->fullname != NULL && *s->fullname != '\0') {
			submit_phrase(h, s->fullname);
			buf_fmt(h, " <%s>\n", s->from);
		} else {
			buf_fmt(h, "%s\n", s->from);
		}
	}
	if (!id)
		buf_fmt(h, "%sMessage-ID: <%s%s@%s>\n", prefix,
		    *prefix ? "r." : "", s->id, s->hostname);
}

int
submit_header(struct submit *s, const char *p, size_t n)
{
	const char *end = p + n;
	struct header_field f;
	struct has has;
	char name[16];
	int what;

	survey(&has, p, n);
	/* A resending's fields stand above what it resends (3.6.6). */
	if (has.resent)
		add_missing(s, "Resent-", has.rfrom, has.rdate, has.rid);
	while (header_next(&p, end, &f)) {
		what = treatment(&f);
		if (!(what & DROP))
			buf_add(&s->header, f.raw, f.rawlen);
		if (!s->extract ||
		    !(what & (has.resent ? RESENT_RCPT : RCPT)))
			continue;
		memcpy(name, f.name, f.namelen);
		name[f.namelen] = '\0';
		if (submit_recipients(s, name, f.value, f.valuelen) == -1)
			return -1;
	}
	if (s->header.len > 0 && s->header.p[s->header.len - 1] != '\n')
		buf_byte(&s->header, '\n');
	add_missing(s, "", has.from, has.date, has.id);
	buf_byte(&s->header, '\n');
	return 0;
}

/* For qsort: by text, then by place. */
static int
compare(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;
	int r = strcmp(*a, *b);

	return r != 0 ? r : *a < *b ? -1 : *a > *b;
}

void
submit_unique(struct submit *s)
{
	const char **v, *a;
	struct buf out = {0};
	unsigned i, kept = 0;

	if (s->nrcpt < 2)
		return;
	v = xalloc(s->nrcpt * sizeof *v);
	for (a = s->rcpts.p, i = 0; i < s->nrcpt; i++, a += strlen(a) + 1)
		v[i] = a;
	qsort(v, s->nrcpt, sizeof *v, compare);
	/* The first of equals stays; the others lose their first byte. */
	for (i = 1, a = v[0]; i < s->nrcpt; i++) {
		if (strcmp(v[i], a) == 0)
			s->rcpts.p[v[i] - s->rcpts.p] = '\n';
		else
			a = v[i];
	}
	for (a = s->rcpts.p, i = 0; i < s->nrcpt; i++, a += strlen(a) + 1) {
		if (*a != '\n') {
			buf_strz(&out, a);
			kept++;
		}
	}
	free(v);
	buf_free(&s->rcpts);
	s->rcpts = out;
	s->nrcpt = kept;
}

size_t
submit_from_line(const char *p, size_t n)
{
	const char *at = p, *lf;
	struct header_field f;

	if (n < 5 || memcmp(p, "From ", 5) != 0 || header_next(&at, p + n, &f))
		return 0;
	lf = memchr(p, '\n', n);
	return lf != NULL ? (size_t)(lf + 1 - p) : n;
}

const char *
submit_notify(const char *arg)
{
	static const char *const words[] = {"SUCCESS", "FAILURE", "DELAY"};
	static char out[32];
	int have[3] = {0, 0, 0}, i;
	size_t n;

	if (str_caseeq(arg, strlen(arg), "never"))
		return "NEVER";
	do {
		n = strcspn(arg, ",");
		for (i = 0; i < 3 && !str_caseeq(arg, n, words[i]); i++)
			;
		if (i == 3)
			return NULL;
		have[i] = 1;
		arg += n;
	} while (*arg++ == ',');
	out[0] = '\0';
	for (i = 0; i < 3; i++) {
		if (!have[i])
			continue;
		strcat(out, out[0] != '\0' ? "," : "");
		strcat(out, words[i]);
	}
	return out;
}

const char *
submit_ret(const char *arg)
{
	return str_caseeq(arg, strlen(arg), "full") ? "FULL"
	    : str_caseeq(arg, strlen(arg), "hdrs") ? "HDRS" : NULL;
}

void
submit_envelope(const struct submit *s, const char *sender, int body8bit,
    struct buf *env)
{
	const char *a;
	unsigned i;
	int utf8 = str_8bit(sender, strlen(sender));

	for (a = s->rcpts.p, i = 0; i < s->nrcpt; i++, a += strlen(a) + 1)
		utf8 |= str_8bit(a, strlen(a));
	record_attr(env, 'A', "proto", "local");
	if (body8bit)
		record_attr(env, 'A', "body", "8BITMIME");
	if (utf8)
		record_attr(env, 'A', "smtputf8", "1");
	if (s->ret != NULL)
		record_attr(env, 'A', "ret", s->ret);
	if (s->envid != NULL)
		record_attr(env, 'A', "envid", s->envid);
	record_adds(env, 'F', sender);
	for (a = s->rcpts.p, i = 0; i < s->nrcpt; i++, a += strlen(a) + 1) {
		record_adds(env, 'T', a);
		if (s->notify != NULL)
			record_attr(env, 'a', "notify", s->notify);
	}
	buf_byte(env, '\0');
}

/* Appends one UTF-8 name as encoded words of at most 75 characters. */
static void
encoded_words(struct buf *out, const char *p)
{
	static const char open[] = "=?utf-8?q?";
	size_t start = out->len;
	unsigned char c;

	buf_str(out, open);
	for (; (c = (unsigned char)*p) != '\0'; p++) {
		/* A character must not be torn apart (RFC 2047 5). */
		if (out->len - start > 55 && (c & 0xc0) != 0x80) {
			buf_str(out, "?=\n ");
			start = out->len;
			buf_str(out, open);
		}
		if (c == ' ')
			buf_byte(out, '_');
		else if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z'))
			buf_byte(out, (char)c);
		else
			buf_fmt(out, "=%02X", c);
	}
	buf_str(out, "?=");
}

void
submit_phrase(struct buf *out, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~ ";
	const char *p;

	for (p = name; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80) {
			encoded_words(out, name);
			return;
		}
	}
	if (strspn(name, plain) == strlen(name)) {
		buf_str(out, name);
		return;
	}
	buf_byte(out, '"');
	for (p = name; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buf_byte(out, '\\');
		buf_byte(out, (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p);
	}
	buf_byte(out, '"');
}
