#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "settings.h"
#include "whoami.h"

const char *
whoami_host(const struct map *m)
{
	static char system[256];
	const char *host = setting(m, "hostname");

	if (strcmp(host, "auto") != 0)
		return host;
	if (gethostname(system, sizeof system - 1) == -1)
		return NULL;
	return addr_domain_valid(system, strlen(system), 0, 0) ? system : NULL;
}

/* The name in a gecos field: up to the comma; & is the login, capitalized. */
static void
gecos(const struct passwd *pw, struct buf *name)
{
	const char *p;
	size_t at;

	for (p = pw->pw_gecos; *p != '\0' && *p != ','; p++) {
		if (*p != '&') {
			buf_byte(name, *p);
			continue;
		}
		at = name->len;
		buf_str(name, pw->pw_name);
		if (name->p[at] >= 'a' && name->p[at] <= 'z')
			name->p[at] = (char)(name->p[at] - 'a' + 'A');
	}
}

void
whoami(const char *host, struct buf *addr, struct buf *name)
{
	const struct passwd *pw = getpwuid(getuid());
	size_t at = addr->len;

	if (pw != NULL)
		buf_fmt(addr, "%s@%s", pw->pw_name, host);
	if (pw == NULL || !addr_valid(addr->p + at, addr->len - at, 1)) {
		addr->len = at;
		buf_fmt(addr, "uid%lu@%s", (unsigned long)getuid(), host);
	}
	if (getenv("NAME") != NULL)
		buf_str(name, getenv("NAME"));
	else if (pw != NULL && pw->pw_gecos != NULL)
		gecos(pw, name);
}
