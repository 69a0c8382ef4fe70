#include <string.h>

#include "tcprules.h"

/* Is there a rule for this address, put together of three parts?  1, 0, -1. */
static int
try(struct tcprule *r, const struct map *m, const char *info,
    const char *mark, const char *addr, size_t n)
{
	size_t at = 0;
	int hit;

	r->key.len = 0;
	buf_str(&r->key, info);
	buf_str(&r->key, mark);
	buf_add(&r->key, addr, n);
	hit = map_get(m, r->key.p, r->key.len, &r->data, &r->len);
	buf_cstr(&r->key);
	if (hit != 1)
		return hit;
	/* Items end in a NUL: D, or + and a variable. */
	if (r->len > 0 && r->data[r->len - 1] != '\0')
		return -1;
	for (r->deny = 0; at < r->len; at += strlen(r->data + at) + 1)
		r->deny |= r->data[at] == 'D';
	return 1;
}

/* The whole address and the whole name, with who asks and without. */
static int
whole(struct tcprule *r, const struct map *m, const char *ip,
    const char *host, const char *info)
{
	size_t n = strlen(ip), h = host != NULL ? strlen(host) : 0;
	int hit = 0;

	if (info != NULL)
		hit = try(r, m, info, "@", ip, n);
	if (hit == 0 && info != NULL && host != NULL)
		hit = try(r, m, info, "@=", host, h);
	if (hit == 0)
		hit = try(r, m, "", "", ip, n);
	if (hit == 0 && host != NULL)
		hit = try(r, m, "", "=", host, h);
	return hit;
}

int
tcprules_find(struct tcprule *r, const struct map *m, const char *ip,
    const char *host, const char *info)
{
	int hit = whole(r, m, ip, host, info);
	size_t n;

	for (n = strlen(ip); hit == 0 && n > 0; n--)
		if (ip[n - 1] == '.' || ip[n - 1] == ':')
			hit = try(r, m, "", "", ip, n);
	for (; hit == 0 && host != NULL && *host != '\0'; host++)
		if (*host == '.')
			hit = try(r, m, "", "=", host, strlen(host));
	if (hit == 0 && host != NULL)
		hit = try(r, m, "", "=", "", 0);
	return hit != 0 ? hit : try(r, m, "", "", "", 0);
}

const char *
tcprules_next(const struct tcprule *r, size_t *at)
{
	const char *item;

	while (*at < r->len) {
		item = r->data + *at;
		*at += strlen(item) + 1;
		if (item[0] == '+' && strchr(item, '=') != NULL)
			return item + 1;
	}
	return NULL;
}
