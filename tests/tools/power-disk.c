/*
 * power-disk DIR IMAGE LOG: a disk that can be asked what a power cut would
 * have left of it: for tests/tools/powercut.  Linux, root.
 *
 * Mounts on the directory DIR a file system with one file, `disk', for a loop
 * device.  Its content is IMAGE, which is changed.  All writes and flushes are
 * appended to LOG in the order in which they came, records of 32 bytes in the
 * machine's byte order, {kind, id, offset, length}, each 64 bits:
 *
 *	1 write: it came; its bytes follow the record
 *	2 done: write `id' was reported to be done
 *	3 flush: what was done before is durable from here on
 *
 * What is behind the last flush is a disk's volatile cache: any of it may be
 * lost.  Every SLOWth write (13) is reported late, when some others and
 * flushes, which do not cover it, have been.
 *
 * Says `ready' on 1.  Ends when it is unmounted.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	SLOW = 13, LATE_MS = 4, LATE_MAX = 64,
	ROOT = FUSE_ROOT_ID, DISK = 2,
	MAX_WRITE = 128 << 10
};

struct record {
	uint64_t kind, id, offset, length;
};
enum { WRITE = 1, DONE, FLUSH };

static struct {
	int fuse, image, log;
	uint64_t size;
	uint64_t writes;
	struct late {
		uint64_t unique, id, when;
		uint32_t size;
	} late[LATE_MAX];
	int nlate;
} d;

static void
fail(const char *what)
{
	fprintf(stderr, "power-disk: %s: %s\n", what, strerror(errno));
	exit(111);
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
note(uint64_t kind, uint64_t id, uint64_t offset, const void *p, uint64_t n)
{
	struct record r = {kind, id, offset, n};
	struct iovec v[2] = {{&r, sizeof r}, {(void *)(uintptr_t)p, n}};

	if (writev(d.log, v, n > 0 ? 2 : 1) != (ssize_t)(sizeof r + n))
		fail("log");
}

static void
answer(uint64_t unique, int error, const void *p, size_t n)
{
	struct fuse_out_header h = {(uint32_t)(sizeof h + n), -error, unique};
	struct iovec v[2] = {{&h, sizeof h}, {(void *)(uintptr_t)p, n}};

	/* ENOENT: whoever asked is gone. */
	if (writev(d.fuse, v, n > 0 ? 2 : 1) == -1 && errno != ENOENT)
		fail("answer");
}

static void
attributes(uint64_t node, struct fuse_attr *a)
{
	memset(a, 0, sizeof *a);
	a->ino = node;
	a->nlink = 1;
	a->blksize = 4096;
	a->mode = node == ROOT ? S_IFDIR | 0755 : S_IFREG | 0600;
	if (node == DISK) {
		a->size = d.size;
		a->blocks = d.size / 512;
	}
}

static void
written(uint64_t unique, uint64_t id, uint32_t size)
{
	struct fuse_write_out out = {size, 0};

	note(DONE, id, 0, NULL, 0);
	answer(unique, 0, &out, sizeof out);
}

/* Reports the writes whose time has come. */
static void
report_late(int all)
{
	uint64_t now = now_ms();
	struct late *l;
	int i, k = 0;

	for (i = 0; i < d.nlate; i++) {
		l = &d.late[i];
		if (all || l->when <= now)
			written(l->unique, l->id, l->size);
		else
			d.late[k++] = *l;
	}
	d.nlate = k;
}

static void
on_write(const struct fuse_in_header *h, const struct fuse_write_in *w)
{
	const char *p = (const char *)(w + 1);
	uint64_t id = ++d.writes;

	if (w->offset > d.size || w->size > d.size - w->offset) {
		answer(h->unique, EFBIG, NULL, 0);
		return;
	}
	note(WRITE, id, w->offset, p, w->size);
	if (pwrite(d.image, p, w->size, (off_t)w->offset) != (ssize_t)w->size)
		fail("image");
	if (id % SLOW == 0 && d.nlate < LATE_MAX)
		d.late[d.nlate++] = (struct late){h->unique, id,
		    now_ms() + LATE_MS, w->size};
	else
		written(h->unique, id, w->size);
}

static void
on_read(const struct fuse_in_header *h, const struct fuse_read_in *r)
{
	static char data[1 << 20];
	size_t n = r->size < sizeof data ? r->size : sizeof data;
	ssize_t k = pread(d.image, data, n, (off_t)r->offset);

	if (k == -1)
		answer(h->unique, errno, NULL, 0);
	else
		answer(h->unique, 0, data, (size_t)k);
}

static void
on_init(const struct fuse_in_header *h, const struct fuse_init_in *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = in->minor < FUSE_KERNEL_MINOR_VERSION ? in->minor
		    : FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.flags = in->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES |
		    FUSE_ASYNC_DIO | FUSE_MAX_PAGES),
		.max_background = 64,
		.congestion_threshold = 64,
		.max_write = MAX_WRITE,
		.max_pages = MAX_WRITE / 4096,
		.time_gran = 1,
	};

	answer(h->unique, 0, &out, sizeof out);
}

static void
on_request(const struct fuse_in_header *h)
{
	const void *in = h + 1;
	struct fuse_entry_out entry = {.nodeid = DISK, .entry_valid = 3600,
	    .attr_valid = 3600};
	struct fuse_attr_out attr = {.attr_valid = 3600};
	struct fuse_open_out file = {.open_flags = FOPEN_DIRECT_IO};
	struct fuse_statfs_out fs = {.st = {.bsize = 4096, .namelen = 255}};

	switch (h->opcode) {
	case FUSE_INIT:
		on_init(h, in);
		break;
	case FUSE_LOOKUP:
		attributes(DISK, &entry.attr);
		if (h->nodeid == ROOT && strcmp(in, "disk") == 0)
			answer(h->unique, 0, &entry, sizeof entry);
		else
			answer(h->unique, ENOENT, NULL, 0);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		attributes(h->nodeid, &attr.attr);
		answer(h->unique, 0, &attr, sizeof attr);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		answer(h->unique, 0, &file, sizeof file);
		break;
	case FUSE_READ:
		on_read(h, in);
		break;
	case FUSE_WRITE:
		on_write(h, in);
		break;
	case FUSE_FSYNC:
		note(FLUSH, 0, 0, NULL, 0);
		answer(h->unique, 0, NULL, 0);
		break;
	case FUSE_STATFS:
		answer(h->unique, 0, &fs, sizeof fs);
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_ACCESS:
	case FUSE_READDIR:
		answer(h->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(h->unique, ENOSYS, NULL, 0);
	}
}

static void
serve(void)
{
	static char buf[MAX_WRITE + 8192] __attribute__((aligned(16)));
	struct pollfd p = {d.fuse, POLLIN, 0};
	ssize_t n;

	for (;;) {
		if (poll(&p, 1, d.nlate > 0 ? 1 : -1) == -1 && errno != EINTR)
			fail("poll");
		report_late(0);
		if (p.revents == 0)
			continue;
		n = read(d.fuse, buf, sizeof buf);
		if (n == -1 && errno == ENODEV)
			return; /* unmounted */
		if (n == -1 && errno != EINTR && errno != ENOENT &&
		    errno != EAGAIN)
			fail("request");
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			on_request((const struct fuse_in_header *)buf);
	}
}

int
main(int argc, char *argv[])
{
	char options[128];
	struct stat st;

	if (argc != 4) {
		fprintf(stderr, "usage: power-disk DIR IMAGE LOG\n");
		return 100;
	}
	d.image = open(argv[2], O_RDWR | O_CLOEXEC);
	if (d.image == -1 || fstat(d.image, &st) == -1)
		fail(argv[2]);
	d.size = (uint64_t)st.st_size;
	d.log = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND |
	    O_CLOEXEC, 0600);
	if (d.log == -1)
		fail(argv[3]);
	d.fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (d.fuse == -1)
		fail("/dev/fuse");
	snprintf(options, sizeof options,
	    "fd=%d,rootmode=40000,user_id=0,group_id=0", d.fuse);
	if (mount("power-disk", argv[1], "fuse", 0, options) == -1)
		fail(argv[1]);
	puts("ready");
	fflush(stdout);
	serve();
	report_late(1);
	return 0;
}
