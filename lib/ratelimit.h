/* What check-rate keeps: whose failed logins and messages are counted, in
 * which windows, up to which settings. */
#ifndef RATELIMIT_H
#define RATELIMIT_H
#include "buf.h"
#include "map.h"
#include "netaddr.h"
#include "window.h"

enum {
	LIMITS_RULES = 4,  /* of one key, at most */
	LIMITS_KEY = 300   /* a longer login is cut */
};

enum limits_kind { LIMITS_ADDRESS, LIMITS_NETWORK, LIMITS_USER };

struct limits_rule {
	const char *setting;
	const char *name; /* for the list and the log */
	const char *text; /* for people */
	uint64_t len;     /* of the window, seconds */
	int rcpts;        /* recipients are counted, not events */
};

/* A key, with the counts of its windows.  The key is the kind's letter and the
 * 16 bytes of an address (of a network: its first), or a login in lower case;
 * the value is the first windows, in this machine's form. */
struct limits_entry {
	enum limits_kind kind;
	unsigned n; /* windows */
	const struct limits_rule *rules;
	struct window w[LIMITS_RULES];
	size_t klen;
	char key[LIMITS_KEY];
};

/* Make an entry that counts nothing yet. */
void limits_address(struct limits_entry *e, const struct netaddr *a);
void limits_network(struct limits_entry *e, const struct netaddr *a);
void limits_user(struct limits_entry *e, const char *login, size_t n);
/* From a key: 0, -1 if it is none. */
int limits_key(struct limits_entry *e, const char *key, size_t n);
/* The counts of a value; one that is none counts nothing. */
void limits_value(struct limits_entry *e, const void *p, size_t n);
size_t limits_value_size(const struct limits_entry *e);

uint64_t limits_max(const struct limits_rule *r, const struct map *tables);
/* Is any of the settings not 0? */
int limits_any(const struct limits_entry *e, const struct map *tables);
/* Counts an event with n recipients at time now where there is a limit.  -1,
 * or the rule that forbids it; what was counted before it is then void. */
int limits_count(struct limits_entry *e, const struct map *tables,
    uint64_t now, uint32_t n);
/* Takes an event back from the first rule. */
void limits_back(struct limits_entry *e);
/* Does it count nothing at all? */
int limits_empty(const struct limits_entry *e);
/* Has all expired?  In a database that is full an address that is far from its
 * limit has, too. */
int limits_expired(struct limits_entry *e, const struct map *tables,
    uint64_t now, int full);
/* Appends the key as people write it: 192.0.2.1, 192.0.2.0/24, or the login
 * with %XX for bytes outside 0x21-0x7e and %. */
void limits_text(const struct limits_entry *e, struct buf *out);
#endif
