#include <string.h>

#include "smtpauth.h"
#include "smtps.h"
#include "smtpsx.h"
#include "str.h"

/* What the line that is awaited holds. */
enum { PLAIN, USER, PASS };

static const char malformed[] = "501 5.5.2 malformed authentication data";

int
smtps_auth_offered(const struct smtps *s)
{
	if (s->hooks->auth == NULL)
		return 0;
	return (s->offer & SMTPS_OFFER_AUTH_CLEAR) != 0 ||
	    ((s->offer & SMTPS_OFFER_AUTH) != 0 && s->tls != NULL);
}

void
smtps_auth_over(struct smtps *s)
{
	if (s->user.cap > 0)
		explicit_bzero(s->user.p, s->user.cap);
	buf_free(&s->user);
	if (s->state == SMTPS_AUTH)
		s->state = SMTPS_READY;
}

/* Too many passwords tried are the end. */
static void
fail(struct smtps *s, const char *user, const char *no)
{
	smtps_refuse(s, SMTPS_A_LOGIN, user, strlen(user), no);
	if (s->state == SMTPS_CLOSED)
		return;
	if (no[0] == '5' && ++s->tries >= s->tries_max && s->tries_max != 0)
		smtps_end(s, "421 4.7.0 too many failed logins");
	else
		smtps_count_error(s);
}

static void
check(struct smtps *s, const char *user, const char *pass)
{
	size_t n = strlen(user);
	const char *no;

	if (n >= sizeof s->login)
		no = "535 5.7.8 login is too long";
	else
		no = s->hooks->auth(s->arg, user, pass);
	if (no != NULL) {
		fail(s, user, no);
		return;
	}
	memcpy(s->login, user, n + 1);
	smtps_reply(s, "235 2.7.0 logged in");
}

/* authzid, login and password in one line. */
static void
plain(struct smtps *s, const char *p, size_t n)
{
	const char *user, *pass;

	smtps_auth_over(s);
	switch (smtpauth_plain(p, n, &user, &pass)) {
	case SMTPAUTH_OK:
		check(s, user, pass);
		break;
	case SMTPAUTH_OTHER:
		fail(s, user, "535 5.7.8 nobody logs in for somebody else");
		break;
	case SMTPAUTH_SYNTAX:
		smtps_error(s, malformed);
	}
}

/* The decoded answer to what was asked. */
static void
take(struct smtps *s, const char *p, size_t n)
{
	if (s->auth_step == PLAIN) {
		plain(s, p, n);
	} else if (!smtpauth_text(p, n)) {
		smtps_auth_over(s);
		smtps_error(s, malformed);
	} else if (s->auth_step == USER) {
		buf_add(&s->user, p, n + 1);
		s->auth_step = PASS;
		s->state = SMTPS_AUTH;
		smtps_reply(s, "334 UGFzc3dvcmQ6");
	} else {
		s->state = SMTPS_READY;
		check(s, s->user.p, p);
		smtps_auth_over(s);
	}
}

/* Here the password is outside of the input for the only time. */
static void
answer(struct smtps *s, const char *p, size_t n)
{
	char text[SMTPS_LONGEST / 4 * 3 + 1];
	long len;

	len = n > SMTPS_LONGEST ? -1 : smtpauth_base64(text, p, n);
	if (len == -1) {
		smtps_auth_over(s);
		smtps_error(s, malformed);
		return;
	}
	text[len] = '\0';
	take(s, text, (size_t)len);
	explicit_bzero(text, sizeof text);
}

void
smtps_auth_line(struct smtps *s, const char *p, size_t n)
{
	if (n == 1 && p[0] == '*') {
		smtps_auth_over(s);
		smtps_error(s, "501 5.7.0 login is cancelled");
	} else {
		answer(s, p, n);
	}
}

void
smtps_auth_long(struct smtps *s)
{
	smtps_auth_over(s);
	smtps_error(s, "500 5.5.6 authentication line is too long");
}

/* Why a login cannot begin now, NULL if it can. */
static const char *
no_auth(const struct smtps *s)
{
	if (s->login[0] != '\0')
		return "503 5.5.1 logged in already";
	if (smtps_auth_offered(s))
		return NULL;
	if (s->hooks->auth != NULL && (s->offer & SMTPS_OFFER_AUTH) != 0)
		return "538 5.7.11 logins need TLS: STARTTLS first";
	return "502 5.5.1 AUTH is not offered";
}

/* AUTH mechanism [initial response]; `=' is an empty one (RFC 4954 4). */
void
smtps_auth(struct smtps *s, const char *p, size_t n)
{
	const char *blank = n > 0 ? memchr(p, ' ', n) : NULL, *no = no_auth(s);
	size_t m = blank == NULL ? n : (size_t)(blank - p);

	if (no == NULL && n == 0)
		no = "501 5.5.4 syntax: AUTH mechanism";
	if (no == NULL && !str_caseeq(p, m, "PLAIN") &&
	    !str_caseeq(p, m, "LOGIN"))
		no = "504 5.5.4 unknown mechanism";
	if (no != NULL) {
		smtps_error(s, no);
		return;
	}
	s->auth_step = str_caseeq(p, m, "PLAIN") ? PLAIN : USER;
	for (p += m, n -= m; n > 0 && *p == ' '; p++, n--)
		;
	if (n == 1 && *p == '=')
		answer(s, p, 0);
	else if (n > 0)
		answer(s, p, n);
	else {
		s->state = SMTPS_AUTH;
		smtps_reply(s, s->auth_step == PLAIN ? "334 "
		    : "334 VXNlcm5hbWU6");
	}
}
