#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "fdio.h"
#include "recvmsg.h"
#include "verdict.h"

enum {
	ABORT_MS = 5000, /* for a chain whose message is void */
	PIECE = 65536
};

/* Keeps a reply for the end of the message, its bytes printable: what a filter
 * or a check says is not trusted to be a line. */
static void
keep_reply(struct recvmsg *m, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < sizeof m->said - 1; i++)
		m->said[i] = p[i] >= ' ' && p[i] <= '~' ? p[i] : '?';
	m->said[i] = '\0';
}

/* Makes the reply of what the chain answered; a text of its own may bring its
 * status along. */
static void
judge(struct recvmsg *m, enum inject_result result)
{
	const struct inject *in = &m->inject;
	const char *text = in->text, class = result == INJECT_PERM ? '5' : '4';
	struct buf b = {0};

	if (result == INJECT_OK) {
		buf_str(&b, "250 2.0.0 queued as ");
		buf_str(&b, in->id[0] != '\0' ? in->id : "-");
	} else {
		buf_str(&b, in->code == 53 ? "452 4.3.1 "
		    : class == '5' ? "554 " : "451 ");
		if (in->code != 53 && (text[0] != class ||
		    status_scan(text, strlen(text)) == 0))
			buf_str(&b, class == '5' ? "5.3.0 " : "4.3.0 ");
		buf_str(&b, text[0] != '\0' ? text : inject_reason(in->code));
	}
	keep_reply(m, b.p, b.len);
	buf_free(&b);
}

/* A file of no name for the message, which the check's program may read. */
static int
open_spool(void)
{
	static const char name[] = "/postchaise.XXXXXX";
	const char *dir = getenv("TMPDIR");
	struct buf b = {0};
	int fd;

	buf_str(&b, dir != NULL && dir[0] == '/' ? dir : "/tmp");
	buf_str(&b, name);
	fd = mkstemp(buf_cstr(&b));
	if (fd != -1) {
		unlink(b.p);
		fd_cloexec(fd);
	}
	buf_free(&b);
	return fd;
}

static void
spool_failed(struct recvmsg *m)
{
	static const char full[] = "452 4.3.1 no room for the message",
	    other[] = "451 4.3.0 the message cannot be kept for the checks";

	m->err = errno;
	m->failed = "spool-write";
	if (m->err == ENOSPC || m->err == EDQUOT || m->err == EFBIG)
		keep_reply(m, full, sizeof full - 1);
	else
		keep_reply(m, other, sizeof other - 1);
}

static void
spool(struct recvmsg *m, const char *p, size_t n)
{
	if (m->way != RECVMSG_SPOOL) {
		m->fd = open_spool();
		if (m->fd == -1) {
			spool_failed(m);
			return;
		}
		m->way = RECVMSG_SPOOL;
	}
	if (write_all(m->fd, p, n) == -1)
		spool_failed(m);
}

static void
inject_failed(struct recvmsg *m)
{
	m->err = errno;
	m->failed = "inject-start";
}

static void
stream(struct recvmsg *m, const char *p, size_t n)
{
	if (m->way != RECVMSG_STREAM) {
		if (inject_start(&m->inject, m->chain) == -1) {
			inject_failed(m);
			m->inject.code = 81;
			judge(m, INJECT_TEMP);
			return;
		}
		m->inject.deadline = m->deadline;
		m->way = RECVMSG_STREAM;
	}
	if (inject_write(&m->inject, p, n) == -1) {
		/* No envelope: whatever it answers, nothing is queued. */
		m->way = RECVMSG_MEMORY;
		judge(m, inject_finish(&m->inject, "", 0) == INJECT_PERM
		    ? INJECT_PERM : INJECT_TEMP);
	}
}

/* The piece as it goes on: the first one with its header completed.  A header
 * that does not end in it is refused, for what might be in it (Bcc). */
static const struct buf *
completed(struct recvmsg *m, const struct buf *piece, int whole)
{
	static const char no[] = "552 5.3.4 the header is too large";
	int first = !m->begun;

	m->begun = 1;
	if (!first || m->author == NULL)
		return piece;
	m->whole.len = 0;
	if (complete_header(&m->whole, piece->p, piece->len, whole,
	    m->author) == -1)
		keep_reply(m, no, sizeof no - 1);
	return &m->whole;
}

void
recvmsg_more(struct recvmsg *m, const struct buf *piece)
{
	if (m->said[0] != '\0')
		return;
	piece = completed(m, piece, 0);
	if (m->said[0] != '\0')
		return;
	if (m->check != NULL)
		spool(m, piece->p, piece->len);
	else
		stream(m, piece->p, piece->len);
}

static enum inject_result
from_memory(struct recvmsg *m, const struct buf *msg, const struct buf *env)
{
	enum inject_result result;

	/* Without filters one queue-inject serves the session. */
	if (m->chain[0] == '\0' && injectkeep_fits(msg->len, env->len))
		result = injectkeep_message(&m->keep, &m->inject, msg, env,
		    m->deadline);
	else
		result = inject_message(&m->inject, m->chain, msg, env,
		    m->deadline);
	if (result == INJECT_TEMP && m->inject.code == 81)
		inject_failed(m);
	return result;
}

static void
close_spool(struct recvmsg *m)
{
	if (m->way == RECVMSG_SPOOL)
		close(m->fd);
	m->way = RECVMSG_MEMORY;
}

/* Hands on what was spooled: a message too large for memory. */
static void
from_spool(struct recvmsg *m, const struct buf *env)
{
	char *p = xalloc(PIECE);
	int fd = m->fd;
	ssize_t n = lseek(fd, 0, SEEK_SET) == 0 ? 1 : -1;

	while (n > 0 && m->said[0] == '\0') {
		n = read(fd, p, PIECE);
		if (n > 0)
			stream(m, p, (size_t)n);
	}
	free(p);
	if (n == -1)
		spool_failed(m);
	if (m->way == RECVMSG_SPOOL) /* nothing was read: it was emptied */
		spool_failed(m);
	else if (m->way == RECVMSG_STREAM && m->said[0] != '\0')
		inject_abort(&m->inject);
	else if (m->way == RECVMSG_STREAM)
		judge(m, inject_finish(&m->inject, env->p, env->len));
	close(fd);
	m->way = RECVMSG_MEMORY;
}

/* Shows the whole message to the checks, then hands it on. */
static void
checked(struct recvmsg *m, const struct buf *msg, const struct buf *env)
{
	int small = m->way == RECVMSG_MEMORY;
	const char *no;

	spool(m, msg->p, msg->len);
	if (m->said[0] != '\0')
		return;
	no = m->check(m->arg, m->fd);
	if (no != NULL) {
		keep_reply(m, no, strlen(no));
	} else if (small) {
		close_spool(m);
		judge(m, from_memory(m, msg, env));
	} else {
		from_spool(m, env);
	}
}

/* Forgets what was kept of a message. */
static void
forget(struct recvmsg *m)
{
	close_spool(m);
	m->begun = 0;
	buf_free(&m->whole);
}

const char *
recvmsg_done(struct recvmsg *m, const struct buf *piece, const struct buf *env)
{
	if (m->said[0] == '\0') {
		piece = completed(m, piece, 1);
		if (m->said[0] != '\0') {
			; /* its header is too large */
		} else if (m->check != NULL) {
			checked(m, piece, env);
		} else if (m->way == RECVMSG_MEMORY) {
			judge(m, from_memory(m, piece, env));
		} else {
			/* A chain that has ended already has its reason
			 * told. */
			(void)!inject_write(&m->inject, piece->p, piece->len);
			judge(m, inject_finish(&m->inject, env->p, env->len));
			m->way = RECVMSG_MEMORY;
		}
	}
	forget(m);
	memcpy(m->reply, m->said, sizeof m->reply);
	m->said[0] = '\0';
	return m->reply;
}

void
recvmsg_drop(struct recvmsg *m)
{
	if (m->way == RECVMSG_STREAM) {
		m->inject.deadline = clock_ms() + ABORT_MS;
		inject_abort(&m->inject);
		m->way = RECVMSG_MEMORY;
	}
	forget(m);
	m->said[0] = '\0';
}

void
recvmsg_end(struct recvmsg *m)
{
	recvmsg_drop(m);
	injectkeep_end(&m->keep);
}
