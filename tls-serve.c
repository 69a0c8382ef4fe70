/*
 * tls-serve: the server's side of one TLS session, so that the key is in no
 * process that reads mail.
 *
 * tls-serve PROGRAM ARGS...  TLS from the start: descriptors 0 and 1 are the
 *	network; PROGRAM gets the plain text on 0 and 1 when hands are shaken
 * tls-serve                  STARTTLS: 0 and 1 are the network, 3 the plain
 *	text (a stream socket), 4 gets NAME=value\0... and a lone \0
 * Descriptor 2 is the log.  Environment: TCPREMOTEIP, for the log.
 * Exit codes: PROGRAM's; alone 0, the session is over; 111 there was none.
 *
 * Set-uid to a user of its own, who owns the key.  What reads the network
 * becomes that user for good, before the first byte; what becomes PROGRAM
 * never had the key and gives the id up for good.  Trusts no byte of the
 * network and nothing in the environment.  See tls-serve(8), INTERFACES 12.
 *
 * Of the library nothing is used that LibreSSL 3.7 lacks, but where #ifdef.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "child.h"
#include "conn.h"
#include "duplex.h"
#include "fdio.h"
#include "log.h"
#include "paths.h"
#include "peer.h"
#include "starttls.h"
#include "str.h"
#include "syslogfd.h"

enum {
	HANDSHAKE_MS = 60000,
	IDLE_MS = 7200000, /* nothing moves: longer than any mail server waits */
	HALF_MS = 600000,  /* the same when the client has ended, or at TERM */
	LAST_MS = 30000,   /* the same when the program has ended */
	DOMAIN_LEN = 255
};

static struct {
	char client[PEER_TEXT];
	SSL *ssl;
	int plain;       /* the plain text's socket */
	int control;     /* told when the handshake is done */
	int logged;      /* what failed is in the log already */
	char name[DOMAIN_LEN + 1]; /* the server that the client named */
} t;

static volatile sig_atomic_t terminated;
extern char **environ;

static void
on_term(int sig)
{
	terminated = 1;
}

/* --- the user, and the program ------------------------------------------ */

/* Becomes the user in all three ids: there is no way back. */
static void
become(uid_t uid, gid_t gid)
{
#ifdef __NetBSD__ /* these change the saved ids along */
	if (setregid(gid, gid) == -1 || setreuid(uid, uid) == -1 ||
	    getuid() != uid || geteuid() != uid)
		die_temp("become", "uid=%u err=%m", (unsigned)uid);
#else
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1 ||
	    getresuid(&r, &e, &s) == -1 || getresgid(&rg, &eg, &sg) == -1 ||
	    r != uid || e != uid || s != uid ||
	    rg != gid || eg != gid || sg != gid)
		die_temp("become", "uid=%u err=%m", (unsigned)uid);
#endif
}

/* In the process that was started: waits for the handshake, then is PROGRAM
 * with the plain text. */
static void
run_program(char **argv, int plain, int control)
{
	become(getuid(), getgid());
	if (starttls_variables(control, 0) == -1)
		exit(111);
	close(control);
	if (dup2(plain, 0) == -1 || dup2(plain, 1) == -1)
		die_temp("dup", "err=%m");
	execvp(argv[0], argv);
	die_temp("exec", "program=%s err=%m", argv[0]);
}

/* Forks; returns in the child, which has the network and the key. */
static void
fork_program(char **argv)
{
	int plain[2], control[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, plain) == -1 ||
	    pipe_cloexec(control) == -1 || fd_cloexec(plain[0]) == -1 ||
	    fd_cloexec(plain[1]) == -1 || (pid = fork()) == -1)
		die_temp("fork", "err=%m");
	if (pid > 0) {
		close(plain[1]);
		close(control[1]);
		run_program(argv, plain[0], control[0]);
	}
	close(plain[0]);
	close(control[0]);
	t.plain = plain[1];
	t.control = control[1];
}

/* From here on this process is the key's user's alone: nobody else may signal
 * it, look into it, or be given its memory. */
static void
seclude(void)
{
	static char *none[] = {NULL};
	static const struct rlimit no_core = {0, 0};
	struct sigaction sa = {.sa_handler = SIG_IGN};
	sigset_t all;

	become(geteuid(), getegid());
	setrlimit(RLIMIT_CORE, &no_core);
#ifdef __linux__
	if (prctl(PR_SET_DUMPABLE, 0L) == -1)
		die_temp("undumpable", "err=%m");
#endif
	environ = none;
	sigaction(SIGPIPE, &sa, NULL);
	sa.sa_handler = on_term;
	sigaction(SIGTERM, &sa, NULL);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

/* --- certificates -------------------------------------------------------- */

/* What the library complains about. */
static const char *
reason(void)
{
	unsigned long e = ERR_peek_error();
	const char *text = e != 0 ? ERR_reason_error_string(e) : NULL;

	return text != NULL ? text : e != 0 ? "?" : errno != 0 ?
	    strerror(errno) : "eof";
}

/* Logs what is wrong with a file of the certificate: the one failure that is
 * ours, not the client's. */
static void
complain(const char *path, const char *why)
{
	log_fatal("tls-certificate", "file=%s client=%s err=%s", path,
	    t.client, why);
	t.logged = 1;
}

static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	return -1; /* nobody is there to type one */
}

/* Reads DIR/cert.pem and DIR/key.pem. */
static int
use_certificate(const char *dir)
{
	struct buf cert = {0}, key = {0};
	int r = -1;

	buf_fmt(&cert, "%s/cert.pem", dir);
	buf_fmt(&key, "%s/key.pem", dir);
	ERR_clear_error();
	if (access(buf_cstr(&cert), R_OK) == -1)
		complain(cert.p, strerror(errno));
	else if (SSL_use_certificate_chain_file(t.ssl, cert.p) != 1)
		complain(cert.p, reason());
	else if (access(buf_cstr(&key), R_OK) == -1)
		complain(key.p, strerror(errno));
	else if (SSL_use_PrivateKey_file(t.ssl, key.p, SSL_FILETYPE_PEM) != 1
	    || SSL_check_private_key(t.ssl) != 1)
		complain(key.p, reason());
	else
		r = 0;
	buf_free(&cert);
	buf_free(&key);
	return r;
}

/* The directory of the certificate for the name that the client wants, which
 * is the general one where it has none.  Only a domain name becomes a part of
 * a path. */
static char *
directory_of(const char *name)
{
	struct buf dir = {0};
	size_t n = name != NULL ? strlen(name) : 0, len;

	buf_str(&dir, path_prefix());
	buf_str(&dir, PATH_TLS);
	len = dir.len;
	if (n > 0 && n <= DOMAIN_LEN && addr_domain_valid(name, n, 0, 0)) {
		memcpy(t.name, name, n);
		str_lower(t.name, n);
		buf_fmt(&dir, "/%s", t.name);
		n = dir.len;
		buf_str(&dir, "/cert.pem");
		if (access(buf_cstr(&dir), F_OK) == 0)
			len = n;
	}
	dir.len = len;
	return buf_cstr(&dir);
}

/* Called in each handshake, with or without a name: now the certificate that
 * is wanted is known, and it alone is read. */
static int
on_name(SSL *ssl, int *alert, void *arg)
{
	char *dir = directory_of(SSL_get_servername(ssl,
	    TLSEXT_NAMETYPE_host_name));
	int r = use_certificate(dir);

	free(dir);
	if (r == 0)
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* --- the handshake -------------------------------------------------------- */

#ifndef SSL_OP_NO_RENEGOTIATION /* LibreSSL's name for it */
#define SSL_OP_NO_RENEGOTIATION SSL_OP_NO_CLIENT_RENEGOTIATION
#endif
#ifndef SSL_OP_IGNORE_UNEXPECTED_EOF /* as it was before OpenSSL 3 */
#define SSL_OP_IGNORE_UNEXPECTED_EOF 0
#endif

static SSL_CTX *
make_context(void)
{
	SSL_CTX *ctx;

	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION)
	    != 1 || SSL_CTX_set_cipher_list(ctx,
	    "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
		die_temp("tls-context", "err=%s", reason());
	/* Large groups would be dear for us and free for the client.  The
	 * first is of OpenSSL 3.5. */
	if (SSL_CTX_set1_groups_list(ctx,
	    "X25519MLKEM768:X25519:P-256:P-384") != 1 &&
	    SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1)
		die_temp("tls-context", "err=%s", reason());
	ERR_clear_error();
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	/* Nothing could be resumed: the next session is another process's. */
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
	return ctx;
}

static void
refuse(const char *why)
{
	if (!t.logged)
		log_info("tls-refuse", "client=%s err=%s", t.client, why);
	_exit(111);
}

static void
handshake(void)
{
	uint64_t end = clock_ms() + HANDSHAKE_MS;
	int r, ready = 1;

	for (;;) {
		ERR_clear_error();
		errno = 0;
		r = SSL_accept(t.ssl);
		if (r == 1)
			return;
		switch (SSL_get_error(t.ssl, r)) {
		case SSL_ERROR_WANT_READ:
			ready = wait_readable(0, end);
			break;
		case SSL_ERROR_WANT_WRITE:
			ready = wait_writable(1, end);
			break;
		default:
			refuse(reason());
		}
		if (ready == 0 || clock_ms() >= end)
			refuse("timeout");
		if (terminated)
			refuse("terminated");
	}
}

/* The key, and what the library had for the handshake, are not needed for
 * what follows. */
static void
forget(SSL_CTX *ctx)
{
#ifndef LIBRESSL_VERSION_NUMBER
	SSL_certs_clear(t.ssl);
#endif
	SSL_CTX_free(ctx);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

/* Tells what the session is. */
static void
tell(void)
{
	struct buf b = {0};

	buf_fmt(&b, "SSL_PROTOCOL=%s", SSL_get_version(t.ssl));
	buf_byte(&b, '\0');
	buf_fmt(&b, "SSL_CIPHER=%s", SSL_get_cipher_name(t.ssl));
	buf_byte(&b, '\0');
	if (t.name[0] != '\0') {
		buf_fmt(&b, "SSL_TLS_SNI_SERVERNAME=%s", t.name);
		buf_byte(&b, '\0');
	}
	buf_byte(&b, '\0');
	if (write_all(t.control, b.p, b.len) == -1)
		_exit(111); /* who had asked for TLS is gone */
	close(t.control);
	buf_free(&b);
}

/* --- the session, for lib/duplex ------------------------------------------ */

/* What came of a call on t.ssl. */
static long
outcome(int r, short *want)
{
	if (r > 0)
		return r;
	switch (SSL_get_error(t.ssl, r)) {
	case SSL_ERROR_WANT_READ:
		*want |= POLLIN;
		return DUPLEX_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		*want |= POLLOUT;
		return DUPLEX_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return DUPLEX_END;
	}
	return DUPLEX_LOST;
}

static long
net_read(void *arg, char *p, size_t n, short *want)
{
	ERR_clear_error();
	return outcome(SSL_read(t.ssl, p, (int)n), want);
}

static long
net_write(void *arg, const char *p, size_t n, short *want)
{
	ERR_clear_error();
	return outcome(SSL_write(t.ssl, p, (int)n), want);
}

static long
net_end(void *arg, short *want)
{
	int r;

	ERR_clear_error();
	r = SSL_shutdown(t.ssl); /* 0: said, and not answered yet */
	return r == 0 ? 1 : outcome(r, want);
}

static void
session(void)
{
	static const struct duplex_net net = {net_read, net_write, net_end};
	static struct duplex d = {.net = &net, .in = 0, .out = 1,
	    .idle_ms = IDLE_MS, .half_ms = HALF_MS, .last_ms = LAST_MS,
	    .stop = &terminated};
	struct conn conn = {0};

	d.plain = t.plain;
	duplex_run(&d);
	if (!d.up.ended) /* what is unread must not reset what was written */
		conn_linger(&conn);
}

int
main(int argc, char **argv)
{
	struct peer peer;
	SSL_CTX *ctx;

	log_init("tls-serve");
	fd_guard();
	path_prefix(); /* as the environment has it, if that may be believed */
	if (getenv("TCPREMOTEIP") == NULL)
		syslogfd_replace();
	peer_find(&peer);
	peer_text(&peer, t.client);
	t.plain = 3;
	t.control = 4;
	if (argc > 1)
		fork_program(argv + 1);
	else if (fd_cloexec(t.plain) == -1 || fd_cloexec(t.control) == -1)
		die_usage("program [argument ...] (alone: descriptors 3 and 4 "
		    "are the plain text and control)");
	seclude();
	if (fd_nonblock(0) == -1 || fd_nonblock(1) == -1 ||
	    fd_nonblock(t.plain) == -1)
		die_temp("nonblock", "err=%m");
	ctx = make_context();
	t.ssl = SSL_new(ctx);
	if (t.ssl == NULL || SSL_set_rfd(t.ssl, 0) != 1 ||
	    SSL_set_wfd(t.ssl, 1) != 1)
		die_temp("tls-context", "err=%s", reason());
	handshake();
	forget(ctx);
	tell();
	session();
	_exit(0);
}
