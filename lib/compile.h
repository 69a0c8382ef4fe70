/* From the files that people edit to the records of the tables. */
#ifndef COMPILE_H
#define COMPILE_H
#include "aliasfile.h"
#include "conffile.h"
#include "map.h"
#include "source.h"
#include "table.h"

/* Zero-initialised is empty. */
struct compile {
	struct diag diag;
	struct sources sources;
	struct conffile conf;
	char *conf_path;
	struct table public; /* public.cdb */
	struct table mail;   /* mail.cdb */
	struct table auth;   /* auth.cdb */
	struct table relay;  /* relay.cdb */
	struct buf counts;   /* a line an alias file, as newaliases prints */
};

/*
 * Reads all sources below the prefix and fills the tables, key h included.
 * All mistakes of all files end up in diag; the tables are to be used only
 * when there are no errors.
 */
void compile_sources(struct compile *c);
/*
 * What can be seen only in the finished mail.cdb, by routing every target:
 * loops (errors), targets that nobody has and no postmaster (warnings).
 */
void compile_check(struct compile *c, const struct map *mail);
void compile_free(struct compile *c);

/* For the parts of the compiler. */

/* Adds a record to mail, or reports that the key `what' is there already. */
int compile_put(struct compile *c, char tag, const char *key, size_t klen,
    const struct buf *val, const char *what, const char *file, unsigned line);
/* A domain of type vhost, local or relay; uid and gid for vhost only. */
int compile_domain(struct compile *c, const char *domain, const char *type,
    uid_t uid, gid_t gid, const char *file, unsigned line);
/* Reads an alias file, if it is there: 1, 0 or -1 as source_read. */
int compile_aliases(struct compile *c, const char *path, const char *domain);
/* Reads domains.cf and the files of each domain. */
void compile_virtual(struct compile *c);
/*
 * A virtual user's password field, for auth.cdb.  What is no hash is warned
 * about and left out: it may be the password itself.
 */
void compile_password(struct compile *c, const struct buf *key,
    const char *hash, size_t n, uid_t uid, gid_t gid, const char *file,
    unsigned line);
/* When all users are in: a hash of the commonest kind as key n of auth.cdb, to
 * be computed for a login that nobody has, so that it takes as long. */
void compile_nobody(struct compile *c);
/* Values of the settings for clients' rules that nobody could follow. */
void compile_check_rules(struct compile *c);
/* Reads senders and issue.smtp; the domains and users are there already. */
void compile_rules(struct compile *c);
/* "mbox" or "maildir": what is made for users of the domain that have neither,
 * by the setting virtual-mailbox. */
const char *compile_format(const struct compile *c, const char *domain);
/* Appends "file:line" and its NUL. */
void compile_origin(struct buf *b, const char *file, unsigned line);
#endif
