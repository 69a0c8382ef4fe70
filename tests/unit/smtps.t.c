/* smtps: the session, driven from memory. */
#include <stdlib.h>

#include "session.h"

/* How each command is given; in the order of smtp-recv(8). */
static const char *const given[] = {"HELO c\r\n", "EHLO c\r\n", "LHLO c\r\n",
    "STARTTLS\r\n", "AUTH LOGIN\r\n", "MAIL FROM:<>\r\n",
    "RCPT TO:<a@b.c>\r\n", "DATA\r\n", "BDAT 3\r\nabc", "RSET\r\n",
    "VRFY a\r\n", "EXPN a\r\n", "NOOP a\r\n", "HELP\r\n", "QUIT\r\n"};
enum { GIVEN = sizeof given / sizeof *given };

/* The states are the columns of the table. */
static const enum smtps_state column[] = {SMTPS_START, SMTPS_READY,
    SMTPS_MAIL, SMTPS_RCPT, SMTPS_BDAT, SMTPS_SHUT};
enum { COLUMNS = sizeof column / sizeof *column };

/* The state after a command, that it leads to if it succeeds. */
static enum smtps_state
after(size_t i, enum smtps_state state, const char *code)
{
	const char *verb = smtps_command(i);

	if (strcmp(verb, "QUIT") == 0)
		return SMTPS_CLOSED;
	if (code[0] == '5')
		return state;
	if (strchr("HEL", verb[0]) != NULL && strcmp(verb + 2, "LO") == 0)
		return SMTPS_READY;
	return strcmp(verb, "STARTTLS") == 0 ? SMTPS_START
	    : strcmp(verb, "AUTH") == 0 ? SMTPS_AUTH
	    : strcmp(verb, "MAIL") == 0 ? SMTPS_MAIL
	    : strcmp(verb, "RCPT") == 0 ? SMTPS_RCPT
	    : strcmp(verb, "DATA") == 0 ? SMTPS_DATA
	    : strcmp(verb, "BDAT") == 0 ? SMTPS_BDAT
	    : strcmp(verb, "RSET") == 0 && state > SMTPS_READY ? SMTPS_READY
	    : state;
}

/* One row of the page: what command i, given as line, answers in each
 * state. */
static void
row(size_t i, char codes[COLUMNS][8], const char *line)
{
	const char *got;
	char what[80];
	size_t c;

	for (c = 0; c < COLUMNS; c++) {
		reach(column[c]);
		is_int(s.state, column[c], "state is reached");
		got = says(line);
		snprintf(what, sizeof what, "%s in column %zu: %s",
		    smtps_command(i), c, codes[c]);
		ok(strncmp(got, codes[c], 3) == 0 &&
		    s.state == after(i, column[c], codes[c]), what);
	}
}

/* The table of the page: every command in every state. */
static void
table(void)
{
	FILE *f = fopen("man/smtp-recv.8", "r");
	char line[200], verb[16], codes[COLUMNS][8];
	size_t i = 0;

	ok(f != NULL, "man/smtp-recv.8");
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		if (sscanf(line, ".It %15s Ta %7s Ta %7s Ta %7s Ta %7s Ta %7s "
		    "Ta %7s", verb, codes[0], codes[1], codes[2], codes[3],
		    codes[4], codes[5]) != 7 || codes[0][0] < '0' ||
		    codes[0][0] > '9')
			continue;
		ok(i < GIVEN && smtps_command(i) != NULL &&
		    strcmp(smtps_command(i), verb) == 0 &&
		    strncmp(given[i], verb, strlen(verb)) == 0, verb);
		if (i < GIVEN)
			row(i, codes, given[i]);
		i++;
	}
	ok(i == GIVEN && smtps_command(i) == NULL, "and no other command");
	if (f != NULL)
		fclose(f);
}

/* While a login is asked for no command is one. */
static void
in_auth(void)
{
	size_t i;

	for (i = 0; i < GIVEN; i++) {
		reach(SMTPS_AUTH);
		is_int(s.state, SMTPS_AUTH, smtps_command(i));
		ok(strncmp(says(given[i]), "501 5.5.2 ", 10) == 0 &&
		    s.state == SMTPS_READY, "is an answer within AUTH");
	}
}

static void
greetings(void)
{
	char big[9000];

	prepare();
	s.banner = "hello\nworld\x07\n\n";
	smtps_start(&s);
	is_str(says(""), "220-mx.test ESMTP hello\n220 world?\n", "a banner");
	memset(big, 'x', sizeof big);
	big[600] = big[700] = big[8000] = '\n';
	big[sizeof big - 1] = '\0';
	prepare();
	s.banner = big;
	smtps_start(&s);
	ok(strlen(says("")) < SMTPS_OUT / 2, "a banner that is too long");
	ok(strncmp(says("NOOP\r\n"), "250 ", 4) == 0, "and then commands");

	reach(SMTPS_SHUT);
	is_mem(h.refused.p, h.refused.len, "C \n", "refused from the start");
	is_str(says("FOO\r\nMAIL FROM:<>\r\n"), "503 5.5.1 only QUIT now\n"
	    "503 5.5.1 only QUIT now\n", "only QUIT then");
	is_str(says("EHLO a\r\nEHLO a\r\nEHLO a\r\nEHLO a\r\n"),
	    "503 5.5.1 only QUIT now\n503 5.5.1 only QUIT now\n"
	    "503 5.5.1 only QUIT now\n421 4.7.0 too many errors\n",
	    "but not often");
	reach(SMTPS_SHUT);
	is_str(says("QUIT\r\n"), "221 2.0.0 bye\n", "QUIT");
	prepare();
	s.shut = "421 4.3.2 too busy";
	smtps_start(&s);
	is_str(says("NOOP\r\n"), "421 4.3.2 too busy\n", "421 at once");
	is_int(s.state, SMTPS_CLOSED, "closes");
}

/* A 421 of any hook is the end. */
static void
ends(void)
{
	static const char last[] = "421 4.7.0 away\n";

	begin();
	feed("");
	is_str(says("HELO end\r\nNOOP\r\n"), last, "421 to HELO");
	reach(SMTPS_READY);
	is_str(says("MAIL FROM:<end@b.test>\r\nNOOP\r\n"), last, "to MAIL");
	reach(SMTPS_MAIL);
	is_str(says("RCPT TO:<end@b.test>\r\nNOOP\r\n"), last, "to RCPT");
	is_mem(h.refused.p, h.refused.len, "R end@b.test\nC \n", "logged");
	reach(SMTPS_RCPT);
	h.data = "421 4.7.0 away";
	is_str(says("DATA\r\nNOOP\r\n"), last, "to DATA");
	reach(SMTPS_RCPT);
	h.data = "421 4.7.0 away";
	is_str(says("BDAT 3\r\nabc"), last, "to BDAT");
	reach(SMTPS_READY);
	is_str(says("AUTH PLAIN AGVuZAB4\r\nNOOP\r\n"), last, "to AUTH");
	is_int(s.state, SMTPS_CLOSED, "the end");
}

static void
helo(void)
{
	begin();
	feed("");
	is_str(says("EHLO bad.test\r\n"), "550 5.7.1 no such name\n",
	    "a name that is refused");
	is_mem(h.refused.p, h.refused.len, "C bad.test\n", "logged");
	is_str(says("MAIL FROM:<>\r\n"), "503 5.5.1 EHLO or HELO first\n",
	    "is none");
	reach(SMTPS_BDAT);
	is_str(says("HELO c\r\n"), "250 mx.test\n", "HELO in a message");
	ok(h.drops == 1 && s.nrcpt == 0, "drops it");
}

static void
starttls(void)
{
	reach(SMTPS_READY);
	s.offer = 0;
	is_str(says("STARTTLS\r\n"), "502 5.5.1 STARTTLS is not offered\n",
	    "not offered");
	ok(strstr(says("EHLO c\r\n"), "STARTTLS") == NULL, "in EHLO either");
	is_str(says("STARTTLS x\r\n"), "501 5.5.4 no argument allowed\n",
	    "with an argument");
	reach(SMTPS_READY);
	feed("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nMAIL FROM:<a@b.test>\r\n"
	    "RCPT TO:<c@d.test>\r\n");
	is_str(s.login, "alice", "a login in clear");
	is_str(says("STARTTLS\r\nMAIL FROM:<evil@b.test>\r\nNOOP\r\nRS"),
	    "220 2.0.0 ready to start TLS\n", "STARTTLS");
	ok(s.state == SMTPS_START && s.helo[0] == '\0' && s.nrcpt == 0 &&
	    s.login[0] == '\0' && s.env.len == 0 && !s.esmtp,
	    "everything is forgotten");
	is_str(says("NOOP\r\n"), "250 2.0.0 ok\n",
	    "what came in plain text too");
	is_str(says("MAIL FROM:<a@b.test>\r\n"),
	    "503 5.5.1 EHLO or HELO first\n", "and the name");
	ok(strstr(says("EHLO c\r\n"), "STARTTLS") == NULL,
	    "TLS is offered once");
	is_str(says("STARTTLS\r\n"), "503 5.5.1 TLS stands already\n",
	    "and done once");
}

static void
audit(void)
{
	reach(SMTPS_START);
	feed("EHLO c\r\nsecret\r\nAUTH LOGIN\r\n*\r\nMAIL FROM:<>\r\n"
	    "RCPT TO:<c@d.test>\r\nBDAT 1\r\naBDAT 0 LAST\r\nQUIT\r\n");
	is_mem(h.audit.p, h.audit.len, "EHLO: 250-mx.test\n"
	    "?: 500 5.5.2 unknown command\nAUTH: 334 VXNlcm5hbWU6\n"
	    "AUTH: 501 5.7.0 login is cancelled\nMAIL: 250 2.1.0 ok\n"
	    "RCPT: 250 2.1.5 ok\nBDAT: 250 2.0.0 chunk is here\n"
	    ".: 250 2.0.0 queued\nQUIT: 221 2.0.0 bye\n", "the audit");
}

static void
replies(void)
{
	begin();
	is_str(says(""), "220 mx.test ESMTP\n", "greeting");
	is_str(says("EHLO\r\n"), "501 syntax: HELO or EHLO hostname\n",
	    "EHLO without a name");
	is_str(says("ehlo c.test\r\n"), "250-mx.test\n250-PIPELINING\n"
	    "250-SIZE 1000000\n250-8BITMIME\n250-SMTPUTF8\n250-CHUNKING\n"
	    "250-STARTTLS\n250-AUTH PLAIN LOGIN\n250-DSN\n"
	    "250 ENHANCEDSTATUSCODES\n",
	    "EHLO in small letters");
	is_str(says("FOO\r\n"), "500 5.5.2 unknown command\n", "unknown");
	is_str(says("\r\n"), "500 5.5.2 unknown command\n", "empty line");
	is_str(says("MAIL\r\n"), "501 5.1.7 syntax: MAIL FROM:<address>\n",
	    "MAIL alone");
	is_str(says("MAIL FROM:<a>\r\n"), "553 5.1.7 sender needs a domain\n",
	    "sender without domain");
	is_str(says("MAIL FROM:<j\xc3\xb6@b.test>\r\n"),
	    "553 5.6.7 address needs SMTPUTF8\n", "8-bit sender");
	is_str(says("MAIL FROM:<a@b.test> FOO=1\r\n"),
	    "555 5.5.4 unknown parameter\n", "unknown parameter");
	is_str(says("MAIL FROM:<a@b.test> SIZE=1000001\r\n"),
	    "552 5.3.4 message is too big\n", "declared too big");
	is_str(says("MAIL FROM:<bad@b.test>\r\n"), "553 5.1.8 no\n",
	    "the caller refuses a sender");
	is_str(says("RCPT TO:<c@d.test>\r\n"), "503 5.5.1 MAIL first\n",
	    "and RCPT behind it has no sender");
	is_str(says("MAIL FROM: a@b.test  SIZE=5 body=8bitmime \r\n"),
	    "250 2.1.0 ok\n", "a sloppy MAIL");
	is_str(says("RCPT TO:<>\r\n"), "501 5.1.3 syntax: RCPT TO:<address>\n",
	    "no recipient");
	is_str(says("RCPT TO:<a@b.test> FOO=NEVER\r\n"),
	    "555 5.5.4 unknown parameter\n", "RCPT parameter");
	is_str(says("RCPT TO:<no@b.test>\r\n"), "550 5.1.1 no such user\n",
	    "the caller refuses a recipient");
	is_str(says("DATA\r\n"), "554 5.5.1 no valid recipients\n",
	    "DATA without recipient");
	is_str(says("RSET x\r\n"), "501 5.5.4 no argument allowed\n",
	    "RSET with an argument");
	is_str(says("NOOP a\rb\r\n"),
	    "501 5.5.2 control character in command\n",
	    "bare CR in a command");
	is_str(says("QUIT \t\r\n"), "221 2.0.0 bye\n", "QUIT and blanks");
	is_mem(h.refused.p, h.refused.len, "S \nS a\n"
	    "S j\xc3\xb6@b.test\nS a@b.test\nS a@b.test\n"
	    "S bad@b.test\nR TO:<>\nR a@b.test\nR no@b.test\n",
	    "what was refused: the address, or what is none");
}

/* How often the line can be said before the session is over. */
static int
endures(const char *line, int max)
{
	int n = 0;

	while (n < max && s.state != SMTPS_CLOSED) {
		says(line);
		n++;
	}
	return n;
}

static void
budgets(void)
{
	char longline[9000];
	int i;

	begin();
	is_int(endures("FOO\r\n", 1000), SMTPS_ERRORS, "unknown commands");
	ok(strstr(h.said.p, "421 4.7.0") != NULL, "end with 421");
	reach(SMTPS_READY);
	is_int(endures("NOOP\r\n", 1000), 99 + SMTPS_ERRORS, "NOOPs");
	reach(SMTPS_MAIL);
	is_int(endures("RCPT TO:<no@b.test>\r\n", 1000), SMTPS_REFUSED,
	    "refused recipients");
	ok(s.slow, "which were made slow");
	reach(SMTPS_MAIL);
	endures("FOO\r\nNOOP\r\nRCPT TO:<no@b.test>\r\n", 10);
	feed("RCPT TO:<a@b.test>\r\nDATA\r\n.\r\n");
	ok(s.errors + s.refused + s.junk == 0,
	    "a message that is taken makes up for them");
	reach(SMTPS_MAIL);
	for (i = 0; i < 100; i++)
		feed("RCPT TO:<a@b.test>\r\n");
	h.refused.len = 0;
	is_str(says("RCPT TO:<a@b.test>\r\nRCPT TO:<b@b.test>\r\n"),
	    "452 4.5.3 too many recipients\n452 4.5.3 too many recipients\n",
	    "recipients over the limit");
	is_mem(h.refused.p, h.refused.len, "R a@b.test\n", "logged once");
	is_int((long long)s.nrcpt, 100, "the others stay");

	memset(longline, 'x', sizeof longline);
	memcpy(longline + sizeof longline - 3, "\r\n", 3);
	reach(SMTPS_READY);
	is_str(says(longline), "500 5.5.2 line is too long\n", "long line");
	is_str(says("NOOP\r\n"), "250 2.0.0 ok\n", "and the next one counts");
	longline[1500] = '\r';
	longline[1501] = '\n';
	longline[1502] = '\0';
	memcpy(longline, "NOOP ", 5);
	is_str(says(longline), "250 2.0.0 ok\n", "1500 octets are fine");
	for (i = 0; i < 1000; i++)
		memcpy(longline + (size_t)i * 6, "NOOP\r\n", 6);
	longline[6000] = '\0';
	reach(SMTPS_READY);
	says(longline);
	ok(h.said.len > 1000 && s.state == SMTPS_CLOSED,
	    "a thousand commands at once are answered until it is too much");
}

int
main(void)
{
	table();
	in_auth();
	greetings();
	ends();
	helo();
	starttls();
	audit();
	replies();
	budgets();
	return done();
}
