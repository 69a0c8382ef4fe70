#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "peer.h"
#include "str.h"

union sockaddrs {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage space;
};

/* IPv6 as text; ::ffff:1.2.3.4 as 1.2.3.4. */
static void
show6(char out[46], const struct in6_addr *a)
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		inet_ntop(AF_INET, a->s6_addr + 12, out, 46);
	else
		inet_ntop(AF_INET6, a, out, 46);
}

/* An address that is text already. */
static void
take_text(struct peer *p, const char *s)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, s, &v4) == 1)
		strcpy(p->ip, s); /* at most 15 bytes: it was an address */
	else if (inet_pton(AF_INET6, s, &v6) == 1)
		show6(p->ip, &v6);
}

static void
ask_socket(struct peer *p)
{
	union sockaddrs s = {0};
	socklen_t len = sizeof s;
	char port[8], *d = port + sizeof port - 1;
	unsigned n;

	if (getpeername(0, &s.any, &len) == -1)
		return;
	if (s.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &s.v4.sin_addr, p->ip, sizeof p->ip);
		n = ntohs(s.v4.sin_port);
	} else if (s.any.sa_family == AF_INET6) {
		show6(p->ip, &s.v6.sin6_addr);
		n = ntohs(s.v6.sin6_port);
	} else {
		return;
	}
	*d = '\0';
	do {
		*--d = (char)('0' + n % 10);
	} while ((n /= 10) > 0);
	setenv("PROTO", strchr(p->ip, ':') ? "TCP6" : "TCP", 1);
	setenv("TCPREMOTEIP", p->ip, 1);
	setenv("TCPREMOTEPORT", d, 1);
}

int
peer_on_network(void)
{
	union sockaddrs s = {0};
	socklen_t len = sizeof s;

	return getpeername(0, &s.any, &len) == 0 &&
	    (s.any.sa_family == AF_INET || s.any.sa_family == AF_INET6);
}

void
peer_find(struct peer *p)
{
	const char *s = getenv("TCPREMOTEIP");

	memset(p, 0, sizeof *p);
	if (s == NULL) {
		ask_socket(p);
		return;
	}
	take_text(p, s);
	s = getenv("TCPREMOTEHOST");
	if (s != NULL && addr_domain_valid(s, strlen(s), 0, 0)) {
		memcpy(p->name, s, strlen(s));
		str_lower(p->name, strlen(s));
	}
}

void
peer_text(const struct peer *p, char out[PEER_TEXT])
{
	char *end = stpcpy(out, p->name[0] != '\0' ? p->name : "unknown");

	*end++ = '[';
	end = stpcpy(end, p->ip[0] != '\0' ? p->ip : "unknown");
	strcpy(end, "]");
}
