/*
 * host-ask MS NAME|ADDRESS...: what host_addrs and host_name (lib/hostq.h)
 * say, for tests: a line `CODE NAME CONFIRMED ADDRESS... TEXT' each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostq.h"
#include "netaddr.h"

int
main(int argc, char *argv[])
{
	uint64_t ms = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	struct host_answer a;
	struct netaddr ip;
	size_t k;
	int i;

	for (i = 2; i < argc; i++) {
		if (netaddr_parse(&ip, argv[i], strlen(argv[i])) == 0)
			host_name(&a, argv[i], ms);
		else
			host_addrs(&a, argv[i], strlen(argv[i]), ms);
		printf("%d %s %d", a.code, a.name, a.confirmed);
		for (k = 0; k < a.naddrs; k++)
			printf(" %s", a.addrs[k]);
		printf(" %s\n", a.text);
		host_free(&a);
	}
	return 0;
}
