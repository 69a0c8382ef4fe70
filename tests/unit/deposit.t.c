/* lib/deposit: the FIFOs of queue-run, over its restarts, and what queue-run
 * does in the middle of a commit. */
#include <sys/file.h>
#include <sys/stat.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "deposit.h"
#include "record.h"
#include "tap.h"

static struct deposit d;
static int notes, tokens; /* queue-run's ends */

/* New FIFOs in the place of the former ones, which stay open. */
static void
make_fifos(void)
{
	mkfifo("new", 0600);
	rename("new", "trigger");
	notes = open("trigger", O_RDWR | O_NONBLOCK);
	mkfifo("new", 0600);
	rename("new", "free");
	tokens = open("free", O_RDWR | O_NONBLOCK);
}

/* Puts a message into the queue. */
static int
put(void)
{
	static const char text[] = "Subject: x\n\nbody\n";
	struct buf received = {0};
	int r;

	deposit_begin(&d, 1);
	d.env.len = 0;
	record_adds(&d.env, 'F', "a@b.test");
	record_adds(&d.env, 'T', "c@d.test");
	buf_byte(&d.env, '\0');
	buf_str(&received, "Received: x\n");
	r = deposit_memory(&d, text, sizeof text - 1);
	if (r == 0)
		r = deposit_commit(&d, &received);
	buf_free(&received);
	return r;
}

/* The note that has come has the id of the last message; its slot's number. */
static int
noted(uint32_t *num, const char *what)
{
	char note[64] = "";
	ssize_t n = read(notes, note, sizeof note - 1);
	int good = n == SLOT_DIGITS + 1 + ID_LEN + 1 &&
	    note[SLOT_DIGITS] == ' ' && note[n - 1] == '\n' &&
	    memcmp(note + SLOT_DIGITS + 1, d.id, ID_LEN) == 0;

	note[SLOT_DIGITS] = '\0';
	return ok(good && slot_number(note, num) == 0, what);
}

/* Frees a slot and offers it, as queue-run does. */
static void
offer(uint32_t num)
{
	char name[32], token[SLOT_DIGITS + 2];
	struct slot_head h;
	int fd;

	slot_name(name, "slot", num);
	fd = open(name, O_RDWR);
	slot_head_read(fd, &h);
	h.state = SLOT_FREE;
	slot_mark(fd, &h);
	close(fd);
	slot_digits(token, num);
	strcat(token, "\n");
	if (write(tokens, token, strlen(token)) == -1)
		ok(0, "the token is written");
}

/* What happens right before the next system call of its kind. */
static void (*before_flock)(void), (*before_write)(void);

static void
happen(void (**what)(void))
{
	void (*f)(void) = *what;

	*what = NULL;
	if (f != NULL)
		f();
}

/* In the place of libc's. */
int
flock(int fd, int op)
{
	int (*next)(int, int);

	*(void **)&next = dlsym(RTLD_NEXT, "flock");
	happen(&before_flock);
	return next(fd, op);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	ssize_t (*next)(int, const void *, size_t);

	*(void **)&next = dlsym(RTLD_NEXT, "write");
	if (n == SLOT_DIGITS + 1 + ID_LEN + 1) /* a note */
		happen(&before_write);
	return next(fd, p, n);
}

static uint32_t offered;

static void
unlink_offered(void)
{
	char name[32];

	slot_name(name, "slot", offered);
	unlink(name);
}

static void
restart(void)
{
	close(notes);
	close(tokens);
	make_fifos();
}

static int
mark(void)
{
	return access("scan", F_OK) == 0 && unlink("scan") == 0;
}

int
main(void)
{
	char dir[] = "/tmp/deposit.XXXXXX", remove[64], name[32];
	uint32_t num, again = 0;

	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return 1;
	is_int(put(), 0, "a message is queued without queue-run");
	ok(mark(), "  and the mark for a scan left");
	make_fifos();
	is_int(put(), 0, "queued with it");
	noted(&num, "  which has its note");
	offer(num);
	is_int(put(), 0, "a slot is used again");
	ok(noted(&again, "  with a note") && again == num, "  the same");
	ok(!mark(), "  no mark was left");

	close(notes);
	close(tokens);
	is_int(put(), 0, "queued behind a queue-run that has ended");
	ok(mark(), "  with the mark");
	make_fifos();
	is_int(put(), 0, "queued with the next queue-run");
	ok(noted(&num, "  which has its note") && !mark(), "  and no mark");

	close(notes);
	offer(num);
	again = num;
	close(tokens);
	make_fifos();
	is_int(put(), 0, "queued with another one, by a token it did not make");
	noted(&num, "  which has its note");
	is_int(num, again, "  the slot was free all the same");
	offer(num);
	is_int(put(), 0, "queued once more");
	ok(noted(&again, "  with a note") && again == num,
	    "  by a token of the other one");
	ok(!mark(), "  and no mark was left");

	offer(offered = num);
	before_flock = unlink_offered;
	is_int(put(), 0, "queued though a free slot goes when it is opened");
	noted(&num, "  with a note");
	slot_name(name, "slot", num);
	is_int(access(name, F_OK), 0, "  in a slot that has a name");
	before_write = restart;
	is_int(put(), 0, "queued while queue-run is started anew");
	is_int(read(notes, name, sizeof name), -1,
	    "  no note: by now it may have been tried");
	ok(mark(), "  but the mark for a scan");

	snprintf(remove, sizeof remove, "rm -rf %s", dir);
	return system(remove) != 0 || done();
}
