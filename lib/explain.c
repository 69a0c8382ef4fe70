#include <sys/stat.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "explain.h"
#include "fdio.h"
#include "forward.h"
#include "paths.h"
#include "route.h"
#include "settings.h"

enum {
	OK = EXPLAIN_OK,
	UNKNOWN = EXPLAIN_REFUSED,
	FAILED = EXPLAIN_FAILED,
	DEPTH_MAX = 50
};

/* An address that is being explained, and those that led to it. */
struct step {
	const struct explain *e;
	const char *addr;
	const char *runas; /* whose a command or file would be */
	int depth;
	const struct step *above;
};

/* A user of the system. */
struct user {
	const char *name;
	uid_t uid;
	const char *home;
	const char *ext; /* of this address */
};

static int explain(const struct explain *e, const char *addr,
    const char *runas, const struct step *above);

static void say(const struct step *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A line of the explanation, as deep as the step. */
static void
say(const struct step *s, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	char *p;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	/* Text of files goes to a terminal. */
	for (p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	s->e->line(s->e->arg, s->depth + 1, line);
}

/* What lib/route looked for. */
static void
trace(void *arg, const char *what, const char *key, const char *origin)
{
	const struct step *s = arg;

	if (strcmp(what, "domain") == 0)
		say(s, "%s is not a domain of ours%s", key, s->above == NULL
		    ? ": 550 5.7.1 to clients that may not relay" : "");
	else if (origin == NULL)
		say(s, "no %s %s", what, key);
	else if (strcmp(what, "vhost") == 0)
		say(s, "%s is a virtual domain (%s)", key, origin);
	else if (strcmp(what, "local") == 0)
		say(s, "%s is a domain of this system's users (%s)", key,
		    origin);
	else if (strcmp(what, "relay") == 0)
		say(s, "%s is a domain that we relay for (%s)", key, origin);
	else
		say(s, "%s %s (%s)", what, key, origin);
}

/* The result of several places together. */
static int
worse(int a, int b, int first)
{
	if (first || b == FAILED)
		return b;
	return a == FAILED ? a : a == OK ? a : b;
}

/* The user's own mailbox, one of three. */
static int
explain_mailbox(const struct step *s, const struct user *u)
{
	const char *in_home = setting(s->e->tables, "home_mailbox");
	const char *spool = setting(s->e->tables, "mail_spool_directory");
	struct buf b = {0};

	if (in_home[0] != '\0')
		buf_fmt(&b, "%s/%s", u->home, in_home);
	else if (spool[0] != '\0')
		buf_fmt(&b, "%s/%s", spool, u->name);
	else
		buf_fmt(&b, "%s" PATH_MAIL "/%s", path_prefix(), u->name);
	say(s, "=> mailbox %s, as %s (uid %lu)%s%s", buf_cstr(&b), u->name,
	    (unsigned long)u->uid, u->ext[0] ? ", extension " : "", u->ext);
	buf_free(&b);
	return OK;
}

/* One place of a .forward.  The user's own name means the mailbox; another
 * one has its aliases, with a backslash too. */
static int
explain_place(const struct step *s, const char *p, const struct user *u)
{
	const char *name = p + (*p == '\\');
	struct step in = {s->e, p, u->name, s->depth + 1, s};

	if (strcmp(name, u->name) != 0)
		return explain(s->e, name, u->name, s);
	say(s, "%s", p);
	return explain_mailbox(&in, u);
}

/* A list file, or the .forward of u: what it names is explained below. */
static int
explain_file(const struct step *s, const char *path, const struct user *u)
{
	struct forward f = {0};
	struct buf text = {0};
	struct step in = {s->e, path, s->runas, s->depth, s};
	const char *p, *why = NULL;
	enum forward_file got;
	int r = FAILED, first = 1;

	got = forward_load(&text, path, u != NULL ? FORWARD_MAX : INCLUDE_MAX,
	    u != NULL ? u->uid : (uid_t)-1, &why);
	if (got != FORWARD_READ) {
		say(s, "%s cannot be read: %s", path, got == FORWARD_MISSING
		    ? "no such file" : why != NULL ? why : strerror(errno));
	} else if (forward_parse(&f, text.p, text.len, u == NULL) == -1) {
		say(s, "%s:%u: %s", path, f.line, f.error);
	} else {
		say(s, "%s names %u", path, f.n);
		r = OK;
		for (p = f.items.p; p < f.items.p + f.items.len;
		    p += strlen(p) + 1, first = 0)
			r = worse(r, u != NULL ? explain_place(&in, p, u)
			    : explain(s->e, p, s->runas, &in), first);
		if (first && u != NULL)
			explain_mailbox(s, u);
	}
	buf_free(&text);
	buf_free(&f.items);
	return r;
}

static const char *
kind_of_mailbox(const char *path, const char *format)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? "Maildir" : "mbox";
	if (errno == ENOENT)
		return strcmp(format, "mbox") == 0 ? "mbox, not there yet"
		    : "Maildir, not there yet";
	return "not visible to you";
}

static int
explain_vhost(const struct step *s, const struct route *r)
{
	struct buf path = {0};

	buf_fmt(&path, "%s" PATH_VSPOOL "/%s/%s", path_prefix(), r->domain,
	    r->user);
	buf_cstr(&path);
	say(s, "=> mailbox %s (%s), as %lu:%lu%s%s", path.p,
	    kind_of_mailbox(path.p, r->format), (unsigned long)r->uid,
	    (unsigned long)r->gid, r->ext[0] ? ", extension " : "", r->ext);
	buf_free(&path);
	return OK;
}

/* A system user: .forward decides, or it is the mailbox. */
static int
explain_user(const struct step *s, const struct user *u)
{
	struct buf b = {0};
	struct stat st;
	int r;

	if (u->uid == 0) {
		say(s, "=> refused: nothing is delivered as uid 0, %s needs "
		    "an alias", u->name);
		return UNKNOWN;
	}
	buf_fmt(&b, "%s/.forward", u->home);
	r = stat(buf_cstr(&b), &st) == 0 ? explain_file(s, b.p, u)
	    : explain_mailbox(s, u);
	buf_free(&b);
	return r;
}

/* The snapshot lacks the user: what smtp-recv does then. */
static int
ask_system(const struct step *s, const struct route *r)
{
	char *path = path_program("user-lookup"), *name = strdup(r->user);
	char *argv[] = {path, name, NULL}, home[1024];
	unsigned long uid, gid;
	struct buf out = {0};
	int fd[2], code = FAILED;
	pid_t pid;

	if (name != NULL && pipe_cloexec(fd) == 0) {
		struct child_fd map = {fd[1], 1};

		pid = child_start(path, argv, NULL, &map, 1, NULL);
		close(fd[1]);
		if (pid != -1) {
			if (read_to_end(fd[0], &out, 4096) != 0)
				out.len = 0;
			code = child_wait(pid);
		}
		close(fd[0]);
	}
	/* NOLINTNEXTLINE(cert-err34-c): user-lookup's numbers do fit. */
	if (code == OK && sscanf(buf_cstr(&out), "%lu %lu %1023[^\n]", &uid,
	    &gid, home) == 3) {
		say(s, "user-lookup: %s is a user of the system", r->user);
		code = explain_user(s, &(struct user){r->user, (uid_t)uid,
		    home, r->ext});
	} else if (code == UNKNOWN) {
		say(s, "user-lookup: no such user");
		say(s, "=> unknown: 550 5.1.1");
	} else {
		say(s, "=> user-lookup failed: 451 4.3.0");
		code = FAILED;
	}
	buf_free(&out);
	free(name);
	free(path);
	return code;
}

static int
explain_alias(const struct step *s, const struct route *r)
{
	const char *p = r->targets, *end = p + r->targetslen;
	const char *runas = r->domain[0] != '\0' ? "the domain's user"
	    : setting(s->e->tables, "alias-user");
	int result = OK, first = 1;

	for (; p < end; p += strlen(p) + 1, first = 0)
		result = worse(result, explain(s->e, p, runas, s), first);
	return result;
}

static int
remote(const struct step *s, const char *addr)
{
	const char *relay = setting(s->e->tables, "relay-host");
	struct addr a;

	addr_split(addr, strlen(addr), &a);
	if (relay[0] != '\0')
		say(s, "=> to the relay host %s", relay);
	else if (a.dlen > 0 && a.domain[0] == '[')
		say(s, "=> by SMTP to %.*s", (int)a.dlen, a.domain);
	else
		say(s, "=> by SMTP to the hosts that mx-lookup %.*s names",
		    (int)a.dlen, a.domain);
	return OK;
}

static int
explain_name(const struct step *s)
{
	int bare = s->addr[0] == '\\';
	const char *addr = s->addr + bare;
	struct route r;

	route_find(&r, s->e->tables, addr, strlen(addr),
	    bare ? ROUTE_NO_ALIAS : 0, trace, (void *)(uintptr_t)s);
	switch (r.kind) {
	case ROUTE_ALIAS:
		return explain_alias(s, &r);
	case ROUTE_VHOST:
		return explain_vhost(s, &r);
	case ROUTE_USER:
		return explain_user(s, &(struct user){r.user, r.uid, r.home,
		    r.ext});
	case ROUTE_ASK:
		return ask_system(s, &r);
	case ROUTE_RELAY:
	case ROUTE_REMOTE:
		return remote(s, addr);
	case ROUTE_UNKNOWN:
		say(s, "=> unknown: 550 5.1.1");
		return UNKNOWN;
	case ROUTE_ERROR:
		break;
	}
	say(s, "=> the table is damaged: 451 4.3.0");
	return FAILED;
}

/* One address or other target, below the one that led to it. */
static int
explain(const struct explain *e, const char *addr, const char *runas,
    const struct step *above)
{
	struct step s = {e, addr, runas, above != NULL ? above->depth + 1 : 0,
	    above};
	const struct step *a;

	/* The target itself stands with the lines of what led to it. */
	say(&(struct step){e, NULL, NULL, s.depth - 1, NULL}, "%s", addr);
	for (a = above; a != NULL; a = a->above) {
		if (strcmp(a->addr, addr) == 0 || s.depth > DEPTH_MAX) {
			say(&s, "leads in a circle and is left out");
			return OK;
		}
	}
	if (addr[0] == '|')
		say(&s, "=> command, as %s", runas);
	else if (addr[0] == '/')
		say(&s, "=> file, as %s", runas);
	else if (addr[0] == ':')
		return explain_file(&s, addr + strlen(":include:"), NULL);
	else
		return explain_name(&s);
	return OK;
}

int
explain_address(const struct explain *e, const char *addr)
{
	return explain(e, addr, NULL, NULL);
}
