/* lib/spawnreq: what a spawner does for a request, and what it refuses. */
#include <cdb.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "spawnreq.h"
#include "tap.h"

#define REC(key, val) {key, sizeof key - 1, val, sizeof val}

static const struct {
	const char *key;
	unsigned klen;
	const char *val;
	unsigned vlen;
} records[] = {
	REC("shostname", "host.test"),
	REC("salias-user", "joe"),
	REC("srelay-host", "[192.0.2.1]:25"),
	REC("spipe-timeout", "60"),
	REC("svirtual-minimum-uid", "100"),
	REC("dv.test", "vhost\0001001\0001002\0maildir\0D:1"),
	REC("dlow.test", "vhost\00050\00050\0maildir\0D:2"),
	REC("dzero.test", "vhost\0000\0000\0maildir\0D:3"),
	REC("dhost.test", "local\0\0\0\0C:1"),
	REC("ualice@v.test", "1001\0001002\0maildir\0P:1"),
	REC("ubob@v.test", "1001\0001002\0mbox\0P:2"),
	REC("uown@v.test", "1003\0001003\0mbox\0P:3"),
	REC("ulow@low.test", "50\00050\0maildir\0P:4"),
	REC("uzero@zero.test", "0\0000\0maildir\0P:5"),
	REC("ujoe", "500\000501\0/home/joe\0S:1"),
	REC("uroot", "0\0000\0/root\0S:2"),
	REC("acmd@v.test", "A:1\0|cmd a b\0/file\0:include:/list"),
	REC("acmd@zero.test", "A:2\0|cmd"),
	REC("apostmaster", "A:3\0|cmd a b\0joe"),
};

#define ORDER "I0123456789abcdef\0Bfirst\0"
/* Number, kind, destination; then sender and recipients. */
#define REQUEST(kind, dest, rcpts) "N7\0P" kind "\0D" dest "\0" ORDER \
	"Apeer=192.0.2.9\0Fs@far.test\0" rcpts

static struct map map;
static struct spawnreq r;
static struct spawnplan s;

static int
make_map(void)
{
	char name[] = "/tmp/spawnreq.XXXXXX";
	struct cdb_make make;
	int fd = mkstemp(name), r0;
	size_t i;

	if (fd == -1 || cdb_make_start(&make, fd) == -1)
		return -1;
	for (i = 0; i < sizeof records / sizeof records[0]; i++)
		cdb_make_add(&make, records[i].key, records[i].klen,
		    records[i].val, records[i].vlen);
	r0 = cdb_make_finish(&make) == 0 ? map_open(&map, name) : -1;
	unlink(name);
	close(fd);
	return r0;
}

static int
plan(const char *p, size_t n, int remote)
{
	if (spawnreq_parse(&r, p, n) == -1)
		return -2;
	return spawnplan_make(&s, &r, &map, remote, 0);
}

/* The literal's own NUL is the lone one. */
#define PLAN(text) plan(text, sizeof text, 0)
#define REMOTE(text) plan(text, sizeof text, 1)

/* Value of an X record, NULL for none. */
static const char *
fact(const char *name)
{
	size_t n = strlen(name), at = 0;
	const char *p;

	for (; at < s.extra.len; at += strlen(p) + 1) {
		p = s.extra.p + at;
		if (strncmp(p + 1, name, n) == 0 && p[n + 1] == '=')
			return p + n + 2;
	}
	return NULL;
}

static void
parse(void)
{
	static const char good[] = REQUEST("vhost", "v.test",
	    "Talice@v.test\0auser=alice\0");
	static const char whole[] = REQUEST("smtp", "x.test",
	    "Tx@x.test\0") "\0body\n";
	static char bad[sizeof good];
	size_t n;
	int wrong = 0;

	is_int(spawnreq_parse(&r, good, sizeof good), 0, "a request");
	is_int((long long)r.msglen, 0, "with its message elsewhere");
	is_int(spawnreq_parse(&r, whole, sizeof whole - 1), 0,
	    "one with its message");
	is_int((long long)r.msglen, 5, "of so many bytes");
	ok(r.envlen > 5 && memcmp(r.envelope + r.envlen - 5, "body\n", 5) == 0,
	    "which are passed on");
	spawnreq_parse(&r, good, sizeof good);
	is_int(r.number, 7, "its number");
	is_str(r.kind, "vhost", "kind");
	is_str(r.dest, "v.test", "destination");
	is_str(r.order, "I0123456789abcdef", "the order from the id on");
	is_str(r.envelope, "Apeer=192.0.2.9", "the envelope behind it");
	is_str(r.env.sender, "s@far.test", "with the sender");
	for (n = 0; n < sizeof good; n++)
		wrong += spawnreq_parse(&r, good, n) != -1;
	is_int(wrong, 0, "cut off anywhere it is malformed");
	memcpy(bad, good, sizeof good);
	bad[1] = 'x';
	is_int(spawnreq_parse(&r, bad, sizeof bad), -1, "no number");
	is_int(PLAN("N1\0Pvhost\0Dv.test\0" ORDER "Fa\0"), -2, "no recipient");
}

static void
vhost(void)
{
	is_int(PLAN(REQUEST("vhost", "v.test", "Talice@v.test\0auser=alice\0"
	    "Tb@v.test\0auser=bob\0")), 0, "two users of a domain");
	is_str(s.program, "deliver-vhost", "their program");
	is_int(s.keep, 1, "which takes more orders");
	is_int(s.uid, 1001, "their uid");
	is_int(s.gid, 1002, "and gid");
	is_str(fact("format"), "mbox", "a fact from the table");
	ok(strstr(fact("dir"), "/var/spool/virtual/v.test") != NULL,
	    "their directory");
	is_int(PLAN(REQUEST("vhost", "v.test", "Ta@v.test\0auser=alice\0"
	    "Tb@v.test\0auser=own\0")), -1, "two uids in one order");
	is_int(PLAN(REQUEST("vhost", "v.test", "Tx@v.test\0auser=nobody\0")),
	    -1, "a user that the table does not have");
	is_str(s.status, "4.3.5", "  is deferred");
	is_int(PLAN(REQUEST("vhost", "v.test", "Talice@v.test\0")), -1,
	    "no mailbox named");
	is_int(PLAN(REQUEST("vhost", "v.test", "Ta@v.test\0auser=../b\0")), -1,
	    "a path for a name");
	is_int(PLAN(REQUEST("vhost", "../v.test", "Ta@v.test\0auser=alice\0")),
	    -1, "a path for a domain");
	is_int(PLAN(REQUEST("vhost", "low.test", "Ta@v.test\0auser=low\0")), -1,
	    "a uid below the minimum");
	is_int(PLAN(REQUEST("vhost", "zero.test", "Ta@v.test\0auser=zero\0")),
	    -1, "never as root");
}

static void
users(void)
{
	is_int(PLAN(REQUEST("mbox", "joe", "Tjoe@host.test\0")), 0,
	    "a system user");
	is_str(s.program, "deliver-mbox", "its program");
	is_int(s.keep, 0, "started for each");
	is_int(s.uid, 500, "its uid");
	is_str(fact("home"), "/home/joe", "its home");
	is_int(PLAN(REQUEST("mbox", "nobody-here", "Tx@host.test\0")), -1,
	    "one that is not there");
	is_str(s.status, "5.1.1", "  is unknown");
	is_int(PLAN(REQUEST("mbox", "root", "Troot@host.test\0")), -1,
	    "root gets no mail as root");
}

static void
aliases(void)
{
	is_int(PLAN(REQUEST("pipe", "cmd@v.test",
	    "Tcmd@v.test\0aplace=|cmd a b\0")), 0, "an alias's command");
	is_str(s.program, "deliver-pipe", "its program");
	is_str(fact("command"), "cmd a b", "the command as the table has it");
	is_int(s.uid, 1001, "as the domain's uid");
	is_int(PLAN(REQUEST("pipe", "cmd@v.test",
	    "Tcmd@v.test\0aplace=|rm -rf /\0")), -1, "another command");
	is_int(PLAN(REQUEST("pipe", "other@v.test",
	    "Tcmd@v.test\0aplace=|cmd a b\0")), -1, "another alias");
	is_int(PLAN(REQUEST("pipe", "cmd@zero.test",
	    "Tcmd@zero.test\0aplace=|cmd\0")), -1, "a domain of root's");
	is_int(PLAN(REQUEST("pipe", "postmaster",
	    "Tpostmaster\0aplace=|cmd a b\0")), 0, "the system's alias");
	is_int(s.uid, 500, "  as alias-user");
	is_int(PLAN(REQUEST("file", "cmd@v.test",
	    "Tcmd@v.test\0aplace=/file\0")), 0, "a file");
	is_str(s.program, "deliver-mbox", "  its program");
	is_str(fact("file"), "/file", "  is named");
	is_int(PLAN(REQUEST("include", "cmd@v.test",
	    "Tcmd@v.test\0aplace=:include:/list\0")), 0, "a list");
	is_str(s.program, "include-read", "  is read by a child");
	is_int(PLAN(REQUEST("include", "cmd@v.test",
	    "Tcmd@v.test\0aplace=:include:/etc/shadow\0")), -1, "another file");
}

static void
far(void)
{
	is_int(REMOTE(REQUEST("smtp", "far.test", "Tx@far.test\0")), 0,
	    "a remote recipient");
	is_str(s.program, "deliver-smtp", "its program");
	is_int(s.uid, geteuid(), "as who we are");
	is_str(fact("relayhost"), "[192.0.2.1]:25", "by the relay host");
	is_int(REMOTE(REQUEST("vhost", "v.test", "Talice@v.test\0auser=alice\0")),
	    -1, "the remote spawner delivers nothing here");
	is_int(PLAN(REQUEST("smtp", "far.test", "Tx@far.test\0")), -1,
	    "nor the local one elsewhere");
	is_int(PLAN(REQUEST("shell", "sh", "Tx@far.test\0")), -1,
	    "no other kind");
}

int
main(void)
{
	if (make_map() == -1)
		return 1;
	parse();
	vhost();
	users();
	aliases();
	far();
	buf_free(&s.extra);
	map_close(&map);
	return done();
}
