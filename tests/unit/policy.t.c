/* lib/policy: each rule with the clients that it is for and those that escape
 * it, by a table in memory and a small program in the place of mx-lookup. */
#include <cdb.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy.h"
#include "tap.h"

#define REC(key, val) {key, sizeof key - 1, val, sizeof val}

/* The literals end with a NUL of their own: the last field's. */
static const struct {
	const char *key;
	unsigned klen;
	const char *val;
	unsigned vlen;
} records[] = {
	REC("shostname", "mail.test\0C:1"),
	REC("dmail.test", "local\0\0\0\0C:1"),
	REC("dsys.test", "local\0\0\0\0C:2"),
	REC("dv.test", "vhost\0001001\0001002\0maildir\0D:1"),
	REC("drelay.test", "relay\0\0\0\0C:3"),
	REC("ualice@v.test", "1001\0001002\0maildir\0P:1"),
	REC("ubob@v.test", "1001\0001002\0maildir\0P:2"),
	REC("u\xc3\xbc@v.test", "1001\0001002\0maildir\0P:3"),
	REC("ujoe", "500\000501\0/home/joe\0S:1"),
	REC("asales@v.test", "A:1\0team@v.test"),
	REC("ateam@v.test", "A:2\0bob@v.test\0alice@v.test"),
	REC("aloop@v.test", "A:3\0loop2@v.test"),
	REC("aloop2@v.test", "A:4\0loop@v.test"),
	REC("abob@v.test", "A:5\0x@far.test"),
	REC("ainfo", "A:6\0\\joe\0|cmd"),
	REC("lalice@v.test", "L:1\0news@far.test\0@any.test"),
	REC("ljoe", "L:2\0*"),
};

static const char fake[] =
    "#!/bin/sh\n"
    "echo \"$4\" >>\"$ASKED\"\n"
    "case $4 in\n"
    "good.test) echo 'mx 0 good.test insecure 192.0.2.1';;\n"
    "null.test) echo 'fail 5.1.10 null MX'; exit 100;;\n"
    "slow.test|*slow) echo 'fail 4.4.3 timeout'; exit 111;;\n"
    "'ptr 192.0.2.10') echo 'ptr Friend.example confirmed';;\n"
    "'ptr 192.0.2.11') echo 'ptr friend.example unconfirmed';;\n"
    "'ptr 192.0.2.12') echo 'ptr friend.example undecided';;\n"
    "'ptr 192.0.2.13') echo 'fail 4.4.3 timeout'; exit 111;;\n"
    "'ptr 192.0.2.14') echo 'ptr a.sub.example confirmed';;\n"
    "'addr us.example') echo 'addr 192.0.2.1 127.0.0.5';;\n"
    "'addr us6.example') echo 'addr ::1';;\n"
    "'addr them.example') echo 'addr 192.0.2.1 2001:db8::1';;\n"
    "'addr late.example') echo 'fail 4.4.3 timeout'; exit 111;;\n"
    "*) echo 'fail 5.1.2 no such domain'; exit 100;;\n"
    "esac\n";

static char dir[] = "/tmp/policy.XXXXXX";
static char asked[64];
static struct map map;
static struct policy p;
static char told[4096];

/* The table, with settings besides (forbidden, trusted: "name", "value"). */
static void
make_map(const char *const set[][2])
{
	struct cdb_make make;
	char name[64], key[64], val[256];
	size_t i;
	int fd;

	map_close(&map);
	snprintf(name, sizeof name, "%s/cdb", dir);
	unlink(name);
	fd = open(name, O_RDWR | O_CREAT, 0600);
	cdb_make_start(&make, fd);
	for (i = 0; set != NULL && set[i][0] != NULL; i++) {
		snprintf(key, sizeof key, "s%s", set[i][0]);
		snprintf(val, sizeof val, "%s%cconf:%zu%c", set[i][1], 0,
		    i + 1, 0);
		cdb_make_add(&make, key, (unsigned)strlen(key), val,
		    (unsigned)strlen(set[i][1]) + 8);
	}
	for (i = 0; i < sizeof records / sizeof records[0]; i++)
		cdb_make_add(&make, records[i].key, records[i].klen,
		    records[i].val, records[i].vlen);
	cdb_make_finish(&make);
	close(fd);
	map_open(&map, name);
}

static void
note(void *arg, const char *rule, const char *answer, const char *origin)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof told - n, "%s=%s %s\n", rule, answer,
	    origin != NULL ? origin : "-");
}

/* A client of this address and reverse name; "PASS", or the reply. */
static const char *
meet(const char *ip, const char *name)
{
	const char *denied = p.denied, *rbl = p.rblsmtpd, *no;
	const char *relay = p.relayclient;

	policy_free(&p);
	memset(&p, 0, sizeof p);
	told[0] = '\0';
	unlink(asked);
	p.tables = &map;
	p.ip = ip;
	p.name = name;
	p.denied = denied;
	p.rblsmtpd = rbl;
	p.relayclient = relay;
	p.trace = note;
	no = policy_client(&p);
	return no != NULL ? no : "PASS";
}

static const char *
helo(const char *name)
{
	const char *no;

	p.helo = name;
	no = policy_helo(&p);
	return no != NULL ? no : "PASS";
}

static const char *
from(const char *addr)
{
	const char *no = policy_sender(&p, addr, strlen(addr));

	return no != NULL ? no : "PASS";
}

static char became[256];

static const char *
to(const char *addr)
{
	struct buf b = {0};
	const char *no;

	buf_str(&b, addr);
	no = policy_rcpt(&p, &b);
	snprintf(became, sizeof became, "%s", buf_cstr(&b));
	buf_free(&b);
	return no != NULL ? no : "PASS";
}

/* How often mx-lookup was asked. */
static int
questions(void)
{
	FILE *f = fopen(asked, "r");
	int c, n = 0;

	while (f != NULL && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f != NULL)
		fclose(f);
	return n;
}

static int
starts(const char *got, const char *want, const char *what)
{
	int same = strncmp(got, want, strlen(want)) == 0;

	if (!ok(same, what))
		printf("# got  \"%s\"\n# want \"%s...\"\n", got, want);
	return same;
}

static void
pointed_out(void)
{
	static const char *const accept[][2] = {{"forbidden", "accept"},
	    {NULL, NULL}};
	static const char *const folder[][2] = {{"forbidden", "folder:Junk"},
	    {NULL, NULL}};
	static const char *const why[][2] = {{"forbidden", "bounce:go away"},
	    {NULL, NULL}};

	make_map(NULL);
	is_str(meet("192.0.2.1", ""), "PASS", "a stranger");
	is_int(questions(), 0, "nothing is asked about him by default");
	ok(!p.may_relay && p.spam == NULL, "and he has no rights");
	p.denied = "421 4.7.0 too many sessions of your address";
	is_str(meet("192.0.2.1", ""), p.denied, "too many sessions");
	p.denied = "554 5.7.1 hosts.deny";
	is_str(meet("192.0.2.1", ""), "554 5.7.1 hosts.deny", "denied");
	p.denied = "554 5.7.1 a\tb\r\n250 x";
	is_str(meet("192.0.2.1", ""), "554 5.7.1 a?b??250 x",
	    "a reply stays one line");
	p.denied = "";
	is_str(meet("192.0.2.1", ""), "PASS", "DENIED that is empty");
	p.denied = NULL;
	p.rblsmtpd = "";
	is_str(meet("192.0.2.1", ""), "PASS", "RBLSMTPD that is empty");
	p.rblsmtpd = "listed";
	is_str(meet("192.0.2.1", ""), "421 4.7.1 listed", "RBLSMTPD for now");
	p.rblsmtpd = "-listed";
	is_str(meet("192.0.2.1", ""), "554 5.7.1 listed", "RBLSMTPD for ever");
	make_map(why);
	is_str(meet("192.0.2.1", ""), "554 5.7.1 go away", "bounce:why");
	is_str(told + strcspn(told, "\n") + 1, "RBLSMTPD=listed environment\n"
	    "forbidden=554 5.7.1 go away conf:1\n", "both lines are named");
	make_map(accept);
	is_str(meet("192.0.2.1", ""), "PASS", "forbidden=accept");
	is_str(p.spam ? p.spam : "", "listed", "says why");
	ok(p.folder == NULL, "no folder");
	p.denied = "421 4.7.0 too many";
	is_str(meet("192.0.2.1", ""), p.denied, "not for too many sessions");
	make_map(folder);
	p.denied = "554 5.7.1 hosts.deny";
	is_str(meet("192.0.2.1", ""), "PASS", "forbidden=folder");
	is_str(p.spam ? p.spam : "", "hosts.deny", "the first reason, without status");
	is_str(p.folder ? p.folder : "", "Junk", "the folder");
	p.denied = p.rblsmtpd = NULL;
}

/* In the place of the C library's. */
static double load_now;

int
getloadavg(double avg[], int n)
{
	avg[0] = load_now;
	return n > 0 ? 1 : -1;
}

static void
overload(void)
{
	make_map(NULL);
	load_now = 99;
	is_str(meet("192.0.2.1", ""), "PASS", "no load is too high by default");
	setenv("PC_LOAD", "10", 1);
	starts(meet("192.0.2.1", ""), "421 4.3.2 ", "load: too high");
	p.relayclient = "";
	starts(meet("192.0.2.1", ""), "421 4.3.2 ", "load: for everybody");
	p.relayclient = NULL;
	load_now = 10;
	is_str(meet("192.0.2.1", ""), "PASS", "load: not over it");
	unsetenv("PC_LOAD");
}

static void
without_name(void)
{
	make_map(NULL);
	setenv("PC_PARANOID", "1", 1);
	is_str(meet("192.0.2.1", "h.example"), "PASS",
	    "paranoid: a name is enough");
	is_int(questions(), 0, "without a question");
	starts(meet("192.0.2.1", ""), "554 5.7.1 ", "paranoid: no name");
	is_str(meet("192.0.2.11", ""), "PASS", "paranoid: it has one in DNS");
	is_str(meet("192.0.2.12", ""), "PASS", "even if it is undecided");
	starts(meet("192.0.2.13", ""), "421 4.4.3 ",
	    "paranoid: DNS that fails is temporary");
	is_str(meet("127.0.0.1", ""), "PASS", "paranoid: this host");
	is_str(meet("", ""), "PASS", "paranoid: no address");
	p.relayclient = "";
	is_str(meet("192.0.2.1", ""), "PASS", "paranoid: RELAYCLIENT");
	p.relayclient = NULL;
	setenv("PC_SERVICE", "lmtp", 1);
	is_str(meet("192.0.2.1", ""), "PASS", "paranoid: not by LMTP");
	unsetenv("PC_SERVICE");
	setenv("PC_PARANOID", "confirmed", 1);
	is_str(meet("192.0.2.10", "x.example"), "PASS", "confirmed: it is");
	starts(meet("192.0.2.11", "friend.example"), "554 5.7.1 ",
	    "confirmed: it is not");
	starts(meet("192.0.2.12", "friend.example"), "421 4.4.3 ",
	    "confirmed: it cannot be told");
	unsetenv("PC_PARANOID");
}

static void
trust(void)
{
	static const char *const set[][2] = {{"trusted", "198.51.100.7, "
	    "[203.0.113.9] 10.0.0.0/8 2001:db8:1::/48 friend.example "
	    ".sub.example"}, {NULL, NULL}};
	static const char *const yes[] = {"198.51.100.7", "203.0.113.9",
	    "10.255.0.1", "2001:db8:1:2::3"};
	static const char *const no[] = {"198.51.100.8", "11.0.0.1",
	    "2001:db8:2::1", "192.0.2.1"};
	size_t i;

	make_map(set);
	for (i = 0; i < 4; i++) {
		meet(yes[i], "");
		ok(p.may_relay, yes[i]);
	}
	for (i = 0; i < 4; i++) {
		meet(no[i], "");
		ok(!p.may_relay && !p.unsure, no[i]);
	}
	meet("192.0.2.10", "friend.example");
	ok(p.may_relay, "trusted: a name");
	meet("192.0.2.10", "other.example");
	ok(!p.may_relay && questions() == 0, "trusted: another name");
	meet("192.0.2.11", "friend.example");
	ok(!p.may_relay, "trusted: a name that is only claimed");
	starts(to("x@far.test"), "550 5.7.1 ", "and may not relay");
	meet("192.0.2.14", "");
	ok(p.may_relay, "trusted: a name below another");
	is_int(questions(), 1, "asked once");
	meet("192.0.2.12", "");
	ok(!p.may_relay, "trusted: DNS that fails is no trust");
	starts(to("x@far.test"), "451 4.4.3 ", "and no refusal for ever");
	setenv("PC_SERVICE", "lmtp", 1);
	meet("10.0.0.1", "");
	ok(!p.may_relay, "by LMTP nobody relays");
	unsetenv("PC_SERVICE");
	setenv("PC_SERVICE", "submission", 1);
	meet("10.0.0.1", "");
	ok(!policy_needs_login(&p), "submission: trusted clients are free");
	meet("192.0.2.1", "");
	ok(policy_needs_login(&p), "submission: others log in");
	p.login = "alice@v.test";
	ok(!policy_needs_login(&p), "submission: as they have");
	unsetenv("PC_SERVICE");
	meet("192.0.2.1", "");
	ok(!policy_needs_login(&p), "port 25 wants no login");
}

static void
names(void)
{
	static const char *const ours[] = {"mail.test", "MAIL.test.",
	    "sys.test", "[127.0.0.1]", "[IPv6:::1]", "127.0.0.1",
	    "us.example", "us6.example"};
	static const char *const others[] = {"v.test", "them.example",
	    "late.example", "nowhere.example", "[192.0.2.1]", "ylmf-pc",
	    "[IPv6:2001:db8::1]"};
	size_t i;

	make_map(NULL);
	meet("192.0.2.1", "");
	is_str(helo("mail.test"), "PASS", "checkhelo is off by default");
	setenv("PC_CHECKHELO", "1", 1);
	for (i = 0; i < sizeof ours / sizeof ours[0]; i++)
		starts(helo(ours[i]), "554 5.7.1 ", ours[i]);
	for (i = 0; i < sizeof others / sizeof others[0]; i++)
		is_str(helo(others[i]), "PASS", others[i]);
	p.login = "joe";
	is_str(helo("mail.test"), "PASS", "checkhelo: not with a login");
	meet("127.0.0.1", "");
	is_str(helo("mail.test"), "PASS", "checkhelo: not from here");
	p.relayclient = "";
	meet("192.0.2.1", "");
	is_str(helo("mail.test"), "PASS", "checkhelo: not who may relay");
	p.relayclient = NULL;
	unsetenv("PC_CHECKHELO");
}

static void
senders(void)
{
	make_map(NULL);
	meet("192.0.2.1", "");
	is_str(from("x@good.test"), "PASS", "a sender elsewhere");
	is_str(from("y@GOOD.test"), "PASS", "another of that domain");
	is_int(questions(), 1, "its domain is asked once");
	starts(from("x@bad.test"), "553 5.1.8 ", "a domain without mail");
	starts(from("x@null.test"), "550 5.7.27 ", "null MX");
	starts(from("x@slow.test"), "451 4.4.3 ", "DNS that fails");
	is_str(from(""), "PASS", "the null sender");
	is_str(from("x@[192.0.2.1]"), "PASS", "a literal");
	starts(from("alice@v.test"), "550 5.7.1 ", "ours from outside");
	starts(from("joe@SYS.test"), "550 5.7.1 ", "a system user's too");
	starts(from("joe@[127.0.0.1]"), "550 5.7.1 ", "or by our address");
	setenv("PC_NODAEMON", "1", 1);
	starts(from(""), "550 5.7.1 ", "nodaemon");
	p.login = "joe";
	is_str(from(""), "PASS", "nodaemon: a login");
	unsetenv("PC_NODAEMON");
	meet("127.0.0.1", "");
	is_str(from("alice@v.test"), "PASS", "ours from here");
	starts(from("none@v.test"), "553 5.1.0 ", "who does not exist");
	p.relayclient = "";
	meet("192.0.2.1", "");
	is_str(from("none@v.test"), "PASS", "of a client that may relay");
	is_str(from("x@bad.test"), "PASS", "anything");
	p.relayclient = NULL;
	setenv("PC_VERIFY_FROM", "0", 1);
	meet("192.0.2.1", "");
	is_str(from("none@v.test"), "PASS", "verify-from=0");
	unsetenv("PC_VERIFY_FROM");
	p.local = 1;
	is_str(from("x@bad.test"), "PASS", "a local user");
}

static void
logins(void)
{
	static const char *const alice[] = {"alice@v.test", "Alice@V.TEST",
	    "alice+x@v.test", "team@v.test", "sales@v.test", "news@far.test",
	    "who@any.test", ""};
	static const char *const not_alice[] = {"bob@v.test", "alice@sys.test",
	    "alicex@v.test", "alice@far.test", "loop@v.test", "x@sub.any.test",
	    "\"alice@v.test\"@far.test", "none@v.test"};
	static const char *const joe[] = {"joe@mail.test", "joe@sys.test",
	    "joe+a@[127.0.0.1]", "info@sys.test", "who@ever.example"};
	size_t i;

	make_map(NULL);
	meet("192.0.2.1", "");
	p.login = "Alice@v.test";
	for (i = 0; i < sizeof alice / sizeof alice[0]; i++)
		is_str(from(alice[i]), "PASS", alice[i]);
	for (i = 0; i < sizeof not_alice / sizeof not_alice[0]; i++)
		starts(from(not_alice[i]), "553 5.7.1 ", not_alice[i]);
	told[0] = '\0';
	from("sales@v.test");
	is_str(told, "login=pass A:1\n", "the alias that lets her is named");
	p.login = "joe";
	for (i = 0; i < sizeof joe / sizeof joe[0]; i++)
		is_str(from(joe[i]), "PASS", joe[i]);
	p.login = "joe@sys.test";
	is_str(from("joe@mail.test"), "PASS", "a system login with a domain");
	p.login = "bob@v.test";
	is_str(from("bob@v.test"), "PASS", "own address that is an alias");
	starts(from("joe@sys.test"), "553 5.7.1 ", "no entry of his own");
	is_int(questions(), 0, "no domain is asked of DNS");
}

static void
recipients(void)
{
	make_map(NULL);
	meet("192.0.2.1", "");
	is_str(to("alice@v.test"), "PASS", "a virtual user");
	is_str(to("joe@mail.test"), "PASS", "a system user");
	is_str(to("x@relay.test"), "PASS", "a domain that we relay for");
	starts(to("x%far.test@relay.test"), "550 5.7.1 ", "  not on by it: %");
	starts(to("far.test!x@relay.test"), "550 5.7.1 ", "  nor by !");
	starts(to("\"x@far.test\"@relay.test"), "550 5.7.1 ", "  nor by @");
	is_str(to("\xc3\xbc@v.test"), "PASS", "a name in UTF-8");
	is_str(to("joe@[127.0.0.1]"), "PASS", "our address");
	is_str(became, "joe@mail.test", "becomes our name");
	is_str(to("joe@[IPv6:::1]"), "PASS", "our IPv6 address");
	starts(to("none@v.test"), "550 5.1.1 ", "nobody");
	starts(to("x@far.test"), "550 5.7.1 ", "relay is closed");
	starts(to("x@[192.0.2.99]"), "550 5.7.1 ", "to an address too");
	starts(to("joe"), "550 5.1.3 ", "no domain");
	p.login = "alice@v.test";
	is_str(to("x@far.test"), "PASS", "a login may relay");
	starts(to("none@v.test"), "550 5.1.1 ", "but there is nobody else");
	p.relayclient = ".via";
	meet("192.0.2.1", "");
	is_str(to("x@far.test"), "PASS", "RELAYCLIENT may relay");
	is_str(became, "x@far.test.via", "with its text behind");
	p.relayclient = ".\xc3\xbc";
	meet("192.0.2.1", "");
	is_str(to("x@far.test"), "PASS", "in UTF-8 too");
	p.relayclient = ">\n";
	meet("192.0.2.1", "");
	starts(to("x@far.test"), "550 5.1.3 ", "but nothing else");
	p.relayclient = NULL;
}

/* Every table cut off at each length: an answer, never a crash. */
static void
damage(void)
{
	static char copy[65536];
	struct map cut;
	size_t i, whole = map.size;
	int passed = 0;

	meet("192.0.2.1", "");
	memcpy(copy, map.p, whole < sizeof copy ? whole : sizeof copy);
	for (i = 0; i < whole && i < sizeof copy; i++) {
		copy[i] ^= 0x55;
		cut.p = (const unsigned char *)copy;
		cut.size = whole;
		p.tables = &cut;
		p.login = i & 1 ? "alice@v.test" : NULL;
		from("sales@v.test");
		passed += strcmp(to("x@far.test"), "PASS") == 0 && !p.login;
		copy[i] ^= 0x55;
	}
	is_int(passed, 0, "no damage opens the relay");
	p.tables = &map;
}

int
main(void)
{
	char name[64];
	FILE *f;

	if (mkdtemp(dir) == NULL)
		return 111;
	snprintf(asked, sizeof asked, "%s/asked", dir);
	snprintf(name, sizeof name, "%s/mx-lookup", dir);
	f = fopen(name, "w");
	fputs(fake, f);
	fclose(f);
	chmod(name, 0755);
	setenv("PC_PATH", dir, 1);
	setenv("PC_PREFIX", dir, 1);
	setenv("ASKED", asked, 1);
	pointed_out();
	overload();
	without_name();
	trust();
	names();
	senders();
	logins();
	recipients();
	damage();
	policy_free(&p);
	unlink(name);
	unlink(asked);
	snprintf(name, sizeof name, "%s/cdb", dir);
	unlink(name);
	rmdir(dir);
	return done();
}
