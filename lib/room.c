#include <sys/statvfs.h>
#include <stdlib.h>

#include "paths.h"
#include "room.h"
#include "settings.h"

static int
has(const char *path, uint64_t bytes)
{
	struct statvfs v;

	if (statvfs(path, &v) == -1)
		return 1;
	/* A file system without a table of inodes says that it has none. */
	return (uint64_t)v.f_bavail * v.f_frsize >= bytes &&
	    (v.f_files == 0 || v.f_favail >= ROOM_INODES);
}

static int
has_below(const char *rel, uint64_t bytes)
{
	char *path = path_make(rel);
	int yes = has(path, bytes);

	free(path);
	return yes;
}

/* Of what mail is delivered to. */
static int
has_delivery(const struct room *r)
{
	const char *spool = setting(r->tables, "mail_spool_directory");

	if (!has_below(PATH_VSPOOL, r->least))
		return 0;
	if (setting(r->tables, "home_mailbox")[0] != '\0')
		return 1;
	return spool[0] != '\0' ? has(spool, r->least)
	    : has_below(PATH_MAIL, r->least);
}

int
room_for(struct room *r, uint64_t size)
{
	if (r->least == 0)
		return 1;
	if (!r->looked && !has_delivery(r))
		return 0;
	r->looked = 1;
	return has_below(PATH_QUEUE, size > UINT64_MAX - r->least
	    ? UINT64_MAX : r->least + size);
}
