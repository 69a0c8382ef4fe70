/* A request for the check of a password (INTERFACES 11): its parts, and who
 * the login stands for. */
#ifndef AUTHREQ_H
#define AUTHREQ_H
#include <sys/types.h>

#include "map.h"

enum { AUTHREQ_MAX = 512 }; /* bytes of a request, as checkpassword's */

struct authreq {
	const char *login;
	const char *pass;
	const char *extra; /* time stamp or address; "" if there is none */
};

/* Splits login\0password\0extra\0 (the last NUL may be missing with what is
 * before it); p[n] must be a NUL.  0, or -1: no two whole fields. */
int authreq_parse(struct authreq *r, const char *p, size_t n);

/* What the setting `auth' says, in the order of what it allows. */
enum auth_level { AUTH_NO, AUTH_VIRTUAL, AUTH_PASSWD };
enum auth_level auth_level(const char *value);

enum auth_whose {
	AUTH_NOBODY,  /* no such login, or not at this level */
	AUTH_USER,    /* a virtual user: hash, uid, gid, name is user@domain */
	AUTH_SYSTEM,  /* to be asked of auth-system: name is the user's */
	AUTH_DAMAGED  /* the table is */
};

struct auth_user {
	char name[AUTHREQ_MAX + 1]; /* lower case */
	const char *hash; /* into the map; NUL-terminated */
	uid_t uid;
	gid_t gid;
};

/* Whom the login stands for, by auth.cdb. */
enum auth_whose auth_find(struct auth_user *u, const struct map *auth,
    enum auth_level level, const char *login);
/* Could a system user be called this? */
int auth_name_valid(const char *name);
#endif
