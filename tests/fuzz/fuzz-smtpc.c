/*
 * A server's bytes, in any split, into lib/smtpc.  The first byte says how
 * many recipients and what message; 0xff in the rest ends a read.  Whatever
 * comes: a transaction that is over leaves no recipient open, K needs a final
 * dot that was sent, and nothing but whole lines goes out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtpc.h"

static void
check(int good)
{
	if (!good)
		abort();
}

static void
check_out(struct buf *out)
{
	size_t i;

	check(out->len == 0 || out->p[out->len - 1] == '\n');
	for (i = 0; i < out->len; i++)
		check(out->p[i] != '\n' || (i > 0 && out->p[i - 1] == '\r'));
	out->len = 0;
}

struct driver {
	struct smtpc c;
	struct smtpmail m;
	struct smtprcpt rcpt[4];
	int sent; /* the final dot of this message */
};

static enum smtpc_next
new_mail(struct driver *d, unsigned flags)
{
	size_t i;

	buf_free(&d->m.texts);
	memset(&d->m, 0, sizeof d->m);
	d->m.sender = "s@x";
	d->m.senderlen = 3;
	d->m.ret = "FULL";
	d->m.eight = flags >> 2 & 1;
	d->m.size = 1000;
	d->m.rcpt = d->rcpt;
	d->m.nrcpt = 1 + (flags & 3);
	d->sent = 0;
	for (i = 0; i < d->m.nrcpt; i++)
		d->rcpt[i] = (struct smtprcpt){.addr = flags & 8 ? "\303\244@x"
		    : "rr@x", .len = 4, .notify = "NEVER"};
	return smtpc_mail(&d->c, &d->m);
}

static void
check_over(const struct driver *d)
{
	size_t i;

	check(smtpmail_open(&d->m) == 0);
	for (i = 0; i < d->m.nrcpt; i++) {
		check(d->rcpt[i].text + d->rcpt[i].textlen <= d->m.texts.len);
		check(d->rcpt[i].kind != 'K' || d->sent);
		check(d->rcpt[i].status[0] == (d->rcpt[i].kind == 'K' ? '2'
		    : d->rcpt[i].kind == 'Z' ? '4' : '5'));
	}
}

/* What the owner of a session does; 0 when it is at its end. */
static int
act(struct driver *d, enum smtpc_next next, unsigned flags)
{
	while (next != SMTPC_WAIT) {
		check_out(&d->c.out);
		if (next == SMTPC_FAILED)
			return 0;
		if (next == SMTPC_BODY) {
			next = smtpc_input(&d->c, NULL, 0);
			if (next != SMTPC_WAIT)
				continue;
			smtpc_sent(&d->c);
			d->sent = 1;
			next = smtpc_input(&d->c, NULL, 0);
			continue;
		}
		if (next == SMTPC_OVER) {
			check_over(d);
			if (d->c.closing)
				return 0;
		}
		next = new_mail(d, flags);
		/* A mail that this server can never take. */
		if (next == SMTPC_OVER)
			return 0;
	}
	check_out(&d->c.out);
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct driver d;
	const uint8_t *end = p + n, *cut;
	unsigned flags = n > 0 ? *p++ : 0;
	int going = 1;

	memset(&d, 0, sizeof d);
	smtpc_init(&d.c, "mx.x", "192.0.2.1", 25, "me.example");
	d.c.loopcheck = flags >> 4 & 1;
	while (going && p < end) {
		cut = memchr(p, 0xff, (size_t)(end - p));
		if (cut == NULL)
			cut = end;
		going = act(&d, smtpc_input(&d.c, (const char *)p,
		    (size_t)(cut - p)), flags);
		p = cut < end ? cut + 1 : end;
	}
	if (going && d.m.rcpt != NULL &&
	    act(&d, smtpc_lost(&d.c, SMTPC_EOF), flags))
		abort();
	smtpc_free(&d.c);
	buf_free(&d.m.texts);
	return 0;
}
