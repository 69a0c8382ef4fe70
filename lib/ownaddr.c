#include <sys/types.h>
#include <sys/socket.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "ownaddr.h"

/* IPv4 as ::ffff:a.b.c.d, so that both families compare alike.  0: neither. */
static int
to_v6(struct in6_addr *a, const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof v4);
		memset(a, 0, 10);
		memset((char *)a + 10, 0xff, 2);
		memcpy((char *)a + 12, &v4.sin_addr, 4);
		return 1;
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof v6);
		*a = v6.sin6_addr;
		return 1;
	}
	return 0;
}

int
ownaddr(const struct sockaddr *sa)
{
	static struct ifaddrs *list; /* kept to the end of the process */
	const struct ifaddrs *i;
	struct in6_addr a, b;

	if (!to_v6(&a, sa))
		return 0;
	if (IN6_IS_ADDR_UNSPECIFIED(&a) || IN6_IS_ADDR_LOOPBACK(&a) ||
	    (IN6_IS_ADDR_V4MAPPED(&a) &&
	    (a.s6_addr[12] == 127 || a.s6_addr[12] == 0)))
		return 1;
	if (list == NULL && getifaddrs(&list) == -1)
		list = NULL;
	for (i = list; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && to_v6(&b, i->ifa_addr) &&
		    memcmp(&a, &b, sizeof a) == 0)
			return 1;
	return 0;
}
