/*
 * user-lookup: asks the system for a user that the compiled tables lack.
 *
 * Descriptors: 1 "uid gid home"; 2 the log.
 * Arguments: NAME.
 * Exit codes: 0 the user exists; 100 it does not; 111 the look-up failed.
 *
 * Dynamically linked, for the system's name services (LDAP, NIS, ...).  Runs
 * as whoever asks; decides nothing: uid 0 is printed like any other.  The name
 * is not trusted.
 */
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "log.h"
#include "sysuser.h"

enum { NAME_LEN = 255 };

/* Could a system user be called this?  Name services need not be asked about
 * the rest, nor get to parse it. */
static int
plausible(const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f ||
		    strchr(":/@\"", name[i]) != NULL)
			return 0;
	return n > 0 && n <= NAME_LEN;
}

int
main(int argc, char *argv[])
{
	struct sysuser u = {0};
	int found;

	fd_guard();
	log_init(argv[0]);
	if (argc != 2)
		die_usage("NAME");
	if (!plausible(argv[1]))
		return 100;
	found = sysuser_find(&u, argv[1]);
	if (found == -1)
		die_temp("user-lookup", "user=%s err=%m", argv[1]);
	if (found == 0) {
		sysuser_free(&u);
		return 100;
	}
	if (printf("%lu %lu %s\n", (unsigned long)u.uid, (unsigned long)u.gid,
	    u.home.p) < 0 || fflush(stdout) == EOF)
		die_temp("cannot-write", "user=%s err=%m", argv[1]);
	sysuser_free(&u);
	return 0;
}
