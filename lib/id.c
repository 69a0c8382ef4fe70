#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/random.h>
#endif

#include "fdio.h"
#include "id.h"

static const char digit[] = "0123456789abcdefghjkmnpqrstvwxyz";

void
id_make(char out[ID_LEN + 1])
{
	uint64_t t = clock_us() / 4;
	uint32_t r = 0;
	int i;

	if (getentropy(&r, sizeof r) == -1)
		r = (uint32_t)getpid() * 2654435761u;
	for (i = 9; i >= 0; i--, t >>= 5)
		out[i] = digit[t & 31];
	for (i = 10; i < ID_LEN; i++, r >>= 5)
		out[i] = digit[r & 31];
	out[ID_LEN] = '\0';
}

uint64_t
id_time(const char *id)
{
	uint64_t t = 0;
	const char *d;
	int i;

	for (i = 0; i < 10; i++) {
		d = id[i] ? strchr(digit, id[i]) : NULL;
		if (d == NULL)
			return 0;
		t = t << 5 | (uint64_t)(d - digit);
	}
	return t * 4;
}

int
id_valid(const char *p, size_t n)
{
	size_t i;

	if (n != ID_LEN)
		return 0;
	for (i = 0; i < n; i++)
		if (p[i] == '\0' || strchr(digit, p[i]) == NULL)
			return 0;
	return 1;
}
