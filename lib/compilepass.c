#include <string.h>

#include "compile.h"
#include "pwhash.h"

enum { CLASSES = 32 };

/* Users whose hashes take the same time. */
struct class {
	const char *hash; /* of the first of them */
	size_t cost;      /* pwhash_cost of it */
	unsigned users;
};

void
compile_password(struct compile *c, const struct buf *key, const char *hash,
    size_t n, uid_t uid, gid_t gid, const char *file, unsigned line)
{
	struct buf v = {0};
	const char *text;
	enum pwhash_kind kind = pwhash_kind(hash, n, &text);

	if (kind == PWHASH_UNKNOWN)
		diag_warn(&c->diag, file, line, "%.*s: the password is no hash "
		    "of a known kind: no login", (int)key->len, key->p);
	else if (kind == PWHASH_PLAIN)
		diag_warn(&c->diag, file, line, "%.*s: the password is not "
		    "hashed", (int)key->len, key->p);
	if (kind <= PWHASH_LOCKED) {
		hash = "*";
		n = 1;
	}
	buf_add(&v, hash, n);
	buf_fmt(&v, "%c%lu%c%lu%c", '\0', (unsigned long)uid, '\0',
	    (unsigned long)gid, '\0');
	compile_origin(&v, file, line);
	table_put(&c->auth, 'p', key->p, key->len, v.p, v.len, NULL);
	buf_free(&v);
}

void
compile_nobody(struct compile *c)
{
	struct class class[CLASSES], *best = NULL;
	struct table_record r;
	const char *text;
	size_t at = 0, used = 0, i, cost;

	while (table_next(&c->auth, &at, &r)) {
		if (r.key[0] != 'p' || pwhash_kind(r.val, strlen(r.val),
		    &text) <= PWHASH_LOCKED)
			continue;
		cost = pwhash_cost(r.val, strlen(r.val));
		for (i = 0; i < used; i++)
			if (pwhash_equal(class[i].hash, class[i].cost, r.val,
			    cost))
				break;
		if (i == CLASSES)
			continue;
		if (i == used)
			class[used++] = (struct class){r.val, cost, 0};
		class[i].users++;
		if (best == NULL || class[i].users > best->users)
			best = &class[i];
	}
	if (best != NULL) {
		struct buf v = {0};

		buf_strz(&v, best->hash);
		table_put(&c->auth, 'n', "", 0, v.p, v.len, NULL);
		buf_free(&v);
	}
}
