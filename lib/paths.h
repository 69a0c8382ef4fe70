/* Where things are: one prefix, and where the programs are. */
#ifndef PATHS_H
#define PATHS_H
#include "buf.h"

#define PATH_CONF "/etc/postchaise"
#define PATH_TABLES "/etc/postchaise/tables"
#define PATH_ALIASES "/etc/aliases"
#define PATH_VIRTUAL "/etc/virtual"
#define PATH_VSPOOL "/var/spool/virtual"
#define PATH_QUEUE "/var/spool/postchaise"
#define PATH_RUN "/var/run/postchaise"
#define PATH_MAIL "/var/mail"
#define PATH_TLS "/etc/postchaise/tls"
#define PATH_STATE "/var/lib/postchaise"

/*
 * True when the environment may be believed: real and effective ids agree and
 * the system does not call the start secure (getauxval AT_SECURE, issetugid).
 */
int env_trusted(void);
/*
 * The prefix: PC_PREFIX if the environment may be believed, else, for a set-id
 * start only, the first line of a root-owned file "prefix" beside this
 * program's executable, else what was compiled in.  "" on a real host.  Static.
 */
const char *path_prefix(void);
/* rel below the prefix, in memory that the caller frees. */
char *path_make(const char *rel);
/*
 * Full path of the program `name': the first directory of PC_PATH (if the
 * environment may be believed) that has it as an executable, else the compiled
 * in program directory.  A name with a slash is returned as it is.  The caller
 * frees.
 */
char *path_program(const char *name);
#endif
