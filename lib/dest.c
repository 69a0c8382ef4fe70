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
chain(struct dests *t, const char *key)
{
	unsigned h = 5381;

	for (; *key != '\0'; key++)
		h = h * 33 ^ (unsigned char)*key;
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
	free(d->key);
	free(d);
}

struct dest *
dest_get(struct dests *t, const struct goal *g)
{
	uint32_t now = (uint32_t)time(NULL);
	struct buf b = {0};
	struct dest *d, **at;

	buf_fmt(&b, "%s %s", goal_word(g->kind), g->dest);
	buf_cstr(&b);
	at = chain(t, b.p);
	while ((d = *at) != NULL && strcmp(d->key, b.p) != 0) {
		if (forgotten(d, now))
			forget(at);
		else
			at = &d->next;
	}
	if (d != NULL) {
		buf_free(&b);
		return d;
	}
	d = xalloc(sizeof *d);
	memset(d, 0, sizeof *d);
	d->key = b.p; /* owned from here on */
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
	for (at = chain(t, d->key); *at != d; at = &(*at)->next)
		;
	*at = d->next;
	free(d->key);
	buf_free(&d->why);
	free(d);
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
