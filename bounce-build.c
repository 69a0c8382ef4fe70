/*
 * bounce-build: tells a sender that mail was not delivered, or not yet, or to
 * who asked that it was (RFC 3461, RFC 3464).
 *
 * Descriptor 0: the message; descriptor 3: an order (INTERFACES 4 and 9) whose
 * recipients are those to tell of, with status, text, action, orig, orcpt.
 * Hands the report to queue-inject, with the null sender.  A message that has
 * the null sender is reported to double-bounce-to; a report to there is never
 * reported itself.
 *
 * Exit codes: 0 the report is in the queue, or none is due; 111 try again; 100
 * usage or an order that is none.
 *
 * Runs as the queue's user, started by queue-run, whose order it believes.
 * Does not trust the message and the remote hosts' texts.
 */
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "child.h"
#include "dsn.h"
#include "fdio.h"
#include "header.h"
#include "id.h"
#include "inject.h"
#include "log.h"
#include "order.h"
#include "record.h"
#include "str.h"

enum {
	SHOWN = 65536,  /* bytes of the original's header that are shown */
	WHOLE = 1 << 20 /* of all of it, where that was asked for (RET=FULL) */
};

static struct {
	struct order order;
	struct buf original; /* the message, or what was read of it */
	struct buf to;
	struct dsn dsn;
} b;

/* An X record as a time; 0 without. */
static int64_t
extra_time(const char *name)
{
	const char *v = order_extra(&b.order, name);
	uint64_t n;

	if (v == NULL || parse_u64(v, strlen(v), &n) == -1 || n > UINT32_MAX)
		return 0;
	return (int64_t)n;
}

static unsigned
count_wanted(void)
{
	const char *at = b.order.env.rcpts;
	struct recipient r;
	unsigned n = 0;

	while (envelope_rcpt(&b.order.env, &at, &r))
		n += (unsigned)dsn_wanted(&r, b.dsn.kind);
	return n;
}

/*
 * Who is told: the sender, or for a message without one double-bounce-to.  0
 * when nobody is.
 */
static int
find_reader(void)
{
	const struct envelope *e = &b.order.env;
	const char *kind = envelope_attr(e, "bounce"), *to;

	if (kind != NULL && strcmp(kind, "double") == 0) {
		log_warn("bounce-drop", "id=%s why=double", b.order.id);
		return 0;
	}
	if (e->senderlen > 0) {
		buf_add(&b.to, e->sender, e->senderlen);
		return 1;
	}
	if (b.dsn.kind != DSN_FAILURE) /* nobody has asked */
		return 0;
	to = order_extra(&b.order, "doubleto");
	if (to == NULL || *to == '\0')
		to = "postmaster";
	buf_str(&b.to, to);
	if (strchr(to, '@') == NULL) {
		buf_byte(&b.to, '@');
		buf_str(&b.to, b.dsn.hostname);
	}
	b.dsn.doubled = 1;
	return 1;
}

/* The message from descriptor 0 if it is to be returned whole and not too
 * large, else its header, at most SHOWN bytes in whole lines. */
static void
read_original(void)
{
	const char *ret = envelope_attr(&b.order.env, "ret");
	int full = b.dsn.kind == DSN_FAILURE && !b.dsn.doubled &&
	    ret != NULL && strcasecmp(ret, "FULL") == 0, more;
	size_t body, n;

	more = read_to_end(0, &b.original, full ? WHOLE + 1 : SHOWN);
	if (more == -1)
		die_temp("bounce-read", "id=%s err=%m", b.order.id);
	b.dsn.whole = full && more == 0;
	n = b.original.len;
	b.dsn.original = n > 0 ? b.original.p : "";
	b.dsn.originallen = n;
	if (b.dsn.whole)
		return;
	if (n >= SHOWN)
		for (n = SHOWN; n > 0 && b.dsn.original[n - 1] != '\n';)
			n--;
	b.dsn.originallen = header_length(b.dsn.original, n, &body);
}

/* Puts the report into the queue. */
static void
send_report(const struct buf *msg, int flags)
{
	struct buf env = {0};
	struct inject in;

	record_attr(&env, 'A', "proto", "local");
	record_attr(&env, 'A', "bounce", b.dsn.doubled ? "double" : "single");
	if (flags & DSN_8BIT)
		record_attr(&env, 'A', "body", "8BITMIME");
	if (flags & DSN_UTF8)
		record_attr(&env, 'A', "smtputf8", "1");
	record_adds(&env, 'F', "");
	record_add(&env, 'T', b.to.p, b.to.len);
	buf_byte(&env, '\0');
	if (inject_message(&in, "", msg, &env, 0) != INJECT_OK)
		die_temp("bounce-defer", "id=%s to=<%s> code=%d text=%s",
		    b.order.id, b.dsn.to, in.code,
		    in.text[0] ? in.text : inject_reason(in.code));
	log_info("bounce-sent", "id=%s to=<%s> report=%s kind=%s", b.order.id,
	    b.dsn.to, in.id, b.dsn.doubled ? "double"
	    : b.dsn.kind == DSN_DELAY ? "delay"
	    : b.dsn.kind == DSN_SUCCESS ? "success" : "failure");
	buf_free(&env);
}

int
main(int argc, char **argv)
{
	char id[ID_LEN + 1];
	const char *reason;
	struct buf msg = {0};

	(void)argv;
	fd_guard();
	log_init("bounce-build");
	signal(SIGPIPE, SIG_IGN);
	if (argc != 1)
		die_usage("<message 3<order");
	if (order_read(&b.order, 3) == -1)
		die_perm("bounce-order", "err=%m");
	reason = order_extra(&b.order, "reason");
	b.dsn.hostname = order_extra(&b.order, "hostname");
	if (b.dsn.hostname == NULL || reason == NULL)
		die_perm("bounce-order", "id=%s why=incomplete", b.order.id);
	b.dsn.kind = strcmp(reason, "delay") == 0 ? DSN_DELAY
	    : strcmp(reason, "success") == 0 ? DSN_SUCCESS : DSN_FAILURE;
	if (count_wanted() == 0 || !find_reader())
		return 0;
	id_make(id);
	b.dsn.id = id;
	b.dsn.origid = b.order.id;
	b.dsn.to = buf_cstr(&b.to);
	b.dsn.relay = order_extra(&b.order, "relay");
	b.dsn.now = (int64_t)time(NULL);
	b.dsn.arrived = extra_time("arrived");
	b.dsn.until = extra_time("until");
	b.dsn.env = &b.order.env;
	read_original();
	send_report(&msg, dsn_build(&msg, &b.dsn));
	buf_free(&msg);
	return 0;
}
