/* lib/expand and lib/work: what the recipients of a message become, and what
 * is remembered of each. */
#include <sys/stat.h>
#include <cdb.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"
#include "work.h"

#define REC(key, val) {key, sizeof key - 1, val, sizeof val}

static const struct {
	const char *key;
	unsigned klen;
	const char *val;
	unsigned vlen;
} records[] = {
	REC("shostname", "host.test"),
	REC("dv.test", "vhost\0001001\0001002\0maildir\0D:1"),
	REC("dhost.test", "local\0\0\0\0C:1"),
	REC("ualice@v.test", "1001\0001002\0maildir\0P:1"),
	REC("ubob@v.test", "1001\0001002\0mbox\0P:2"),
	REC("uloop@v.test", "1001\0001002\0mbox\0P:3"),
	REC("ujoe", "500\000501\0/home/joe\0S:1"),
	REC("ateam@v.test", "A:1\0alice@v.test\0BOB@v.test\0alice@v.test"),
	REC("aself@v.test", "A:2\0loop@v.test"),
	REC("aloop@v.test", "A:3\0self@v.test\0loop@v.test\0alice@v.test"),
	REC("aa@v.test", "A:4\0b@v.test"),
	REC("ab@v.test", "A:5\0a@v.test"),
	REC("amix@v.test", "A:6\0|cmd\0/file\0:include:/list\0x@far.test"),
	REC("alist@v.test", "A:7\0alice@v.test\0nobody@v.test"),
	REC("aowner-list@v.test", "A:8\0bob@v.test"),
	REC("dlocalhost", "local\0\0\0\0D:2"),
	REC("astaff", "A:10\0joe"),
	REC("aforeign", "A:9\0\\joe\0x@far.test"),
};

static struct map map;
static struct store s;
static struct msg *m;
static struct work *w;

static int
make_map(void)
{
	struct cdb_make make;
	int fd = open("map", O_RDWR | O_CREAT, 0600);
	size_t i;

	if (fd == -1 || cdb_make_start(&make, fd) == -1)
		return -1;
	for (i = 0; i < sizeof records / sizeof records[0]; i++)
		cdb_make_add(&make, records[i].key, records[i].klen,
		    records[i].val, records[i].vlen);
	return cdb_make_finish(&make) == 0 ? map_open(&map, "map") : -1;
}

/* Loads a message with this envelope, n bytes, anew. */
static void
message(const char *env, size_t n)
{
	struct slot_head h = {.magic = SLOT_MAGIC, .state = SLOT_QUEUED,
	    .envlen = (uint32_t)n, .size = 1};
	static uint32_t gen;
	struct envelope e;
	int fd;

	h.gen = ++gen;
	memcpy(h.id, "0123456789abcdef", ID_LEN);
	if (envelope_parse(&e, env, n) != 0)
		abort();
	h.nrcpt = e.nrcpt;
	fd = open("slot/ab/ab000001", O_RDWR | O_CREAT, 0600);
	if (slot_write(fd, &h, "R", 1, NULL, 0, env) == -1)
		abort();
	close(fd);
	if (w != NULL)
		work_free(w);
	w = work_load(&s, m, &map);
}

#define MESSAGE(env) message(env, sizeof env)

/* Loads the same message as the next attempt would. */
static void
again(void)
{
	work_free(w);
	m->again = 1;
	w = work_load(&s, m, &map);
	m->again = 0;
}

static int
count(enum goal_state state)
{
	unsigned i;
	int n = 0;

	for (i = 0; i < w->ngoal; i++)
		n += w->goal[i].state == state;
	return n;
}

/* The goal to do for this address or place. */
static int
todo(const char *addr)
{
	unsigned i;

	for (i = 0; i < w->ngoal; i++)
		if (w->goal[i].state == GOAL_TODO &&
		    (strcmp(w->goal[i].addr, addr) == 0 ||
			strcmp(w->goal[i].place, addr) == 0))
			return (int)i;
	return -1;
}

static void
users(void)
{
	struct goal *g;

	MESSAGE("Fs@far.test\0Talice@v.test\0Tjoe@host.test\0Tx@FAR.test\0");
	is_int(w->ngoal, 3, "three recipients");
	g = &w->goal[0];
	is_int(g->kind, GOAL_VHOST, "a virtual user");
	is_str(g->dest, "v.test", "  its destination is the domain");
	is_str(g->attr, "user=alice", "  its mailbox is named");
	g = &w->goal[1];
	is_int(g->kind, GOAL_MBOX, "a system user");
	is_str(g->dest, "joe", "  its destination is the user");
	g = &w->goal[2];
	is_int(g->kind, GOAL_SMTP, "a remote one");
	is_str(g->dest, "far.test", "  its domain in small letters");
	is_str(g->addr, "x@FAR.test", "  its address as it was");
	MESSAGE("F\0Tnobody@v.test\0");
	is_int(w->goal[0].state, GOAL_FAILED, "an unknown user has failed");
	is_str(w->goal[0].status, "5.1.1", "  as unknown");
}

static void
aliases(void)
{
	int i;

	MESSAGE("Fs@far.test\0Tteam@v.test\0TALICE@v.test\0");
	is_int(count(GOAL_TODO), 2, "an alias and one of its members: two");
	i = todo("alice@v.test");
	work_verdict(w, (unsigned)i, GOAL_DONE, "2.0.0", "", 0);
	is_int(count(GOAL_SAME), 0, "what is the same is done with it");
	is_int(work_settle(w), 1, "the alias has one left");
	is_mem(w->slot.states, 2, "TK", "  the other recipient is done");
	again();
	is_int(count(GOAL_TODO), 1, "the next attempt does what is left");
	ok(todo("BOB@v.test") >= 0, "  only that");
	work_verdict(w, (unsigned)todo("BOB@v.test"), GOAL_DONE, "2.0.0", "", 0);
	is_int(work_settle(w), 0, "then all is done");
	MESSAGE("Fs@far.test\0Tmix@v.test\0");
	is_int(count(GOAL_TODO), 4, "a command, a file, a list, an address");
	i = todo("|cmd");
	is_int(w->goal[i].kind, GOAL_PIPE, "the command");
	is_str(w->goal[i].dest, "mix@v.test", "  is named by its alias");
	is_str(w->goal[i].attr, "place=|cmd", "  and its text");
	is_int(w->goal[todo("/file")].kind, GOAL_FILE, "the file");
	is_int(w->goal[todo(":include:/list")].kind, GOAL_INCLUDE, "the list");
	MESSAGE("Fs@far.test\0Tstaff@host.test\0TJoe@host.test\0");
	is_int(count(GOAL_TODO), 1, "a name of this system and its address");
	MESSAGE("Fs@x.test\0Tjoe@host.test\0Tjoe@localhost\0Tjoe\0");
	is_int(count(GOAL_TODO), 1, "a system user under all its domains");
	ok(todo("joe@host.test") >= 0, "  are one recipient, with our name");
}

static void
loops(void)
{
	MESSAGE("Fs@far.test\0Tself@v.test\0");
	is_int(count(GOAL_TODO), 2, "aliases that name each other and users");
	ok(todo("loop@v.test") >= 0 && todo("alice@v.test") >= 0,
	    "  reach the mailbox of that name, and the rest");
	MESSAGE("Fs@far.test\0Ta@v.test\0");
	is_int(count(GOAL_TODO), 0, "aliases that name only each other");
	is_int(w->goal[0].state, GOAL_FAILED, "  have failed");
	is_str(w->goal[0].status, "5.4.6", "  as a loop");
}

static void
owners(void)
{
	int i;

	MESSAGE("Fs@far.test\0Tlist@v.test\0");
	i = todo("alice@v.test");
	is_str(w->goal[i].sender, "owner-list@v.test", "a list with an owner");
	is_int(count(GOAL_FAILED), 1, "its unknown member has failed");
	MESSAGE("F\0Tlist@v.test\0");
	ok(w->goal[todo("alice@v.test")].sender == NULL,
	    "the null sender stays what it is");
}

/* A .forward with several places; the answers of two attempts. */
static void
places(void)
{
	static const char *const answer[] = {"\\joe", "|cmd", "bob@v.test",
	    ":include:/x"};
	unsigned i;
	int k;

	MESSAGE("Fs@far.test\0Tjoe@host.test\0Tbob@v.test\0");
	work_verdict(w, 0, GOAL_EXPANDED, "", "", 0);
	for (i = 0; i < 4; i++)
		work_expand(w, &map, 0, answer[i], strlen(answer[i]),
		    &w->goal[0]);
	is_int(count(GOAL_TODO), 3, "two of his own, and bob, who is there");
	is_int(count(GOAL_DEFERRED), 1, "a list has no place in it");
	k = todo("\\joe");
	is_int(w->goal[k].kind, GOAL_MBOX, "his mailbox");
	is_str(w->goal[k].attr, "place=\\joe", "  is a place of his");
	work_verdict(w, (unsigned)k, GOAL_DONE, "2.0.0", "", 0);
	work_verdict(w, (unsigned)todo("bob@v.test"), GOAL_DONE, "2.0.0", "", 0);
	work_verdict(w, (unsigned)todo("|cmd"), GOAL_DEFERRED, "4.3.0", "", 0);
	is_int(work_settle(w), 1, "one place is left");
	again();
	is_int(count(GOAL_TODO), 1, "the next attempt asks him again");
	work_verdict(w, 0, GOAL_EXPANDED, "", "", 0);
	for (i = 0; i < 3; i++)
		work_expand(w, &map, 0, answer[i], strlen(answer[i]),
		    &w->goal[0]);
	is_int(count(GOAL_TODO), 1, "and does one place");
	ok(todo("|cmd") >= 0, "  which is the one that was deferred");
	is_int(count(GOAL_DONE), 2, "  the others are done");
	work_verdict(w, (unsigned)todo("|cmd"), GOAL_FAILED, "5.0.0", "no", 2);
	again();
	work_verdict(w, 0, GOAL_EXPANDED, "", "", 0);
	work_expand(w, &map, 0, "|cmd", 4, &w->goal[0]);
	is_int(count(GOAL_FAILED), 1, "a failure is remembered until reported");
	is_int(work_settle(w), 1, "  and keeps the message");
}

/* The goal of root with this state; NULL: none. */
static struct goal *
goal_of(unsigned root, enum goal_state state)
{
	unsigned i;

	for (i = 0; i < w->ngoal; i++)
		if (w->goal[i].root == root && w->goal[i].state == state)
			return &w->goal[i];
	return NULL;
}

static void
done_with(const char *addr, const char *text)
{
	work_verdict(w, (unsigned)todo(addr), GOAL_DONE, "2.0.0", text,
	    strlen(text));
}

/* NOTIFY=SUCCESS: what is to be told of whom, also after a crash. */
static void
successes(void)
{
	char t[NOTIFY_MAX];

	MESSAGE("Fs@x.test\0Talice@v.test\0anotify=success,DELAY\0"
	    "Tbob@v.test\0Tx@far.test\0anotify=SUCCESS\0");
	done_with("alice@v.test", "in");
	is_str(goal_of(0, GOAL_ARRIVED)->text, "delivered in", "delivered");
	done_with("bob@v.test", "in");
	is_int(count(GOAL_DONE), 1, "who did not ask is not told");
	done_with("x@far.test", "mx[192.0.2.1]:25 250 ok");
	is_str(goal_of(2, GOAL_ARRIVED)->text,
	    "relayed mx[192.0.2.1]:25 250 ok", "relayed");
	is_int(work_settle(w), 2, "that is still to do");
	again();
	is_int(count(GOAL_TODO), 0, "nothing is delivered again for it");
	is_str(goal_of(2, GOAL_ARRIVED)->text,
	    "relayed mx[192.0.2.1]:25 250 ok", "it is still to be told");
	work_verdict(w, 0, GOAL_DONE, "2.0.0", "", 0);
	again();
	is_int(count(GOAL_ARRIVED), 1, "what was told is not told again");
	MESSAGE("Fs@x.test\0Tx@far.test\0anotify=SUCCESS\0");
	done_with("x@far.test", "mx[192.0.2.1]:25 DSN 250 ok");
	is_int(count(GOAL_DONE), 1, "the next host tells it");
	MESSAGE("F\0Talice@v.test\0anotify=SUCCESS\0");
	done_with("alice@v.test", "");
	is_int(count(GOAL_DONE), 1, "there is nobody to tell");
	MESSAGE("Fs@x.test\0Talice@v.test\0TALICE@v.test\0anotify=SUCCESS\0");
	done_with("alice@v.test", "in");
	ok(goal_of(0, GOAL_DONE) && goal_of(1, GOAL_ARRIVED),
	    "of two that are the same the one that asked");
	MESSAGE("Fs@x.test\0Tteam@v.test\0anotify=SUCCESS,FAILURE\0");
	is_str(goal_of(0, GOAL_ARRIVED)->text, "expanded", "a list");
	is_str(work_notify(w, &w->goal[0], t), "FAILURE",
	    "its members' successes are nothing");
	done_with("alice@v.test", "in");
	again();
	is_int(count(GOAL_TODO), 1, "who has it has it");
	is_int(count(GOAL_ARRIVED), 1, "the list is to be told");
	work_verdict(w, (unsigned)(goal_of(0, GOAL_ARRIVED) - w->goal),
	    GOAL_DONE, "2.0.0", "", 0);
	again();
	is_int(count(GOAL_ARRIVED), 0, "it was told");
	is_int(count(GOAL_TODO), 1, "  the other member is still to do");
	MESSAGE("Fs@x.test\0Tlist@v.test\0anotify=SUCCESS\0");
	is_str(goal_of(0, GOAL_ARRIVED)->text, "delivered to a list",
	    "a list with an owner");
	ok(work_notify(w, &w->goal[0], t) == NULL, "who asked for nothing");
	MESSAGE("Fs@x.test\0Tjoe@host.test\0anotify=SUCCESS\0");
	work_verdict(w, 0, GOAL_EXPANDED, "", "", 0);
	work_expand(w, &map, 0, "bob@v.test", 10, &w->goal[0]);
	is_int(count(GOAL_ARRIVED), 0, "a forward to one place is no list");
	is_str(work_notify(w, &w->goal[1], t), "SUCCESS", "  it is passed on");
	work_expand(w, &map, 0, "\\joe", 4, &w->goal[0]);
	is_str(goal_of(0, GOAL_ARRIVED)->text, "expanded", "to two it is");
	is_str(work_notify(w, &w->goal[1], t), "NEVER", "  nothing is left");
	again();
	work_verdict(w, 0, GOAL_EXPANDED, "", "", 0);
	work_expand(w, &map, 0, "bob@v.test", 10, &w->goal[0]);
	work_expand(w, &map, 0, "\\joe", 4, &w->goal[0]);
	is_int(count(GOAL_TODO), 2, "and the next attempt does them all");
}

int
main(void)
{
	char dir[] = "/tmp/expand.XXXXXX", cmd[64];

	if (mkdtemp(dir) == NULL || chdir(dir) == -1 || make_map() == -1)
		return 1;
	mkdir("slot", 0700);
	mkdir("slot/ab", 0700);
	mkdir("note", 0700);
	mkdir("note/ab", 0700);
	s.qdir = open(".", O_RDONLY);
	m = store_add(&s, 0xab000001, "0123456789abcdef");
	users();
	aliases();
	loops();
	owners();
	places();
	successes();
	work_free(w);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (system(cmd) != 0)
		return 1;
	return done();
}
