#include <sys/stat.h>
#include <stdlib.h>

#include "paths.h"
#include "tables.h"

/* Is another file of this name in force than the one that is mapped? */
static int
switched(struct tables *t)
{
	struct buf b = {0};
	struct stat st;
	int r = 0;

	buf_str(&b, path_prefix());
	buf_str(&b, PATH_TABLES "/");
	buf_str(&b, t->name);
	if (stat(buf_cstr(&b), &st) == 0 &&
	    (t->map.p == NULL || st.st_ino != t->ino || st.st_dev != t->dev)) {
		t->ino = st.st_ino;
		t->dev = st.st_dev;
		r = 1;
	}
	buf_free(&b);
	return r;
}

int
tables_refresh(struct tables *t)
{
	struct map m = {0};

	if (!switched(t))
		return 0;
	if (tables_open(&m, t->name) == -1) {
		t->ino = 0; /* tried again at the next look */
		return 0;
	}
	map_close(&t->map);
	t->map = m;
	return 1;
}

void
tables_init(struct tables *t, const char *name)
{
	t->name = name;
	t->map.p = NULL;
	tables_refresh(t);
}
