/* lib/authreq and lib/pwhash: a request is parts of what came, of whole
 * strings; a hash's text is its end, and it has a cost inside of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authreq.h"
#include "pwhash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
hash(const char *p, size_t n)
{
	char *copy = malloc(n + 1); /* of this length for the sanitizer */
	const char *text;
	enum pwhash_kind kind;

	memcpy(copy, p, n);
	kind = pwhash_kind(copy, n, &text);
	if (text < copy || text > copy + n || pwhash_cost(copy, n) > n)
		abort();
	if (kind > PWHASH_LOCKED && text == copy + n)
		abort();
	if (!pwhash_equal(p, n, copy, n))
		abort();
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size + 1);
	struct map none = {0};
	struct auth_user u;
	struct authreq r;

	memcpy(p, data, size);
	p[size] = '\0';
	hash(p, size);
	if (authreq_parse(&r, p, size) == 0) {
		if (strlen(r.login) + strlen(r.pass) + 2 > size)
			abort();
		hash(r.pass, strlen(r.pass));
		auth_find(&u, &none, AUTH_PASSWD, r.login);
	}
	free(p);
	return 0;
}
