/* A table that has settings only: settings_map(&m, name, value, ..., NULL).
 * Needs -lcdb.  And programs for it: script(name, text). */
#ifndef SETTINGSMAP_H
#define SETTINGSMAP_H
#include <sys/stat.h>
#include <cdb.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "map.h"

static char scratch[] = "/tmp/postchaise-unit.XXXXXX";

/* Makes the directory that scripts and tables are in, also PC_PATH. */
static inline void
scratch_make(void)
{
	if (mkdtemp(scratch) == NULL || chdir(scratch) == -1)
		exit(111);
	setenv("PC_PATH", scratch, 1);
}

static inline void
scratch_remove(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", scratch);
	if (chdir("/") == -1 || system(command) != 0)
		exit(111);
}

static inline void
settings_map(struct map *m, ...)
{
	struct cdb_make make;
	const char *name, *value;
	char key[64];
	va_list ap;
	int fd = open("settings.cdb", O_RDWR | O_CREAT | O_TRUNC, 0600);

	map_close(m);
	cdb_make_start(&make, fd);
	va_start(ap, m);
	while ((name = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		snprintf(key, sizeof key, "s%s", name);
		cdb_make_add(&make, key, (unsigned)strlen(key), value,
		    (unsigned)strlen(value) + 1);
	}
	va_end(ap);
	cdb_make_finish(&make);
	close(fd);
	if (map_open(m, "settings.cdb") == -1)
		exit(111);
}

/* A shell script of this name in the scratch directory. */
static inline void
script(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	if (f == NULL)
		exit(111);
	fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	chmod(name, 0755);
}
#endif
