/* smtps: AUTH, and that no password stays in memory. */
#include "session.h"

static const char plain[] = "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n";

static void
good(void)
{
	static const char in[] = "235 2.7.0 logged in\n";

	reach(SMTPS_READY);
	is_str(says(plain), in, "PLAIN");
	ok(strcmp(s.login, "alice") == 0 && s.state == SMTPS_READY, "is in");
	is_str(says(plain), "503 5.5.1 logged in already\n", "once");
	is_str(says("EHLO c\r\nMAIL FROM:<>\r\n") + h.said.len - 13,
	    "250 2.1.0 ok\n", "EHLO keeps it");
	is_str(s.login, "alice", "who it is");
	reach(SMTPS_READY);
	is_str(says("auth plain\r\n"), "334 \n", "without initial response");
	is_str(says("YWxpY2UAYWxpY2UAc2VjcmV0\r\n"), in, "PLAIN for oneself");
	reach(SMTPS_READY);
	is_str(says("AUTH LOGIN\r\n"), "334 VXNlcm5hbWU6\n", "LOGIN");
	is_str(says("YWxpY2U=\r\n"), "334 UGFzc3dvcmQ6\n", "the user");
	is_str(says("c2VjcmV0\r\n"), in, "the password");
	is_str(s.login, "alice", "is in");
	reach(SMTPS_READY);
	is_str(says("AUTH LOGIN YWxpY2U=\r\n"), "334 UGFzc3dvcmQ6\n",
	    "LOGIN with initial response");
	is_str(says("c2VjcmV0\n"), in, "and LF alone");
}

static void
bad(void)
{
	static const char malformed[] =
	    "501 5.5.2 malformed authentication data\n";
	static const char *const none[] = {"AUTH PLAIN =", "AUTH PLAIN QQ",
	    "AUTH PLAIN QQ==", "AUTH PLAIN ====", "AUTH PLAIN AGEAY g==",
	    "AUTH PLAIN AGEAYg== AGEAYg==", "AUTH PLAIN AGFsaWNlAHNlY3JldB==",
	    "AUTH PLAIN AGFsaWNlAHNlY3JldAA=", "AUTH PLAIN *",
	    "AUTH LOGIN =", "AUTH LOGIN YQpi", "AUTH LOGIN !"};
	char line[100];
	size_t i;

	for (i = 0; i < sizeof none / sizeof *none; i++) {
		reach(SMTPS_READY);
		snprintf(line, sizeof line, "%s\r\n", none[i]);
		is_str(says(line), malformed, none[i]);
		ok(s.state == SMTPS_READY && h.auths == 0, "asks nobody");
	}
	reach(SMTPS_AUTH);
	is_str(says("=\r\n"), malformed, "= as a line");
	reach(SMTPS_AUTH);
	is_str(says("\r\n"), malformed, "an empty line");
	reach(SMTPS_AUTH);
	is_str(says("*\r\n"), "501 5.7.0 login is cancelled\n", "cancelled");
	reach(SMTPS_READY);
	feed("AUTH LOGIN\r\nYWxpY2U=\r\n");
	is_str(says("*\r\n"), "501 5.7.0 login is cancelled\n",
	    "cancelled later");
	ok(s.user.p == NULL && s.state == SMTPS_READY, "and forgotten");
	reach(SMTPS_READY);
	is_str(says("AUTH\r\nAUTH CRAM-MD5\r\nAUTH PLAINX\r\n"),
	    "501 5.5.4 syntax: AUTH mechanism\n504 5.5.4 unknown mechanism\n"
	    "504 5.5.4 unknown mechanism\n", "mechanisms");
	reach(SMTPS_READY);
	is_str(says("AUTH PLAIN Ym9iAGFsaWNlAHNlY3JldA==\r\n"),
	    "535 5.7.8 nobody logs in for somebody else\n", "another authzid");
	ok(h.auths == 0 && s.tries == 1, "is a failure without a question");
	is_mem(h.refused.p, h.refused.len, "L alice\n", "logged");
	reach(SMTPS_READY);
	is_str(says("AUTH PLAIN AGxhdGVyAHg=\r\n"), "454 4.7.0 later\n",
	    "cannot be told now");
	is_int(s.tries, 0, "is no failure");
}

/* Lines of AUTH that are too long, and other lines. */
static void
longer(void)
{
	static const char no[] = "500 5.5.6 authentication line is too long\n";
	char line[9000];
	size_t n, i;

	memset(line, 'Q', sizeof line);
	memcpy(line, "AUTH PLAIN ", 11);
	memcpy(line + sizeof line - 3, "\r\n", 3);
	reach(SMTPS_READY);
	is_str(says(line), no, "a long initial response");
	reach(SMTPS_AUTH);
	is_str(says(line + 11), no, "a long answer");
	is_int(s.state, SMTPS_READY, "ends it");
	ok(memmem(&s, sizeof s, "QQQQ", 4) == NULL, "and is not kept");
	memset(line, 'X', 11);
	is_str(says(line), "500 5.5.2 line is too long\n", "a long command");
	/* 255 octets are a login that could be, 258 are none. */
	for (n = 85; n <= 86; n++) {
		reach(SMTPS_READY);
		feed("AUTH LOGIN ");
		for (i = 0; i < n; i++)
			feed("YWFh");
		feed("\r\nc2VjcmV0\r\n");
		is_int(h.auths, n == 85, "the longest login");
	}
}

static void
policy(void)
{
	reach(SMTPS_READY);
	s.offer = SMTPS_OFFER_AUTH | SMTPS_OFFER_STARTTLS;
	s.need_login = 1;
	is_str(says(plain), "538 5.7.11 logins need TLS: STARTTLS first\n",
	    "not in clear");
	ok(strstr(says("EHLO c\r\n"), "AUTH") == NULL, "nor in EHLO");
	is_str(says("MAIL FROM:<>\r\n"),
	    "530 5.7.0 STARTTLS and log in first\n", "and no mail");
	feed("STARTTLS\r\n");
	ok(strstr(says("EHLO c\r\n"), "250-AUTH PLAIN LOGIN\n") != NULL,
	    "but with TLS");
	is_str(says("MAIL FROM:<>\r\n"), "530 5.7.0 log in first\n",
	    "still no mail");
	feed(plain);
	is_str(says("MAIL FROM:<>\r\n"), "250 2.1.0 ok\n", "and then mail");
	reach(SMTPS_READY);
	s.offer = SMTPS_OFFER_DSN;
	is_str(says(plain), "502 5.5.1 AUTH is not offered\n", "not offered");
}

static void
tries(void)
{
	reach(SMTPS_READY);
	feed("AUTH PLAIN AGEAYg==\r\nAUTH PLAIN AGEAYg==\r\n");
	is_str(says("AUTH PLAIN AGEAYg==\r\nNOOP\r\n"),
	    "535 5.7.8 no\n421 4.7.0 too many failed logins\n", "three tries");
	is_mem(h.refused.p, h.refused.len, "L a\nL a\nL a\nC \n", "logged");
	is_int(s.tries, 3, "counted");
}

/* Is any part of alice's password in the session, as it is or in base64? */
static int
kept(void)
{
	static const char *const parts[] = {"secret", "secr", "c2VjcmV0",
	    "NlY3J", "lY3JldA"};
	size_t i;

	for (i = 0; i < sizeof parts / sizeof *parts; i++)
		if (memmem(s.in, sizeof s.in, parts[i], strlen(parts[i])) ||
		    memmem(s.out, sizeof s.out, parts[i], strlen(parts[i])))
			return 1;
	return s.user.p != NULL;
}

static void
wiped(void)
{
	static const char *const how[] = {
	    "NOOP\r\nNOOP\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nNOOP\r\n",
	    "NOOP\r\nAUTH PLAIN\r\nAGFsaWNlAHNlY3JldA==\r\nNOOP\r\n",
	    "AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\nNOOP\r\n",
	    "AUTH LOGIN\r\nYm9i\r\nc2VjcmV0\r\nNOOP\r\n",
	    "AUTH PLAIN\r\nAGFsaWNlAHNlY3JldA\r\nNOOP\r\n",
	    "AUTH LOGIN\r\n*\r\nAUTH CRAM-MD5 c2VjcmV0\r\nNOOP\r\n",
	    "NOOP\r\nAUTH LOGIN YWxpY2U=\r\nc2VjcmV0\r\nMAIL FROM:<>\r\n"};
	size_t i, step, bad = 0;

	for (i = 0; i < sizeof how / sizeof *how; i++)
		for (step = 1; step <= strlen(how[i]); step++) {
			reach(SMTPS_READY);
			feed_n(how[i], strlen(how[i]), step);
			bad += (size_t)kept();
		}
	is_int((long long)bad, 0, "no password stays, whatever the pieces");
	reach(SMTPS_READY);
	feed("AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0");
	smtps_free(&s);
	ok(!kept(), "nor when the connection is lost");
	reach(SMTPS_READY);
	feed("AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0");
	smtps_end(&s, "421 4.4.2 timeout");
	ok(s.user.p == NULL, "nor the user at a timeout");
	smtps_free(&s);
}

int
main(void)
{
	good();
	bad();
	longer();
	policy();
	tries();
	wiped();
	return done();
}
