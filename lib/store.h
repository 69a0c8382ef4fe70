/* The queue as queue-run knows it: an index of all messages in memory, and
 * what is done to their slots (lib/slot.h). */
#ifndef STORE_H
#define STORE_H
#include "slot.h"

enum msg_state {
	MSG_WAITING, /* in the heap until `next' */
	MSG_READY,   /* in the ready list */
	MSG_ACTIVE,  /* loaded, being delivered */
	MSG_PARKED,  /* waits at a destination that is slow */
	MSG_HELD
};

/* A message in memory; everything else is read when it is needed. */
struct msg {
	uint32_t num;
	uint32_t next;     /* seconds since 1970 */
	uint32_t attempts;
	uint32_t heap;     /* place in the heap, from 1; 0 for none */
	struct msg *link;  /* next in a list */
	char id[ID_LEN];
	uint8_t state;
	uint8_t again;     /* an attempt may have happened before */
	uint8_t warned;
	uint8_t noted;     /* it has notes (lib/journal.h), whoever wrote them */
};

struct msglist {
	struct msg *head;
	struct msg *tail;
	size_t n;
};

struct store {
	int qdir;
	int trigger;        /* FIFO of notes, read end */
	int free_fifo;      /* FIFO of free slots' numbers, held open */
	int recycle;
	struct msg **index; /* open addressing by num */
	size_t slots;       /* its size, a power of two */
	size_t count;
	struct msg **heap;
	size_t nheap, heapcap;
	struct msglist fresh;  /* ready, and never tried */
	struct msglist ready;
	unsigned taken;
	struct msg *spare;  /* unused msg structures */
	int scanning;       /* directories left to read, 256 when it begins */
	void *scandir;      /* DIR of the one being read */
	uint32_t tokens;    /* free slots that we put into the FIFO, about */
	uint64_t bytes;     /* and their size, about */
	char note[4096];
	size_t nnote;
};

/* Makes what is missing of the queue in the working directory, and new FIFOs.
 * 0, or -1 with errno and *what named. */
int store_open(struct store *s, const char **what);
/* Is a delivery program or spawner of an earlier queue-run still running?
 * Removes the locks of those that are not.  mine: our own lock's name. */
int store_old_running(struct store *s, const char *mine);

/* Reads the notes that have come; new messages go to the ready list. */
void store_read_notes(struct store *s);
/* Begins a scan of all slots; store_scan_some does a piece of it (returns 0
 * when it is over).  Messages that are not known go to heap or ready list;
 * free slots become tokens; what is neither is set aside in bad/. */
void store_scan(struct store *s);
int store_scan_some(struct store *s);
/* The same for one slot that is not known: the note of a message that came
 * into it may have met the late note of an earlier one. */
void store_look(struct store *s, uint32_t num);
/* The same for one that could not be read (EPROTO): set aside, unless it was
 * read while queue-inject was writing it. */
void store_damaged(struct store *s, uint32_t num);
/* Is the mark there that somebody could not write a note?  Removes it. */
int store_scan_wanted(struct store *s);

/* Puts m into the heap for its `next', or into the ready list. */
void store_schedule(struct store *s, struct msg *m);
void store_ready(struct store *s, struct msg *m);
/* Takes m out of the heap and holds it. */
void store_hold(struct store *s, struct msg *m);
/* Moves all that are due by now to the ready list; returns when the next one
 * is, 0 for none. */
uint32_t store_due(struct store *s, uint32_t now);
/* Makes everything that waits due at once. */
void store_due_all(struct store *s);
/* The next one to load: new mail first, but every fourth is an older one, so
 * that neither holds up the other.  NULL when there is none. */
struct msg *store_next(struct store *s);
size_t store_nready(const struct store *s);
struct msg *store_find(struct store *s, uint32_t num);
/* A new message in the index, in no list; num must not be known. */
struct msg *store_add(struct store *s, uint32_t num, const char *id);
/* Offers a free slot's number to queue-inject, or removes the file where
 * enough are free already.  fd is locked, its head says free. */
void store_offer(struct store *s, uint32_t num, int fd);

void msglist_add(struct msglist *l, struct msg *m);
struct msg *msglist_take(struct msglist *l);

/* Ends a message: the slot is marked free under its lock and its number
 * offered again.  sync: the mark must be durable first (a remote delivery, or
 * a body or notes that go too; notes go if m->noted).  slot is loaded.  m is freed.  0; -1 when
 * the slot could not be marked (errno; EWOULDBLOCK: queue-inject has not
 * exited yet): m stays. */
int store_done(struct store *s, struct msg *m, struct slot *slot, int sync);
/* Moves a slot that cannot be read to bad/ and forgets it. */
void store_aside(struct store *s, uint32_t num, const char *why);
/* Forgets m (it was found to be gone). */
void store_forget(struct store *s, struct msg *m);
/* Removes body files that no slot names and that are older than anybody
 * waits for a message (queue-inject.c, PATIENCE). */
void store_sweep_bodies(struct store *s);
#endif
