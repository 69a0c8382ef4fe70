/* Asking whether a login is right: check-rate, then the checkpassword program
 * of the setting auth-program (INTERFACES 11). */
#ifndef LOGIN_H
#define LOGIN_H
#include "map.h"

enum login_result {
	LOGIN_OK,
	LOGIN_WRONG,  /* 535 5.7.8 */
	LOGIN_LIMIT,  /* too many failures of this address: 454 4.7.0 */
	LOGIN_LATER   /* cannot be checked now: 454 4.7.0; why is logged */
};

/* The client's address is in the environment (TCPREMOTEIP).  Takes at most 60
 * seconds.  A copy that is made of the password is wiped. */
enum login_result login_check(const struct map *tables, const char *user,
    const char *pass);
/* May this login send another message to nrcpt recipients?  NULL, or the reply
 * that refuses (static).  Counts it.  Starts nothing where there are no limits
 * for logins. */
const char *login_quota(const struct map *tables, const char *user,
    unsigned nrcpt);
#endif
