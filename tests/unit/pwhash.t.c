/* lib/pwhash and the request of lib/authreq: what is a hash, and whose. */
#include <stdlib.h>

#include "authreq.h"
#include "pwhash.h"
#include "tap.h"

#define B43 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
#define B53 B43 "0123456789"

static void
kinds(void)
{
	static const struct {
		const char *hash;
		enum pwhash_kind kind;
	} t[] = {
		{"", PWHASH_LOCKED}, {"*", PWHASH_LOCKED},
		{"!", PWHASH_LOCKED}, {"!$6$salt$hash", PWHASH_LOCKED},
		{"*0", PWHASH_LOCKED}, {"{CRYPT}", PWHASH_LOCKED},
		{"{CRYPT}*", PWHASH_LOCKED}, {"{PLAIN}", PWHASH_LOCKED},
		{"{PLAIN}*", PWHASH_PLAIN}, {"{plain}a b", PWHASH_PLAIN},
		{"{CLEARTEXT}x", PWHASH_PLAIN},
		{"$1$salt$hash", PWHASH_CRYPT}, {"$5$salt$h", PWHASH_CRYPT},
		{"$6$rounds=9$s$h", PWHASH_CRYPT},
		{"$y$j9T$salt$h", PWHASH_CRYPT},
		{"$gy$j9T$salt$h", PWHASH_CRYPT},
		{"$7$CU..../....s$h", PWHASH_CRYPT},
		{"$2y$05$" B53, PWHASH_CRYPT}, {"$2b$05$" B53, PWHASH_CRYPT},
		{"$2y$05$" B43, PWHASH_UNKNOWN},
		{"{BLF-CRYPT}$2y$05$" B53, PWHASH_CRYPT},
		{"{sha512-crypt}$6$s$h", PWHASH_CRYPT},
		{"abcdefghijklm", PWHASH_CRYPT}, {"_J9..rasm6f5ycSbUcd6",
		PWHASH_CRYPT}, {"J9..rasm6f5ycSbUcd6", PWHASH_UNKNOWN},
		{"abcdefghijkl", PWHASH_UNKNOWN},
		{"abcdefghijk-m", PWHASH_UNKNOWN},
		{"$apr1$salt$hash", PWHASH_APR1}, {"$apr1$", PWHASH_UNKNOWN},
		{"{SHA}EBbPDDtaGLt5g2VyOw6GEwVoZIk=", PWHASH_SHA},
		{"{SHA}EBbPDDtaGLt5g2VyOw6GEwVoZI=", PWHASH_UNKNOWN},
		{"{SHA}EBbPDDtaGLt5g2VyOw6GEwVoZI.=", PWHASH_UNKNOWN},
		{"{SSHA}EBbPDDtaGLt5g2VyOw6GEwVoZIk=", PWHASH_UNKNOWN},
		{"{SSHA}EBbPDDtaGLt5g2VyOw6GEwVoZIkxMjM0", PWHASH_SSHA},
		{"secret", PWHASH_UNKNOWN}, {"$", PWHASH_UNKNOWN},
		{"$$", PWHASH_UNKNOWN}, {"$6$", PWHASH_UNKNOWN},
		{"$6$salt", PWHASH_UNKNOWN}, {"$6$salt$", PWHASH_UNKNOWN},
		{"$6$sa lt$hash", PWHASH_UNKNOWN},
		{"$6$salt$ha\tsh", PWHASH_UNKNOWN},
		{"$argon2id$v=19$m=1$c$h", PWHASH_UNKNOWN},
		{"{ARGON2ID}$6$salt$hash", PWHASH_UNKNOWN},
		{"{SHA256}abc", PWHASH_UNKNOWN}, {"{", PWHASH_UNKNOWN},
		{"{}", PWHASH_UNKNOWN}, {"{CRYPT", PWHASH_UNKNOWN}};
	const char *text;
	size_t i;

	for (i = 0; i < sizeof t / sizeof t[0]; i++)
		is_int(pwhash_kind(t[i].hash, strlen(t[i].hash), &text),
		    t[i].kind, t[i].hash);
	pwhash_kind("{CRYPT}$6$s$h", 13, &text);
	is_str(text, "$6$s$h", "the text without Dovecot's name");
	is_int(pwhash_kind("{PLAIN}a\0b", 10, &text), PWHASH_UNKNOWN,
	    "a NUL in a password");
}

static void
costs(void)
{
	static const struct {
		const char *hash, *cost;
	} t[] = {
		{"$6$salt$hash", "$6$"},
		{"$6$rounds=9000$salt$hash", "$6$rounds=9000$"},
		{"{CRYPT}$6$salt$hash", "{CRYPT}$6$"},
		{"$2y$05$" B53, "$2y$05$"}, {"$y$j9T$salt$h", "$y$j9T$"},
		{"$7$CU..../....salt$h", "$7$CU..../...."},
		{"$apr1$salt$hash", "$apr1$"}, {"abcdefghijklm", ""},
		{"$sha1$4000$salt$h", "$sha1$4000$"},
		{"{SHA}EBbPDDtaGLt5g2VyOw6GEwVoZIk=", "{SHA}"}};
	size_t i;

	for (i = 0; i < sizeof t / sizeof t[0]; i++)
		is_mem(t[i].hash, pwhash_cost(t[i].hash, strlen(t[i].hash)),
		    t[i].cost, t[i].hash);
	ok(pwhash_equal("abc", 3, "abc", 3), "equal");
	ok(!pwhash_equal("abc", 3, "abd", 3), "other at the end");
	ok(!pwhash_equal("bbc", 3, "abc", 3), "other at the beginning");
	ok(!pwhash_equal("abc", 3, "ab", 2), "another length");
	ok(pwhash_equal("", 0, "", 0), "nothing");
}

static void
requests(void)
{
	struct authreq r;

	is_int(authreq_parse(&r, "a@b\0pw\0time\0", 12), 0, "a request");
	is_str(r.login, "a@b", "login");
	is_str(r.pass, "pw", "password");
	is_str(r.extra, "time", "and what is behind it");
	is_int(authreq_parse(&r, "a\0\0", 3), 0, "an empty password");
	is_str(r.extra, "", "nothing behind it");
	is_int(authreq_parse(&r, "", 0), -1, "nothing");
	is_int(authreq_parse(&r, "a\0", 2), -1, "a login");
	is_int(authreq_parse(&r, "a\0pw", 4), -1, "no second NUL");
	ok(auth_level("passwd") > auth_level("virtual") &&
	    auth_level("virtual") > auth_level("no") &&
	    auth_level("nonsense") == AUTH_NO, "levels");
	ok(auth_name_valid("joe.x_1"), "a name");
	ok(!auth_name_valid("") && !auth_name_valid("-x") &&
	    !auth_name_valid("a:b") && !auth_name_valid("a/b") &&
	    !auth_name_valid("a b") && !auth_name_valid("a@b"),
	    "what is none");
}

int
main(void)
{
	kinds();
	costs();
	requests();
	return done();
}
