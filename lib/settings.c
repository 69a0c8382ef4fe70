#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"
#include "settings.h"
#include "str.h"

extern char **environ;

const struct setting settings[] = {
	{"hostname", SET_TEXT, SET_PUBLIC, "auto",
	    "our name in greetings and trace fields; auto asks the system"},
	{"locals", SET_TEXT, SET_LIST | SET_PUBLIC, "",
	    "domains of the system's users, besides hostname and localhost"},
	{"relay-domains", SET_TEXT, SET_LIST, "",
	    "domains that we take mail for and pass on"},
	{"relay-host", SET_TEXT, SET_PUBLIC, "",
	    "[host]:port or domain that takes all remote mail"},
	{"size", SET_SIZE, SET_CLIENT | SET_PUBLIC, "50m",
	    "largest message in bytes; 0 for no limit"},
	{"recipients", SET_NUM, SET_CLIENT, "1000",
	    "recipients of one message by SMTP, at least 100"},
	{"hops", SET_NUM, SET_CLIENT | SET_PUBLIC, "100",
	    "Received and Delivered-To fields before a message is looping"},
	{"timeout", SET_TIME, SET_CLIENT, "5m",
	    "idle time before an SMTP session is ended"},
	{"session-timeout", SET_TIME, SET_CLIENT, "1h",
	    "time for one whole message by SMTP, from MAIL to the reply"},
	{"service", SET_TEXT, SET_CLIENT, "smtp",
	    "what smtp-recv is: smtp, submission or lmtp"},
	{"clients", SET_NUM, SET_CLIENT, "1000", "sessions at once"},
	{"clients-address", SET_NUM, SET_CLIENT, "20",
	    "sessions at once of one address"},
	{"clients-network", SET_NUM, SET_CLIENT, "60",
	    "sessions at once of one IPv4 /24 or IPv6 /64"},
	{"load", SET_NUM, SET_CLIENT, "0",
	    "load average above which sessions are deferred; 0 for any"},
	{"greet-delay", SET_TIME, SET_CLIENT, "0",
	    "wait before the greeting; who speaks meanwhile is refused"},
	{"forbidden", SET_TEXT, 0, "bounce",
	    "accept, bounce[:why] or folder:name, for clients pointed out"},
	{"paranoid", SET_TEXT, SET_CLIENT, "0",
	    "1: forbid clients without a reverse name; confirmed: or whose "
	    "name has not their address"},
	{"trusted", SET_TEXT, SET_LIST, "",
	    "addresses, networks and names that may relay"},
	{"checkhelo", SET_BOOL, SET_CLIENT, "0",
	    "refuse who greets with our name or address"},
	{"nodaemon", SET_BOOL, SET_CLIENT, "0", "refuse the null sender"},
	{"verify-from", SET_BOOL, SET_CLIENT, "1",
	    "refuse a sender whose domain takes no mail, and our own from "
	    "outside without a login"},
	{"check-mail", SET_TEXT, SET_LINES, "", "command asked at MAIL"},
	{"check-rcpt", SET_TEXT, SET_LINES, "", "command asked at RCPT"},
	{"check-data", SET_TEXT, SET_LINES, "",
	    "command asked about the message"},
	{"dsn", SET_BOOL, SET_CLIENT, "1", "offer DSN"},
	{"auth", SET_TEXT, SET_CLIENT | SET_PUBLIC, "virtual",
	    "who may log in: no, virtual, or passwd for system users too"},
	{"auth-without-tls", SET_BOOL, SET_CLIENT, "0",
	    "take passwords without TLS"},
	{"auth-program", SET_TEXT, 0, "auth-check",
	    "checkpassword command that knows the passwords"},
	{"auth-tries", SET_NUM, SET_CLIENT, "3",
	    "failed logins that end a session"},
	{"auth-failures", SET_NUM, SET_PUBLIC, "20",
	    "failed logins of one address in an hour"},
	{"auth-failures-network", SET_NUM, SET_PUBLIC, "60",
	    "failed logins of one IPv4 /24 or IPv6 /64 in an hour"},
	{"login-messages-hour", SET_NUM, SET_PUBLIC, "0",
	    "messages of one login in an hour; 0 for no limit"},
	{"login-messages-day", SET_NUM, SET_PUBLIC, "0", "... in a day"},
	{"login-recipients-hour", SET_NUM, SET_PUBLIC, "0",
	    "recipients of one login in an hour; 0 for no limit"},
	{"login-recipients-day", SET_NUM, SET_PUBLIC, "0", "... in a day"},
	{"hide-client", SET_BOOL, SET_CLIENT, "0",
	    "leave the client out of the Received field"},
	{"audit", SET_BOOL, SET_CLIENT, "0", "log each command"},
	{"bare-newline", SET_TEXT, SET_CLIENT, "refuse",
	    "refuse or accept lines that end in LF alone, for old devices"},
	{"minfree", SET_SIZE, 0, "10m",
	    "free bytes in the queue below which mail is deferred"},
	{"filter-chain", SET_TEXT, 0, "",
	    "command line before queue-inject, split at spaces"},
	{"qreturn", SET_TIME, 0, "5d", "queue lifetime: then mail bounces"},
	{"delay-warning", SET_TIME, 0, "0",
	    "tell the sender of a delay after this time; 0 for never"},
	{"retry-min", SET_TIME, 0, "5m", "shortest back-off"},
	{"retry-max", SET_TIME, 0, "4h", "longest back-off"},
	{"concurrency-local", SET_NUM, 0, "20", "local deliveries at once"},
	{"concurrency-remote", SET_NUM, 0, "100", "remote deliveries at once"},
	{"concurrency-destination", SET_NUM, 0, "10",
	    "deliveries at once to one destination"},
	{"queue-recycle", SET_BOOL, SET_PUBLIC, "1", "reuse queue files"},
	{"receiver-user", SET_TEXT, SET_PUBLIC, "pcd",
	    "user of smtp-recv: queue-inject believes its trace attributes"},
	{"double-bounce-to", SET_TEXT, 0, "postmaster",
	    "who gets reports that cannot be returned"},
	{"alias-user", SET_TEXT, 0, "nobody",
	    "user of commands and files in /etc/aliases"},
	{"virtual-user", SET_TEXT, 0, "mail",
	    "user, uid:gid, or `owner' for each domain's own, of virtual mail"},
	{"virtual-minimum-uid", SET_NUM, 0, "1",
	    "virtual mail is never written with a lower uid"},
	{"virtual-mailbox", SET_TEXT, SET_LIST, "maildir",
	    "mbox or maildir, or DOMAIN:mbox, for virtual users without either"},
	{"home_mailbox", SET_TEXT, 0, "",
	    "system users' mailbox below their home; Maildir with a final /"},
	{"mail_spool_directory", SET_TEXT, 0, "",
	    "directory of system users' mailboxes; Maildir with a final /"},
	{"pipe-timeout", SET_TIME, 0, "10m", "time for one command"},
	{"smtp-port", SET_NUM, SET_PUBLIC, "25", "port of the next host"},
	{"smtp-connect-timeout", SET_TIME, SET_PUBLIC, "30s",
	    "for one address"},
	{"smtp-timeout", SET_TIME, SET_PUBLIC, "5m",
	    "for one reply of the next host"},
	{NULL, SET_TEXT, 0, NULL, NULL}
};

const struct setting *
setting_find(const char *name)
{
	const struct setting *s;

	for (s = settings; s->name != NULL; s++)
		if (s->name[0] == name[0] && strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

/* The value as a number, -1 if it does not fit the type. */
static int
to_num(const struct setting *s, const char *v, uint64_t *n)
{
	switch (s->type) {
	case SET_BOOL:
		if (strcmp(v, "yes") == 0 || strcmp(v, "1") == 0)
			*n = 1;
		else if (strcmp(v, "no") == 0 || strcmp(v, "0") == 0)
			*n = 0;
		else
			return -1;
		return 0;
	case SET_NUM:
		return parse_u64(v, strlen(v), n);
	case SET_TIME:
		return parse_time(v, n);
	case SET_SIZE:
		return parse_size(v, n);
	case SET_TEXT:
		break;
	}
	*n = 0;
	return 0;
}

int
setting_valid(const struct setting *s, const char *value)
{
	uint64_t n;

	return to_num(s, value, &n);
}

int
tables_open(struct map *m, const char *name)
{
	struct buf b = {0};
	int r;

	buf_str(&b, path_prefix());
	buf_str(&b, PATH_TABLES "/");
	buf_str(&b, name);
	r = map_open(m, buf_cstr(&b));
	buf_free(&b);
	return r;
}

/* The value in "NAME=value" if that is the setting's name as the environment
 * has it, else NULL. */
static const char *
value_of(const char *var, const char *name)
{
	char c;

	for (; (c = *name) != '\0'; name++, var++) {
		if (c == '-')
			c = '_';
		else if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (*var != c)
			return NULL;
	}
	return *var == '=' ? var + 1 : NULL;
}

/* PC_NAME of the environment, NULL if it is unset or does not fit.  A session
 * asks for many, and there are few: not by getenv. */
static const char *
override(const struct setting *s)
{
	char **e = environ;
	const char *v;

	for (; e != NULL && *e != NULL; e++) {
		if ((*e)[0] != 'P' || (*e)[1] != 'C' || (*e)[2] != '_')
			continue;
		v = value_of(*e + 3, s->name);
		if (v != NULL)
			return setting_valid(s, v) == 0 ? v : NULL;
	}
	return NULL;
}

/* The value in force. */
static const char *
value(const struct map *m, const struct setting *s)
{
	const char *v;
	size_t n;

	if (s->flags & SET_CLIENT && env_trusted() && (v = override(s)) != NULL)
		return v;
	if (m->p != NULL && map_get2(m, 's', s->name, strlen(s->name), &v,
	    &n) == 1 && n > 0 && v[n - 1] == '\0')
		return v;
	return s->dflt;
}

const char *
setting(const struct map *m, const char *name)
{
	const struct setting *s = setting_find(name);

	return s != NULL ? value(m, s) : NULL;
}

const char *
setting_origin(const struct map *m, const char *name)
{
	const struct setting *s = setting_find(name);
	const char *v;
	size_t n, k;

	if (s == NULL)
		return NULL;
	if (s->flags & SET_CLIENT && env_trusted() && override(s) != NULL)
		return "environment";
	if (m->p == NULL ||
	    map_get2(m, 's', name, strlen(name), &v, &n) != 1 || n == 0 ||
	    v[n - 1] != '\0')
		return "default";
	k = strlen(v) + 1;
	return k < n ? v + k : "computed";
}

uint64_t
setting_num(const struct map *m, const char *name)
{
	const struct setting *s = setting_find(name);
	uint64_t n = 0;

	if (s != NULL)
		to_num(s, value(m, s), &n);
	return n;
}

void
settings_stamp(const struct stat *st, char out[STAMP_MAX])
{
	if (st == NULL)
		snprintf(out, STAMP_MAX, "-");
	else
		snprintf(out, STAMP_MAX, "%lld.%09ld",
		    (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

/* Is the file's stamp another than the one before the space? */
static int
changed(const char *field, const char *space)
{
	char stamp[STAMP_MAX];
	struct stat st;
	int r = stat(space + 1, &st);

	if (r == -1 && errno != ENOENT)
		return 0;
	settings_stamp(r == 0 ? &st : NULL, stamp);
	return strlen(stamp) != (size_t)(space - field) ||
	    memcmp(stamp, field, strlen(stamp)) != 0;
}

int
tables_stale_source(const struct map *m, const char **path)
{
	const char *p, *end, *nul, *space;
	size_t n, i;

	if (map_get(m, "h", 1, &p, &n) != 1)
		return -1;
	end = p + n;
	/* The hash and the time made come first. */
	for (i = 0; p < end; i++, p = nul + 1) {
		nul = memchr(p, '\0', (size_t)(end - p));
		if (nul == NULL)
			return -1;
		if (i < 2)
			continue;
		space = memchr(p, ' ', (size_t)(nul - p));
		if (space == NULL)
			return -1;
		if (changed(p, space)) {
			*path = space + 1;
			return 1;
		}
	}
	return 0;
}

int
tables_stale(const struct map *m)
{
	const char *path;

	return tables_stale_source(m, &path);
}

const char *
tables_hash(const struct map *m)
{
	const char *p;
	size_t n;

	return m->p != NULL && map_get(m, "h", 1, &p, &n) == 1 &&
	    memchr(p, '\0', n) != NULL ? p : "-";
}
