/* What check-rate keeps: whose failed logins and messages are counted, in
 * which windows, up to which settings. */
#ifndef RATELIMIT_H
#define RATELIMIT_H
#include "buf.h"
#include "map.h"
#include "netaddr.h"
#include "window.h"

enum {
	RATELIMIT_RULES = 4,  /* of one key, at most */
	RATELIMIT_KEY = 300   /* a longer login is cut */
};

enum ratelimit_kind { RATELIMIT_ADDRESS, RATELIMIT_NETWORK, RATELIMIT_USER };

struct ratelimit_rule {
	const char *setting;
	const char *name; /* for the list and the log */
	const char *text; /* for people */
	uint64_t len;     /* of the window, seconds */
	int rcpts;        /* recipients are counted, not events */
};

/* A key, with the counts of its windows.  The key is the kind's letter and the
 * 16 bytes of an address (of a network: its first), or a login in lower case;
 * the value is the first windows, in this machine's form. */
struct ratelimit_entry {
	enum ratelimit_kind kind;
	unsigned n; /* windows */
	const struct ratelimit_rule *rules;
	struct window w[RATELIMIT_RULES];
	size_t klen;
	char key[RATELIMIT_KEY];
};

/* Make an entry that counts nothing yet. */
void ratelimit_address(struct ratelimit_entry *e, const struct netaddr *a);
void ratelimit_network(struct ratelimit_entry *e, const struct netaddr *a);
void ratelimit_user(struct ratelimit_entry *e, const char *login, size_t n);
/* From a key: 0, -1 if it is none. */
int ratelimit_key(struct ratelimit_entry *e, const char *key, size_t n);
/* The counts of a value; one that is none counts nothing. */
void ratelimit_value(struct ratelimit_entry *e, const void *p, size_t n);
size_t ratelimit_value_size(const struct ratelimit_entry *e);

uint64_t ratelimit_max(const struct ratelimit_rule *r,
    const struct map *tables);
/* Is any of the settings not 0? */
int ratelimit_any(const struct ratelimit_entry *e, const struct map *tables);
/* Counts an event with n recipients at time now where there is a limit.  -1,
 * or the rule that forbids it; what was counted before it is then void. */
int ratelimit_count(struct ratelimit_entry *e, const struct map *tables,
    uint64_t now, uint32_t n);
/* Takes an event back from the first rule. */
void ratelimit_back(struct ratelimit_entry *e);
/* Does it count nothing at all? */
int ratelimit_empty(const struct ratelimit_entry *e);
/* Has all expired?  In a database that is full an address that is far from its
 * limit has, too. */
int ratelimit_expired(struct ratelimit_entry *e, const struct map *tables,
    uint64_t now, int full);
/* Appends the key as people write it: 192.0.2.1, 192.0.2.0/24, or the login
 * with %XX for bytes outside 0x21-0x7e and %. */
void ratelimit_text(const struct ratelimit_entry *e, struct buf *out);
#endif
