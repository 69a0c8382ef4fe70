#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "recvcheck.h"
#include "settings.h"

/* Sets a variable; p NULL unsets it, so that nothing of an earlier occasion,
 * or of who started us, is taken for the client's. */
static void
tell(const char *name, const char *p, size_t n)
{
	struct buf b = {0};

	if (p == NULL) {
		unsetenv(name);
		return;
	}
	buf_add(&b, p, n);
	if (setenv(name, buf_cstr(&b), 1) == -1)
		buf_nomem();
	buf_free(&b);
}

static void
tell_text(const char *name, const char *s)
{
	tell(name, s, s != NULL ? strlen(s) : 0);
}

static void
tell_num(const char *name, uint64_t n)
{
	struct buf b = {0};

	buf_num(&b, n);
	tell(name, b.p, b.len);
	buf_free(&b);
}

/* Is there something to ask? */
static int
wanted(const struct recvcheck *c, const char *name)
{
	return setting(c->tables, name)[0] != '\0';
}

/* What all of them are told. */
static const char *
run(struct recvcheck *c, const char *name, uint64_t size, int fd)
{
	const struct smtps *s = c->s;

	tell_text("HELO", s->helo);
	tell_num("SIZE", size);
	tell_text("AUTH_USER", s->login[0] != '\0' ? s->login : NULL);
	tell_text("TLS", s->tls);
	c->name = name;
	return checks_run(c->tables, name, fd, &c->by);
}

const char *
recvcheck_mail(struct recvcheck *c, const char *sender, size_t n,
    uint64_t size)
{
	c->size = size;
	if (!wanted(c, "check-mail"))
		return NULL;
	tell("SENDER", n > 0 ? sender : "", n);
	tell_text("RECIPIENT", NULL);
	tell_text("RECIPIENTS", NULL);
	return run(c, "check-mail", size, -1);
}

const char *
recvcheck_rcpt(struct recvcheck *c, const struct buf *rcpt)
{
	if (!wanted(c, "check-rcpt"))
		return NULL;
	tell_text("SENDER", c->s->env.p + c->s->sender);
	tell("RECIPIENT", rcpt->p, rcpt->len);
	tell_text("RECIPIENTS", NULL);
	return run(c, "check-rcpt", c->size, -1);
}

int
recvcheck_wants_data(const struct recvcheck *c)
{
	return wanted(c, "check-data");
}

const char *
recvcheck_data(struct recvcheck *c, int fd)
{
	tell_text("SENDER", c->s->env.p + c->s->sender);
	tell_text("RECIPIENT", NULL);
	tell_num("RECIPIENTS", c->s->nrcpt);
	return run(c, "check-data", c->s->data.size, fd);
}
