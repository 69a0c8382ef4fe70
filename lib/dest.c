#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dest.h"
#include "fdio.h"

enum {
	BACKOFF_MIN = 60,     /* seconds; doubled each time */
	BACKOFF_MAX = 3600
};

const char *
goal_word(enum goal_kind kind)
{
	static const char *const words[] = {"vhost", "mbox", "pipe", "file",
	    "include", "smtp", ""};

	return words[kind];
}

static struct dest **
chain(struct dests *t, enum goal_kind kind, const char *name)
{
	unsigned h = 5381 + kind;

	for (; *name != '\0'; name++)
		h = h * 33 ^ (unsigned char)*name;
	return &t->chain[h % DESTS];
}

/* Not used since its back-off was over, which is an hour ago: a host that
 * mail was sent to once is not remembered for ever. */
static int
forgotten(const struct dest *d, uint32_t now)
{
	return d->running == 0 && d->parked.n == 0 &&
	    d->until + BACKOFF_MAX < now;
}

static void
forget(struct dest **at)
{
	struct dest *d = *at;

	*at = d->next;
	buf_free(&d->why);
	free(d);
}

/* Asked for each message that waits whenever a delivery ends: it makes no
 * string. */
struct dest *
dest_get(struct dests *t, const struct goal *g)
{
	struct dest *d, **at = chain(t, g->kind, g->dest);
	uint32_t now = 0;
	size_t n;

	while ((d = *at) != NULL &&
	    (d->kind != g->kind || strcmp(d->name, g->dest) != 0)) {
		if (now == 0)
			now = (uint32_t)time(NULL);
		if (forgotten(d, now))
			forget(at);
		else
			at = &d->next;
	}
	if (d != NULL)
		return d;
	n = strlen(g->dest) + 1;
	d = xalloc(sizeof *d + n);
	memset(d, 0, sizeof *d);
	d->kind = g->kind;
	memcpy(d->name, g->dest, n);
	d->answered = clock_ms();
	*at = d;
	return d;
}

void
dest_drop(struct dests *t, struct dest *d)
{
	struct dest **at;

	if (d->running > 0 || d->fails > 0 || d->parked.n > 0)
		return;
	for (at = chain(t, d->kind, d->name); *at != d; at = &(*at)->next)
		;
	forget(at);
}

void
dest_answered(struct dest *d, int reached)
{
	uint32_t wait;

	d->answered = clock_ms();
	if (reached) {
		d->fails = 0;
		d->until = 0;
		return;
	}
	wait = BACKOFF_MIN << (d->fails < 6 ? d->fails : 6);
	if (wait > BACKOFF_MAX)
		wait = BACKOFF_MAX;
	d->fails++;
	/* NOLINTNEXTLINE(cert-msc30-c,cert-msc50-cpp): no secret. */
	d->until = (uint32_t)time(NULL) + wait + (uint32_t)(rand() % 15);
}

void
dest_note(struct dest *d, const char *text, size_t len)
{
	d->why.len = 0;
	buf_str(&d->why, "delivery suspended for now: ");
	buf_add(&d->why, text, len);
}
