#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "listing.h"

/* The last word of the journal about one recipient, or one of the places that
 * it was expanded to. */
struct note {
	unsigned index;
	size_t seq; /* place in the journal */
	struct journal_entry e;
};

/* Those of one message, by recipient. */
struct notes {
	struct note *v;
	size_t n;
	const char *hold; /* why it is held, or NULL */
};

static int
compare(const void *x, const void *y)
{
	const struct note *a = x, *b = y;
	int r;

	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	r = strcmp(a->e.place, b->e.place);
	return r != 0 ? r : a->seq < b->seq ? -1 : 1;
}

static void
collect(struct notes *s, struct buf *journal)
{
	size_t at = 0, cap = 0, i, kept = 0;
	struct journal_entry e;

	memset(s, 0, sizeof *s);
	while (journal_next(journal, &at, &e)) {
		if (e.kind == JOURNAL_HOLD || e.kind == JOURNAL_RELEASE) {
			s->hold = e.kind == JOURNAL_HOLD ? e.text : NULL;
			continue;
		}
		if (s->n == cap) {
			cap = cap ? cap * 2 : 16;
			s->v = xrealloc(s->v, cap * sizeof *s->v);
		}
		s->v[s->n] = (struct note){e.index, s->n, e};
		s->n++;
	}
	if (s->n == 0)
		return;
	qsort(s->v, s->n, sizeof *s->v, compare);
	for (i = 0; i < s->n; i++) /* of equals the last */
		if (i + 1 == s->n || s->v[i + 1].index != s->v[i].index ||
		    strcmp(s->v[i + 1].e.place, s->v[i].e.place) != 0)
			s->v[kept++] = s->v[i];
	s->n = kept;
}

/* Length of the UTF-8 character at p that is no control character; 0 when
 * there is none. */
static size_t
character(const unsigned char *p, size_t n)
{
	unsigned long v;
	size_t more, k;

	if (*p < 0x80)
		return *p >= ' ' && *p != 0x7f;
	more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
	if (*p < 0xc2 || *p > 0xf4 || n <= more)
		return 0;
	v = *p & (0x3fu >> more);
	for (k = 1; k <= more; k++) {
		if ((p[k] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[k] & 0x3f);
	}
	if (v < 0xa0 || (more == 2 && v < 0x800) ||
	    (more == 3 && v < 0x10000) || (v >= 0xd800 && v < 0xe000) ||
	    v > 0x10ffff)
		return 0;
	return more + 1;
}

static void
add_clean(struct buf *out, const char *p)
{
	size_t left = strlen(p), n;

	for (; left > 0; p += n, left -= n) {
		n = character((const unsigned char *)p, left);
		if (n > 0)
			buf_add(out, p, n);
		else
			buf_byte(out, '?'), n = 1;
	}
}

static void
add_string(struct buf *out, const char *p)
{
	size_t left = strlen(p), n;

	buf_byte(out, '"');
	for (; left > 0; p += n, left -= n) {
		n = character((const unsigned char *)p, left);
		if (*p == '"' || *p == '\\')
			buf_byte(out, '\\');
		if (n > 0)
			buf_add(out, p, n);
		else if ((unsigned char)*p < 0x80)
			buf_fmt(out, "\\u%04x", (unsigned char)*p);
		else
			buf_str(out, "\\ufffd");
		n += n == 0;
	}
	buf_byte(out, '"');
}

/* ---- text ---- */

void
listing_head(struct buf *out)
{
	buf_str(out, "-Queue ID--------  --Size-- ----Arrival Time--- "
		     "-Sender/Recipient-------\n");
}

void
listing_foot(struct buf *out, unsigned long long messages,
    unsigned long long bytes)
{
	if (messages == 0)
		buf_str(out, "Mail queue is empty\n");
	else
		buf_fmt(out, "-- %llu message%s, %llu kbytes\n", messages,
		    messages == 1 ? "" : "s", (bytes + 1023) / 1024);
}

static void
text_recipient(struct buf *out, const struct notes *s, size_t *at,
    unsigned index, const char *addr)
{
	const struct note *v;

	buf_str(out, "                                                ");
	add_clean(out, addr);
	buf_byte(out, '\n');
	for (; *at < s->n && s->v[*at].index <= index; (*at)++) {
		v = &s->v[*at];
		if (v->index != index || (v->e.kind != JOURNAL_DEFER &&
		    v->e.kind != JOURNAL_FAIL))
			continue;
		buf_str(out, v->e.kind == JOURNAL_DEFER
		    ? "                    ("
		    : "                    (failed: ");
		if (*v->e.place != '\0') {
			add_clean(out, v->e.place);
			buf_str(out, ": ");
		}
		add_clean(out, v->e.text);
		buf_str(out, ")\n");
	}
}

void
listing_text(struct buf *out, const struct listing *l)
{
	const struct slot_head *h = &l->slot->head;
	const char *at = l->slot->env.rcpts;
	time_t t = (time_t)(id_time(h->id) / 1000000);
	struct recipient r;
	struct notes s;
	unsigned i;
	size_t note = 0;
	char when[32];
	struct tm tm;

	collect(&s, l->journal);
	localtime_r(&t, &tm);
	strftime(when, sizeof when, "%a %b %e %H:%M:%S", &tm);
	buf_fmt(out, "%.16s%c %10llu %s ", h->id,
	    strcmp(l->state, "running") == 0 ? '*'
	    : strcmp(l->state, "held") == 0 ? '!' : ' ',
	    (unsigned long long)h->size, when);
	if (l->slot->env.senderlen == 0)
		buf_str(out, "MAILER-DAEMON");
	add_clean(out, l->slot->env.sender);
	buf_byte(out, '\n');
	if (s.hold != NULL && strcmp(l->state, "held") == 0) {
		buf_str(out, "                    (held: ");
		add_clean(out, s.hold);
		buf_str(out, ")\n");
	}
	for (i = 0; envelope_rcpt(&l->slot->env, &at, &r); i++)
		if (l->slot->states[i] == RCPT_TODO)
			text_recipient(out, &s, &note, i, r.addr);
	buf_byte(out, '\n');
	free(s.v);
}

/* ---- JSON ---- */

static void
json_recipient(struct buf *out, const struct notes *s, size_t *at,
    unsigned index, const char *addr, char state)
{
	struct buf why = {0};
	const struct note *v;

	for (; *at < s->n && s->v[*at].index <= index; (*at)++) {
		v = &s->v[*at];
		if (v->index != index || v->e.kind == JOURNAL_DONE ||
		    v->e.kind == JOURNAL_ARRIVED)
			continue;
		if (why.len > 0)
			buf_str(&why, "; ");
		if (*v->e.place != '\0')
			buf_fmt(&why, "%s: ", v->e.place);
		buf_str(&why, v->e.text);
	}
	buf_str(out, "{\"address\":");
	add_string(out, addr);
	buf_fmt(out, ",\"state\":\"%s\",\"reason\":",
	    state == RCPT_TODO ? "todo" : state == RCPT_DONE ? "done"
	    : "failed");
	if (why.len > 0)
		add_string(out, buf_cstr(&why));
	else
		buf_str(out, "null");
	buf_byte(out, '}');
	buf_free(&why);
}

void
listing_json(struct buf *out, const struct listing *l)
{
	const struct slot_head *h = &l->slot->head;
	const char *at = l->slot->env.rcpts;
	struct recipient r;
	struct notes s;
	size_t note = 0;
	unsigned i;

	collect(&s, l->journal);
	buf_fmt(out, "{\"id\":\"%.16s\",\"size\":%llu,\"time\":%llu,"
	    "\"sender\":", h->id, (unsigned long long)h->size,
	    (unsigned long long)(id_time(h->id) / 1000000));
	add_string(out, l->slot->env.sender);
	buf_fmt(out, ",\"state\":\"%s\",\"next\":%u,\"attempts\":%u,", l->state,
	    l->next, l->attempts);
	if (s.hold != NULL && strcmp(l->state, "held") == 0) {
		buf_str(out, "\"hold\":");
		add_string(out, s.hold);
		buf_byte(out, ',');
	}
	buf_str(out, "\"recipients\":[");
	for (i = 0; envelope_rcpt(&l->slot->env, &at, &r); i++) {
		if (i > 0)
			buf_byte(out, ',');
		json_recipient(out, &s, &note, i, r.addr, l->slot->states[i]);
	}
	buf_str(out, "]}\n");
	free(s.v);
}
