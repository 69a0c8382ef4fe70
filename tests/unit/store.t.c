/* lib/store: index, heap and lists of messages; notes; free slots. */
#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store.h"
#include "tap.h"

enum { MANY = 20000 };

static const char id[] = "0123456789abcdef";
static struct store s;

/* Numbers without order, each once. */
static uint32_t
number(uint32_t i)
{
	return i * 2654435761u;
}

static void
index_of(void)
{
	uint32_t i;
	int bad = 0;

	for (i = 0; i < MANY; i++)
		store_add(&s, number(i), id);
	for (i = 0; i < MANY; i += 3)
		store_forget(&s, store_find(&s, number(i)));
	for (i = 0; i < MANY; i++)
		bad += (store_find(&s, number(i)) != NULL) != (i % 3 != 0);
	is_int(bad, 0, "after many are forgotten the others are found");
	is_int((long long)s.count, MANY - (MANY + 2) / 3, "and counted");
	for (i = 0; i < MANY; i++)
		if (i % 3 != 0)
			store_forget(&s, store_find(&s, number(i)));
	is_int((long long)s.count, 0, "all forgotten");
	ok(sizeof(struct msg) <= 150, "a message is 150 bytes at most");
}

static void
heap(void)
{
	struct msg *m;
	uint32_t i, last = 0;
	int bad = 0, n = 0;

	for (i = 0; i < MANY; i++) {
		m = store_add(&s, i, id);
		m->next = number(i) % 100000 + 1;
		m->attempts = 1;
		store_schedule(&s, m);
	}
	for (i = 0; i < MANY; i += 2)
		store_forget(&s, store_find(&s, i));
	while (s.nheap > 0) {
		uint32_t next = store_due(&s, last);

		while ((m = msglist_take(&s.ready)) != NULL) {
			bad += m->next > last || m->heap != 0;
			n++;
			store_forget(&s, m);
		}
		bad += next != 0 && next <= last;
		last = next;
	}
	is_int(bad, 0, "none is due too early, in order of time");
	is_int(n, MANY / 2, "each once");
}

/* New mail first, but what is older is not starved. */
static void
turns(void)
{
	int i, old = 0;
	struct msg *m;

	for (i = 0; i < 40; i++) {
		m = store_add(&s, (uint32_t)i, id);
		m->attempts = i < 20;
		store_ready(&s, m);
	}
	is_int((long long)store_nready(&s), 40, "forty are ready");
	for (i = 0; i < 20; i++)
		old += store_next(&s)->attempts;
	is_int(old, 5, "every fourth is an older one");
	while ((m = store_next(&s)) != NULL)
		i++;
	is_int(i, 40, "all have their turn");
	for (i = 0; i < 40; i++)
		store_forget(&s, store_find(&s, (uint32_t)i));
}

static void
note(const char *text, size_t n)
{
	int fd = open("trigger", O_WRONLY | O_NONBLOCK);

	if (write(fd, text, n) != (ssize_t)n)
		abort();
	close(fd);
	store_read_notes(&s);
}

static void
notes(void)
{
	struct msg *m;

	note("00000001 0123456789abcdef\n00000002 0123456789a", 46);
	is_int((long long)s.count, 1, "a note, and half of one");
	note("bcdef\n", 6);
	is_int((long long)s.count, 2, "its other half");
	note("00000001 0123456789abcdef\n", 26);
	is_int((long long)s.count, 2, "one that is known already");
	note("rubbish\n\n\0" "00000003 0123456789abcdef\n", 36);
	ok(store_find(&s, 3) != NULL, "rubbish is passed over");
	note("0000000g 0123456789abcdef\n00000004 0123456789ABCDEF\n", 52);
	is_int((long long)s.count, 3, "no number, no id: no note");
	while (store_next(&s) != NULL)
		;
	m = store_find(&s, 1);
	m->next = (uint32_t)time(NULL) + 1000;
	store_schedule(&s, m);
	note("*\n", 2);
	is_int((long long)store_nready(&s), 1, "a star makes what waits due");
	while ((m = store_next(&s)) != NULL)
		;
	store_forget(&s, store_find(&s, 1));
	store_forget(&s, store_find(&s, 2));
	store_forget(&s, store_find(&s, 3));
}

/* A slot of one recipient in the queue, as queue-inject leaves it. */
static void
put(uint32_t num, char state)
{
	struct slot_head h = {.magic = SLOT_MAGIC, .state = (uint8_t)state,
	    .nrcpt = 1, .envlen = 7, .gen = 1, .size = 1};
	char name[32];
	int fd;

	memcpy(h.id, id, ID_LEN);
	slot_name(name, "slot", num);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd == -1 || slot_write(fd, &h, "R", 1, NULL, 0, "Fa\0Tb\0\0"))
		abort();
	close(fd);
}

static int
exists(uint32_t num)
{
	char name[32];

	slot_name(name, "slot", num);
	return access(name, F_OK) == 0;
}

/* Tokens in the FIFO of free slots; it is emptied. */
static int
tokens(void)
{
	char b[9];
	int n = 0;

	while (read(s.free_fifo, b, 9) == 9)
		n++;
	return n;
}

static void
scan(void)
{
	int fd;

	s.recycle = 1;
	put(0x11000001, SLOT_QUEUED);
	put(0x11000002, SLOT_FREE);
	put(0x22000001, SLOT_HELD);
	put(0x33000001, SLOT_QUEUED);
	fd = open("slot/33/33000001", O_RDWR);
	flock(fd, LOCK_EX);
	close(open("slot/44/44000001", O_WRONLY | O_CREAT, 0600));
	close(open("slot/44/not-a-slot", O_WRONLY | O_CREAT, 0600));
	if (symlink("../11/11000001", "slot/55/55000001") == -1)
		abort();
	store_scan(&s);
	while (store_scan_some(&s))
		;
	is_int((long long)s.count, 2, "a scan finds messages");
	is_int(store_find(&s, 0x22000001)->state, MSG_HELD, "one that is held");
	ok(store_find(&s, 0x11000001)->again, "one that may have been tried");
	ok(store_find(&s, 0x33000001) == NULL, "none that is being written");
	ok(store_find(&s, 0x55000001) == NULL, "none by a link");
	is_int(tokens(), 1, "a free slot is offered");
	ok(exists(0x44000001), "an empty file, just made, is left alone");
	close(fd);
	s.recycle = 0;
	store_scan(&s);
	while (store_scan_some(&s))
		;
	ok(store_find(&s, 0x33000001) != NULL, "found when its lock is gone");
	ok(!exists(0x11000002), "without recycling a free slot is removed");
	is_int(tokens(), 0, "and not offered");
}

/* A slot could not be read. */
static void
damaged(void)
{
	int fd;

	put(0x66000001, SLOT_QUEUED);
	fd = open("slot/66/66000001", O_RDWR);
	if (pwrite(fd, "x", 1, SLOT_HEAD) != 1)
		abort();
	flock(fd, LOCK_EX);
	store_damaged(&s, 0x66000001);
	ok(exists(0x66000001), "one that is being written is not set aside");
	close(fd);
	store_damaged(&s, 0x66000001);
	ok(!exists(0x66000001), "one that is damaged is");
	put(0x66000001, SLOT_QUEUED);
	store_damaged(&s, 0x66000001);
	ok(store_find(&s, 0x66000001) != NULL, "one that is whole by now is found");
}

static void
ending(void)
{
	struct msg *m = store_find(&s, 0x11000001);
	struct slot slot = {0};
	int fd = open("slot/11/11000001", O_RDWR);

	s.recycle = 1;
	while (store_next(&s) != NULL)
		;
	slot_load(&slot, s.qdir, m->num, O_RDWR);
	flock(fd, LOCK_EX);
	errno = 0;
	is_int(store_done(&s, m, &slot, 1), -1, "not freed while it is locked");
	is_int(errno, EWOULDBLOCK, "  EWOULDBLOCK");
	is_int(tokens(), 0, "  and not offered");
	close(fd);
	is_int(store_done(&s, m, &slot, 1), 0, "freed when it is not");
	slot_close(&slot);
	is_int(tokens(), 1, "  and offered, once");
	ok(store_find(&s, 0x11000001) == NULL, "  and forgotten");
	is_int(slot_load(&slot, s.qdir, 0x11000001, O_RDWR), -1,
	    "  it holds no message");
	is_int(errno, ENODATA, "  but is free");
	store_aside(&s, 0x33000001, "a test");
	ok(!exists(0x33000001), "set aside: it is no slot any more");
	buf_free(&slot.data);
}

/* The start of the first queue-run was cut short. */
static void
opening(void)
{
	struct store again = {0};
	const char *what;

	if (rmdir("note/ff") == -1 || rmdir("slot/fe") == -1 ||
	    rmdir("slot/ff") == -1)
		abort();
	is_int(store_open(&again, &what), 0, "opened again");
	ok(access("slot/ff", F_OK) == 0 && access("slot/fe", F_OK) == 0 &&
	    access("note/ff", F_OK) == 0, "directories that are missing are made");
	close(again.qdir);
	close(again.trigger);
	close(again.free_fifo);
}

int
main(void)
{
	char dir[] = "/tmp/store.XXXXXX", cmd[64];
	const char *what = "";

	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return 1;
	close(2); /* the log */
	is_int(store_open(&s, &what), 0, "an empty directory becomes a queue");
	index_of();
	heap();
	turns();
	notes();
	scan();
	damaged();
	ending();
	opening();
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (system(cmd) != 0)
		return 1;
	return done();
}
