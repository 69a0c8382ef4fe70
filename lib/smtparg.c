#include <string.h>

#include "smtparg.h"
#include "str.h"
#include "xtext.h"

enum {
	SIZE_DIGITS = 20, /* RFC 1870 5 */
	ENVID_MAX = 100,  /* RFC 3461 4.4, */
	ORCPT_MAX = 500,  /* 4.2 */
	AUTH_MAX = 500    /* RFC 4954 5 */
};

int
smtparg_helo(char *out, size_t cap, const char *p, size_t n)
{
	size_t i;

	if (n == 0 || n >= cap)
		return -1;
	for (i = 0; i < n; i++) {
		out[i] = p[i] > ' ' && p[i] <= '~' &&
		    strchr("()<>\\\",;@", p[i]) == NULL ? p[i] : '?';
	}
	out[n] = '\0';
	return 0;
}

enum addr_result
smtparg_path(const char *keyword, const char **p, size_t *n, int utf8,
    struct buf *out)
{
	size_t k = strlen(keyword), used = 0, start = out->len;
	enum addr_result r;

	if (*n < k || !mem_caseeq(*p, k, keyword, k))
		return ADDR_SYNTAX;
	while (k < *n && (*p)[k] == ' ')
		k++;
	*p += k;
	*n -= k;
	if (*n > 0 && **p == '<') {
		r = addr_path(*p, *n, utf8, out, &used);
	} else {
		while (used < *n && (*p)[used] != ' ')
			used++;
		r = addr_parse(*p, used, utf8, out);
	}
	if (r == ADDR_OK && used < *n && (*p)[used] != ' ')
		r = ADDR_SYNTAX;
	if (r != ADDR_OK) {
		out->len = start;
		return r;
	}
	*p += used;
	*n -= used;
	return ADDR_OK;
}

const char *
smtparg_bad(enum addr_result r, int rcpt)
{
	if (r == ADDR_UTF8)
		return "553 5.6.7 address needs SMTPUTF8";
	if (r == ADDR_TOO_LONG)
		return rcpt ? "501 5.1.3 address is too long"
			    : "501 5.1.7 address is too long";
	return rcpt ? "501 5.1.3 syntax: RCPT TO:<address>"
		    : "501 5.1.7 syntax: MAIL FROM:<address>";
}

/* A parameter and what takes its value, which is NULL without a `='. */
struct param {
	const char *name;
	unsigned extension; /* that it belongs to, 0: it is always known */
	const char *(*take)(void *to, const char *value, size_t n);
};

static const char *
take_size(void *to, const char *v, size_t n)
{
	struct smtparg_mail *m = to;

	return v == NULL || n > SIZE_DIGITS || parse_u64(v, n, &m->size) == -1
	    ? "501 5.5.4 bad SIZE" : NULL;
}

static const char *
take_body(void *to, const char *v, size_t n)
{
	struct smtparg_mail *m = to;

	if (v != NULL && str_caseeq(v, n, "8BITMIME"))
		m->body = 8;
	else if (v != NULL && str_caseeq(v, n, "7BIT"))
		m->body = 7;
	else if (v != NULL && str_caseeq(v, n, "BINARYMIME"))
		return "555 5.6.1 BINARYMIME is not offered";
	return m->body == 0 ? "501 5.5.4 bad BODY" : NULL;
}

static const char *
take_utf8(void *to, const char *v, size_t n)
{
	struct smtparg_mail *m = to;

	m->utf8 = 1;
	return v != NULL ? "501 5.5.4 SMTPUTF8 has no value" : NULL;
}

static const char *
take_ret(void *to, const char *v, size_t n)
{
	struct smtparg_mail *m = to;

	if (v != NULL && str_caseeq(v, n, "FULL"))
		m->ret = "FULL";
	else if (v != NULL && str_caseeq(v, n, "HDRS"))
		m->ret = "HDRS";
	return m->ret == NULL ? "501 5.5.4 bad RET" : NULL;
}

/* Is it xtext of something, at most max bytes long, without control
 * characters? */
static int
xtext_of_text(const char *v, size_t n, size_t max)
{
	struct buf b = {0};
	size_t i;
	int good;

	good = v != NULL && n > 0 && n <= max && xtext_decode(&b, v, n) == 0;
	for (i = 0; i < b.len; i++)
		if ((unsigned char)b.p[i] < ' ' || b.p[i] == 0x7f)
			good = 0;
	buf_free(&b);
	return good;
}

static const char *
take_envid(void *to, const char *v, size_t n)
{
	struct smtparg_mail *m = to;

	m->envid = v;
	m->envidlen = n;
	return xtext_of_text(v, n, ENVID_MAX) ? NULL : "501 5.5.4 bad ENVID";
}

/* Who wrote the message first, says the client (RFC 4954 5): it may, and
 * nothing hangs on it. */
static const char *
take_auth(void *to, const char *v, size_t n)
{
	return xtext_of_text(v, n, AUTH_MAX) ? NULL : "501 5.5.4 bad AUTH";
}

/* In the order of SMTPARG_NEVER and so on. */
static const char *const notify_names[] = {"NEVER", "SUCCESS", "FAILURE",
    "DELAY"};
enum { NOTIFIES = sizeof notify_names / sizeof *notify_names };

/* SUCCESS,FAILURE,DELAY in any order, or NEVER (RFC 3461 4.1). */
static const char *
take_notify(void *to, const char *v, size_t n)
{
	struct smtparg_rcpt *r = to;
	size_t i = 0, k = 0, word;

	for (; v != NULL && i <= n; i += word + 1) {
		for (word = 0; i + word < n && v[i + word] != ','; word++)
			;
		for (k = 0; k < NOTIFIES &&
		    !str_caseeq(v + i, word, notify_names[k]); k++)
			;
		if (k == NOTIFIES)
			break;
		r->notify |= 1u << k;
	}
	return k == NOTIFIES || r->notify == 0 || (r->notify & SMTPARG_NEVER &&
	    r->notify != SMTPARG_NEVER) ? "501 5.5.4 bad NOTIFY" : NULL;
}

/* Bytes of the atom before the `;', 0 when there is none. */
static size_t
type_length(const char *v, size_t n)
{
	size_t i;

	for (i = 0; i < n && v[i] != ';'; i++)
		if (v[i] <= ' ' || v[i] > '~' ||
		    strchr("()<>@,:\\\"./[]+=", v[i]) != NULL)
			return 0;
	return i < n ? i : 0;
}

/* type;xtext (RFC 3461 4.2), or with SMTPUTF8 also utf-8;text (RFC 6533 3).
 * The latter's \x{...} is xtext too. */
static const char *
take_orcpt(void *to, const char *v, size_t n)
{
	struct smtparg_rcpt *r = to;
	size_t t = v == NULL ? 0 : type_length(v, n), i;
	int good;

	good = t > 0 && n <= ORCPT_MAX && n > t + 1;
	if (good && !str_8bit(v, n))
		good = xtext_of_text(v + t + 1, n - t - 1, ORCPT_MAX);
	else if (good)
		good = r->utf8 && str_caseeq(v, t, "utf-8") &&
		    addr_utf8(v, n);
	for (i = 0; good && i < n; i++)
		if ((unsigned char)v[i] <= ' ' || v[i] == 0x7f)
			good = 0;
	r->orcpt = v;
	r->orcptlen = n;
	return good ? NULL : "501 5.5.4 bad ORCPT";
}

static const struct param mail_params[] = {
	{"SIZE", 0, take_size},
	{"BODY", 0, take_body},
	{"SMTPUTF8", 0, take_utf8},
	{"RET", SMTPARG_DSN, take_ret},
	{"ENVID", SMTPARG_DSN, take_envid},
	{"AUTH", SMTPARG_AUTH, take_auth},
	{NULL, 0, NULL}
};

static const struct param rcpt_params[] = {
	{"NOTIFY", SMTPARG_DSN, take_notify},
	{"ORCPT", SMTPARG_DSN, take_orcpt},
	{NULL, 0, NULL}
};

/* Goes to the next word; its length, 0 when there is none. */
static size_t
next_word(const char **p, size_t *n)
{
	size_t k = 0;

	while (*n > 0 && **p == ' ') {
		(*p)++;
		(*n)--;
	}
	while (k < *n && (*p)[k] != ' ')
		k++;
	return k;
}

/* Gives each NAME or NAME=value of p to the one of known that takes it. */
static const char *
params(const struct param *known, void *to, const char *p, size_t n,
    unsigned extensions)
{
	unsigned seen = 0, bit;
	const struct param *a;
	const char *eq, *no;
	size_t k, name;

	for (; (k = next_word(&p, &n)) > 0; p += k, n -= k) {
		eq = memchr(p, '=', k);
		name = eq == NULL ? k : (size_t)(eq - p);
		for (a = known; a->name != NULL &&
		    !str_caseeq(p, name, a->name); a++)
			;
		if (a->name == NULL ||
		    (a->extension & extensions) != a->extension)
			return "555 5.5.4 unknown parameter";
		bit = 1u << (a - known);
		if (seen & bit)
			return "501 5.5.4 parameter is given twice";
		seen |= bit;
		no = a->take(to, eq == NULL ? NULL : eq + 1,
		    eq == NULL ? 0 : k - name - 1);
		if (no != NULL)
			return no;
	}
	return NULL;
}

const char *
smtparg_mail(struct smtparg_mail *m, const char *p, size_t n,
    unsigned extensions)
{
	memset(m, 0, sizeof *m);
	return params(mail_params, m, p, n, extensions);
}

const char *
smtparg_rcpt(struct smtparg_rcpt *r, const char *p, size_t n,
    unsigned extensions)
{
	memset(r, 0, sizeof *r);
	r->utf8 = (extensions & SMTPARG_UTF8) != 0;
	return params(rcpt_params, r, p, n, extensions);
}

void
smtparg_notify(struct buf *out, unsigned notify)
{
	size_t before = out->len, k;

	for (k = 0; k < NOTIFIES; k++) {
		if ((notify & 1u << k) == 0)
			continue;
		if (out->len > before)
			buf_byte(out, ',');
		buf_str(out, notify_names[k]);
	}
}
