#include <string.h>

#include "addr.h"
#include "date.h"
#include "dsn.h"
#include "header.h"
#include "str.h"
#include "verdict.h"
#include "xtext.h"

enum { FOLD_AT = 72, MSGID_MAX = 900 };

/* A remote host's words: what is not printable ASCII becomes `?', and the
 * line is folded at blanks, col bytes of it being used already. */
static void
add_folded(struct buf *b, const char *indent, size_t col, const char *p,
    size_t n)
{
	size_t i, word;

	for (i = 0; i < n;) {
		while (i < n && (unsigned char)p[i] <= ' ')
			i++;
		for (word = i; word < n && (unsigned char)p[word] > ' ';)
			word++;
		if (word == i)
			break;
		if (col + 1 + word - i > FOLD_AT) {
			buf_byte(b, '\n');
			buf_str(b, indent);
			col = strlen(indent);
		} else {
			buf_byte(b, ' ');
			col++;
		}
		for (col += word - i; i < word; i++)
			buf_byte(b, (unsigned char)p[i] < 0x7f ? p[i] : '?');
	}
	buf_byte(b, '\n');
}

/* UTF-8 as \x{...}, so that an address can be told in ASCII (RFC 6533 3). */
static void
add_unicode_escaped(struct buf *b, const char *p, size_t n)
{
	unsigned long v;
	unsigned char c;
	size_t i, more;

	for (i = 0; i < n; i++) {
		c = (unsigned char)p[i];
		if (c > ' ' && c < 0x7f && c != '\\' && c != '+' && c != '=') {
			buf_byte(b, (char)c);
			continue;
		}
		more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
		v = more > 0 ? c & (0x3fu >> more) : c;
		for (; more > 0 && i + 1 < n; more--)
			v = v << 6 | ((unsigned char)p[++i] & 0x3f);
		buf_fmt(b, "\\x{%02lX}", v);
	}
}

/* The address of a recipient as its reader knows it: what a command or file
 * of an alias is called is not the sender's business. */
static const char *
public_address(const struct recipient *r)
{
	const char *orig = recipient_attr(r, "orig");
	struct addr a;

	addr_split(r->addr, r->len, &a);
	return orig != NULL && (a.dlen == 0 || strchr("|/", *r->addr) != NULL)
	    ? orig : r->addr;
}

static const char *
attr_or(const struct recipient *r, const char *name, const char *dflt)
{
	const char *v = recipient_attr(r, name);

	return v != NULL && *v != '\0' ? v : dflt;
}

/* A failure may have a temporary status: the last one, when time was over. */
static const char *
status_of(const struct recipient *r, enum dsn_kind kind)
{
	static const char *const classes[] = {"45", "4", "2"},
	    *const dflt[] = {"5.0.0", "4.0.0", "2.0.0"};
	const char *s = attr_or(r, "status", "");
	size_t n = status_scan(s, strlen(s));

	return n > 0 && s[n] == '\0' && strchr(classes[kind], s[0]) != NULL
	    ? s : dflt[kind];
}

/* Of a success several things can be said (RFC 3464 2.3.3). */
static const char *
action_of(const struct recipient *r, enum dsn_kind kind)
{
	const char *a = attr_or(r, "action", "delivered");

	if (kind != DSN_SUCCESS)
		return kind == DSN_DELAY ? "delayed" : "failed";
	return strcmp(a, "relayed") == 0 || strcmp(a, "expanded") == 0
	    ? a : "delivered";
}

int
dsn_asked(const char *notify, enum dsn_kind kind)
{
	static const char *const words[] = {"FAILURE", "DELAY", "SUCCESS"};
	size_t n;

	if (notify == NULL)
		return kind != DSN_SUCCESS;
	for (; *notify != '\0'; notify += n + (notify[n] == ',')) {
		n = strcspn(notify, ",");
		if (str_caseeq(notify, n, words[kind]))
			return 1;
	}
	return 0;
}

int
dsn_wanted(const struct recipient *r, enum dsn_kind kind)
{
	const char *notify = recipient_attr(r, "notify");

	return notify == NULL || dsn_asked(notify, kind);
}

/* ---- the part for people ---- */

static void
add_intro(struct buf *b, const struct dsn *d)
{
	buf_fmt(b, "This is the mail system at host %s.\n\n", d->hostname);
	if (d->kind == DSN_SUCCESS) {
		buf_str(b, "You asked to be told: your message has arrived, as "
			   "said for each address\nbelow.\n");
	} else if (d->doubled) {
		buf_str(b, "A message could not be delivered to the addresses "
			   "below, and its\nsender could not be told.\n");
	} else if (d->kind == DSN_FAILURE) {
		buf_str(b, "Your message could not be delivered to the "
			   "addresses below.  It will\nnot be tried again.\n");
	} else {
		buf_str(b, "Your message has not been delivered to the "
			   "addresses below yet.  You\nneed not send it again: "
			   "it is being tried until it arrives");
		if (d->until != 0) {
			buf_str(b, ", or until\n");
			date_local(b, d->until);
		}
		buf_str(b, ".\n");
	}
}

/* What happened to a recipient of which no text says it. */
static const char *
plain_words(const struct recipient *r, enum dsn_kind kind)
{
	const char *a = action_of(r, kind);

	if (kind == DSN_DELAY)
		return "not tried yet";
	if (kind == DSN_FAILURE)
		return *status_of(r, kind) == '4' ? "not delivered in time"
						  : "delivery failed";
	return strcmp(a, "relayed") == 0
	    ? "passed on to a host that tells no more of it"
	    : strcmp(a, "expanded") == 0
	    ? "delivered to a list, and passed on to its members"
	    : "delivered";
}

static void
add_text(struct buf *b, const struct dsn *d)
{
	const char *at = d->env->rcpts, *text, *orig;
	struct recipient r;

	add_intro(b, d);
	while (envelope_rcpt(d->env, &at, &r)) {
		if (!dsn_wanted(&r, d->kind))
			continue;
		buf_fmt(b, "\n<%s>", public_address(&r));
		orig = recipient_attr(&r, "orig");
		if (orig != NULL && strcmp(orig, public_address(&r)) != 0)
			buf_fmt(b, " (expanded from <%s>)", orig);
		buf_byte(b, ':');
		text = plain_words(&r, d->kind);
		if (d->kind != DSN_SUCCESS)
			text = attr_or(&r, "text", text);
		add_folded(b, "    ", FOLD_AT, text, strlen(text));
	}
}

/* ---- the part for programs ---- */

static void
add_date(struct buf *b, const char *name, int64_t t)
{
	buf_fmt(b, "%s: ", name);
	date_local(b, t);
	buf_byte(b, '\n');
}

/* NAME: type; address. */
static void
add_address(struct buf *b, const char *name, const char *addr, int global)
{
	size_t n = strlen(addr);

	if (!str_8bit(addr, n)) {
		buf_fmt(b, "%s: rfc822; %s\n", name, addr);
		return;
	}
	buf_fmt(b, "%s: utf-8; ", name);
	if (global)
		buf_str(b, addr);
	else
		add_unicode_escaped(b, addr, n);
	buf_byte(b, '\n');
}

/* Original-Recipient, from ORCPT type;xtext. */
static void
add_orcpt(struct buf *b, const char *orcpt)
{
	const char *semi = strchr(orcpt, ';');
	struct buf t = {0};

	if (semi != NULL && !str_8bit(orcpt, (size_t)(semi - orcpt)) &&
	    xtext_decode(&t, semi + 1, strlen(semi + 1)) == 0) {
		buf_fmt(b, "Original-Recipient: %.*s;", (int)(semi - orcpt),
		    orcpt);
		add_folded(b, " ", 0, t.p, t.len);
	}
	buf_free(&t);
}

/* Diagnostic-Code, and Remote-MTA where a reply was quoted as "host[address]
 * said: 550 ..." or "host[address] 250 ..." (lib/smtpc) or its host is told
 * apart. */
static void
add_diagnostic(struct buf *b, const struct dsn *d, const char *text)
{
	const char *said = strstr(text, " said: "), *reply = text, *host;
	size_t hostlen;

	if (said == NULL && d->kind == DSN_SUCCESS)
		said = strchr(text, ' ');
	if (said != NULL)
		reply = said + (said[1] == 's' ? 7 : 1);
	if (strspn(reply, "0123456789") != 3 || strchr("245", *reply) == NULL) {
		buf_str(b, "Diagnostic-Code: x-unix;");
		add_folded(b, "    ", 24, text, strlen(text));
		return;
	}
	host = said != NULL ? text : d->relay;
	if (host != NULL) {
		hostlen = strcspn(host, " [");
		if (*host == '[')
			hostlen = strcspn(host, "]") + 1;
		if (addr_domain_valid(host, hostlen, 0, 1))
			buf_fmt(b, "Remote-MTA: dns; %.*s\n", (int)hostlen,
			    host);
	}
	buf_str(b, "Diagnostic-Code: smtp;");
	add_folded(b, "    ", 22, reply, strlen(reply));
}

static void
add_recipient(struct buf *b, const struct dsn *d, const struct recipient *r,
    int global)
{
	const char *orcpt = recipient_attr(r, "orcpt");
	const char *orig = recipient_attr(r, "orig");
	const char *text = recipient_attr(r, "text");

	buf_byte(b, '\n');
	if (orcpt != NULL)
		add_orcpt(b, orcpt);
	else if (orig != NULL)
		add_address(b, "Original-Recipient", orig, global);
	add_address(b, "Final-Recipient", public_address(r), global);
	buf_fmt(b, "Action: %s\nStatus: %s\n", action_of(r, d->kind),
	    status_of(r, d->kind));
	if (text != NULL && *text != '\0')
		add_diagnostic(b, d, text);
	add_date(b, "Last-Attempt-Date", d->now);
	if (d->kind == DSN_DELAY && d->until != 0)
		add_date(b, "Will-Retry-Until", d->until);
}

static void
add_status(struct buf *b, const struct dsn *d, int global)
{
	const char *at = d->env->rcpts, *envid;
	struct recipient r;
	struct buf t = {0};

	envid = envelope_attr(d->env, "envid");
	if (envid != NULL && xtext_decode(&t, envid, strlen(envid)) == 0) {
		buf_str(b, "Original-Envelope-Id:");
		add_folded(b, " ", 21, t.p, t.len);
	}
	buf_free(&t);
	buf_fmt(b, "Reporting-MTA: dns; %s\n", d->hostname);
	if (d->arrived != 0)
		add_date(b, "Arrival-Date", d->arrived);
	buf_fmt(b, "X-Queue-Id: %s\n", d->origid);
	while (envelope_rcpt(d->env, &at, &r))
		if (dsn_wanted(&r, d->kind))
			add_recipient(b, d, &r, global);
}

/* ---- the whole ---- */

/* The original's Message-ID, if it is one: in the report it must be a single
 * word in angle brackets. */
static void
add_references(struct buf *out, const struct dsn *d)
{
	struct header_field f;
	struct buf id = {0};
	size_t i;

	if (!header_find(d->original, d->originallen, "Message-ID", &f))
		return;
	header_unfold(&id, f.value, f.valuelen);
	for (i = 0; i < id.len && id.p[i] > ' ' && id.p[i] < 0x7f; i++)
		;
	if (i == id.len && i > 2 && i < MSGID_MAX && id.p[0] == '<' &&
	    id.p[i - 1] == '>')
		buf_fmt(out, "In-Reply-To: %s\nReferences: %s\n",
		    buf_cstr(&id), buf_cstr(&id));
	buf_free(&id);
}

static void
add_header(struct buf *out, const struct dsn *d, int flags,
    const char *boundary)
{
	static const char *const subjects[] = {
	    "Undelivered mail returned to sender",
	    "Delayed mail (still being tried)", "Mail has arrived"};
	const char *subject = d->doubled
	    ? "Undelivered mail whose sender could not be told"
	    : subjects[d->kind];

	add_date(out, "Date", d->now);
	buf_fmt(out, "From: Mail Delivery System <MAILER-DAEMON@%s>\n"
	    "To: <%s>\nSubject: %s\nMessage-ID: <%s@%s>\n", d->hostname, d->to,
	    subject, d->id, d->hostname);
	add_references(out, d);
	buf_fmt(out, "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\n"
	    "\tboundary=\"%s\"\n", boundary);
	if (flags & DSN_8BIT)
		buf_str(out, "Content-Transfer-Encoding: 8bit\n");
	buf_byte(out, '\n');
}

static void
add_part(struct buf *out, const char *boundary, const char *type,
    const char *what, const struct buf *part)
{
	buf_fmt(out, "--%s\nContent-Type: %s\nContent-Description: %s\n",
	    boundary, type, what);
	if (str_8bit(part->p, part->len))
		buf_str(out, "Content-Transfer-Encoding: 8bit\n");
	buf_byte(out, '\n');
	buf_add(out, part->p, part->len);
	buf_byte(out, '\n');
}

/* A boundary that stands in none of the parts. */
static void
make_boundary(struct buf *b, const char *id, const struct buf part[3])
{
	unsigned k, i;

	for (k = 0;; k++) {
		b->len = 0;
		buf_fmt(b, "=_%s_%u", id, k);
		for (i = 0; i < 3; i++)
			if (part[i].len > 0 && memmem(part[i].p, part[i].len,
			    b->p, b->len) != NULL)
				break;
		if (i == 3)
			break;
	}
	buf_cstr(b);
}

/* The original or its header, as text that mail can hold. */
static void
add_original(struct buf *b, const struct dsn *d)
{
	size_t i;

	for (i = 0; i < d->originallen; i++)
		if (d->original[i] != '\r')
			buf_byte(b, d->original[i] != '\0' ? d->original[i]
							   : '?');
	if (b->len > 0 && b->p[b->len - 1] != '\n')
		buf_byte(b, '\n');
}

/* The type of the part with the original (RFC 6522 3, RFC 6533 4 and 5). */
static const char *
original_type(const struct dsn *d, int utf8)
{
	if (d->whole)
		return utf8 ? "message/global" : "message/rfc822";
	return utf8 ? "message/global-headers" : "text/rfc822-headers";
}

int
dsn_build(struct buf *out, const struct dsn *d)
{
	struct buf part[3] = {{0}, {0}, {0}}, boundary = {0};
	int global, flags = 0, i;

	/* UTF-8 in the fields only towards one who has used it himself. */
	global = envelope_attr(d->env, "smtputf8") != NULL ||
	    str_8bit(d->to, strlen(d->to));
	add_text(&part[0], d);
	add_status(&part[1], d, global);
	add_original(&part[2], d);
	for (i = 0; i < 3; i++)
		if (str_8bit(part[i].p, part[i].len))
			flags |= DSN_8BIT;
	global = global && str_8bit(part[1].p, part[1].len);
	if (global || str_8bit(d->to, strlen(d->to)))
		flags |= DSN_UTF8;
	make_boundary(&boundary, d->id, part);
	add_header(out, d, flags, boundary.p);
	buf_str(out, "This is a report in MIME format.\n\n");
	add_part(out, boundary.p, str_8bit(part[0].p, part[0].len)
	    ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii",
	    "Notification", &part[0]);
	add_part(out, boundary.p, global ? "message/global-delivery-status"
	    : "message/delivery-status", "Delivery report", &part[1]);
	add_part(out, boundary.p, original_type(d, global &&
	    str_8bit(part[2].p, part[2].len)), d->whole
	    ? "The message" : "Headers of the message", &part[2]);
	buf_fmt(out, "--%s--\n", boundary.p);
	for (i = 0; i < 3; i++)
		buf_free(&part[i]);
	buf_free(&boundary);
	return flags;
}
