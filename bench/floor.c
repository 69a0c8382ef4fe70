/*
 * floor: the least that a mail server on this machine can cost.
 *
 *	floor [-D] [-t THREADS] PORT QUEUE MAIL
 *
 * One resident process that does the durable work of receiving and
 * delivering and nothing else: SMTP on 127.0.0.1:PORT; message and envelope
 * with one write and one fdatasync into a slot file in QUEUE that is used
 * again and again; 250; then for each recipient a file in MAIL/USER/tmp,
 * rename to new, and one fsync, which on ext4 and XFS makes the name durable
 * with the content (-D: fsync, rename, fsync of the directory, as elsewhere).
 * No tables, no logs, no rights, no retries, no limits on a client: it is no
 * mail server, only the line below which none can go.  Each thread serves
 * one connection at a time.  Ends by a signal.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define INPUT	(16 << 20)	/* longest message, commands included */
#define RCPTS	1000

struct session {
	int	 fd, slot;
	char	*in;		/* INPUT bytes of address space */
	size_t	 len, pos;	/* bytes read, bytes used */
	char	 out[4096];	/* replies, sent when no input is left */
	size_t	 outlen;
	char	 env[65536];	/* F and T records */
	size_t	 envlen;
	char	 rcpt[RCPTS][64];
	int	 nrcpt;
};

static const char	*queue_dir, *mail_dir;
static bool		 sync_dir;
static int		 listener;
static atomic_long	 numbered;

static void
flush(struct session *s)
{
	if (s->outlen > 0 && write(s->fd, s->out, s->outlen) == -1)
		warn("reply");
	s->outlen = 0;
}

static void
reply(struct session *s, const char *text)
{
	size_t n = strlen(text);

	if (s->outlen + n > sizeof s->out)
		flush(s);
	memcpy(s->out + s->outlen, text, n);
	s->outlen += n;
}

/* Reads more; begins at the front again where all was used. */
static bool
more(struct session *s)
{
	ssize_t n;

	flush(s);
	if (s->pos == s->len)
		s->pos = s->len = 0;
	n = read(s->fd, s->in + s->len, INPUT - s->len);
	if (n <= 0)
		return false;
	s->len += (size_t)n;
	return true;
}

/* The next line without its end, NUL-terminated in place; NULL at the end. */
static char *
line(struct session *s)
{
	char *start, *nl;

	while ((nl = memchr(s->in + s->pos, '\n', s->len - s->pos)) == NULL)
		if (!more(s))
			return NULL;
	start = s->in + s->pos;
	s->pos = (size_t)(nl + 1 - s->in);
	*nl = '\0';
	if (nl > start && nl[-1] == '\r')
		nl[-1] = '\0';
	return start;
}

/* Takes the dots off in place and makes CRLF LF; returns the new length. */
static size_t
decode(char *p, size_t n)
{
	char *from = p, *to = p, *end = p + n, *nl;
	size_t len;

	while (from < end) {
		from += *from == '.';
		nl = memchr(from, '\n', (size_t)(end - from));
		len = (size_t)(nl - from) - 1;
		memmove(to, from, len);
		to += len;
		*to++ = '\n';
		from = nl + 1;
	}
	return (size_t)(to - p);
}

/* The message up to the dot: its bytes, or NULL when the client is gone. */
static char *
content(struct session *s, size_t *lenp)
{
	size_t start, seen;
	char *dot;

	if (s->pos == s->len)
		s->pos = s->len = 0;
	start = seen = s->pos;
	while ((dot = memmem(s->in + seen, s->len - seen, "\r\n.\r\n", 5)) ==
	    NULL) {
		seen = s->len > start + 4 ? s->len - 4 : start;
		if (!more(s))
			return NULL;
	}
	s->pos = (size_t)(dot + 5 - s->in);
	*lenp = decode(s->in + start, (size_t)(dot + 2 - s->in) - start);
	return s->in + start;
}

/* The queue: one write, one sync, over blocks that the file has. */
static bool
commit(struct session *s, char *msg, size_t len)
{
	char head[64] = "floor";
	struct iovec v[3] = {
		{ head, sizeof head }, { msg, len }, { s->env, s->envlen },
	};

	memcpy(head + 8, &len, sizeof len);
	memcpy(head + 16, &s->envlen, sizeof s->envlen);
	return pwritev(s->slot, v, 3, 0) > 0 && fdatasync(s->slot) == 0;
}

static bool
deliver(const char *user, char *msg, size_t len)
{
	char tmp[512], new[512], head[256];
	struct iovec v[2] = { { head, 0 }, { msg, len } };
	long number = atomic_fetch_add(&numbered, 1);
	bool ok;
	int fd;

	snprintf(tmp, sizeof tmp, "%s/%s/tmp/%ld.%ld.floor", mail_dir, user,
	    (long)time(NULL), number);
	snprintf(new, sizeof new, "%s/%s/new/%ld.%ld.floor", mail_dir, user,
	    (long)time(NULL), number);
	v[0].iov_len = (size_t)snprintf(head, sizeof head,
	    "Return-Path: <sender@load.test>\nDelivered-To: %s\n", user);
	if ((fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL, 0600)) == -1)
		return false;
	ok = writev(fd, v, 2) > 0 && (!sync_dir || fsync(fd) == 0) &&
	    rename(tmp, new) == 0 && (sync_dir || fsync(fd) == 0);
	close(fd);
	if (!ok || !sync_dir)
		return ok;
	*strrchr(new, '/') = '\0';
	if ((fd = open(new, O_RDONLY | O_DIRECTORY)) == -1)
		return false;
	ok = fsync(fd) == 0;
	close(fd);
	return ok;
}

static bool
data(struct session *s)
{
	size_t len;
	char *msg;
	int i;

	reply(s, "354 go ahead\r\n");
	if ((msg = content(s, &len)) == NULL)
		return false;
	reply(s, commit(s, msg, len) ? "250 2.0.0 queued\r\n" :
	    "451 4.3.0 queue\r\n");
	flush(s);
	for (i = 0; i < s->nrcpt; i++)
		if (!deliver(s->rcpt[i], msg, len))
			warn("%s", s->rcpt[i]);
	pwrite(s->slot, "free\0", 5, 0);
	s->envlen = 0;
	s->nrcpt = 0;
	return true;
}

/* A recipient's user is the text from the bracket to the at sign. */
static void
recipient(struct session *s, const char *arg)
{
	size_t n = strcspn(arg, "@>");

	if (n >= sizeof s->rcpt[0] || s->nrcpt == RCPTS ||
	    s->envlen + n + 2 > sizeof s->env) {
		reply(s, "452 4.5.3 too much\r\n");
		return;
	}
	memcpy(s->rcpt[s->nrcpt], arg, n);
	s->rcpt[s->nrcpt++][n] = '\0';
	s->env[s->envlen++] = 'T';
	memcpy(s->env + s->envlen, arg, n);
	s->envlen += n;
	s->env[s->envlen++] = '\0';
	reply(s, "250 2.1.5 ok\r\n");
}

static void
serve(struct session *s)
{
	char *l;

	s->len = s->pos = s->outlen = s->envlen = 0;
	s->nrcpt = 0;
	reply(s, "220 floor ESMTP\r\n");
	while ((l = line(s)) != NULL) {
		if (strncasecmp(l, "EHLO", 4) == 0)
			reply(s, "250-floor\r\n250 PIPELINING\r\n");
		else if (strncasecmp(l, "RCPT TO:<", 9) == 0)
			recipient(s, l + 9);
		else if (strcasecmp(l, "DATA") == 0) {
			if (!data(s))
				break;
		} else if (strcasecmp(l, "QUIT") == 0) {
			reply(s, "221 2.0.0 bye\r\n");
			break;
		} else
			reply(s, "250 2.1.0 ok\r\n");
	}
	flush(s);
}

static void *
worker(void *arg)
{
	struct session *s = calloc(1, sizeof *s);
	char path[512];
	int on = 1;

	if (s == NULL || (s->in = malloc(INPUT)) == NULL)
		err(1, NULL);
	snprintf(path, sizeof path, "%s/slot.%d", queue_dir, *(int *)arg);
	if ((s->slot = open(path, O_RDWR | O_CREAT, 0600)) == -1)
		err(1, "%s", path);
	for (;;) {
		if ((s->fd = accept(listener, NULL, NULL)) == -1)
			err(1, "accept");
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		serve(s);
		close(s->fd);
	}
}

static void
listen_on(int port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int on = 1;

	sin.sin_port = htons((uint16_t)port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&sin, sizeof sin) == -1 ||
	    listen(listener, 512) == -1)
		err(1, "port %d", port);
}

int
main(int argc, char **argv)
{
	static int index[1000];
	int o, i, threads = 10;
	pthread_t t;

	while ((o = getopt(argc, argv, "Dt:")) != -1) {
		if (o == 'D')
			sync_dir = true;
		else if (o == 't')
			threads = atoi(optarg);
		else
			return 2;
	}
	if (argc - optind != 3 || threads < 1 || threads > 1000)
		errx(2, "usage: floor [-D] [-t threads] port queue mail");
	queue_dir = argv[optind + 1];
	mail_dir = argv[optind + 2];
	signal(SIGPIPE, SIG_IGN);
	listen_on(atoi(argv[optind]));
	for (i = 0; i < threads; i++) {
		index[i] = i;
		if (pthread_create(&t, NULL, worker, &index[i]) != 0)
			errx(1, "pthread_create");
	}
	pthread_join(t, NULL);
	return 0;
}
