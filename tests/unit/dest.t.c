/* lib/dest: what is remembered of destinations, and for how long. */
#include <stdio.h>
#include <time.h>

#include "dest.h"
#include "tap.h"

static struct dests t;

static struct dest *
get(const char *name)
{
	struct goal g = {.kind = GOAL_SMTP, .dest = name};

	return dest_get(&t, &g);
}

static unsigned
known(void)
{
	const struct dest *d;
	unsigned i, n = 0;

	for (i = 0; i < DESTS; i++)
		for (d = t.chain[i]; d != NULL; d = d->next)
			n++;
	return n;
}

/* Uses so many others, one after the other. */
static void
use_others(int n)
{
	char name[32];
	int i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof name, "d%d.test", i);
		dest_drop(&t, get(name));
	}
}

int
main(void)
{
	struct dest *d = get("a.test"), *e;
	uint32_t now = (uint32_t)time(NULL);

	is_int(known(), 1, "a destination");
	ok(get("a.test") == d, "is the same one by its name");
	dest_drop(&t, d);
	is_int(known(), 0, "nothing is to be remembered of it");
	d = get("a.test");
	dest_answered(d, 0);
	ok(d->until >= now + 60 && d->until < now + 90,
	    "who was not reached is left alone for a minute");
	dest_answered(d, 0);
	ok(d->until >= now + 120 && d->until < now + 150, "then for two");
	dest_drop(&t, d);
	ok(get("a.test") == d, "and is remembered");
	e = get("busy.test");
	e->running = 1;
	d->until = now - 7200;
	use_others(20000);
	is_int(known(), 1, "but not for ever");
	ok(get("busy.test") == e, "unless something runs");
	dest_answered(e, 1);
	e->running = 0;
	dest_drop(&t, e);
	is_int(known(), 0, "who answers is forgotten");
	return done();
}
