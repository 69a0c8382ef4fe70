/* A message that is being delivered: its recipients expanded to goals, each
 * with a state of its own. */
#ifndef WORK_H
#define WORK_H
#include <sys/types.h>

#include "dsn.h"
#include "map.h"
#include "journal.h"
#include "store.h"
#include "strmap.h"

enum goal_kind {
	GOAL_VHOST, GOAL_MBOX, GOAL_PIPE, GOAL_FILE, GOAL_INCLUDE, GOAL_SMTP,
	GOAL_NONE /* nothing to start: decided when it was expanded */
};

enum goal_state {
	GOAL_TODO,
	GOAL_RUNNING,
	GOAL_SAME,     /* another goal (same) is this very recipient */
	GOAL_EXPANDED, /* forwarded: other goals took its place */
	GOAL_ARRIVED,  /* done, and the sender is to be told: text is an action
	                  of RFC 3464, a blank, what the program said */
	GOAL_DONE,
	GOAL_DEFERRED,
	GOAL_FAILED,   /* to be reported */
	GOAL_REPORTED  /* failed, and its report is queued or not wanted */
};

/* Text is in the work's arena. */
struct goal {
	enum goal_kind kind;
	enum goal_state state;
	unsigned root;      /* recipient of the envelope, from 0 */
	int same;           /* GOAL_SAME: which goal */
	const char *addr;   /* final recipient */
	const char *place;  /* key in the journal; "" for the root itself */
	const char *dest;   /* destination, as the spawner is told */
	const char *attr;   /* user=… or place=… for the spawner; NULL */
	const char *sender; /* owner-list in place of the sender; NULL */
	uid_t uid;          /* VHOST: one order has one uid and gid */
	gid_t gid;
	unsigned depth;     /* of expansion */
	char status[12];
	const char *text;   /* why, when not done; "" before */
};

/* The last entry of the journal for one place. */
struct past {
	char kind;
	char status[12];
	const char *text;
};

struct work {
	struct msg *m;
	int qdir;
	struct slot slot;
	struct arena arena;
	struct goal *goal;
	unsigned ngoal, cap;
	unsigned todo;      /* goals in GOAL_TODO */
	unsigned running;   /* orders and reports without an answer */
	struct strmap finals;  /* final recipient -> goal */
	struct strmap pastmap; /* "index place" -> past, by number */
	struct past *past;     /* what earlier attempts came to */
	unsigned npast;
	struct recipient *root; /* of the envelope */
	char *list;         /* of each root whether its success is told as that
	                       of a list; NULL while there is none */
	int remote_done;    /* a remote delivery was done: marks are synced */
	int changed;        /* a root's state byte was written */
	int report;         /* pid of bounce-build, 0 for none */
	enum dsn_kind report_kind; /* what it reports */
	int report_failed;  /* one could not be queued: later again */
	unsigned *reported; /* goals in it */
	unsigned nreported;
	int sync_later;     /* of several entries the last one syncs all */
	uint64_t loaded;    /* clock_us */
	struct work *next;  /* of the active ones, and the pointer to this */
	struct work **at;
	struct work *over;  /* the next one to be ended */
	int is_over;        /* it is in that list */
};

/* Loads m's slot and journal and expands every recipient that is to do.
 * NULL with errno as slot_load (and m is not changed). */
struct work *work_load(struct store *s, struct msg *m, const struct map *table);
/* Frees it, the slot closed. */
void work_free(struct work *w);
const char *work_sender(const struct work *w);

/*
 * Expands one address or target (`|command', `/file', `:include:/file',
 * `\name') that stands for recipient root, into goals (lib/expand.c).  from
 * is the goal that was answered with it, NULL for the root itself.
 */
void work_expand(struct work *w, const struct map *table, unsigned root,
    const char *target, size_t len, const struct goal *from);
/* Adds a goal that is decided already. */
struct goal *work_decide(struct work *w, const struct goal *like,
    enum goal_state state, const char *status, const char *text);
/* A new goal, to do unless the journal or an equal goal says otherwise. */
struct goal *work_add(struct work *w, const struct goal *like);

/* What the journal says last of a recipient's place; NULL: nothing. */
const struct past *work_past(struct work *w, unsigned root, const char *place);

/*
 * What the sender is told of a success (RFC 3461 5.2, lib/notify.c).  Of goal
 * g: NOTIFY as it holds for it (in out, which has room for any; NULL: none),
 * and whether this report of it is wanted.
 */
enum { NOTIFY_MAX = 64 };
const char *work_notify(const struct work *w, const struct goal *g,
    char out[NOTIFY_MAX]);
int work_report_wanted(const struct work *w, const struct goal *g,
    enum dsn_kind kind);
/* g is done, said its program: it becomes GOAL_ARRIVED if that is to be
 * told. */
void work_arrived(struct work *w, struct goal *g);
/* Of a recipient that has become a list, one thing is told: adds a goal for
 * it.  The goals that it has become stand at first or behind. */
void work_note_list(struct work *w, unsigned root, unsigned first);

/* Before these n goals are started: room for what their verdicts write to the
 * journal, so that a full disk makes nobody forget a delivery.  0, or -1 with
 * errno. */
int work_reserve(struct work *w, const unsigned *goal, unsigned n);
/* Records the verdict on goal i and on all that are the same: state bytes,
 * journal entries, and what must be durable is when it returns.  0, -1 with
 * errno: then the goals are deferred. */
int work_verdict(struct work *w, unsigned i, enum goal_state state,
    const char *status, const char *text, size_t len);
/* A root that was expanded to nothing but itself has failed. */
void work_fail_loops(struct work *w);
/* Settles each root whose goals are all decided: its state byte.  Returns how
 * many roots are still to do. */
unsigned work_settle(struct work *w);
#endif
