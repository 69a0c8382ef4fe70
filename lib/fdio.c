#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"

uint64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int
write_all(int fd, const void *p, size_t n)
{
	const char *c = p;
	ssize_t w;

	while (n > 0) {
		w = write(fd, c, n);
		if (w == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		c += w;
		n -= (size_t)w;
	}
	return 0;
}

int
read_to_end(int fd, struct buf *b, size_t max)
{
	ssize_t r;
	size_t n;

	while (b->len < max) {
		n = max - b->len;
		buf_room(b, n < 8192 ? n : 8192);
		if (n > b->cap - b->len)
			n = b->cap - b->len;
		r = read(fd, b->p + b->len, n);
		if (r == 0)
			return 0;
		if (r == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		b->len += (size_t)r;
	}
	return 1;
}

static int
wait_for(int fd, short what, uint64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = what};
	uint64_t now;
	int ms = -1, r;

	if (deadline != 0) {
		now = clock_ms();
		if (now >= deadline)
			ms = 0;
		else
			ms = deadline - now > 3600000 ? 3600000
						      : (int)(deadline - now);
	}
	r = poll(&p, 1, ms);
	return r > 0 ? 1 : r;
}

int
wait_readable(int fd, uint64_t deadline)
{
	return wait_for(fd, POLLIN, deadline);
}

int
wait_writable(int fd, uint64_t deadline)
{
	return wait_for(fd, POLLOUT, deadline);
}
