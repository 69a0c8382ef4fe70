/*
 * mx-ask MS DOMAIN...: what mx_ask (lib/mxq.h) says, for tests: a line
 * `CODE STATUS TEXT', then a line `PREF HOST DNSSEC ADDRESS...' a host.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mxq.h"

int
main(int argc, char *argv[])
{
	struct mx_answer a;
	size_t h, k;
	int i;

	for (i = 2; i < argc; i++) {
		mx_ask(&a, argv[i], strlen(argv[i]),
		    strtoull(argv[1], NULL, 10));
		printf("%d %s %s\n", a.code, a.status, a.text);
		for (h = 0; h < a.nhosts; h++) {
			printf("%u %s %s", a.hosts[h].pref, a.hosts[h].name,
			    a.hosts[h].dnssec);
			for (k = 0; k < a.hosts[h].naddrs; k++)
				printf(" %s", a.hosts[h].addrs[k]);
			printf("\n");
		}
		fflush(stdout);
		mx_free(&a);
	}
	return 0;
}
