/* lib/journal: entries come back, those of another message never. */
#include <sys/stat.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "journal.h"
#include "tap.h"

static struct slot s = {.num = 0xab000001};
static struct buf b;
static int qdir;

static void
message(const char *id, uint32_t gen)
{
	memcpy(s.head.id, id, ID_LEN);
	s.head.gen = gen;
}

static int
add(char kind, unsigned index, const char *status, const char *place,
    const char *text)
{
	struct journal_entry e = {.kind = kind, .index = index, .time = 1795300000,
	    .place = place, .text = text};

	snprintf(e.status, sizeof e.status, "%s", status);
	return journal_add(&s, qdir, &e, 1);
}

/* Entries that can be read; -1: none of this message. */
static int
entries(void)
{
	struct journal_entry e;
	size_t at = 0;
	int n = 0;

	if (journal_read(&b, &s, qdir) != 1)
		return -1;
	while (journal_next(&b, &at, &e))
		n++;
	return n;
}

/* Is there one of this recipient? */
static int
has(unsigned index)
{
	struct journal_entry e;
	size_t at = 0;

	journal_read(&b, &s, qdir);
	while (journal_next(&b, &at, &e))
		if (e.index == index)
			return 1;
	return 0;
}

static void
entry(void)
{
	struct journal_entry e;
	size_t at = 0;

	journal_read(&b, &s, qdir);
	is_int(journal_next(&b, &at, &e), 1, "an entry");
	is_int(e.kind, JOURNAL_DEFER, "its kind");
	is_int(e.index, 12, "recipient");
	is_int(e.time, 1795300000, "time");
	is_str(e.status, "4.2.2", "status");
	is_str(e.place, "|a command", "place");
	is_str(e.text, "no room left", "text, its newline made a blank");
	journal_next(&b, &at, &e);
	is_str(e.status, "-", "an entry without a status");
	is_str(e.place, "", "  without a place");
	is_str(e.text, "", "  without a text");
	is_int(journal_next(&b, &at, &e), 0, "the end");
}

static void
others(void)
{
	message("0123456789abcdef", 2);
	is_int(entries(), -1, "another generation has none");
	is_int(add('K', 0, "", "x", ""), 0, "its first entry");
	is_int(entries(), 1, "  is its only one");
	message("0123456789abcdef", 1);
	is_int(entries(), -1, "the former's are gone");
	message("zzzzzzzzzzabcdef", 2);
	is_int(entries(), -1, "the same slot and generation, another id");
	message("0123456789abcdef", 12);
	is_int(add('K', 0, "", "x", ""), 0, "generation 12");
	message("0123456789abcdef", 1);
	is_int(entries(), -1, "  is not 1");
}

/* A crash cuts the file off anywhere: what is whole before it counts, and
 * what is appended later too. */
static void
cut(void)
{
	struct stat st;
	int fd, i, few = 0, lost = 0, n;

	for (i = 0; ; i++) {
		journal_remove(qdir, s.num);
		add('K', 1, "2.0.0", "one", "text");
		add('K', 2, "2.0.0", "two", "text");
		fd = openat(qdir, "note/ab/ab000001", O_RDWR);
		fstat(fd, &st);
		if (i == 1)
			few = (int)st.st_size;
		if (i > st.st_size || ftruncate(fd, st.st_size - i) == -1)
			break;
		close(fd);
		n = entries();
		lost += n > 2 || (i < 20 && n < 1);
		add('K', 3, "2.0.0", "three", "text");
		lost += !has(3);
	}
	close(fd);
	ok(few > 40, "a journal of two entries");
	is_int(lost, 0, "cut off anywhere, what comes after is read");
}

static void
limits(void)
{
	static char big[5000];
	struct journal_entry e;
	size_t at = 0;

	journal_remove(qdir, s.num);
	memset(big, 'x', sizeof big - 1);
	is_int(add('D', 1, "5.0.0", big, big), 0, "a place and a text too long");
	journal_read(&b, &s, qdir);
	is_int(journal_next(&b, &at, &e), 1, "are an entry");
	is_int((long long)strlen(e.place), 700, "the place cut");
	ok(strlen(e.text) > 100 && strlen(e.text) < 300, "the text cut");
	journal_remove(qdir, s.num);
	is_int(entries(), -1, "removed");
}

int
main(void)
{
	char dir[] = "/tmp/journal.XXXXXX", cmd[64];

	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return 1;
	mkdir("note", 0700);
	mkdir("note/ab", 0700);
	qdir = open(".", O_RDONLY);
	message("0123456789abcdef", 1);
	is_int(entries(), -1, "no file");
	add(JOURNAL_DEFER, 12, "4.2.2", "|a\tcommand", "no room\nleft");
	add(JOURNAL_DONE, 0, "", "", "");
	entry();
	others();
	cut();
	limits();
	buf_free(&b);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (system(cmd) != 0)
		return 1;
	return done();
}
