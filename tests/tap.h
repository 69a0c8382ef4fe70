/* TAP for unit tests: ok(), is_int(), is_str(), done(). */
#ifndef TAP_H
#define TAP_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_n, tap_bad;

static int
ok(int good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_n, what);
	tap_bad += !good;
	return good;
}

static inline int
is_int(long long got, long long want, const char *what)
{
	if (!ok(got == want, what))
		printf("# got %lld, want %lld\n", got, want);
	return got == want;
}

static inline int
is_mem(const char *got, size_t n, const char *want, const char *what)
{
	int same = n == strlen(want) && memcmp(got, want, n) == 0;

	if (!ok(same, what))
		printf("# got  \"%.*s\"\n# want \"%s\"\n", (int)n, got, want);
	return same;
}

static inline int
is_str(const char *got, const char *want, const char *what)
{
	return is_mem(got, strlen(got), want, what);
}

/* Under valgrind, which makes a fork of a vfork: a child cannot tell child_start
 * what went wrong. */
static inline int
forks_only(void)
{
	const char *s = getenv("PC_SANITIZE");

	return s != NULL && strcmp(s, "valgrind") == 0;
}

static inline int
done(void)
{
	printf("1..%d\n", tap_n);
	return tap_bad ? 1 : 0;
}
#endif
