/* The queue's protocol, for spin: `make model' (tests/tools/model).  Two slots
 * and two messages, each with a local recipient, a remote one, or both (NEED1,
 * NEED2).  KILLS processes are killed and the power fails CUTS times, anywhere.
 * A step is what no other process can divide or notice; its comment names the
 * code.  Tokens are not kept: the FIFO `free' may say any number at any time.
 * Not here: bodies, journals, reports, holds, a disk that is full or broken.
 * RECYCLE: the setting queue-recycle.  BUG: 0, or what is broken on purpose: */
#define NO_LOCK    (BUG == 1) /* take_slot does not lock */
#define FREE_EARLY (BUG == 2) /* store_done offers the slot, nothing synced */
#define TRUST_NOTE (BUG == 3) /* a note's message is ordered, no slot read */
#define FORGETFUL  (BUG == 4) /* what the scan finds is ordered as `first' */
#define NO_WAIT    (BUG == 5) /* scans while older deliveries run */
#define NO_NLINK   (BUG == 6) /* takes a slot that has been unlinked */
#define ASIDE      (BUG == 7) /* sets aside what is being written */
#define LATE_OPEN  (BUG == 8) /* opens `trigger' behind the unlocking */

#define FREE 3                /* head: 0 nothing, 1 and 2 ids, FREE */
#define TORN 4                /* body: half of a message */
#define LOCAL 1
#define REMOTE 2
#define QUEUED(s) (name[s] && (head[s] == 1 || head[s] == 2))
#define HOLDS(s, m) (name[s] && head[s] == m && body[s] == m)

/* The disk as programs see it, and (d...) as it was last synced. */
bool name[2], dname[2];
byte head[2], body[2], mark[2], dhead[2], dbody[2], dmark[2];
byte box[3], dbox[3];         /* a message's copies in the mailbox */
bool scanmark;                /* the file `scan' */
byte lock[2];                 /* a slot's flock: a queue-inject's, or */
#define QUEUE_RUN 3
/* queue-inject, one a message. */
byte up[3];                   /* 1: runs; 2: has run */
bool dead[3], acked[3], gone[3]; /* gone: whose slot has no name any more */
byte fd[3];                   /* slot + 1 that it has opened */
/* queue-run: struct msg and struct work of each slot; the rest of it. */
byte known[2], state[2], done[2];
bool again[2], remote_done[2];
mtype = { ACTIVE, READY }
chan notes = [2] of {byte, byte};
byte gen;                     /* whose FIFO it is */
byte scan = 3;                /* next slot; 2: none; 3: when the old are gone */
bool killed;
/* Deliveries: of message 1, 2, and (3, 4) those of an older generation. */
byte ljob[5], rjob[5];
#define OLD(j) (j > 2)
#define MSG(j) (OLD(j) -> j - 2 : j)
mtype = { KILLED, ANSWER, SYNC, ADD, LOOK } /* LOOK is 1 */
#define RUNS(job) (job && job != KILLED)
#define ENDS(j) (OLD(j) -> 0 : ANSWER) /* nobody reads an old one's answer */
#define OLD_RUN (ljob[3] || ljob[4] || rjob[3] || rjob[4])
/* What is promised. */
byte need[3], kills = KILLS, cuts = CUTS;
bool sent[3];                 /* the next host has said 250 */
byte marked[3];               /* that is: 1 written down, 2 durable */
bool excused[3];              /* a crash lay between */
#define DELIVERED(m) ((!(need[m] & LOCAL) || box[m]) && \
		      (!(need[m] & REMOTE) || sent[m]))
#define SAFE(m) (!acked[m] || HOLDS(0, m) || HOLDS(1, m) || DELIVERED(m))

#define BOTH(s) (need[known[s]] == LOCAL + REMOTE)
#define WHEN(c, x) if :: c -> x :: else fi
#define MAYBE(c, x) if :: c -> x :: true fi

inline sync(s) { dhead[s] = head[s]; dbody[s] = body[s]; dmark[s] = mark[s] }
inline write(s, h, b) { head[s] = h; body[s] = b; mark[s] = 0 }
inline unlock(s, who) { WHEN(lock[s] == who, lock[s] = 0) }
inline lose_name(s) { name[s] = 0; /* unlinkat, renameat; who has it open has it still */
	gone[1] = gone[1] || fd[1] == s + 1; gone[2] = gone[2] || fd[2] == s + 1 }
#define UNUSED(s) (!name[s] && !dname[s])
proctype Inject(byte m) /* lib/deposit.c */
{
	byte s, trigger;
	{	atomic { m == 1 || up[1] -> up[m] = 1 }; /* they are alike */
token:		if /* used_slot; take_slot: openat */
		:: atomic { RECYCLE && name[0] -> s = 0; fd[m] = 1 }
		:: atomic { RECYCLE && name[1] -> s = 1; fd[m] = 2 }
		:: goto new
		fi;
		if /* lock_slot, slot_head_read */
		:: atomic { gone[m] && NO_NLINK -> goto fill }
		:: atomic { !gone[m] && head[s] == FREE && NO_LOCK -> goto fill }
		:: atomic { !gone[m] && head[s] == FREE && !NO_LOCK && !lock[s] -> lock[s] = m; goto fill }
		:: atomic { else -> fd[m] = 0; gone[m] = 0; s = 0; goto token }
		fi;
new:		atomic { /* new_slot; its number was never used */
			if :: UNUSED(0) -> s = 0 :: UNUSED(1) -> s = 1 :: else -> goto end fi;
			name[s] = 1; fd[m] = s + 1; lock[s] = m; write(s, 0, 0); sync(s) };
fill:		atomic { /* slot_write; who reads may see a part of it */
			WHEN(!gone[m], assert(!QUEUED(s)); write(s, m, TORN)) };
		d_step { WHEN(!gone[m], write(s, m, m)) };
		d_step { WHEN(!gone[m], sync(s); dname[s] = 1) }; /* fdatasync, sync_name */
		/* open_notes, close */
		d_step { trigger = gen; fd[m] = 0; gone[m] = 0; unlock(s, m) };
		atomic { if /* notify; exit 0 */
			:: (trigger == gen || LATE_OPEN) && nfull(notes) -> notes!s, m
			:: (trigger != gen && !LATE_OPEN) || full(notes) -> scanmark = 1
			fi;
			acked[m] = 1 }
	} unless { dead[m] };
end:	atomic { up[m] = 2; dead[m] = 0; fd[m] = 0; gone[m] = 0; s = 0; trigger = 0 }
}
/* store_forget, work_free */
inline forget(s) { known[s] = 0; state[s] = 0; again[s] = 0; done[s] = 0; remote_done[s] = 0 }
/* store_offer: kept, if that is wanted, or unlinked */
inline offer(s) { if :: RECYCLE :: lose_name(s) fi }
inline look(s) /* store_look: what is not locked; a new file is left alone */
{
	if
	:: name[s] && !lock[s] && head[s] == FREE -> offer(s)
	:: QUEUED(s) && !lock[s] -> known[s] = head[s]; state[s] = READY; again[s] = !FORGETFUL
	:: else
	fi
}
#define LEFT(s, had, k, job) ((need[known[s]] & k & ~had) && !job[known[s]])
inline order(s, had) /* start_orders: for recipients without a mark */
{
	state[s] = ACTIVE; done[s] = had; remote_done[s] = 0;
	WHEN(LEFT(s, had, LOCAL, ljob), ljob[known[s]] = (again[s] -> LOOK : ADD));
	WHEN(LEFT(s, had, REMOTE, rjob), rjob[known[s]] = ADD)
}
#define DAMAGED(s) (name[s] && head[s] != FREE && body[s] != head[s])
inline load(s) /* work_load, slot_load; not_loaded, store_damaged */
{
	if
	:: TRUST_NOTE && !again[s] -> order(s, 0)
	:: !(TRUST_NOTE && !again[s]) && HOLDS(s, known[s]) -> order(s, mark[s])
	:: DAMAGED(s) -> forget(s); WHEN(ASIDE || !lock[s], lose_name(s))
	:: else -> forget(s); look(s)
	fi
}
inline answer(s, job, k) /* sched_answer, work_verdict; a state byte for one of two */
{
	if
	:: job == KILLED -> again[s] = 1
	:: else -> done[s] = done[s] | k; remote_done[s] = remote_done[s] || k == REMOTE;
		WHEN(BOTH(s), assert(HOLDS(s, known[s])); mark[s] = mark[s] | k)
	fi; job = 0
}
#define WAITING(s) (state[s] == READY)
#define ENDED_L(s) (state[s] == ACTIVE && ljob[known[s]] >= ANSWER)
#define ENDED_R(s) (state[s] == ACTIVE && rjob[known[s]] >= ANSWER)
#define IDLE(s) (state[s] == ACTIVE && !ljob[known[s]] && !rjob[known[s]])
#define DEFERRED(s) (IDLE(s) && done[s] != need[known[s]])
#define DONE(s) (IDLE(s) && done[s] == need[known[s]] && !lock[s])
#define ONE(IS) IS(0) || IS(1) -> if :: IS(0) -> s = 0 :: IS(1) -> s = 1 fi
#define QUIET (up[1] == 2 && up[2] == 2 && scan == 2 && !scanmark && \
	empty(notes) && !known[0] && !known[1] && !OLD_RUN)
active proctype QueueRun() /* queue-run.c */
{
	byte s, m;
	bool rescanned;
start:	{	do
		:: atomic { notes?s, m -> /* take_note */
			WHEN(!known[s], known[s] = m; state[s] = READY); s = 0; m = 0 }
		:: atomic { scan == 3 && (NO_WAIT || !OLD_RUN) -> scan = 0; scanmark = 0 }
		:: atomic { scan == 2 -> scan = 0; scanmark = 0 } /* the mark, SCAN_EVERY */
		:: atomic { scan < 2 -> WHEN(!known[scan], look(scan)); scan++ }
		:: atomic { ONE(WAITING); load(s); s = 0 }
		:: atomic { ONE(ENDED_L); answer(s, ljob[known[s]], LOCAL); s = 0 }
		:: atomic { ONE(ENDED_R); answer(s, rjob[known[s]], REMOTE);
			WHEN((done[s] & REMOTE) && BOTH(s), marked[known[s]] = 1) };
			d_step { /* remember: fdatasync */
			WHEN(marked[known[s]] == 1, sync(s); marked[known[s]] = 2); s = 0 }
		/* reschedule */
		:: atomic { ONE(DEFERRED); assert(HOLDS(s, known[s])); state[s] = READY; s = 0 }
		:: atomic { ONE(DONE); /* store_done: slot_mark */
			assert(HOLDS(s, known[s])); lock[s] = QUEUE_RUN; head[s] = FREE;
			WHEN(remote_done[s] && !BOTH(s), marked[known[s]] = 1) };
			atomic { /* fdatasync, store_offer: a kill between is as one behind */
			WHEN(remote_done[s] && !FREE_EARLY, sync(s));
			WHEN(remote_done[s], marked[known[s]] = 2);
			offer(s); forget(s); lock[s] = 0; s = 0 }
		:: atomic { QUIET && !rescanned -> rescanned = 1; scan = 0 }
		:: atomic { QUIET && rescanned -> break }
		od;
		assert((!acked[1] || DELIVERED(1)) && (!acked[2] || DELIVERED(2)));
		assert(!QUEUED(0) && !QUEUED(1))
	} unless { killed };
	if :: atomic { killed -> killed = 0; s = 0; m = 0; rescanned = 0; goto start } :: else fi
}
proctype Local(byte j) /* lib/maildir.c; a reader moves new mail to cur at once */
{
end:	do
	:: atomic { ljob[j] == LOOK -> ljob[j] = (box[MSG(j)] -> SYNC : ADD) } /* look */
	/* add: write, rename; fsync */
	:: d_step { ljob[j] == ADD -> box[MSG(j)]++; assert(box[MSG(j)] == 1); ljob[j] = SYNC }
	:: d_step { ljob[j] == SYNC -> dbox[MSG(j)] = box[MSG(j)]; ljob[j] = ENDS(j) }
	:: d_step { kills && RUNS(ljob[j]) -> kills--; ljob[j] = (OLD(j) -> 0 : KILLED) }
	od
}
inline excuse(m, durable) { excused[m] = excused[m] || rjob[m] || (sent[m] && marked[m] < durable) }
proctype Remote(byte j) /* deliver-smtp.c */
{
end:	do
	:: d_step { rjob[j] == ADD -> /* the final dot, 250 */
		assert(!sent[MSG(j)] || excused[MSG(j)]);
		sent[MSG(j)] = 1; marked[MSG(j)] = 0; excused[MSG(j)] = OLD(j);
		rjob[j] = ENDS(j) }
	:: d_step { OLD(j) && rjob[j] == ADD -> rjob[j] = 0 } /* TERM before it */
	:: d_step { kills && RUNS(rjob[j]) -> kills--;
		WHEN(rjob[j] == ANSWER, excused[MSG(j)] = 1);
		rjob[j] = (OLD(j) -> 0 : KILLED) }
	od
}

inline orphan(m) /* deliveries go on; the last order was perhaps not sent */
{
	excuse(m, 1);
	if :: ljob[m] < ANSWER -> ljob[m + 2] = ljob[m] :: ljob[m] < SYNC || ljob[m] >= ANSWER fi;
	rjob[m + 2] = (rjob[m] < ANSWER -> rjob[m] : 0); ljob[m] = 0; rjob[m] = 0
}
inline restart() /* queue-start, store_open: new FIFOs, nothing known */
{
	forget(0); forget(1); unlock(0, QUEUE_RUN); unlock(1, QUEUE_RUN);
	do :: notes?_, _ :: empty(notes) -> break od;
	gen++; scan = 3; killed = 1
}
inline cut_slot(s) /* of name, head's sector and rest any state since the sync */
{
	MAYBE(name[s] != dname[s], name[s] = dname[s]);
	MAYBE(body[s] != dbody[s] || mark[s] != dmark[s], body[s] = dbody[s]; mark[s] = dmark[s]);
	MAYBE(head[s] != dhead[s] && dhead[s] && dhead[s] != FREE, head[s] = FREE);
	MAYBE(head[s] != dhead[s], head[s] = dhead[s]);
	WHEN(!name[s], write(s, 0, 0));
	dname[s] = name[s]; sync(s); lock[s] = 0
}
inline cut_message(m)
{
	MAYBE(box[m] != dbox[m], box[m] = dbox[m]); /* torn: look removes it */
	dbox[m] = box[m]; excuse(m, 2); dead[m] = up[m] == 1; fd[m] = 0; gone[m] = 0;
	ljob[m] = 0; ljob[m + 2] = 0; rjob[m] = 0; rjob[m + 2] = 0
}
active proctype Crash()
{
end:	do
	:: atomic { kills && up[1] == 1 -> kills--; dead[1] = 1; unlock(0, 1); unlock(1, 1) }
	:: atomic { kills && up[2] == 1 -> kills--; dead[2] = 1; unlock(0, 2); unlock(1, 2) }
	:: atomic { kills && !OLD_RUN -> kills--; orphan(1); orphan(2); restart() }
	:: atomic { cuts -> cuts--; cut_slot(0); cut_slot(1); cut_message(1);
		cut_message(2); scanmark = 0; restart() }
	:: atomic { !SAFE(1) || !SAFE(2) -> assert(false) } /* no loss, at no time */
	od
}
init
{
	atomic { need[1] = NEED1; need[2] = NEED2;
		WHEN(RECYCLE, name[0] = 1; dname[0] = 1; head[0] = FREE; dhead[0] = FREE);
		run Inject(1); run Inject(2); run Local(1); run Local(2); run Local(3);
		run Local(4); run Remote(1); run Remote(2); run Remote(3); run Remote(4) }
}
