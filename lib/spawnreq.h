/* What queue-run asks of a spawner, and what the spawner makes of it for the
 * delivery program (INTERFACES 4 and 5). */
#ifndef SPAWNREQ_H
#define SPAWNREQ_H
#include "envelope.h"
#include "map.h"

/* A request, pointers into the packet. */
struct spawnreq {
	unsigned number;
	const char *kind;
	const char *dest;
	const char *order;    /* I and B records */
	const char *envelope; /* behind them, to the packet's end */
	size_t envlen;
	size_t msglen;        /* bytes of the message behind the envelope; 0:
				 it comes as a descriptor */
	struct envelope env;
};

/* Parses a packet: 0, or -1 when it is malformed. */
int spawnreq_parse(struct spawnreq *r, const char *p, size_t n);

/* Which program runs, as whom, and the X records that it gets. */
struct spawnplan {
	const char *program;
	int keep;          /* it serves many orders (-k) */
	uid_t uid;
	gid_t gid;
	char user[64];     /* name for the environment, "" for none */
	char home[256];
	uint32_t box;      /* hash of the mbox that it is for, which takes one
	                      append at a time; 0 for others */
	struct buf extra;  /* X records */
	char problem[200]; /* why not, when spawnplan_make fails */
	const char *status; /* and its X.Y.Z */
};

/*
 * Decides by the table m (mail.cdb, or public.cdb for the remote spawner)
 * and by getpwnam; nothing of the request is believed but names.  system: the
 * password database is asked (not in a private prefix).  0, or -1 with
 * problem and status set.  extra is reused; free it with buf_free.
 */
int spawnplan_make(struct spawnplan *s, const struct spawnreq *r,
    const struct map *m, int remote, int system);
#endif
