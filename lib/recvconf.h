/* What the settings and the client's environment say about a session. */
#ifndef RECVCONF_H
#define RECVCONF_H
#include "peer.h"
#include "policy.h"
#include "smtps.h"

enum service { SERVICE_SMTP, SERVICE_SUBMISSION, SERVICE_LMTP };

/* The setting service. */
enum service recvconf_service(const struct map *tables);
/* Our name: the setting hostname, or what the system says. */
void recvconf_hostname(const struct map *tables, char name[256]);
/* All that the caller of s sets but hooks, hostname, and what depends on who
 * the client is.  Pointers into tables. */
void recvconf_session(struct smtps *s, const struct map *tables,
    enum service service);
/* The client into p, with tables in it: the session s of peer, and the words of
 * the environment. */
void recvconf_client(struct policy *p, const struct smtps *s,
    const struct peer *peer, enum service service);
#endif
