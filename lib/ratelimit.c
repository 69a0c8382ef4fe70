#include <string.h>

#include "ratelimit.h"
#include "settings.h"
#include "str.h"

enum { HOUR = 3600, DAY = 86400 };

static const struct ratelimit_rule address[] = {
	{"auth-failures", "failures-hour",
	    "too many failed logins from your address", HOUR, 0}
};
static const struct ratelimit_rule network[] = {
	{"auth-failures-network", "failures-hour",
	    "too many failed logins from your network", HOUR, 0}
};
static const struct ratelimit_rule user[RATELIMIT_RULES] = {
	{"login-messages-hour", "messages-hour", "messages an hour", HOUR, 0},
	{"login-messages-day", "messages-day", "messages a day", DAY, 0},
	{"login-recipients-hour", "recipients-hour", "recipients an hour",
	    HOUR, 1},
	{"login-recipients-day", "recipients-day", "recipients a day", DAY, 1}
};

static const struct {
	char letter;
	unsigned n;
	const struct ratelimit_rule *rules;
} kinds[] = {
	[RATELIMIT_ADDRESS] = {'a', 1, address},
	[RATELIMIT_NETWORK] = {'n', 1, network},
	[RATELIMIT_USER] = {'u', RATELIMIT_RULES, user}
};

static void
make(struct ratelimit_entry *e, enum ratelimit_kind kind, const void *p,
    size_t n)
{
	if (n > sizeof e->key - 1)
		n = sizeof e->key - 1;
	memset(e, 0, sizeof *e);
	e->kind = kind;
	e->n = kinds[kind].n;
	e->rules = kinds[kind].rules;
	e->key[0] = kinds[kind].letter;
	memcpy(e->key + 1, p, n);
	e->klen = n + 1;
}

void
ratelimit_address(struct ratelimit_entry *e, const struct netaddr *a)
{
	make(e, RATELIMIT_ADDRESS, a->b, sizeof a->b);
}

void
ratelimit_network(struct ratelimit_entry *e, const struct netaddr *a)
{
	struct netprefix x;

	netprefix_of(&x, a);
	make(e, RATELIMIT_NETWORK, x.net.b, sizeof x.net.b);
}

void
ratelimit_user(struct ratelimit_entry *e, const char *login, size_t n)
{
	make(e, RATELIMIT_USER, login, n);
	str_lower(e->key + 1, e->klen - 1);
}

int
ratelimit_key(struct ratelimit_entry *e, const char *key, size_t n)
{
	enum ratelimit_kind kind;

	for (kind = RATELIMIT_ADDRESS; kind <= RATELIMIT_USER; kind++)
		if (n > 1 && key[0] == kinds[kind].letter)
			break;
	if (kind > RATELIMIT_USER || n > sizeof e->key ||
	    (kind != RATELIMIT_USER && n != 1 + sizeof(struct netaddr)))
		return -1;
	make(e, kind, key + 1, n - 1);
	return 0;
}

void
ratelimit_value(struct ratelimit_entry *e, const void *p, size_t n)
{
	memset(e->w, 0, sizeof e->w);
	if (n == ratelimit_value_size(e))
		memcpy(e->w, p, n);
}

size_t
ratelimit_value_size(const struct ratelimit_entry *e)
{
	return e->n * sizeof e->w[0];
}

uint64_t
ratelimit_max(const struct ratelimit_rule *r, const struct map *tables)
{
	return setting_num(tables, r->setting);
}

int
ratelimit_any(const struct ratelimit_entry *e, const struct map *tables)
{
	unsigned i;

	for (i = 0; i < e->n; i++)
		if (ratelimit_max(&e->rules[i], tables) > 0)
			return 1;
	return 0;
}

int
ratelimit_count(struct ratelimit_entry *e, const struct map *tables,
    uint64_t now, uint32_t n)
{
	const struct ratelimit_rule *r;
	uint64_t max;
	uint32_t more;
	unsigned i;

	for (i = 0; i < e->n; i++) {
		r = &e->rules[i];
		max = ratelimit_max(r, tables);
		more = r->rcpts ? n : 1;
		if (max == 0)
			continue;
		if (window_count(&e->w[i], now, r->len) + more > max)
			return (int)i;
		window_add(&e->w[i], now, r->len, more);
	}
	return -1;
}

void
ratelimit_back(struct ratelimit_entry *e)
{
	window_back(&e->w[0], 1);
}

int
ratelimit_empty(const struct ratelimit_entry *e)
{
	unsigned i;

	for (i = 0; i < e->n; i++)
		if (e->w[i].cur != 0 || e->w[i].prev != 0)
			return 0;
	return 1;
}

int
ratelimit_expired(struct ratelimit_entry *e, const struct map *tables,
    uint64_t now, int full)
{
	uint64_t max;
	unsigned i;

	for (i = 0; i < e->n; i++) {
		max = full && e->kind != RATELIMIT_USER
		    ? ratelimit_max(&e->rules[i], tables) / 2 : 0;
		if (window_count(&e->w[i], now, e->rules[i].len) > max)
			return 0;
	}
	return 1;
}

void
ratelimit_text(const struct ratelimit_entry *e, struct buf *out)
{
	char text[NETADDR_PREFIX];
	struct netprefix x;
	size_t i;

	if (e->kind == RATELIMIT_USER) {
		for (i = 1; i < e->klen; i++) {
			if (e->key[i] > ' ' && e->key[i] <= '~' &&
			    e->key[i] != '%')
				buf_byte(out, e->key[i]);
			else
				buf_fmt(out, "%%%02X",
				    (unsigned)(unsigned char)e->key[i]);
		}
		return;
	}
	memcpy(x.net.b, e->key + 1, sizeof x.net.b);
	if (e->kind == RATELIMIT_NETWORK) {
		netprefix_of(&x, &x.net);
		netprefix_text(&x, text);
	} else {
		netaddr_text(&x.net, text);
	}
	buf_str(out, text);
}
