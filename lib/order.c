#include <sys/socket.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "order.h"

/* I id, B first|again, X records, then the envelope. */
static int
parse(struct order *o)
{
	struct records r = {o->raw.p, o->raw.p + o->raw.len};
	const char *t, *at = r.p;
	size_t n;
	char tag;

	o->extra = NULL;
	o->again = 1;
	strcpy(o->id, "-");
	while (record_next(&r, &tag, &t, &n) == 1) {
		if (tag == 'I' && n < sizeof o->id)
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
	o->msgfd = 0;
	o->raw.len = 0;
	if (read_to_end(fd, &o->raw, ORDER_MAX) == -1)
		return -1;
	return parse(o);
}

int
order_next(struct order *o, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t n;

	o->msgfd = -1;
	o->raw.len = 0;
	buf_room(&o->raw, ORDER_MAX);
	iov.iov_base = o->raw.p;
	iov.iov_len = ORDER_MAX;
	m.msg_control = control.space;
	m.msg_controllen = sizeof control.space;
	do {
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return (int)n;
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&o->msgfd, CMSG_DATA(c), sizeof o->msgfd);
	o->raw.len = (size_t)n;
	if (o->msgfd == -1 || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		errno = EPROTO;
		return -1;
	}
	return parse(o) == 0 ? 1 : -1;
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
order_answer(struct buf *lines, int keep)
{
	int r;

	if (keep)
		buf_byte(lines, '\n');
	r = write_all(1, lines->p, lines->len);
	lines->len = 0;
	return r;
}

void
order_done(struct order *o)
{
	if (o->msgfd > 0)
		close(o->msgfd);
	o->msgfd = -1;
	buf_free(&o->raw);
}
