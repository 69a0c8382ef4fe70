#include <string.h>

#include "addr.h"
#include "hdraddr.h"

/* What the lexer tells apart; a special character is its own token. */
enum token { END = 0, WORD = 256, QUOTED, LITERAL, BAD };

struct lexer {
	const char *p;
	const char *end;
	struct buf text; /* of WORD and LITERAL; of QUOTED without quotes */
};

/* The address that is being put together, or the words of a display name:
 * which of both it was shows only behind it. */
struct mailbox {
	struct buf local;
	struct buf domain;
	int words;  /* tokens so far */
	int at;     /* @ seen */
	int quoted; /* part of local came from a quoted string */
	int joined; /* a dot or @ was last: the next word belongs to it */
	int phrase; /* two words side by side, or two @: no address */
};

struct parser {
	struct lexer in;
	struct mailbox m;
	struct buf *out;
	int utf8;
	int angle; /* this element had its <address> */
	int count;
};

static int
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Skips a comment, nested ones included; -1 when it does not end. */
static int
skip_comment(struct lexer *in)
{
	unsigned depth = 0;

	for (; in->p < in->end; in->p++) {
		if (*in->p == '\\' && in->p + 1 < in->end) {
			in->p++;
		} else if (*in->p == '(') {
			depth++;
		} else if (*in->p == ')' && --depth == 0) {
			in->p++;
			return 0;
		}
	}
	return -1;
}

/* The text of a quoted string, unfolded, its escapes removed. */
static int
quoted(struct lexer *in)
{
	while (++in->p < in->end) {
		if (*in->p == '"') {
			in->p++;
			return QUOTED;
		}
		if (*in->p == '\\' && in->p + 1 < in->end)
			in->p++;
		if (*in->p != '\r' && *in->p != '\n')
			buf_byte(&in->text, *in->p);
	}
	return BAD;
}

/* Bytes of an encoded word (RFC 2047 2) at p, 0 for none: some programs
 * leave commas and the like in it. */
static size_t
encoded_word(const char *p, const char *end)
{
	const char *q = p + 2;
	int marks = 0;

	if (end - p < 8 || p[0] != '=' || p[1] != '?')
		return 0;
	for (; q < end && !is_space(*q); q++) {
		if (*q != '?')
			continue;
		if (++marks == 1 && (end - q < 3 || q[2] != '?' ||
		    strchr("BbQq", q[1]) == NULL))
			return 0;
		if (marks == 3)
			return q + 1 < end && q[1] == '=' ? (size_t)(q + 2 - p)
							  : 0;
	}
	return 0;
}

/* A domain literal, as far as its bracket; a lone `[' is part of a word. */
static int
literal(struct lexer *in)
{
	const char *close = memchr(in->p, ']', (size_t)(in->end - in->p));

	if (close == NULL) {
		buf_byte(&in->text, *in->p++);
		return WORD;
	}
	for (; in->p <= close; in->p++)
		if (!is_space(*in->p))
			buf_byte(&in->text, *in->p);
	return LITERAL;
}

static int
next(struct lexer *in)
{
	size_t n;

	while (in->p < in->end && (is_space(*in->p) || *in->p == '('))
		if (*in->p != '(')
			in->p++;
		else if (skip_comment(in) == -1)
			return BAD;
	in->text.len = 0;
	if (in->p == in->end)
		return END;
	if (*in->p == '"')
		return quoted(in);
	if (*in->p == '[')
		return literal(in);
	if (*in->p != '\0' && strchr("<>@,;:.", *in->p) != NULL)
		return (unsigned char)*in->p++;
	n = encoded_word(in->p, in->end);
	buf_add(&in->text, in->p, n);
	in->p += n;
	for (; in->p < in->end && !is_space(*in->p) &&
	    (*in->p == '\0' || strchr("()<>@,;:.\"[", *in->p) == NULL ||
	    (*in->p == ')' && in->text.len == 0)); in->p++)
		buf_byte(&in->text, *in->p);
	return WORD;
}

static void
mailbox_reset(struct mailbox *m)
{
	m->local.len = m->domain.len = 0;
	m->words = m->at = m->quoted = m->phrase = 0;
	m->joined = 1;
}

/* Adds a word, dot or @. */
static void
mailbox_add(struct mailbox *m, int token, const struct buf *text)
{
	struct buf *to = m->at ? &m->domain : &m->local;

	m->words++;
	if (token == '@') {
		m->phrase |= m->at;
		m->at = m->joined = 1;
	} else if (token == '.') {
		buf_byte(to, '.');
		m->joined = 1;
	} else {
		m->phrase |= !m->joined;
		m->quoted |= token == QUOTED && !m->at;
		/* Quotes mean nothing in a domain: let the check see them. */
		if (token == QUOTED && m->at)
			buf_byte(to, '"');
		buf_add(to, text->p, text->len);
		m->joined = 0;
	}
}

/* Appends the collected address to out; -1 if it is none. */
static int
emit(struct parser *s)
{
	struct mailbox *m = &s->m;
	struct buf a = {0};
	size_t i;
	int r = -1;

	if (m->phrase)
		return -1;
	if (m->quoted) {
		buf_byte(&a, '"');
		for (i = 0; i < m->local.len; i++) {
			if (strchr("\"\\", m->local.p[i]) != NULL)
				buf_byte(&a, '\\');
			buf_byte(&a, m->local.p[i]);
		}
		buf_byte(&a, '"');
	} else {
		buf_add(&a, m->local.p, m->local.len);
	}
	if (m->at) {
		buf_byte(&a, '@');
		buf_add(&a, m->domain.p, m->domain.len);
	}
	if (memchr(a.p, '\0', a.len) == NULL &&
	    addr_parse(a.p, a.len, s->utf8, s->out) == ADDR_OK) {
		buf_byte(s->out, '\0');
		s->count++;
		r = 0;
	}
	buf_free(&a);
	return r;
}

/* What stands between < and >, the first already read.  Empty is nobody. */
static int
angle(struct parser *s)
{
	int t = next(&s->in);

	mailbox_reset(&s->m);
	if (t == '@') { /* a route: ignored (RFC 5322 4.4) */
		while (t != ':' && t != '>' && t != END && t != BAD)
			t = next(&s->in);
		if (t != ':')
			return -1;
		t = next(&s->in);
	}
	for (; t == '.' || t == '@' || t == WORD || t == QUOTED ||
	    t == LITERAL; t = next(&s->in))
		mailbox_add(&s->m, t, &s->in.text);
	if (t != '>' || (s->m.words > 0 && emit(s) == -1))
		return -1;
	mailbox_reset(&s->m);
	s->angle = 1;
	return 0;
}

/* The end of an element: an address by itself, or words that follow one in
 * brackets, which may be anything but a second address. */
static int
element_end(struct parser *s)
{
	int r = 0;

	if (s->angle)
		r = s->m.at ? -1 : 0;
	else if (s->m.words > 0)
		r = emit(s);
	mailbox_reset(&s->m);
	s->angle = 0;
	return r;
}

/* Takes one token: 1 go on, 0 the end, -1 no address. */
static int
step(struct parser *s, int t)
{
	switch (t) {
	case END:
		return element_end(s) == -1 ? -1 : 0;
	case ',':
	case ';':
		return element_end(s) == -1 ? -1 : 1;
	case ':': /* all before it was a group's name */
		mailbox_reset(&s->m);
		s->angle = 0;
		return 1;
	case '<':
		return angle(s) == -1 ? -1 : 1;
	case '>':
	case BAD:
		return -1;
	default:
		mailbox_add(&s->m, t, &s->in.text);
		return 1;
	}
}

int
hdraddr_parse(const char *p, size_t n, int utf8, struct buf *out,
    const char **bad, size_t *nbad)
{
	struct parser s = {.in = {.p = p, .end = p + n}, .out = out,
	    .utf8 = utf8};
	size_t before = out->len;
	const char *start = p;
	int r, t;

	mailbox_reset(&s.m);
	do {
		t = next(&s.in);
		r = step(&s, t);
		if (r == 1 && (t == ',' || t == ';' || t == ':'))
			start = s.in.p;
	} while (r == 1);
	if (r == -1) {
		out->len = before;
		if (bad != NULL) {
			*bad = start;
			*nbad = (size_t)(s.in.p - start);
		}
	}
	buf_free(&s.in.text);
	buf_free(&s.m.local);
	buf_free(&s.m.domain);
	return r == -1 ? -1 : s.count;
}
