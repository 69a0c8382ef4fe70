#define _FILE_OFFSET_BITS 64
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "hash64.h"
#include "sesslock.h"

/*
 * A session holds one byte each in the run of all sessions, of its network and
 * of its address.  The file is empty: offsets need no bytes below them.
 *
 *	bit 61	of a network or address; the run of all begins at 0
 *	60	of an address
 *	59	of IPv6
 *	58-12	IPv4: the address; IPv6: a hash of it
 *	11-0	the session in the run
 *
 * So two addresses share a run only if both are IPv6 and 47 bits of hash are
 * the same.
 */
enum { SLOT_BITS = 12, KEY_BITS = 47, FIRST_FD = 10 };
_Static_assert(SESSLOCK_MAX_CLIENT == 1 << SLOT_BITS, "length of a run");
_Static_assert(sizeof(off_t) == 8, "offsets of 62 bits");

int
sesslock_open(const char *path)
{
	int fd, high, saved;

	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	/* Out of the way of those who expect 3 to 9 free; closing the first
	 * one harms no lock yet. */
	high = fcntl(fd, F_DUPFD, FIRST_FD);
	saved = errno;
	close(fd);
	errno = saved;
	return high;
}

/* Begins with what outsiders do not know of the file, so that nobody can look
 * for an address that shares somebody's run. */
static uint64_t
hash6(int fd, const struct netaddr *a)
{
	struct hash64 h = {0};
	struct stat st;

	if (fstat(fd, &st) == 0) {
		hash64_add(&h, &st.st_ino, sizeof st.st_ino);
		hash64_add(&h, &st.st_ctim, sizeof st.st_ctim);
	}
	hash64_add(&h, a->b, sizeof a->b);
	return hash64_end(&h) >> (64 - KEY_BITS);
}

/* The first offset of a run. */
static uint64_t
run_of(int fd, enum sesslock what, const struct netaddr *a)
{
	struct netprefix net = {.net = *a};
	const unsigned char *b = net.net.b;
	uint64_t flags, key;

	if (what == SESSLOCK_ALL)
		return 0;
	if (what == SESSLOCK_NETWORK)
		netprefix_of(&net, a);
	flags = what == SESSLOCK_ADDRESS ? 6 : 4;
	if (netaddr_is4(a)) {
		key = (uint64_t)b[12] << 24 | (uint64_t)b[13] << 16 |
		    (uint64_t)b[14] << 8 | b[15];
	} else {
		flags |= 1;
		key = hash6(fd, &net.net);
	}
	return (flags << KEY_BITS | key) << SLOT_BITS;
}

static unsigned long
gcd(unsigned long a, unsigned long b)
{
	unsigned long r;

	for (; b != 0; a = b, b = r)
		r = a % b;
	return a;
}

int
sesslock_take(int fd, enum sesslock what, const struct netaddr *a,
    unsigned long max)
{
	unsigned long most = what == SESSLOCK_ALL ? SESSLOCK_MAX_ALL
	    : SESSLOCK_MAX_CLIENT;
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	uint64_t run, h = (uint64_t)getpid() * 0x9e3779b97f4a7c15u;
	unsigned long i, start, step;

	if (max == 0)
		return 1;
	if (max > most)
		max = most;
	run = run_of(fd, what, a);
	/* Each process goes through the run by an order of its own, which
	 * reaches all of it if there are tries enough. */
	start = (unsigned long)(h >> 32) % max;
	step = (unsigned long)(h & 0xffff) + 1;
	while (gcd(step, max) != 1)
		step++;
	for (i = 0; i < max && i < SESSLOCK_TRIES; i++) {
		l.l_start = (off_t)(run + (start + i * step) % max);
		if (fcntl(fd, F_SETLK, &l) == 0)
			return 1;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return -1;
	}
	return 0;
}
