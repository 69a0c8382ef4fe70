/* The tables of a resident program, opened anew when they were switched. */
#ifndef TABLES_H
#define TABLES_H
#include <sys/types.h>

#include "settings.h"

struct tables {
	struct map map;     /* p is NULL while none could be opened */
	const char *name;   /* "mail.cdb" */
	dev_t dev;
	ino_t ino;
};

/* Opens PREFIX/etc/postchaise/tables/NAME if it is there. */
void tables_init(struct tables *t, const char *name);
/* Looks (one stat) whether another set is in force, and opens it.  1 when it
 * did: pointers into the former map are void.  The former one is kept when the
 * new one cannot be opened.  Called before every decision: a user that the
 * receiver has accepted by the new set must not be unknown by the old one. */
int tables_refresh(struct tables *t);
#endif
