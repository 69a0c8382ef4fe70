#include <string.h>

#include "claims.h"
#include "record.h"

/* NAME= without its tag: does it stand in the list? */
static int
is_one_of(const char *record, const char *const names[])
{
	for (; *names != NULL; names++)
		if (strncmp(record, *names, strlen(*names)) == 0)
			return 1;
	return 0;
}

static const char *const origin[] = {"proto=", "peer=", "peername=", "helo=",
    "auth=", "tls=", "uid=", "conf=", "spam=", "folder=", NULL};
static const char *const internal[] = {"place=", "user=", NULL};

void
claims_settle(struct buf *out, const struct envelope *e, int trusted,
    uid_t uid)
{
	const char *p = e->attrs, *f = e->sender - 1;
	struct buf n = {0};

	for (; p < f; p += strlen(p) + 1)
		if (trusted || !is_one_of(p + 1, origin))
			buf_add(out, p, strlen(p) + 1);
	if (!trusted) {
		buf_num(&n, uid);
		record_attr(out, 'A', "uid", buf_cstr(&n));
		buf_free(&n);
	}
	for (p = f; *p != '\0'; p += strlen(p) + 1)
		if (*p != 'a' || !is_one_of(p + 1, internal))
			buf_add(out, p, strlen(p) + 1);
	buf_byte(out, '\0');
}
