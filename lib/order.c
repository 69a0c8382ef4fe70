#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "order.h"
#include "packet.h"
#include "str.h"

/* The spawner reads no longer packet in one piece. */
enum { ANSWER_PACKET = 32768 };

/* Ids become parts of file names. */
static int
id_safe(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || p[i] == '-' ||
		    (ascii_lower(p[i]) >= 'a' && ascii_lower(p[i]) <= 'z')))
			return 0;
	return n > 0;
}

/* I id, B first|again, X records, then the envelope. */
static int
parse(struct order *o)
{
	struct records r = {o->raw.p, o->raw.p + o->raw.len};
	const char *t, *at = r.p;
	size_t n;
	char tag;

	o->extra = NULL;
	o->msg = NULL;
	o->again = 1;
	strcpy(o->id, "-");
	while (record_next(&r, &tag, &t, &n) == 1) {
		if (tag == 'I' && n < sizeof o->id && id_safe(t, n))
			memcpy(o->id, t, n + 1);
		else if (tag == 'B')
			o->again = strcmp(t, "first") != 0;
		else if (tag == 'X' && o->extra == NULL)
			o->extra = at;
		else if (tag != 'X')
			break;
		at = r.p;
	}
	if (envelope_parse(&o->env, at, (size_t)(o->raw.p + o->raw.len - at)) ||
	    o->env.nrcpt == 0) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}

int
order_read(struct order *o, int fd)
{
	int more;

	o->msgfd = 0;
	o->raw.len = 0;
	more = read_to_end(fd, &o->raw, ORDER_MAX + 1);
	if (more == 1)
		errno = EPROTO;
	return more == 0 ? parse(o) : -1;
}

int
order_next(struct order *o, int fd)
{
	ssize_t n;

	o->raw.len = 0;
	buf_room(&o->raw, ORDER_MAX);
	n = packet_recv(fd, o->raw.p, ORDER_MAX, &o->msgfd);
	if (n <= 0)
		return (int)n;
	o->raw.len = (size_t)n;
	if (parse(o) == 0) {
		o->msglen = (size_t)(o->raw.p + o->raw.len - o->env.end);
		if (o->msglen > 0)
			o->msg = o->env.end;
		if ((o->msgfd == -1) == (o->msg != NULL))
			return 1;
	}
	order_done(o);
	errno = EPROTO;
	return -1;
}

int
order_args(struct order *o, char *const argv[], int argc)
{
	int i;

	o->msgfd = 0;
	o->raw.len = 0;
	for (i = 0; i < argc; i++)
		record_adds(&o->raw, i == 0 ? 'F' : 'T', argv[i]);
	buf_byte(&o->raw, '\0');
	return parse(o);
}

const char *
order_extra(const struct order *o, const char *name)
{
	size_t n = strlen(name);
	const char *p;

	for (p = o->extra; p != NULL && *p == 'X'; p += strlen(p) + 1)
		if (strncmp(p + 1, name, n) == 0 && p[n + 1] == '=')
			return p + n + 2;
	return NULL;
}

int
order_waits(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	return poll(&p, 1, 0) == 1;
}

int
order_answer(struct buf *lines, int keep)
{
	size_t at, n;
	int r = 0;

	if (keep)
		buf_byte(lines, '\n');
	for (at = 0; at < lines->len && r == 0; at += n) {
		n = lines->len - at;
		if (n > ANSWER_PACKET)
			n = ANSWER_PACKET;
		r = write_all(1, lines->p + at, n);
	}
	lines->len = 0;
	return r;
}

void
order_done(struct order *o)
{
	int err = errno;

	if (o->msgfd > 0)
		close(o->msgfd);
	o->msgfd = -1;
	o->msg = NULL;
	o->raw.len = 0;
	errno = err;
}
