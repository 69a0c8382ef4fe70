#include <string.h>

#include "addr.h"
#include "authreq.h"
#include "str.h"

enum { NAME_LEN = 255 };

int
authreq_parse(struct authreq *r, const char *p, size_t n)
{
	const char *end = p + n, *nul = memchr(p, '\0', n);

	if (nul == NULL)
		return -1;
	r->login = p;
	r->pass = nul + 1;
	nul = memchr(r->pass, '\0', (size_t)(end - r->pass));
	if (nul == NULL)
		return -1;
	r->extra = nul + 1 < end ? nul + 1 : "";
	return 0;
}

enum auth_level
auth_level(const char *value)
{
	return strcmp(value, "passwd") == 0 ? AUTH_PASSWD
	    : strcmp(value, "virtual") == 0 ? AUTH_VIRTUAL : AUTH_NO;
}

int
auth_name_valid(const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f ||
		    strchr(":/@\"", name[i]) != NULL)
			return 0;
	return n > 0 && n <= NAME_LEN && name[0] != '-';
}

/* The fields of a p record: hash, uid, gid, origin. */
static int
read_user(struct auth_user *u, const char *p, size_t n)
{
	const char *f[3], *nul;
	uint64_t id[2];
	size_t i;

	for (i = 0; i < 3; i++) {
		nul = memchr(p, '\0', n);
		if (nul == NULL)
			return -1;
		f[i] = p;
		if (i > 0 && (parse_u64(p, (size_t)(nul - p), &id[i - 1]) ||
		    id[i - 1] >= UINT32_MAX))
			return -1;
		n -= (size_t)(nul + 1 - p);
		p = nul + 1;
	}
	u->hash = f[0];
	u->uid = (uid_t)id[0];
	u->gid = (gid_t)id[1];
	return 0;
}

enum auth_whose
auth_find(struct auth_user *u, const struct map *auth, enum auth_level level,
    const char *login)
{
	size_t n = strlen(login), vlen;
	struct addr a;
	const char *v;
	int r;

	u->hash = NULL;
	if (n == 0 || n > AUTHREQ_MAX || level == AUTH_NO)
		return AUTH_NOBODY;
	memcpy(u->name, login, n + 1);
	str_lower(u->name, n);
	addr_split(u->name, n, &a);
	if (a.dlen > 0) {
		r = map_get2(auth, 'p', u->name, n, &v, &vlen);
		if (r == 1)
			r = read_user(u, v, vlen) == 0 ? 1 : -1;
		if (r != 0)
			return r == 1 ? AUTH_USER : AUTH_DAMAGED;
		/* The system's own domains are noted there too. */
		r = map_get2(auth, 'd', a.domain, a.dlen, &v, &vlen);
		if (r != 1)
			return r == 0 ? AUTH_NOBODY : AUTH_DAMAGED;
	}
	u->name[a.llen] = '\0';
	return level == AUTH_PASSWD && auth_name_valid(u->name) ? AUTH_SYSTEM
	    : AUTH_NOBODY;
}
