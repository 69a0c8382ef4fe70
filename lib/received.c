#include <string.h>

#include "date.h"
#include "header.h"
#include "received.h"

enum { PART_MAX = 255, FOR_MAX = 400, PROTO_MAX = 20, TLS_MAX = 60 };

/* A part as the client or DNS gave it: no control or space characters, and
 * nothing that opens or closes a comment. */
static void
add_part(struct buf *b, const char *s, size_t max)
{
	size_t i;
	char c;

	for (i = 0; i < max && s[i] != '\0'; i++) {
		c = s[i];
		if (c == '(' || c == ')' || c == '\\' || c == ';' ||
		    (unsigned char)c <= ' ' || c == 0x7f)
			c = '?';
		buf_byte(b, c);
	}
}

/* from HELO (name [address]) of an SMTP client, or the local user's id. */
static void
add_from(struct buf *b, const struct envelope *e)
{
	const char *peer = envelope_attr(e, "peer");
	const char *name = envelope_attr(e, "peername");
	const char *helo = envelope_attr(e, "helo");
	const char *uid = envelope_attr(e, "uid");

	if (peer == NULL) {
		if (uid == NULL)
			return;
		buf_str(b, "(from uid ");
		add_part(b, uid, 20);
		buf_str(b, ") ");
		return;
	}
	buf_str(b, "from ");
	add_part(b, helo && *helo ? helo : "unknown", PART_MAX);
	buf_str(b, " (");
	add_part(b, name && *name ? name : "unknown", PART_MAX);
	/* An IPv6 address is tagged in a literal (RFC 5321 4.1.3). */
	buf_str(b, strchr(peer, ':') ? " [IPv6:" : " [");
	add_part(b, peer, 60);
	buf_str(b, "])\n\t");
}

/* Protocol and cipher of TLS, and whether somebody had logged in: not who. */
static void
add_security(struct buf *b, const struct envelope *e)
{
	const char *tls = envelope_attr(e, "tls");
	const char *auth = envelope_attr(e, "auth");
	size_t n;

	if (tls != NULL && *tls) {
		n = strcspn(tls, " ");
		buf_str(b, " (");
		add_part(b, tls, n < TLS_MAX ? n : TLS_MAX);
		buf_byte(b, ' ');
		add_part(b, tls[n] != '\0' ? tls + n + 1 : "-", TLS_MAX);
		buf_byte(b, ')');
	}
	if (auth != NULL && *auth)
		buf_str(b, " (authenticated)");
}

void
received_add(struct buf *b, const struct envelope *e, const char *id,
    const char *hostname, int64_t seconds)
{
	const char *proto = envelope_attr(e, "proto"), *at = e->rcpts;
	struct recipient r;

	buf_str(b, "Received: ");
	add_from(b, e);
	buf_str(b, "by ");
	add_part(b, hostname, PART_MAX);
	buf_str(b, " (postchaise) with ");
	add_part(b, proto ? proto : "local", PROTO_MAX);
	buf_str(b, " id ");
	buf_str(b, id);
	add_security(b, e);
	if (e->nrcpt == 1 && envelope_rcpt(e, &at, &r) && r.len <= FOR_MAX) {
		buf_str(b, "\n\tfor <");
		add_part(b, r.addr, FOR_MAX);
		buf_byte(b, '>');
	}
	buf_str(b, "; ");
	date_rfc5322(b, seconds);
	buf_byte(b, '\n');
}

unsigned
received_hops(const char *p, size_t n)
{
	const char *end = p + n;
	struct header_field f;
	unsigned hops = 0;

	while (p < end && header_next(&p, end, &f) == 1)
		hops += header_is(&f, "Received") ||
		    header_is(&f, "Delivered-To");
	return hops;
}
