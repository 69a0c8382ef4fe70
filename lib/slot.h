/* The queue on disk: one slot file a message (ARCHITECTURE.md, "The queue").
 *
 * Below PREFIX/var/spool/postchaise:
 *	slot/ab/abcdef01   a slot; its number is 8 hex digits, ab its first two
 *	body/x/ID          the message of a slot that has SLOT_BODY
 *	note/ab/abcdef01   what a message gathered later (lib/journal.h)
 *	bad/               slots that were set aside
 *	trigger, free      FIFOs: notes of new mail, numbers of free slots
 *	scan               exists: somebody could not write a note
 *
 * A slot: head, message (unless SLOT_BODY), envelope, one state byte for each
 * recipient.  Everything but the head's first 32 bytes and the state bytes is
 * under the checksum.  The file may be longer than that: an earlier, longer
 * message used it.
 */
#ifndef SLOT_H
#define SLOT_H
#include <stdint.h>

#include "envelope.h"
#include "id.h"

enum {
	SLOT_HEAD = 128,
	/* A message up to this, with its Received field, fits into a pipe of
	 * 64 KiB and so into a slot; a larger one has a body file. */
	SLOT_SMALL = 65536,
	/* Room for Received in front of a body file's message. */
	SLOT_ROOM = 4096,
	SLOT_DIGITS = 8 /* of a slot's number, in names and notes */
};

/* head.state */
enum { SLOT_FREE = 'F', SLOT_QUEUED = 'Q', SLOT_HELD = 'H' };
/* head.flags */
enum { SLOT_BODY = 1 };
/* A recipient's state byte: to do, done, failed and reported (or not to be).
 * One that failed and is not reported yet is to do; its journal says more. */
enum { RCPT_TODO = 'T', RCPT_DONE = 'K', RCPT_REPORTED = 'B' };

/* As on disk, in the machine's own byte order. */
struct slot_head {
	char magic[8];     /* SLOT_MAGIC */
	uint64_t sum;      /* of everything from gen on */
	uint8_t state;     /* these are rewritten in place: */
	uint8_t warned;    /*   a delay warning was sent */
	uint8_t unused[2];
	uint32_t attempts; /*   attempts made */
	uint32_t next;     /*   time of the next one, seconds since 1970 */
	uint32_t unused2;
	uint32_t gen;      /* counts the messages that this slot has held */
	uint32_t flags;
	char id[ID_LEN];
	uint64_t size;     /* bytes of the message, Received included */
	uint64_t start;    /* SLOT_BODY: where it begins in the body file */
	uint32_t envlen;
	uint32_t nrcpt;
	char zero[48];
};

#define SLOT_MAGIC "PCslot1\n"

/* A slot read into memory. */
struct slot {
	int fd;
	uint32_t num;
	struct slot_head head;
	struct buf data;      /* message, envelope, states */
	size_t msglen;        /* 0 with SLOT_BODY */
	struct envelope env;  /* into data */
	char *states;         /* head.nrcpt bytes, into data */
};

/* Offset of the state bytes in the file. */
uint64_t slot_states_at(const struct slot_head *h);
/* A slot's number as 8 hex digits. */
void slot_digits(char out[SLOT_DIGITS + 1], uint32_t num);
/* "slot/ab/abcdef01" (kind "slot" or "note") into out, 32 bytes. */
void slot_name(char out[32], const char *kind, uint32_t num);
/* "body/x/ID" into out, 32 bytes; x is the id's last character. */
void slot_body_name(char out[32], const char *id);
/* Number in a file name of 8 hex digits: 0, or -1. */
int slot_number(const char *name, uint32_t *num);

/* Reads the head only.  0; -1 with errno: EPROTO when it is none. */
int slot_head_read(int fd, struct slot_head *h);
/*
 * Opens and reads slot num of the queue directory qdir (a descriptor), checks
 * the checksum and parses the envelope.  0; -1 with errno: ENOENT no such
 * slot, ENODATA it is free, EPROTO it is damaged.  On failure nothing stays
 * open.  data's memory is reused if it has some.  flags: O_RDONLY or O_RDWR.
 */
int slot_load(struct slot *s, int qdir, uint32_t num, int flags);
/*
 * Head, envelope and states of an open slot into s, without the message and
 * without its checksum: for lists.  0; -1 when it is free or (EPROTO) no slot.
 */
int slot_peek(struct slot *s, int fd);
/* Closes; keeps data's memory for the next slot_load. */
void slot_close(struct slot *s);
/* The message of a SLOT_BODY slot, a descriptor of its own at its first byte;
 * -1 with errno. */
int slot_body_open(const struct slot *s, int qdir);

/*
 * Writes a whole slot, one write: head (its sum is made here), received and
 * msg (lengths 0 with SLOT_BODY), envelope, and head->nrcpt times RCPT_TODO.
 * 0, or -1 with errno (ENOSPC after a short write).  Not synced.
 */
int slot_write(int fd, struct slot_head *head, const char *received,
    size_t rlen, const char *msg, size_t mlen, const char *env);
/* Rewrites the head's changeable part, or one recipient's state: 0, -1. */
int slot_mark(int fd, const struct slot_head *head);
int slot_mark_rcpt(struct slot *s, unsigned index, char state);
#endif
