/*
 * sink: an SMTP server that takes everything and keeps nothing.
 *
 *	sink PORT [COUNT]
 *
 * The other end when relaying is measured: 127.0.0.1:PORT, one process, any
 * number of connections, PIPELINING and SIZE offered.  For each message one
 * byte is added to the file COUNT, so that its size says how many came.
 * Ends by a signal.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct conn {
	int	 fd;
	bool	 content;	/* in a message, not in commands */
	int	 matched;	/* bytes of CRLF.CRLF seen */
	char	 line[1024];	/* a command, as far as it came */
	size_t	 len;
	char	 out[8192];	/* replies to one read of input */
	size_t	 outlen;
};

static int epfd, count = -1;

static void
reply(struct conn *c, const char *text)
{
	size_t n = strlen(text);

	if (c->outlen + n > sizeof c->out)
		return;
	memcpy(c->out + c->outlen, text, n);
	c->outlen += n;
}

/* False at QUIT. */
static bool
command(struct conn *c)
{
	if (strncasecmp(c->line, "EHLO", 4) == 0)
		reply(c, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
		    "250 SIZE 0\r\n");
	else if (strcasecmp(c->line, "DATA") == 0) {
		reply(c, "354 go ahead\r\n");
		c->content = true;
		c->matched = 2;
	} else if (strcasecmp(c->line, "QUIT") == 0) {
		reply(c, "221 2.0.0 bye\r\n");
		return false;
	} else
		reply(c, "250 2.0.0 ok\r\n");
	return true;
}

/* Skips content: the number of bytes that were of the message. */
static size_t
skip(struct conn *c, const char *p, size_t n)
{
	static const char end[] = "\r\n.\r\n";
	const char *from = p, *cr, *stop = p + n;

	while (p < stop) {
		if (c->matched == 0) {
			cr = memchr(p, '\r', (size_t)(stop - p));
			if (cr == NULL)
				return n;
			p = cr + 1;
			c->matched = 1;
			continue;
		}
		if (*p != end[c->matched])
			c->matched = *p == '\r';
		else
			c->matched++;
		p++;
		if (c->matched == 5) {
			if (count != -1 && write(count, ".", 1) == -1)
				warn("count");
			reply(c, "250 2.0.0 taken\r\n");
			c->content = false;
			break;
		}
	}
	return (size_t)(p - from);
}

/* False when the session is over. */
static bool
input(struct conn *c)
{
	static char in[65536];
	bool go = true;
	ssize_t n, i;

	n = read(c->fd, in, sizeof in);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	for (i = 0; i < n && go;) {
		if (c->content) {
			i += (ssize_t)skip(c, in + i, (size_t)(n - i));
		} else if (in[i++] == '\n') {
			c->line[c->len] = '\0';
			c->len = 0;
			go = command(c);
		} else if (in[i - 1] != '\r' && c->len < sizeof c->line - 1) {
			c->line[c->len++] = in[i - 1];
		}
	}
	if (c->outlen > 0 && write(c->fd, c->out, c->outlen) == -1)
		go = false;
	c->outlen = 0;
	return go && n > 0;
}

static void
welcome(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct conn *c;
	int fd, on = 1;

	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (fd == -1 || (c = calloc(1, sizeof *c)) == NULL) {
		warn("accept");
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->fd = fd;
	ev.data.ptr = c;
	if (write(fd, "220 sink ESMTP\r\n", 16) == -1 ||
	    epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) == -1) {
		close(fd);
		free(c);
	}
}

static int
listen_on(int port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int on = 1, fd;

	sin.sin_port = htons((uint16_t)port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(fd, 512) == -1)
		err(1, "port %d", port);
	return fd;
}

int
main(int argc, char **argv)
{
	struct epoll_event ev[64], all = { .events = EPOLLIN };
	int i, n, listener;
	struct conn *c;

	if (argc < 2 || argc > 3)
		errx(2, "usage: sink port [count]");
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && (count = open(argv[2],
	    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644)) == -1)
		err(1, "%s", argv[2]);
	listener = listen_on(atoi(argv[1]));
	if ((epfd = epoll_create1(0)) == -1 ||
	    epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &all) == -1)
		err(1, "epoll");
	for (;;) {
		n = epoll_wait(epfd, ev, 64, -1);
		for (i = 0; i < n; i++) {
			if ((c = ev[i].data.ptr) == NULL) {
				welcome(listener);
			} else if (!input(c)) {
				close(c->fd);
				free(c);
			}
		}
	}
}
