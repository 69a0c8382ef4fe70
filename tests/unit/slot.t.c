/* lib/slot: what is written is read back, and no damage is believed. */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "slot.h"
#include "tap.h"

enum { NUM = 0xab000001 };

static const char env[] = "Apeer=192.0.2.1\0Fa@b.test\0Tx@c.test\0"
			  "anotify=NEVER\0Ty@c.test\0";
static struct slot s;
static int qdir;

/* A slot of a message of n bytes, written over what there is. */
static int
put(const char *received, const char *msg, size_t n, uint32_t gen)
{
	struct slot_head h = {.magic = SLOT_MAGIC, .state = SLOT_QUEUED};
	int fd = openat(qdir, "slot/ab/ab000001", O_RDWR | O_CREAT, 0600), r;

	h.gen = gen;
	h.size = strlen(received) + n;
	h.envlen = sizeof env;
	h.nrcpt = 2;
	memcpy(h.id, "0123456789abcdef", ID_LEN);
	r = slot_write(fd, &h, received, strlen(received), msg, n, env);
	close(fd);
	return r;
}

static int
load(void)
{
	int r;

	errno = 0;
	r = slot_load(&s, qdir, NUM, O_RDWR);
	return r == 0 ? 0 : errno;
}

static void
names(void)
{
	char out[32];
	uint32_t num = 0;

	slot_name(out, "note", NUM);
	is_str(out, "note/ab/ab000001", "a note's name");
	slot_body_name(out, "0123456789abcdef");
	is_str(out, "body/f/0123456789abcdef", "a body's name");
	is_int(slot_number("ab000001", &num), 0, "a slot's number");
	is_int(num, NUM, "  is read back");
	is_int(slot_number("AB000001", &num), -1, "capitals are not");
	is_int(slot_number("ab00001", &num), -1, "nor seven digits");
	is_int(slot_number("ab0000012", &num), -1, "nor nine");
}

static void
reading(void)
{
	const char *at;
	struct recipient r;

	is_int(load(), ENOENT, "a slot that is not there");
	is_int(put("Received: x\n", "S: y\n\nb\0c", 9, 7), 0, "written");
	is_int(load(), 0, "loaded");
	is_int((long long)s.msglen, 21, "the message's length");
	is_mem(s.data.p, 18, "Received: x\nS: y\n\n", "Received in front");
	is_int(s.head.gen, 7, "its generation");
	is_str(envelope_attr(&s.env, "peer"), "192.0.2.1", "an attribute");
	at = s.env.rcpts;
	ok(envelope_rcpt(&s.env, &at, &r) && envelope_rcpt(&s.env, &at, &r),
	    "two recipients");
	is_str(r.addr, "y@c.test", "the second");
	is_mem(s.states, 2, "TT", "both to do");
	slot_mark_rcpt(&s, 1, RCPT_DONE);
	s.head.attempts = 3;
	slot_mark(s.fd, &s.head);
	slot_close(&s);
	is_int(load(), 0, "marks are not under the checksum");
	is_mem(s.states, 2, "TK", "one is done");
	is_int(s.head.attempts, 3, "after three attempts");
	s.head.state = SLOT_FREE;
	slot_mark(s.fd, &s.head);
	slot_close(&s);
	is_int(load(), ENODATA, "marked free: no message");
}

/* Each byte of the file changed in turn: never another message. */
static void
damage(void)
{
	char name[] = "slot/ab/ab000001", c;
	int fd, wrong = 0, i, r;
	struct stat st;

	put("Received: x\n", "S: y\n\nbody\n", 11, 1);
	fd = openat(qdir, name, O_RDWR);
	fstat(fd, &st);
	for (i = 0; i < (int)st.st_size - 2; i++) {
		if (i >= 16 && i < 32)
			continue; /* state and attempts */
		if (pread(fd, &c, 1, i) != 1)
			abort();
		c ^= 0x20;
		if (pwrite(fd, &c, 1, i) != 1)
			abort();
		r = load();
		if (r == 0)
			slot_close(&s);
		wrong += r != EPROTO;
		c ^= 0x20;
		if (pwrite(fd, &c, 1, i) != 1)
			abort();
	}
	is_int(wrong, 0, "a changed byte is found wherever it is");
	is_int(load(), 0, "changed back it is whole");
	slot_close(&s);
	wrong = 0;
	for (i = (int)st.st_size - 1; i >= 0; i--) {
		if (ftruncate(fd, i) == -1)
			abort();
		r = load();
		if (r == 0)
			slot_close(&s);
		wrong += r != EPROTO;
	}
	is_int(wrong, 0, "so is a file that is cut off, wherever it is");
	close(fd);
}

/* A longer message used the slot before. */
static void
reuse(void)
{
	static char big[60000];

	memset(big, 'x', sizeof big);
	put("R: 1\n", big, sizeof big, 1);
	is_int(load(), 0, "a large message");
	is_int((long long)s.msglen, sizeof big + 5, "  all of it");
	slot_close(&s);
	put("R: 2\n", "short\n", 6, 2);
	is_int(load(), 0, "a short one over it");
	is_mem(s.data.p, s.msglen, "R: 2\nshort\n", "  nothing of the former");
	is_mem(s.states, 2, "TT", "  its own states");
	slot_close(&s);
}

static void
body(void)
{
	struct slot_head h = {.magic = SLOT_MAGIC, .state = SLOT_QUEUED};
	char c[8] = "";
	int fd;

	h.flags = SLOT_BODY;
	h.start = 5;
	h.size = 3;
	h.envlen = sizeof env;
	h.nrcpt = 2;
	memcpy(h.id, "0123456789abcdef", ID_LEN);
	fd = openat(qdir, "slot/ab/ab000001", O_RDWR | O_CREAT, 0600);
	slot_write(fd, &h, NULL, 0, NULL, 0, env);
	close(fd);
	is_int(load(), 0, "a slot with a body file");
	is_int((long long)s.msglen, 0, "  has no message itself");
	is_int(slot_body_open(&s, qdir), -1, "  a body that is missing");
	fd = openat(qdir, "body/f/0123456789abcdef", O_WRONLY | O_CREAT, 0600);
	if (write(fd, "01234abc", 8) != 8)
		abort();
	close(fd);
	fd = slot_body_open(&s, qdir);
	ok(fd != -1 && read(fd, c, 8) == 3, "  one that is there");
	is_str(c, "abc", "  from its first byte");
	is_int(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY, "  for reading only");
	close(fd);
	slot_close(&s);
}

int
main(void)
{
	char dir[] = "/tmp/slot.XXXXXX", cmd[64];

	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return 1;
	mkdir("slot", 0700);
	mkdir("slot/ab", 0700);
	mkdir("body", 0700);
	mkdir("body/f", 0700);
	qdir = open(".", O_RDONLY);
	names();
	reading();
	damage();
	reuse();
	body();
	buf_free(&s.data);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (system(cmd) != 0)
		return 1;
	return done();
}
