/*
 * mail-submit: sendmail(8); takes a message from a user or a script.
 *
 * Descriptor 0: the message.  Arguments: as sendmail's; the name that it is
 * started by (mailq, newaliases, runq) stands for -bp, -bi, -q.  Environment:
 * NAME is the user's full name.  Completes the header and hands the message to
 * queue-inject; the other modes exec queue-list, alias-compile, smtp-recv.
 *
 * Exit codes are sysexits(3): 0 it is in the queue; 64 usage; 65 the message
 * or an address is wrong; 67 no recipient; 69 refused; 70 71 75 77.
 *
 * Runs as its caller and needs no privilege; queue-inject trusts it in
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "header.h"
#include "id.h"
#include "inject.h"
#include "log.h"
#include "paths.h"
#include "settings.h"
#include "submit.h"
#include "textin.h"
#include "whoami.h"
#include "xtext.h"

enum {
	HEADER_MAX = 1 << 20, /* the header is the only part held in memory */
	RCPT_MAX = 10000,
	ENVID_MAX = 100, /* RFC 3461 4.4 */
	CHUNK = 65536
};

static struct {
	char mode; /* of -b: m, p, i, s; q for -q */
	int verbose;
	const char *from;  /* -f, NULL without */
	struct buf envid;  /* -V, as xtext */
	struct submit sub;
	struct textin in;
	struct map tables;
	struct inject inject;
	struct buf text;   /* what was read and not yet handed on */
	const char *sender;
	uint64_t size;     /* handed on so far */
	int eof;           /* nothing is left to read */
	int eightbit;      /* the message has a byte over 0x7f */
} m = {.mode = 'm', .in = TEXTIN(1)};

/* Says why in plain words, as a user's sendmail does, and ends. */
static void
quit(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3),
    noreturn));
static void
quit(int code, const char *fmt, ...)
{
	va_list ap;
	char t[1000];

	va_start(ap, fmt);
	vsnprintf(t, sizeof t, fmt, ap);
	va_end(ap);
	dprintf(2, "sendmail: %s\n", t);
	if (m.inject.pid > 0)
		inject_abort(&m.inject);
	exit(code);
}

static void
no_memory(void)
{
	quit(EX_TEMPFAIL, "out of memory");
}

/* Becomes another program of ours. */
static void
become(const char *name, char *const args[])
{
	char *path = path_program(name);

	execv(path, args);
	quit(EX_UNAVAILABLE, "cannot start %s: %s", path, strerror(errno));
}

/* -q: asks queue-run to try everything now (queue-run(8), "*"). */
static void
retry_now(void)
{
	char *path = path_make(PATH_QUEUE "/trigger");
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1 && (errno == EACCES || errno == EPERM))
		quit(EX_NOPERM, "not permitted to run the queue");
	if (fd == -1 && errno == ENXIO)
		quit(EX_UNAVAILABLE, "queue-run is down");
	if (fd == -1 || write(fd, "*\n", 2) != 2)
		quit(errno == EAGAIN ? EX_TEMPFAIL : EX_UNAVAILABLE, "%s: %s",
		    path, strerror(errno));
	exit(EX_OK);
}

/* -bs: SMTP on descriptors 0 and 1, for a local program: it may relay, as it
 * may by every other way into the queue. */
static void
speak_smtp(void)
{
	char *args[] = {(char *)(uintptr_t)"smtp-recv", NULL};

	setenv("PROTO", "TCP", 1);
	setenv("TCPREMOTEIP", "127.0.0.1", 1);
	setenv("TCPREMOTEHOST", "localhost", 1);
	setenv("RELAYCLIENT", "", 0);
	become("smtp-recv", args);
}

/* -b; modes of a daemon are services of their own here. */
static char
mode(const char *arg)
{
	if (strlen(arg) == 1 && strchr("mpis", *arg) != NULL)
		return *arg;
	if (strcmp(arg, "q") == 0)
		return 'q';
	quit(EX_USAGE, "-b%s is not available; see postchaise(7) for the "
	    "services", *arg == 'd' || *arg == 'D' ? "d" : "");
}

static void
usage(void)
{
	quit(EX_USAGE, "usage: sendmail [-itv] [-bi | -bm | -bp | -bs | -q] "
	    "[-F name] [-f sender]\n\t[-N when] [-R full | hdrs] [-V envid] "
	    "[recipient ...]");
}

/* The parameters of RFC 3461. */
static void
dsn_option(int c)
{
	if (c == 'N' && (m.sub.notify = submit_notify(optarg)) == NULL)
		quit(EX_USAGE, "-N takes never, or success, failure and delay");
	if (c == 'R' && (m.sub.ret = submit_ret(optarg)) == NULL)
		quit(EX_USAGE, "-R takes full or hdrs");
	if (c != 'V')
		return;
	m.envid.len = 0;
	xtext_encode(&m.envid, optarg, strlen(optarg));
	m.sub.envid = buf_cstr(&m.envid);
	if (m.envid.len == 0 || m.envid.len > ENVID_MAX)
		quit(EX_USAGE, "-V takes up to %d characters", ENVID_MAX);
}

static void
options(int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = getopt(argc, argv, "+A:B:b:C:cd::e:F:f:Gh:IimL:N:nO:o:p:q::"
	    "R:r:stUV:vX:x")) != -1) {
		if (c == '?')
			usage();
		dsn_option(c);
		if (c == 'b')
			m.mode = mode(optarg);
		else if (c == 'F')
			m.sub.fullname = optarg;
		else if (c == 'f' || c == 'r')
			m.from = optarg;
		else if (c == 'I')
			m.mode = 'i';
		else if (c == 'i' || (c == 'o' && strcmp(optarg, "i") == 0))
			m.in.dots = 0;
		else if (c == 'q')
			m.mode = 'q';
		else if (c == 't')
			m.sub.extract = 1;
		else if (c == 'v')
			m.verbose = 1;
		/* The others mean nothing here; scripts give them. */
	}
}

/* Our name, the caller's address and name, and what else completes a header. */
static void
identity(void)
{
	static char id[ID_LEN + 1];
	static struct buf from, name;

	if (tables_open(&m.tables, "public.cdb") == -1)
		quit(EX_TEMPFAIL, "cannot read the settings: %s",
		    strerror(errno));
	m.sub.hostname = whoami_host(&m.tables);
	if (m.sub.hostname == NULL)
		quit(EX_OSERR, "this host has no name");
	whoami(m.sub.hostname, &from, &name);
	m.sub.from = buf_cstr(&from);
	if (m.sub.fullname == NULL)
		m.sub.fullname = buf_cstr(&name);
	id_make(id);
	m.sub.id = id;
	m.sub.now = (int64_t)time(NULL);
}

/* The envelope's sender: -f, the null sender included, or the caller. */
static void
find_sender(void)
{
	struct submit one = {.hostname = m.sub.hostname};

	m.sender = m.sub.from;
	if (m.from == NULL)
		return;
	if (submit_recipients(&one, "-f", m.from, strlen(m.from)) == -1)
		quit(EX_DATAERR, "%s", buf_cstr(&one.error));
	if (one.nrcpt > 1)
		quit(EX_USAGE, "-f takes one address");
	m.sender = one.nrcpt == 1 ? one.rcpts.p : "";
	if (one.nrcpt == 1)
		m.sub.from = m.sender;
}

/* Reads on into m.text; 0 at the end of the message. */
static int
read_more(void)
{
	static char chunk[CHUNK];
	ssize_t n;

	if (m.eof)
		return 0;
	do {
		n = read(0, chunk, sizeof chunk);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		quit(EX_OSERR, "cannot read the message: %s", strerror(errno));
	textin_add(&m.in, &m.text, chunk, (size_t)n);
	if (n == 0)
		textin_end(&m.in, &m.text);
	m.eof = n == 0 || m.in.ended;
	return !m.eof;
}

/* Reads until the whole header is in m.text, makes the new one of it, and
 * leaves the body's beginning in m.text. */
static void
take_header(void)
{
	size_t from, lines, len, body;
	int more;

	buf_room(&m.text, CHUNK);
	do {
		more = read_more();
		for (lines = m.text.len; more && lines > 0 &&
		    m.text.p[lines - 1] != '\n'; lines--)
			;
		from = submit_from_line(m.text.p, lines);
		len = header_length(m.text.p + from, lines - from, &body);
		if (len > HEADER_MAX || m.text.len > HEADER_MAX + 2 * CHUNK)
			quit(EX_DATAERR, "header is larger than %d bytes",
			    HEADER_MAX);
	} while (more && from + body == lines);
	if (submit_header(&m.sub, m.text.p + from, len) == -1)
		quit(EX_DATAERR, "%s", buf_cstr(&m.sub.error));
	m.text.len -= from + body;
	memmove(m.text.p, m.text.p + from + body, m.text.len);
}

/* Hands p on to queue-inject.  If that has ended, its reason comes later. */
static void
hand_on(const char *p, size_t n)
{
	uint64_t limit = setting_num(&m.tables, "size");
	size_t i;

	m.size += n;
	if (limit != 0 && m.size > limit)
		quit(EX_UNAVAILABLE, "message is larger than %llu bytes",
		    (unsigned long long)limit);
	for (i = 0; i < n && !m.eightbit; i++)
		m.eightbit = (unsigned char)p[i] >= 0x80;
	if (inject_write(&m.inject, p, n) == -1 && errno != EPIPE)
		quit(EX_OSERR, "cannot hand the message on: %s",
		    strerror(errno));
}

/* The exit code for what queue-inject said. */
static int
verdict(enum inject_result r)
{
	const struct inject *in = &m.inject;
	int code = EX_TEMPFAIL;

	if (r == INJECT_OK) {
		if (m.verbose)
			printf("queued as %s\n", in->id[0] ? in->id : "-");
		return EX_OK;
	}
	if (in->code == 11)
		code = EX_DATAERR;
	else if (r == INJECT_PERM)
		code = EX_UNAVAILABLE;
	else if (in->code == 81 || in->code == 91)
		code = EX_SOFTWARE;
	quit(code, "not queued: %s", in->text[0] ? in->text
						  : inject_reason(in->code));
}

static int
submit(char *const args[])
{
	struct buf env = {0};
	enum inject_result r;

	identity();
	find_sender();
	if (*args == NULL && !m.sub.extract)
		quit(EX_USAGE, "no recipients: give addresses, or -t");
	for (; *args != NULL; args++)
		if (submit_recipients(&m.sub, "recipient", *args,
		    strlen(*args)) == -1)
			quit(EX_DATAERR, "%s", buf_cstr(&m.sub.error));
	take_header();
	if (m.sub.nrcpt == 0)
		quit(EX_NOUSER, "no recipients in the header");
	submit_unique(&m.sub);
	if (m.sub.nrcpt > RCPT_MAX)
		quit(EX_DATAERR, "more than %d recipients", RCPT_MAX);
	signal(SIGPIPE, SIG_IGN);
	if (inject_start(&m.inject, "") == -1)
		quit(EX_OSERR, "cannot start queue-inject: %s",
		    strerror(errno));
	hand_on(m.sub.header.p, m.sub.header.len);
	do {
		hand_on(m.text.p, m.text.len);
		m.text.len = 0;
	} while (read_more() || m.text.len > 0);
	submit_envelope(&m.sub, m.sender, m.eightbit, &env);
	r = inject_finish(&m.inject, env.p, env.len);
	buf_free(&env);
	return verdict(r);
}

int
main(int argc, char **argv)
{
	static char list[] = "queue-list", compile[] = "alias-compile";
	const char *name = strrchr(argv[0], '/');
	char *bare[] = {NULL, NULL};

	fd_guard();
	log_init("mail-submit");
	buf_nomem = no_memory;
	name = name != NULL ? name + 1 : argv[0];
	if (strcmp(name, "mailq") == 0) { /* has options of its own */
		argv[0] = list;
		become("queue-list", argv);
	}
	if (strcmp(name, "newaliases") == 0)
		m.mode = 'i';
	else if (strcmp(name, "runq") == 0)
		m.mode = 'q';
	options(argc, argv);
	switch (m.mode) {
	case 'p':
		bare[0] = list;
		become("queue-list", bare);
		break;
	case 'i':
		bare[0] = compile;
		become("alias-compile", bare);
		break;
	case 's':
		speak_smtp();
		break;
	case 'q':
		retry_now();
		break;
	}
	return submit(argv + optind);
}
