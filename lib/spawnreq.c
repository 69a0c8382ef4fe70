#include <sys/stat.h>
#include <sys/types.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "paths.h"
#include "route.h"
#include "settings.h"
#include "spawnreq.h"
#include "str.h"

int
spawnreq_parse(struct spawnreq *r, const char *p, size_t n)
{
	struct records w = {p, p + n};
	const char *t, *at = p;
	uint64_t number;
	size_t len;
	char tag;

	memset(r, 0, sizeof *r);
	if (record_next(&w, &tag, &t, &len) != 1 || tag != 'N' ||
	    parse_u64(t, len, &number) == -1 || number > UINT32_MAX ||
	    record_next(&w, &tag, &r->kind, &len) != 1 || tag != 'P' ||
	    record_next(&w, &tag, &r->dest, &len) != 1 || tag != 'D')
		return -1;
	r->number = (unsigned)number;
	r->order = at = w.p;
	while (record_next(&w, &tag, &t, &len) == 1 &&
	    (tag == 'I' || tag == 'B'))
		at = w.p;
	r->envelope = at;
	r->envlen = (size_t)(p + n - at);
	if (envelope_parse(&r->env, at, r->envlen) != 0 || r->env.nrcpt == 0)
		return -1;
	r->msglen = (size_t)(p + n - r->env.end);
	return 0;
}

static int
problem(struct spawnplan *s, const char *status, const char *what,
    const char *name)
{
	s->status = status;
	snprintf(s->problem, sizeof s->problem, "%s: %s", what, name);
	return -1;
}

static void
extra_setting(struct spawnplan *s, const struct map *m, const char *xname,
    const char *name)
{
	record_attr(&s->extra, 'X', xname, setting(m, name));
}

/* The same with seconds written out. */
static void
extra_seconds(struct spawnplan *s, const struct map *m, const char *xname,
    const char *name)
{
	char n[24];

	snprintf(n, sizeof n, "%llu",
	    (unsigned long long)setting_num(m, name));
	record_attr(&s->extra, 'X', xname, n);
}

/* All recipients must be users of the domain with the same ids. */
static int
plan_vhost(struct spawnplan *s, const struct spawnreq *r, const struct map *m)
{
	const char *at = r->env.rcpts, *user, *format = "maildir";
	struct recipient rcpt;
	struct buf key = {0}, dir = {0};
	struct route route;
	int first = 1;

	while (envelope_rcpt(&r->env, &at, &rcpt)) {
		user = recipient_attr(&rcpt, "user");
		if (user == NULL)
			return problem(s, "4.3.5", "no mailbox named", rcpt.addr);
		key.len = 0;
		buf_fmt(&key, "%s@%s", user, r->dest);
		route_find(&route, m, key.p, key.len, ROUTE_NO_ALIAS, NULL, NULL);
		if (route.kind != ROUTE_VHOST || strcmp(route.user, user) != 0 ||
		    (!first && (route.uid != s->uid || route.gid != s->gid))) {
			buf_free(&key);
			return problem(s, "4.3.5", "not in the table", rcpt.addr);
		}
		s->uid = route.uid;
		s->gid = route.gid;
		format = route.format;
		first = 0;
	}
	if (r->env.nrcpt == 1 && strcmp(format, "mbox") == 0)
		s->box = hash_caseless(key.p, key.len) | 1;
	buf_free(&key);
	if (strchr(r->dest, '/') != NULL || r->dest[0] == '.')
		return problem(s, "4.3.5", "not a domain", r->dest);
	if (s->uid == 0 || s->uid < setting_num(m, "virtual-minimum-uid"))
		return problem(s, "4.3.5", "uid below virtual-minimum-uid",
		    r->dest);
	s->program = "deliver-vhost";
	s->keep = 1;
	buf_fmt(&dir, "%s" PATH_VSPOOL "/%s", path_prefix(), r->dest);
	record_attr(&s->extra, 'X', "dir", buf_cstr(&dir));
	record_attr(&s->extra, 'X', "format", format);
	buf_free(&dir);
	return 0;
}

/* Ids and home of a system user: by the password database on a real host,
 * by the table in a private prefix. */
static int
system_user(struct spawnplan *s, const char *name, const struct map *m,
    int system)
{
	struct passwd *pw;
	struct route route;

	snprintf(s->user, sizeof s->user, "%s", name);
	if (system) {
		errno = 0;
		pw = getpwnam(name);
		if (pw == NULL)
			return errno != 0 && errno != ENOENT
			    ? problem(s, "4.3.0", "user look-up failed", name)
			    : problem(s, "5.1.1", "no such user", name);
		s->uid = pw->pw_uid;
		s->gid = pw->pw_gid;
		snprintf(s->home, sizeof s->home, "%s", pw->pw_dir);
	} else {
		route_find(&route, m, name, strlen(name), ROUTE_NO_ALIAS, NULL,
		    NULL);
		if (route.kind != ROUTE_USER)
			return problem(s, "5.1.1", "no such user", name);
		s->uid = route.uid;
		s->gid = route.gid;
		snprintf(s->home, sizeof s->home, "%s", route.home);
	}
	if (s->uid == 0)
		return problem(s, "4.3.5",
		    "mail for root needs an alias, nothing is delivered as", name);
	return 0;
}

static int
plan_mbox(struct spawnplan *s, const struct spawnreq *r, const struct map *m,
    int system)
{
	if (system_user(s, r->dest, m, system) == -1)
		return -1;
	s->program = "deliver-mbox";
	record_attr(&s->extra, 'X', "user", r->dest);
	record_attr(&s->extra, 'X', "home", s->home);
	extra_setting(s, m, "homemailbox", "home_mailbox");
	extra_setting(s, m, "spooldir", "mail_spool_directory");
	extra_seconds(s, m, "timeout", "pipe-timeout");
	return 0;
}

/* Does the alias `key' of the table in force have exactly this target?
 * *domain gets what follows its @, NULL for one of the system. */
static int
alias_has(const struct map *m, const char *key, const char *target,
    const char **domain)
{
	const char *v, *p;
	size_t n;

	if (map_get2(m, 'a', key, strlen(key), &v, &n) != 1 || n == 0 ||
	    v[n - 1] != '\0')
		return 0;
	*domain = strrchr(key, '@');
	*domain = *domain ? *domain + 1 : NULL;
	for (p = v + strlen(v) + 1; p < v + n; p += strlen(p) + 1)
		if (strcmp(p, target) == 0)
			return 1;
	return 0;
}

/* As whom an alias's commands and files run: the domain's ids, or alias-user. */
static int
alias_ids(struct spawnplan *s, const char *domain, const struct map *m,
    int system)
{
	const char *v, *user;
	uint64_t uid, gid;
	size_t n, used;

	if (domain != NULL &&
	    map_get2(m, 'd', domain, strlen(domain), &v, &n) == 1) {
		/* type, uid, gid as NUL-terminated fields */
		v += strlen(v) + 1;
		if (parse_u64(v, strlen(v), &uid) == -1 ||
		    parse_u64(v + strlen(v) + 1, strlen(v + strlen(v) + 1),
			&gid) == -1)
			return problem(s, "4.3.5", "table is damaged", domain);
		s->uid = (uid_t)uid;
		s->gid = (gid_t)gid;
	} else {
		user = setting(m, "alias-user");
		used = scan_u64(user, strlen(user), &uid);
		if (used > 0 && user[used] == ':' && parse_u64(user + used + 1,
		    strlen(user + used + 1), &gid) == 0) {
			s->uid = (uid_t)uid;
			s->gid = (gid_t)gid;
		} else if (system_user(s, user, m, system) == -1) {
			s->status = "4.3.5";
			return -1;
		}
	}
	return s->uid != 0 ? 0
			   : problem(s, "4.3.5", "alias would run as root", "");
}

/* The file's owner, if the path is his own or root's in every part: whoever
 * else owns a directory or a link of it could name any file there.  0, -1. */
static int
path_owner(const char *file, uid_t *uid)
{
	const char *end = file;
	char part[RECORD_MAX];
	struct stat st;

	if (stat(file, &st) == -1)
		return -1;
	*uid = st.st_uid;
	do {
		end += 1 + strcspn(end + 1, "/");
		snprintf(part, sizeof part, "%.*s", (int)(end - file), file);
		if (lstat(part, &st) == -1 ||
		    (st.st_uid != 0 && st.st_uid != *uid))
			return -1;
	} while (*end != '\0');
	return 0;
}

/* An include file is read by its owner, root's by alias-user.  One that a
 * domain's owner names is read as that domain. */
static int
include_ids(struct spawnplan *s, const char *file, const char *domain,
    const struct map *m, int system)
{
	struct passwd *pw;
	uid_t uid;

	if (alias_ids(s, domain, m, system) == -1)
		return -1;
	if (domain == NULL && geteuid() == 0 && path_owner(file, &uid) == 0 &&
	    uid != 0 && (pw = getpwuid(uid)) != NULL) {
		s->uid = uid;
		s->gid = pw->pw_gid;
	}
	return 0;
}

static int
plan_alias(struct spawnplan *s, const struct spawnreq *r, const struct map *m,
    int system)
{
	const char *at = r->env.rcpts, *place, *domain;
	struct recipient rcpt;

	place = envelope_rcpt(&r->env, &at, &rcpt)
	    ? recipient_attr(&rcpt, "place") : NULL;
	if (place == NULL || r->env.nrcpt != 1 ||
	    !alias_has(m, r->dest, place, &domain))
		return problem(s, "4.3.5", "the alias does not have this now",
		    r->dest);
	if (strncmp(place, ":include:", 9) == 0) {
		s->program = "include-read";
		record_attr(&s->extra, 'X', "file", place + 9);
		return include_ids(s, place + 9, domain, m, system);
	}
	if (place[0] == '|') {
		s->program = "deliver-pipe";
		record_attr(&s->extra, 'X', "command", place + 1);
	} else {
		s->program = "deliver-mbox";
		record_attr(&s->extra, 'X', "file", place);
	}
	extra_seconds(s, m, "timeout", "pipe-timeout");
	return alias_ids(s, domain, m, system);
}

static int
plan_smtp(struct spawnplan *s, const struct map *m)
{
	s->program = "deliver-smtp";
	s->keep = 1;
	s->uid = geteuid();
	s->gid = getegid();
	extra_setting(s, m, "relayhost", "relay-host");
	extra_setting(s, m, "port", "smtp-port");
	extra_seconds(s, m, "connecttimeout", "smtp-connect-timeout");
	extra_seconds(s, m, "timeout", "smtp-timeout");
	return 0;
}

int
spawnplan_make(struct spawnplan *s, const struct spawnreq *r,
    const struct map *m, int remote, int system)
{
	s->extra.len = 0;
	s->user[0] = s->home[0] = '\0';
	s->keep = 0;
	s->box = 0;
	extra_setting(s, m, "hostname", "hostname");
	if (remote)
		return strcmp(r->kind, "smtp") == 0 ? plan_smtp(s, m)
		    : problem(s, "4.3.5", "not a remote delivery", r->kind);
	if (strcmp(r->kind, "vhost") == 0)
		return plan_vhost(s, r, m);
	if (strcmp(r->kind, "mbox") == 0)
		return plan_mbox(s, r, m, system);
	if (strcmp(r->kind, "pipe") == 0 || strcmp(r->kind, "file") == 0 ||
	    strcmp(r->kind, "include") == 0)
		return plan_alias(s, r, m, system);
	return problem(s, "4.3.5", "not a kind of delivery", r->kind);
}
