/*
 * conn-gate: asks libwrap about a client and counts its sessions, then becomes
 * the program that serves it.
 *
 * conn-gate [-n NAME] PROGRAM [ARGS...]
 *	-n	the service's name in hosts.allow and hosts.deny (smtp)
 * Descriptors: 0 and 1 are the connection, which is neither read nor written;
 * 2 the log.  One from 10 on holds the session's locks, also in PROGRAM.
 * Environment: TCPREMOTEIP, TCPREMOTEHOST, TCPREMOTEINFO, TCPLOCALIP, PC_
 * settings; what is decided goes into DENIED.
 * Exit: 100 wrong use, 111 PROGRAM cannot be run; else PROGRAM's.
 *
 * Runs as the receiver's user.  Trusts its environment, and hosts.allow and
 * hosts.deny, whose rules may run commands; of the client it knows only where
 * it comes from.  See conn-gate(8), INTERFACES 13.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tcpd.h>

#include "child.h"
#include "log.h"
#include "netaddr.h"
#include "paths.h"
#include "peer.h"
#include "sesslock.h"
#include "settings.h"
#include "syslogfd.h"
#include "verdict.h"

enum {
	TEXT_MAX = 400, /* bytes of a reply's text */
	DEBUG_LEVEL = 7 /* LOG_DEBUG of syslog.h, which is not included: it
	                   may define the functions below as macros */
};

static const char gate_dir[] = PATH_STATE "/gate";
static const char sessions_file[] = PATH_STATE "/gate/sessions";

/* libwrap's, which leaves them to the program on some systems. */
int allow_severity, deny_severity;

static struct {
	const char *name; /* of the service */
	struct peer peer;
	struct map tables;
	char rule[256];   /* file:line of the rule that matched */
} g;

static const char *
name_of_peer(void)
{
	return g.peer.name[0] != '\0' ? g.peer.name : "unknown";
}

static const char *
ip_of_peer(void)
{
	return g.peer.ip[0] != '\0' ? g.peer.ip : "unknown";
}

/*
 * libwrap talks to syslogd, and is the only one here that does.  These stand in
 * for the C library's functions, under the names of POSIX and of glibc's
 * hardened headers: its complaints go into our log, and what it says at level
 * debug, that a rule matched, is remembered.
 */
void vsyslog(int, const char *, va_list)
    __attribute__((format(printf, 2, 0)));
void syslog(int, const char *, ...) __attribute__((format(printf, 2, 3)));
void __vsyslog_chk(int, int, const char *, va_list)
    __attribute__((format(printf, 3, 0)));
void __syslog_chk(int, int, const char *, ...)
    __attribute__((format(printf, 3, 4)));

void
vsyslog(int priority, const char *fmt, va_list ap)
{
	char text[512];

	if ((priority & 7) == DEBUG_LEVEL) {
		snprintf(g.rule, sizeof g.rule, "%s:%d", tcpd_context.file,
		    tcpd_context.line);
		return;
	}
	vsnprintf(text, sizeof text, fmt, ap);
	log_warn("hosts-access", "client=%s[%s] err=%s", name_of_peer(),
	    ip_of_peer(), text);
}

void
syslog(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsyslog(priority, fmt, ap);
	va_end(ap);
}

void
__vsyslog_chk(int priority, int flag, const char *fmt, va_list ap)
{
	vsyslog(priority, fmt, ap);
}

void
__syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsyslog(priority, fmt, ap);
	va_end(ap);
}

/* Length of a reply code and an enhanced status at the start of a line. */
static size_t
code_length(const char *s)
{
	size_t i = 0, n;

	if (strspn(s, "0123456789") == 3 && (s[3] == ' ' || s[3] == '-'))
		i = 4;
	n = status_scan(s + i, strlen(s + i));
	return i + n + (n > 0 && s[i + n] == ' ');
}

/* Puts the reply into DENIED: the code and, as one line, the text without codes
 * of its own.  rule is who decided, for the log. */
static void
deny(const char *rule, const char *code, const char *text)
{
	char reply[TEXT_MAX];
	size_t n = strlen(code);
	int start = 1;

	memcpy(reply, code, n);
	for (; *text != '\0' && n < sizeof reply - 1; text++) {
		if (start)
			text += code_length(text);
		start = *text == '\n';
		if (*text > ' ' && *text <= '~')
			reply[n++] = *text;
		else if (reply[n - 1] != ' ')
			reply[n++] = ' ';
		if (*text == '\0')
			break;
	}
	while (reply[n - 1] == ' ')
		n--;
	reply[n] = '\0';
	if (setenv("DENIED", reply, 1) == -1)
		die_temp("memory", "err=%m");
	log_info("client-deny", "client=%s[%s] rule=%s reply=%s",
	    name_of_peer(), ip_of_peer(), rule, reply);
}

/* A variable of the environment if it is an address or an empty string. */
static const char *
address_of(const char *variable)
{
	const char *s = getenv(variable);
	struct netaddr a;

	return s != NULL && netaddr_parse(&a, s, strlen(s)) == 0 ? s : "";
}

/* Asks hosts.allow and hosts.deny; what a rule wants to say to the client goes
 * into fd. */
static int
hosts_allow(int fd)
{
	struct request_info rq;
	const char *user = getenv("TCPREMOTEINFO");
	const char *ip = address_of("TCPLOCALIP");

	hosts_allow_table = path_make("/etc/hosts.allow");
	hosts_deny_table = path_make("/etc/hosts.deny");
	/* `twist' would become another program: refused in one that stays. */
	resident = 1;
	hosts_access_verbose = 2; /* says which rule matches */
	request_init(&rq, RQ_FILE, fd, RQ_DAEMON, g.name,
	    RQ_CLIENT_ADDR, ip_of_peer(), RQ_CLIENT_NAME, name_of_peer(),
	    RQ_USER, user != NULL && *user != '\0' ? user : unknown,
	    RQ_SERVER_ADDR, *ip != '\0' ? ip : unknown,
	    RQ_SERVER_NAME, unknown, 0);
	return hosts_access(&rq);
}

/*
 * The reason that a rule gave: a banner that libwrap wrote to what it takes for
 * the client, or the variable WHY (Postoffice's).  NULL: the client may come
 * in.
 */
static const char *
ask_libwrap(void)
{
	static char banner[4096];
	const char *why;
	int fd[2], allowed;
	ssize_t n;

	/* Of the rule, not of our environment. */
	unsetenv("WHY");
	unsetenv("DENY");
	/* A rule's commands are waited for. */
	signal(SIGCHLD, SIG_DFL);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1)
		die_temp("socketpair", "err=%m");
	fd_cloexec(fd[0]);
	fd_cloexec(fd[1]);
	fd_nonblock(fd[0]);
	fd_nonblock(fd[1]);
	allowed = hosts_allow(fd[0]) && getenv("DENY") == NULL;
	n = read(fd[1], banner, sizeof banner - 1);
	close(fd[0]);
	close(fd[1]);
	if (allowed)
		return NULL;
	if (n > 0)
		return banner;
	why = getenv("WHY");
	return why != NULL && *why != '\0' ? why : "access denied";
}

/* Makes the directory below the prefix, and those on the way to it. */
static void
make_dir(char *path)
{
	char *p = path + strlen(path_prefix());

	while ((p = strchr(p + 1, '/')) != NULL) {
		*p = '\0';
		(void)mkdir(path, 0755);
		*p = '/';
	}
	(void)mkdir(path, 0700);
}

/* Opens the sessions' file, and makes it where there is none.  For root, who
 * asks by route-explain, as the user whom the directory belongs to. */
static int
open_sessions(void)
{
	char *dir = path_make(gate_dir), *path = path_make(sessions_file);
	uid_t me = geteuid();
	struct stat st = {.st_uid = me};
	int fd, saved;

	/* What goes wrong here goes wrong again below. */
	if (stat(dir, &st) == -1 && errno == ENOENT)
		make_dir(dir);
	if (me == 0 && st.st_uid != 0 && seteuid(st.st_uid) == -1)
		die_temp("seteuid", "err=%m");
	fd = sesslock_open(path);
	saved = errno;
	if (me == 0 && seteuid(0) == -1)
		die_temp("seteuid", "err=%m");
	free(dir);
	free(path);
	errno = saved;
	return fd;
}

/* Is it this host, or one that may relay?  Names among the trusted are not
 * looked up for this. */
static int
trusted(const struct netaddr *a)
{
	const char *w = setting(&g.tables, "trusted");
	struct netprefix net;
	size_t n;

	if (getenv("RELAYCLIENT") != NULL ||
	    strcmp(g.peer.ip, "127.0.0.1") == 0 ||
	    strcmp(g.peer.ip, "::1") == 0)
		return 1;
	for (; *(w += strspn(w, " \t,")) != '\0'; w += n) {
		n = strcspn(w, " \t,");
		if (netprefix_parse(&net, w, n) == 0 &&
		    netprefix_has(&net, a))
			return 1;
	}
	return 0;
}

static void
count_session(void)
{
	static const struct {
		enum sesslock what;
		const char *setting, *said;
	} limits[] = {
		{SESSLOCK_ADDRESS, "clients-address",
		    "too many sessions from your address"},
		{SESSLOCK_NETWORK, "clients-network",
		    "too many sessions from your network"},
		{SESSLOCK_ALL, "clients", "too many sessions"}
	};
	struct netaddr a;
	size_t i;
	int fd, r;

	if (netaddr_parse(&a, g.peer.ip, strlen(g.peer.ip)) == -1)
		return;
	fd = open_sessions();
	if (fd == -1) {
		log_warn("sessions-open", "err=%m");
		return;
	}
	for (i = trusted(&a) ? 2 : 0; i < 3; i++) {
		r = sesslock_take(fd, limits[i].what, &a,
		    setting_num(&g.tables, limits[i].setting));
		if (r == -1) {
			log_warn("sessions-lock", "err=%m");
			return;
		}
		if (r == 0) {
			close(fd);
			deny(limits[i].setting, "421 4.7.0 ", limits[i].said);
			return;
		}
	}
}

int
main(int argc, char **argv)
{
	const char *why;
	int c;

	log_init("conn-gate");
	g.name = "smtp";
	while ((c = getopt(argc, argv, "+n:")) != -1) {
		if (c != 'n')
			die_usage("[-n name] program [args ...]");
		g.name = optarg;
	}
	argv += optind;
	if (argv[0] == NULL)
		die_usage("[-n name] program [args ...]");
	fd_guard();
	if (getenv("TCPREMOTEIP") == NULL)
		syslogfd_replace();
	peer_find(&g.peer);
	why = ask_libwrap();
	if (why != NULL)
		deny(g.rule[0] != '\0' ? g.rule : "-", "554 5.7.1 ", why);
	/* The refused too: what becomes of them the setting forbidden says. */
	if (tables_open(&g.tables, "mail.cdb") == -1)
		log_warn("tables-open", "err=%m");
	count_session();
	map_close(&g.tables);
	execvp(argv[0], argv);
	log_fatal("exec", "program=%s err=%m", argv[0]);
	return 111;
}
