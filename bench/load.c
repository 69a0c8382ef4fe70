/*
 * load: sends mail to an SMTP server as fast as it takes it, and says how
 * fast that was.
 *
 *	load [-lp] [-c CONNECTIONS] [-d DOMAIN] [-f SENDER] [-h ADDRESS]
 *	    [-m MESSAGES-PER-CONNECTION] [-n MESSAGES] [-r RECIPIENTS]
 *	    [-s SIZE] [-T SECONDS] [-u USERS] [-w ehlo|rcpt] PORT
 *
 * Behaves as an ordinary MTA: EHLO, then MAIL, RCPT and DATA in one write
 * where the server offers PIPELINING, the content when 354 came, the next
 * transaction when the content was accepted, and QUIT.  -l waits for each
 * reply; -p writes what follows a message together with its content.
 * -m 0 sends nothing: connect, EHLO, QUIT, -n times.  -h is an address of
 * this machine (127.x.x.x): nobody else's server is loaded by mistake.
 * -w opens -c sessions, prints "held=N" when each has had the reply to EHLO
 * or RCPT, and keeps them until a signal or -T ends it.
 *
 * Prints one line of NAME=VALUE on 1, the first refusals on 2.  A
 * transaction's time is from MAIL (the first of a connection: from connect)
 * to the reply that takes responsibility.  Exit 0: all was accepted; 1: not;
 * 2: wrong use.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define HEADER	512		/* bytes of a message's header, padded */
#define ADDRESS	120		/* longest address taken */

enum state { GREETING, EHLO, MAIL, RCPT, DATA, DOT, QUIT, HELD };

struct conn {
	int		 fd;
	enum state	 state;		/* whose reply comes next */
	long		 quota;		/* messages still to send here */
	int		 rcpt;		/* RCPT replies had */
	bool		 pipelining;
	double		 began;		/* of the transaction under way */
	double		 next_began;	/* with -p, of the one written early */
	long		 number;	/* of the message under way */
	char		 line[1024];	/* a reply's line, as far as it came */
	size_t		 linelen;
	char		*cmd;		/* commands to write, or a header */
	char		 head[HEADER + 1];
	struct iovec	 out[3];	/* header, body, commands */
};

static struct option {
	const char	*host, *domain, *sender, *hold;
	int		 conns, rcpts, users, seconds;
	long		 messages, per_conn;
	size_t		 size;
	bool		 lockstep, eager;
} opt = {
	.host = "127.0.0.1", .domain = "example.test",
	.sender = "sender@load.test", .conns = 10, .rcpts = 1, .users = 100,
	.seconds = 60, .messages = 1000, .per_conn = 1, .size = 4096,
};

static struct sockaddr_in	 server;
static struct conn		*conns;
static int			 epfd, open_conns, held;
static long			 reserved, numbered, accepted, failed, opened;
static char			*body;		/* lines, then the dot */
static size_t			 bodylen;
static double			*latency;

static void	conn_open(struct conn *);

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
conn_close(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	open_conns--;
	if (reserved < opt.messages && opt.hold == NULL)
		conn_open(c);
}

/* What the connection had still to send counts as failed. */
static void
conn_fail(struct conn *c, const char *why)
{
	if (failed < 5)
		warnx("state %d: %s", (int)c->state, why);
	failed += c->quota > 0 ? c->quota : 1;
	conn_close(c);
}

/* Writes what the socket takes; the rest when it can take more. */
static void
conn_flush(struct conn *c)
{
	ssize_t w;
	size_t n;
	int i;

	while ((w = writev(c->fd, c->out, 3)) > 0) {
		for (i = 0; i < 3; i++) {
			n = c->out[i].iov_len < (size_t)w ?
			    c->out[i].iov_len : (size_t)w;
			c->out[i].iov_base = (char *)c->out[i].iov_base + n;
			c->out[i].iov_len -= n;
			w -= (ssize_t)n;
		}
	}
}

/* The recipients go round the users, so that all get the same number. */
static int
put_rcpt(char *p, long number, int i)
{
	return sprintf(p, "RCPT TO:<user%ld@%s>\r\n",
	    (number * opt.rcpts + i) % opt.users, opt.domain);
}

/* Commands of the next transaction: all, or the first where not pipelined. */
static void
put_transaction(struct conn *c)
{
	char *p = c->cmd;
	int i;

	c->number = numbered++;
	p += sprintf(p, "MAIL FROM:<%s>\r\n", opt.sender);
	for (i = 0; i < opt.rcpts && c->pipelining; i++)
		p += put_rcpt(p, c->number, i);
	if (c->pipelining && opt.hold == NULL)
		strcpy(p, "DATA\r\n");
}

/* Sends what is in cmd.  All before it was sent: its reply came. */
static void
send_cmd(struct conn *c, enum state next)
{
	c->state = next;
	c->out[2].iov_base = c->cmd;
	c->out[2].iov_len = strlen(c->cmd);
	conn_flush(c);
}

static void
send_str(struct conn *c, enum state next, const char *s)
{
	strcpy(c->cmd, s);
	send_cmd(c, next);
}

/* The header of exactly HEADER bytes that makes each message its own. */
static void
make_header(struct conn *c)
{
	int n;

	n = snprintf(c->head, sizeof c->head,
	    "From: <%s>\r\nTo: <user%ld@%s>\r\nSubject: load %ld\r\n"
	    "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
	    "Message-ID: <%ld.%ld@load.test>\r\nX-Pad: ", opt.sender,
	    (c->number * opt.rcpts) % opt.users, opt.domain, c->number,
	    (long)getpid(), c->number);
	memset(c->head + n, 'x', HEADER - (size_t)n);
	memcpy(c->head + HEADER - 4, "\r\n\r\n", 4);
}

static void
send_content(struct conn *c)
{
	make_header(c);
	c->out[0].iov_base = c->head;
	c->out[0].iov_len = HEADER;
	c->out[1].iov_base = body;
	c->out[1].iov_len = bodylen;
	c->cmd[0] = '\0';
	if (opt.eager && c->quota > 1) {
		c->next_began = now();
		put_transaction(c);
	} else if (opt.eager) {
		strcpy(c->cmd, "QUIT\r\n");
	}
	send_cmd(c, DOT);
}

static void
next_transaction(struct conn *c)
{
	if (c->state == DOT && opt.eager) {
		c->began = c->next_began;
		c->state = c->quota > 0 ? MAIL : QUIT;
		return;
	}
	if (c->state == DOT)
		c->began = now();
	if (c->quota > 0) {
		put_transaction(c);
		send_cmd(c, MAIL);
	} else {
		send_str(c, QUIT, "QUIT\r\n");
	}
}

static void
hold(struct conn *c)
{
	c->state = HELD;
	if (++held == opt.conns) {
		printf("held=%d\n", held);
		fflush(stdout);
	}
}

/* The reply to a RCPT, or to a MAIL where there is nothing before it. */
static void
next_rcpt(struct conn *c)
{
	if (c->rcpt < opt.rcpts) {
		c->state = RCPT;
		if (!c->pipelining) {
			put_rcpt(c->cmd, c->number, c->rcpt);
			send_cmd(c, RCPT);
		}
	} else if (opt.hold != NULL) {
		hold(c);
	} else if (c->pipelining) {
		c->state = DATA;
	} else {
		send_str(c, DATA, "DATA\r\n");
	}
}

/* A whole reply came: what it means and what is said next. */
static void
on_reply(struct conn *c, int code)
{
	static const int want[] = { 220, 250, 250, 250, 354, 250, 221, 0 };

	if (code != want[c->state]) {
		conn_fail(c, c->line);
		return;
	}
	switch (c->state) {
	case GREETING:
		send_str(c, EHLO, "EHLO load.test\r\n");
		break;
	case EHLO:
		if (opt.hold != NULL && strcmp(opt.hold, "ehlo") == 0)
			hold(c);
		else
			next_transaction(c);
		break;
	case MAIL:
		c->rcpt = 0;
		next_rcpt(c);
		break;
	case RCPT:
		c->rcpt++;
		next_rcpt(c);
		break;
	case DATA:
		send_content(c);
		break;
	case DOT:
		latency[accepted++] = now() - c->began;
		c->quota--;
		next_transaction(c);
		break;
	default:
		conn_close(c);
	}
}

static void
on_line(struct conn *c)
{
	if (c->linelen < 4)
		conn_fail(c, "short reply");
	else if (c->line[3] != '-')
		on_reply(c, atoi(c->line));
	else if (c->state == EHLO &&
	    strncasecmp(c->line + 4, "PIPELINING", 10) == 0)
		c->pipelining = !opt.lockstep;
}

static void
conn_read(struct conn *c)
{
	char in[65536];
	long self = opened;	/* on_line may begin another connection */
	ssize_t n, i;

	n = read(c->fd, in, sizeof in);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n <= 0) {
		conn_fail(c, n == 0 ? "connection closed" : strerror(errno));
		return;
	}
	for (i = 0; i < n; i++) {
		if (in[i] == '\n') {
			c->line[c->linelen] = '\0';
			on_line(c);
			if (c->fd == -1 || opened != self)
				return;
			c->linelen = 0;
		} else if (in[i] != '\r' && c->linelen < sizeof c->line - 1) {
			c->line[c->linelen++] = in[i];
		}
	}
}

/* Connects, and takes the messages that this connection will send. */
static void
conn_open(struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
	    .data.ptr = c };
	long want = opt.per_conn > 0 ? opt.per_conn : 1;
	char *cmd = c->cmd;
	int on = 1;

	memset(c, 0, sizeof *c);
	c->cmd = cmd;
	if (want > opt.messages - reserved)
		want = opt.messages - reserved;
	reserved += want;
	c->quota = opt.per_conn > 0 ? want : 0;
	c->began = now();
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		err(1, "socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(c->fd, (struct sockaddr *)&server, sizeof server) == -1 &&
	    errno != EINPROGRESS)
		err(1, "connect");
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		err(1, "epoll_ctl");
	open_conns++;
	opened++;
}

/* Lines of 72 letters up to the size that was asked for, and the dot. */
static void
make_body(void)
{
	size_t i, n = opt.size - HEADER - 2;

	if ((body = malloc(n + 5)) == NULL)
		err(1, NULL);
	for (i = 0; i < n; i++)
		body[i] = (char)('a' + i % 26);
	for (i = 72; i + 2 <= n; i += 74)
		memcpy(body + i, "\r\n", 2);
	memcpy(body + n, "\r\n.\r\n", 5);
	bodylen = n + 5;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
report(double took)
{
	long n = accepted;

	qsort(latency, (size_t)n, sizeof *latency, compare);
	printf("accepted=%ld failed=%ld connections=%ld seconds=%.3f rate=%.1f "
	    "p50_ms=%.2f p99_ms=%.2f max_ms=%.2f cpu_us=%.0f\n", accepted,
	    failed, opened, took, (double)n / took,
	    n > 0 ? latency[n / 2] * 1e3 : 0,
	    n > 0 ? latency[n * 99 / 100] * 1e3 : 0,
	    n > 0 ? latency[n - 1] * 1e3 : 0,
	    (double)clock() * 1e6 / CLOCKS_PER_SEC);
}

static void
run(double end)
{
	struct epoll_event ev[64];
	struct conn *c;
	int i, n;

	for (i = 0; i < opt.conns && reserved < opt.messages; i++)
		conn_open(&conns[i]);
	while (open_conns > 0 && now() < end) {
		n = epoll_wait(epfd, ev, 64, 100);
		for (i = 0; i < n; i++) {
			c = ev[i].data.ptr;
			if (c->fd == -1)
				continue;
			conn_flush(c);
			if ((ev[i].events & ~EPOLLOUT) != 0)
				conn_read(c);
		}
	}
}

static long
number(const char *s, long min, long max)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (*s == '\0' || *end != '\0' || n < min || n > max)
		errx(2, "%s: not a number from %ld to %ld", s, min, max);
	return n;
}

static void
options(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "c:d:f:h:lm:n:pr:s:T:u:w:")) != -1) {
		switch (o) {
		case 'c': opt.conns = (int)number(optarg, 1, 20000); break;
		case 'd': opt.domain = optarg; break;
		case 'f': opt.sender = optarg; break;
		case 'h': opt.host = optarg; break;
		case 'l': opt.lockstep = true; break;
		case 'm': opt.per_conn = number(optarg, 0, 1000000); break;
		case 'n': opt.messages = number(optarg, 1, 10000000); break;
		case 'p': opt.eager = true; break;
		case 'r': opt.rcpts = (int)number(optarg, 1, 1000); break;
		case 's': opt.size = (size_t)number(optarg, HEADER + 8,
		    1 << 30); break;
		case 'T': opt.seconds = (int)number(optarg, 1, 36000); break;
		case 'u': opt.users = (int)number(optarg, 1, 10000000); break;
		case 'w': opt.hold = optarg; break;
		default: exit(2);
		}
	}
	if (argc - optind != 1)
		errx(2, "one port, please");
	if (opt.hold != NULL)
		opt.messages = opt.conns;
	if (strlen(opt.domain) > ADDRESS || strlen(opt.sender) > ADDRESS)
		errx(2, "an address of over %d bytes", ADDRESS);
}

int
main(int argc, char **argv)
{
	size_t cmdsize;
	double start;
	int i;

	options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)number(argv[optind], 1, 65535));
	if (inet_pton(AF_INET, opt.host, &server.sin_addr) != 1 ||
	    ntohl(server.sin_addr.s_addr) >> 24 != 127)
		errx(2, "%s: not an IPv4 address of this machine", opt.host);
	make_body();
	cmdsize = (size_t)(opt.rcpts + 2) * (ADDRESS + 40);
	conns = calloc((size_t)opt.conns, sizeof *conns);
	latency = calloc((size_t)opt.messages, sizeof *latency);
	if (conns == NULL || latency == NULL)
		err(1, NULL);
	for (i = 0; i < opt.conns; i++)
		if ((conns[i].fd = -1, conns[i].cmd = malloc(cmdsize)) == NULL)
			err(1, NULL);
	if ((epfd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll_create1");
	start = now();
	run(start + opt.seconds);
	report(now() - start);
	return opt.hold == NULL && opt.per_conn > 0 &&
	    accepted < opt.messages;
}
