#include <string.h>

#include "addr.h"
#include "complete.h"
#include "fdio.h"
#include "header.h"
#include "id.h"
#include "submit.h"

/* The author's address: the login's, else the sender's.  A login is whatever a
 * checkpassword program took, so it is looked at before it is written. */
static const char *
address(struct buf *b, const struct author *a)
{
	if (a->login[0] != '\0') {
		buf_str(b, a->login);
		if (strchr(a->login, '@') == NULL) {
			buf_byte(b, '@');
			buf_str(b, a->hostname);
		}
		if (addr_valid(b->p, b->len, 1))
			return buf_cstr(b);
	}
	if (a->sender[0] != '\0')
		return a->sender;
	b->len = 0;
	buf_fmt(b, "MAILER-DAEMON@%s", a->hostname);
	return buf_cstr(b);
}

int
complete_header(struct buf *out, const char *p, size_t n, int whole,
    const struct author *a)
{
	struct submit s = {0};
	struct buf from = {0};
	char id[ID_LEN + 1];
	size_t body;

	header_length(p, n, &body);
	if (body == n && !whole)
		return -1;
	id_make(id);
	s.from = address(&from, a);
	s.hostname = a->hostname;
	s.id = id;
	s.now = (int64_t)(clock_us() / 1000000);
	submit_header(&s, p, body); /* fails only where it extracts */
	buf_add(out, s.header.p, s.header.len);
	buf_add(out, p + body, n - body);
	buf_free(&s.header);
	buf_free(&from);
	return 0;
}
