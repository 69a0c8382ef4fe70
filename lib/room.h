/* Is there room for another message (setting minfree)? */
#ifndef ROOM_H
#define ROOM_H
#include <stdint.h>

#include "map.h"

enum { ROOM_INODES = 1000 }; /* that must be free, where they are counted */

struct room {
	const struct map *tables;
	uint64_t least; /* bytes that must be free; 0: do not look */
	int looked;     /* private: at what mail is delivered to */
};

/*
 * Are the least bytes left over in the queue when size more are written, and
 * inodes?  And, looked at once a session, in the virtual spool and, where
 * they are in one directory, among the system users' mailboxes?  A place that
 * cannot be looked at has room.
 */
int room_for(struct room *r, uint64_t size);
#endif
