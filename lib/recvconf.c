#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recvconf.h"
#include "settings.h"
#include "starttls.h"
#include "str.h"

enum {
	RCPT_LEAST = 100, /* RFC 5321 4.5.3.1.8 */
	LIMIT_MAX = 1000000
};

enum service
recvconf_service(const struct map *tables)
{
	const char *service = setting(tables, "service");

	return strcmp(service, "submission") == 0 ? SERVICE_SUBMISSION
	    : strcmp(service, "lmtp") == 0 ? SERVICE_LMTP : SERVICE_SMTP;
}

void
recvconf_hostname(const struct map *tables, char name[256])
{
	const char *set = setting(tables, "hostname");
	size_t n = strlen(set);

	memset(name, 0, 256);
	if (n == 0 || n >= 256 || strcmp(set, "auto") == 0)
		gethostname(name, 255);
	else
		memcpy(name, set, n);
}

static unsigned
limit(const struct map *tables, const char *name, unsigned least)
{
	uint64_t n = setting_num(tables, name);

	return n < least ? least : n > LIMIT_MAX ? LIMIT_MAX : (unsigned)n;
}

/* What EHLO offers.  LMTP is spoken by programs of the administrator's, which
 * log in nowhere: a login would let them relay. */
static unsigned
offers(const struct map *tables, int plain, enum service service)
{
	unsigned offer = 0;

	if (setting_num(tables, "dsn"))
		offer |= SMTPS_OFFER_DSN;
	if (plain && starttls_offered())
		offer |= SMTPS_OFFER_STARTTLS;
	if (service == SERVICE_LMTP ||
	    strcmp(setting(tables, "auth"), "no") == 0)
		return offer;
	if (setting_num(tables, "auth-without-tls"))
		offer |= SMTPS_OFFER_AUTH_CLEAR;
	return offer | SMTPS_OFFER_AUTH;
}

void
recvconf_session(struct smtps *s, const struct map *tables,
    enum service service)
{
	const char *v, *bytes = getenv("DATABYTES");
	uint64_t num;
	size_t n;

	/* The text of issue.smtp. */
	if (map_get(tables, "i", 1, &v, &n) == 1 && n > 1 && v[n - 1] == '\0')
		s->banner = v;
	s->lmtp = service == SERVICE_LMTP;
	s->tls = starttls_already();
	s->offer = offers(tables, s->tls == NULL, service);
	s->size_max = setting_num(tables, "size");
	if (bytes != NULL && parse_u64(bytes, strlen(bytes), &num) == 0)
		s->size_max = num;
	s->rcpt_max = limit(tables, "recipients", RCPT_LEAST);
	s->hops_max = limit(tables, "hops", 0);
	s->tries_max = limit(tables, "auth-tries", 1);
	s->accept_lf =
	    strcmp(setting(tables, "bare-newline"), "accept") == 0;
}

void
recvconf_client(struct policy *p, const struct smtps *s,
    const struct peer *peer, enum service service)
{
	p->ip = peer->ip;
	p->name = peer->name;
	p->helo = s->helo;
	p->login = s->login;
	p->relayclient =
	    service == SERVICE_LMTP ? NULL : getenv("RELAYCLIENT");
	p->denied = getenv("DENIED");
	p->rblsmtpd = getenv("RBLSMTPD");
}
