/* Who the client is: from the environment of a UCSPI server, or asked of the
 * socket (inetd). */
#ifndef PEER_H
#define PEER_H

enum { PEER_TEXT = 304 };

struct peer {
	char ip[46];    /* as text; "" if unknown (no network, by hand) */
	char name[256]; /* what TCPREMOTEHOST says; "" if unknown */
};

/*
 * Fills p.  An IPv6-mapped IPv4 address is shown as IPv4.  What TCPREMOTEIP
 * and TCPREMOTEHOST hold counts only if it is an address, and a domain name.
 * An address that was asked of descriptor 0 is put into the environment
 * (PROTO, TCPREMOTEIP, TCPREMOTEPORT) for the programs that are started.
 */
void peer_find(struct peer *p);
/* `name[address]', as the log has every client; either may be `unknown'. */
void peer_text(const struct peer *p, char out[PEER_TEXT]);
/* Is descriptor 0 a connection from the network, whatever the environment
 * says? */
int peer_on_network(void);
#endif
