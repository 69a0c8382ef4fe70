#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "control.h"
#include "edit.h"

enum { REQUEST_MAX = 400, PIECE = 16384 };

int
control_open(struct control *c)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "control"};
	int i;

	for (i = 0; i < CONTROL_CLIENTS; i++)
		c->client[i].fd = -1;
	unlink(a.sun_path);
	c->listen = socket(AF_UNIX, SOCK_STREAM, 0);
	if (c->listen == -1)
		return -1;
	fd_cloexec(c->listen);
	fd_nonblock(c->listen);
	/* The directory is the queue user's alone, and so is the socket. */
	if (bind(c->listen, (struct sockaddr *)&a, sizeof a) == -1)
		return -1;
	return listen(c->listen, CONTROL_CLIENTS);
}

static void
leave(struct control_client *k)
{
	close(k->fd);
	k->fd = -1;
	buf_free(&k->in);
	buf_free(&k->out);
}

void
control_accept(struct control *c)
{
	struct control_client *k = c->client;
	int fd;

	fd = accept(c->listen, NULL, NULL);
	if (fd == -1)
		return;
	while (k < c->client + CONTROL_CLIENTS && k->fd != -1)
		k++;
	if (k == c->client + CONTROL_CLIENTS) {
		close(fd);
		return;
	}
	fd_cloexec(fd);
	fd_nonblock(fd);
	memset(k, 0, sizeof *k);
	k->fd = fd;
}

short
control_events(const struct control *c, int i)
{
	return c->client[i].listing || c->client[i].edited ? POLLOUT : POLLIN;
}

static const char *
state_word(const struct msg *m)
{
	static const char *const words[] = {"waiting", "ready", "running",
	    "parked", "held"};

	return words[m->state];
}

/* The next lines of the list, to about PIECE bytes. */
static void
list_some(struct control_client *k, const struct store *s)
{
	const struct msg *m;

	k->out.len = k->sent = 0;
	for (; k->at < s->slots && k->out.len < PIECE; k->at++) {
		m = s->index[k->at];
		if (m != NULL)
			buf_fmt(&k->out, "%08x %.*s %s %u %u %d\n", m->num,
			    ID_LEN, m->id, state_word(m), m->next, m->attempts,
			    m->state == MSG_ACTIVE);
	}
	if (k->at >= s->slots && k->out.len < PIECE)
		buf_str(&k->out, ".\n");
}

/* The request is whole: the list, or a change. */
static void
begin_answer(struct control_client *k, struct store *s)
{
	k->in.p[k->in.len - 1] = '\0';
	if (strcmp(k->in.p, "list") == 0) {
		k->listing = 1;
		return;
	}
	buf_str(&k->out, edit_message(s, k->in.p));
	buf_byte(&k->out, '\n');
	k->edited = 1;
}

static void
read_request(struct control_client *k, struct store *s)
{
	ssize_t n;

	buf_room(&k->in, REQUEST_MAX);
	n = read(k->fd, k->in.p + k->in.len, REQUEST_MAX - k->in.len);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		k->in.len += (size_t)n;
	if (n > 0 && memchr(k->in.p, '\n', k->in.len) == NULL &&
	    k->in.len < REQUEST_MAX)
		return;
	if (n <= 0 || k->in.p[k->in.len - 1] != '\n' ||
	    memchr(k->in.p, '\0', k->in.len) != NULL)
		leave(k);
	else
		begin_answer(k, s);
}

void
control_serve(struct control *c, int i, struct store *s)
{
	struct control_client *k = &c->client[i];
	ssize_t n;

	if (!k->listing && !k->edited) {
		read_request(k, s);
		return;
	}
	if (k->listing && k->sent == k->out.len)
		list_some(k, s);
	n = send(k->fd, k->out.p + k->sent, k->out.len - k->sent, MSG_NOSIGNAL);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		k->sent += (size_t)n;
	if (n == -1 || (k->edited && k->sent == k->out.len) ||
	    (k->sent == k->out.len && k->at >= s->slots &&
	    k->out.len >= 2 && k->out.p[k->out.len - 2] == '.'))
		leave(k);
}
