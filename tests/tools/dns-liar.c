/*
 * dns-liar MODE: a DNS server that does not tell the truth, for tests.
 *
 * Prints its UDP port on 127.0.0.1 and answers until it is ended, or for a
 * minute.  Modes: silent (never answers), garbage (noise), wrong-id, other-name
 * (answers for a name that was not asked), loop (a name that points to
 * itself), cut (a record longer than the packet), refused.
 */
#include <sys/socket.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 12 };

/* End of the question in q, which is behind its name, type and class. */
static size_t
question_end(const unsigned char *q, size_t n)
{
	size_t i = HEAD;

	while (i < n && q[i] != 0)
		i += q[i] + 1u;
	return i + 5 <= n ? i + 5 : 0;
}

/* An MX record behind the question: its name, then 10 and the host. */
static size_t
add_record(unsigned char *q, size_t at, const char *mode)
{
	static const unsigned char rest[] = {0, 15, 0, 1, 0, 0, 1, 0, 0, 9, 0,
	    10, 4, 'e', 'v', 'i', 'l', 0xc0, 12};
	size_t n = at;

	q[7] = 1; /* one answer */
	if (strcmp(mode, "other-name") == 0) {
		memcpy(q + n, "\5other\4test", 12);
		n += 12;
	} else if (strcmp(mode, "loop") == 0) {
		q[n] = 0xc0;
		q[n + 1] = (unsigned char)n;
		n += 2;
	} else {
		q[n] = 0xc0;
		q[n + 1] = HEAD;
		n += 2;
	}
	memcpy(q + n, rest, sizeof rest);
	if (strcmp(mode, "cut") == 0)
		q[n + 8] = 0xff;
	return n + sizeof rest;
}

/* Turns the query in q into a lie; its length, 0 for no answer. */
static size_t
lie(unsigned char *q, size_t n, const char *mode)
{
	size_t i, end = question_end(q, n);

	if (strcmp(mode, "silent") == 0 || end == 0 || end > 255)
		return 0;
	if (strcmp(mode, "garbage") == 0) {
		for (i = 2; i < 300; i++)
			q[i] = (unsigned char)(i * 37 + q[0]);
		return 300;
	}
	q[2] = 0x85; /* answer, authoritative, recursion desired */
	q[3] = 0x80; /* recursion available */
	memset(q + 6, 0, 6);
	if (strcmp(mode, "refused") == 0) {
		q[3] |= 5;
		return end;
	}
	if (strcmp(mode, "wrong-id") == 0)
		q[1] ^= 0x55;
	return add_record(q, end, mode);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in sa = {.sin_family = AF_INET}, from;
	socklen_t len = sizeof sa;
	unsigned char q[1024];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ssize_t n;
	size_t out;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (argc != 2 || bind(fd, (struct sockaddr *)&sa, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) == -1)
		return 111;
	printf("%d\n", ntohs(sa.sin_port));
	fflush(stdout);
	alarm(60);
	for (;;) {
		len = sizeof from;
		n = recvfrom(fd, q, 512, 0, (struct sockaddr *)&from, &len);
		if (n < HEAD)
			continue;
		out = lie(q, (size_t)n, argv[1]);
		if (out > 0)
			sendto(fd, q, out, 0, (struct sockaddr *)&from, len);
	}
}
