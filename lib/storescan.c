#include <sys/file.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "store.h"

enum {
	ENTRIES = 64,        /* looked at in one go: below a millisecond */
	EMPTY_AGE = 3600,
	BODY_AGE = 2 * 86400 /* older than queue-inject waits */
};

/* A message that the scan found.  An attempt may have happened before: nobody
 * remembers. */
static void
found(struct store *s, uint32_t num, const struct slot_head *h)
{
	struct msg *m = store_add(s, num, h->id);

	m->again = 1;
	m->attempts = h->attempts;
	m->warned = h->warned;
	m->next = h->next;
	if (h->state == SLOT_HELD)
		m->state = MSG_HELD;
	else if (h->next <= (uint32_t)time(NULL))
		store_ready(s, m);
	else
		store_schedule(s, m);
}

/* A slot that nothing was ever written to. */
static void
remove_old(struct store *s, const char *name, const struct stat *st)
{
	if (st->st_mtime < time(NULL) - EMPTY_AGE)
		unlinkat(s->qdir, name, 0);
}

/* One slot file that is not known.  One that is locked is being written, or
 * its note is on the way. */
void
store_look(struct store *s, uint32_t num)
{
	struct slot_head h;
	struct stat st;
	char name[32];
	int fd, r;

	slot_name(name, "slot", num);
	fd = openat(s->qdir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0) {
		if (st.st_size == 0)
			/* Just made, its lock not yet taken; or left so. */
			remove_old(s, name, &st);
		else if ((r = slot_head_read(fd, &h)) == -1 && errno == EPROTO)
			store_aside(s, num, "no slot's head");
		else if (r == -1)
			/* The next scan may have more luck. */
			log_warn("queue-scan", "slot=%s err=%m", name);
		else if (h.state == SLOT_FREE)
			store_offer(s, num, fd);
		else
			found(s, num, &h);
	}
	close(fd);
}

void
store_damaged(struct store *s, uint32_t num)
{
	struct slot slot = {.fd = -1};
	int fd, damaged = 0;
	char name[32];

	slot_name(name, "slot", num);
	fd = openat(s->qdir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return;
	/* Nobody writes to a slot whose lock we have. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		damaged = slot_load(&slot, s->qdir, num, O_RDONLY) == -1 &&
		    errno == EPROTO;
		if (damaged)
			store_aside(s, num, "checksum or contents");
		slot_close(&slot);
		buf_free(&slot.data);
	}
	close(fd);
	if (!damaged)
		store_look(s, num);
}

void
store_scan(struct store *s)
{
	char drop[512];

	/* Every free slot will be offered anew: what was offered before would
	 * only double the tokens. */
	while (read(s->free_fifo, drop, sizeof drop) > 0)
		;
	s->tokens = 0;
	s->bytes = 0;
	if (s->scandir != NULL)
		closedir(s->scandir);
	s->scandir = NULL;
	s->scanning = 256;
}

/* The next directory of slots; 0 when there is none left. */
static int
next_directory(struct store *s)
{
	char name[16];
	int fd;

	while (s->scandir == NULL && s->scanning > 0) {
		snprintf(name, sizeof name, "slot/%02x", 256 - s->scanning--);
		fd = openat(s->qdir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd != -1)
			s->scandir = fdopendir(fd);
		if (s->scandir == NULL)
			log_warn("queue-scan", "dir=%s err=%m", name);
	}
	return s->scandir != NULL;
}

int
store_scan_some(struct store *s)
{
	struct dirent *e;
	uint32_t num;
	int i;

	if (!next_directory(s))
		return 0;
	for (i = 0; i < ENTRIES; i++) {
		e = readdir(s->scandir);
		if (e == NULL) {
			closedir(s->scandir);
			s->scandir = NULL;
			break;
		}
		if (slot_number(e->d_name, &num) == 0 &&
		    store_find(s, num) == NULL)
			store_look(s, num);
	}
	return s->scandir != NULL || s->scanning > 0;
}

int
store_scan_wanted(struct store *s)
{
	return unlinkat(s->qdir, "scan", 0) == 0;
}

/* Is a message with this id in memory?  Bodies are few and old ones fewer. */
static int
known(const struct store *s, const char *id)
{
	size_t i;

	for (i = 0; i < s->slots; i++)
		if (s->index[i] != NULL &&
		    memcmp(s->index[i]->id, id, ID_LEN) == 0)
			return 1;
	return 0;
}

void
store_sweep_bodies(struct store *s)
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	time_t old = time(NULL) - BODY_AGE;
	char name[16];
	struct dirent *e;
	int i, fd;
	DIR *d;

	for (i = 0; digits[i] != '\0'; i++) {
		snprintf(name, sizeof name, "body/%c", digits[i]);
		fd = openat(s->qdir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		d = fd == -1 ? NULL : fdopendir(fd);
		if (d == NULL)
			continue;
		while ((e = readdir(d)) != NULL) {
			if (!id_valid(e->d_name, strlen(e->d_name)) ||
			    (time_t)(id_time(e->d_name) / 1000000) > old ||
			    known(s, e->d_name))
				continue;
			log_info("queue-sweep", "body=%s", e->d_name);
			unlinkat(fd, e->d_name, 0);
		}
		closedir(d);
	}
}
