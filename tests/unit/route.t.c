/* lib/route: the look-up order, what cannot be fooled, and damage. */
#include <cdb.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "route.h"
#include "tap.h"

#define REC(key, val) {key, sizeof key - 1, val, sizeof val}

/* The literals end with a NUL of their own: the last field's. */
static const struct {
	const char *key;
	unsigned klen;
	const char *val;
	unsigned vlen;
} records[] = {
	REC("dv.test", "vhost\0001001\0001002\0maildir\0D:1"),
	REC("dw.test", "vhost\0001001\0001002\0mbox\0D:2"),
	REC("dloop.test", "vhost\0001001\0001002\0mbox\0D:3"),
	REC("dpool.test", "vhost\0001001\0001002\0mbox\0D:4"),
	REC("dall.test", "vhost\0001001\0001002\0mbox\0D:5"),
	REC("dhost.test", "local\0\0\0\0C:1"),
	REC("d[192.0.2.1]", "local\0\0\0\0C:1"),
	REC("drelay.test", "relay\0\0\0\0C:2"),
	REC("ualice@v.test", "1001\0001002\0maildir\0P:1"),
	REC("ubob+x@v.test", "1001\0001002\0maildir\0P:2"),
	REC("ubob@v.test", "1003\0001004\0mbox\0P:3"),
	REC("ujoe", "500\000501\0/home/joe\0S:1"),
	REC("aalice+list@v.test", "A:1\0bob@v.test"),
	REC("ateam@v.test", "A:2\0alice@v.test\0|cmd x\0/file"),
	REC("a\"a b\"@v.test", "A:3\0alice@v.test"),
	REC("abob@v.test", "A:4\0\\bob@v.test"),
	REC("Dw.test", "A:5\0v.test"),
	REC("Dloop.test", "A:6\0pool.test"),
	REC("Dpool.test", "A:7\0loop.test"),
	REC("a*@pool.test", "A:8\0joe"),
	REC("a*@all.test", "A:9\0joe"),
	REC("apostmaster", "E:1\0joe"),
	REC("ajoe", "E:2\0\\joe\0x@remote.test"),
	/* Damaged in one way each. */
	REC("ddamaged.test", "vhost\0001001"),
	REC("uids@v.test", "1001\000x\0maildir\0P:9"),
	REC("ushort@v.test", "1001\0001002"),
	REC("anone@v.test", "A:10"),
};

static struct map map;
static struct route r;
static char log_text[4096];

/* Puts the records in a file, the last NUL of each value left out of some. */
static int
make_map(void)
{
	char name[] = "/tmp/route.XXXXXX";
	struct cdb_make make;
	int fd = mkstemp(name), ok_all;
	size_t i;

	if (fd == -1 || cdb_make_start(&make, fd) == -1)
		return -1;
	for (i = 0; i < sizeof records / sizeof records[0]; i++)
		cdb_make_add(&make, records[i].key, records[i].klen,
		    records[i].val, records[i].vlen);
	cdb_make_add(&make, "acut@v.test", 11, "A:11\0alice", 10);
	ok_all = cdb_make_finish(&make) == 0 && map_open(&map, name) == 0;
	unlink(name);
	close(fd);
	return ok_all ? 0 : -1;
}

static void
note(void *arg, const char *what, const char *key, const char *origin)
{
	size_t n = strlen(log_text);

	(void)arg;
	snprintf(log_text + n, sizeof log_text - n, "%s %s %s\n", what, key,
	    origin ? origin : "-");
}

static enum route_kind
find(const char *addr, int flags)
{
	/* What is left of a look-up before must not matter. */
	memset(&r, 'Z', sizeof r);
	log_text[0] = '\0';
	route_find(&r, &map, addr, strlen(addr), flags, note, NULL);
	return r.kind;
}

static void
users(void)
{
	is_int(find("alice@v.test", 0), ROUTE_VHOST, "a virtual user");
	is_str(r.domain, "v.test", "its domain");
	is_str(r.user, "alice", "its name");
	is_str(r.ext, "", "no extension");
	is_int(r.uid, 1001, "its uid");
	is_int(r.gid, 1002, "its gid");
	is_str(r.format, "maildir", "its format");
	is_str(r.origin, "P:1", "the line that decided");
	is_int(find("ALICE@V.Test", 0), ROUTE_VHOST, "case does not matter");
	is_str(r.user, "alice", "and is gone in the mailbox");
	is_int(find("alice@v.test.", 0), ROUTE_VHOST, "nor a final dot");
	is_int(find("alice+Tag+x@v.test", 0), ROUTE_VHOST, "an extension");
	is_str(r.user, "alice", "is not of the name");
	is_str(r.ext, "tag+x", "but kept");
	is_int(find("bob+x@v.test", 0), ROUTE_VHOST, "a user with a plus");
	is_str(r.user, "bob+x", "comes before the extension");
	is_int(find("nobody@v.test", 0), ROUTE_UNKNOWN, "an unknown user");
	is_int(find("@v.test", 0), ROUTE_UNKNOWN, "no name at all");
	is_int(find("alice@", 0), ROUTE_UNKNOWN, "no domain behind the @");
	is_int(find("+x@v.test", 0), ROUTE_UNKNOWN, "only an extension");
}

static void
system_names(void)
{
	is_int(find("joe", ROUTE_NO_ALIAS), ROUTE_USER, "a bare name");
	is_str(r.domain, "", "has no domain");
	is_str(r.home, "/home/joe", "a system user's home");
	is_int(r.uid, 500, "a system user's uid");
	is_int(find("joe@host.test", 0), ROUTE_ALIAS, "a local domain");
	is_str(r.domain, "", "is that of bare names");
	is_int(find("joe@[192.0.2.1]", 0), ROUTE_ALIAS, "a literal of ours");
	is_int(find("PostMaster", 0), ROUTE_ALIAS, "postmaster alone");
	is_int(find("ann+x@host.test", 0), ROUTE_ASK,
	    "who is not in the snapshot is asked for");
	is_str(r.user, "ann", "without the extension");
	is_str(r.ext, "x", "that is kept");
	is_int(find("x@relay.test", 0), ROUTE_RELAY, "a relay domain");
	is_int(find("x@other.test", 0), ROUTE_REMOTE, "not our domain");
	is_str(r.domain, "other.test", "its name");
	is_int(find("x@sub.v.test", 0), ROUTE_REMOTE, "nor is one below ours");
}

static void
aliases(void)
{
	is_int(find("alice+list@v.test", 0), ROUTE_ALIAS,
	    "an alias with the extension comes first");
	is_str(r.user, "alice+list", "the name that matched");
	is_str(r.ext, "", "its plus is no extension");
	is_mem(r.targets, r.targetslen - 1, "bob@v.test", "its target");
	is_int(find("alice+list@v.test", ROUTE_NO_ALIAS), ROUTE_VHOST,
	    "users only: the alias is not looked at");
	is_int(find("team+a@v.test", 0), ROUTE_ALIAS, "an alias's extension");
	is_str(r.user, "team", "is not of its name");
	ok(r.targetslen == 26 &&
	    memcmp(r.targets, "alice@v.test\0|cmd x\0/file", 26) == 0,
	    "several targets");
	is_int(find("bob@v.test", 0), ROUTE_ALIAS, "alias before user");
	is_int(find("bob@v.test", ROUTE_NO_ALIAS), ROUTE_VHOST, "or not");
	is_int(find("team@v.test", ROUTE_NO_ALIAS), ROUTE_UNKNOWN,
	    "users only: an alias is unknown");
	is_int(find("any@all.test", 0), ROUTE_ALIAS, "a catch-all");
	is_str(r.user, "*", "is called *");
	is_int(find("any+x@all.test", ROUTE_NO_ALIAS), ROUTE_UNKNOWN,
	    "users only: no catch-all");
}

static void
quoted(void)
{
	is_int(find("\"A b\"@v.test", 0), ROUTE_ALIAS, "a quoted name");
	is_str(r.user, "\"a b\"", "is spelt with its quotes");
	is_int(find("\"a b+x\"@v.test", 0), ROUTE_ALIAS,
	    "a quoted name with an extension");
	is_int(find("\"ali\\ce\"@v.test", 0), ROUTE_VHOST,
	    "quotes that are not needed");
	is_int(find("\"alice@v.test\"@host.test", 0), ROUTE_ASK,
	    "a quoted @ does not reach another domain's user");
	is_str(r.user, "\"alice@v.test\"", "it is a name of its own");
	is_int(find("\"alice@v.test\"", 0), ROUTE_ASK, "nor without a domain");
	is_int(find("joe@host.test@v.test", 0), ROUTE_UNKNOWN,
	    "nor without quotes");
	is_int(find("\"*\"@all.test", 0), ROUTE_ALIAS, "a quoted star");
}

static void
domain_aliases(void)
{
	is_int(find("alice+x@w.test", 0), ROUTE_ALIAS, "a domain alias");
	is_mem(r.targets, r.targetslen - 1, "alice+x@v.test",
	    "the target keeps the extension");
	is_str(r.origin, "A:5", "the line of the domain alias");
	is_int(find("nobody@w.test", 0), ROUTE_UNKNOWN,
	    "who is unknown there is unknown here");
	is_int(find("short@w.test", 0), ROUTE_ERROR,
	    "a failure there is one here");
	is_int(find("any@loop.test", 0), ROUTE_ALIAS,
	    "a ring of domain aliases ends, in a catch-all");
	is_int(find("alice@w.test", ROUTE_NO_ALIAS), ROUTE_UNKNOWN,
	    "users only: no domain alias");
}

static void
damage(void)
{
	static unsigned char zero[2048];
	struct map bad = {zero, 100};

	is_int(find("x@damaged.test", 0), ROUTE_ERROR, "a short domain");
	is_int(find("ids@v.test", 0), ROUTE_ERROR, "an id that is none");
	is_int(find("short@v.test", 0), ROUTE_ERROR, "a short user");
	is_int(find("none@v.test", 0), ROUTE_ERROR, "an alias of nothing");
	is_int(find("cut@v.test", 0), ROUTE_ERROR, "a target without its end");
	route_find(&r, &bad, "x@v.test", 8, 0, NULL, NULL);
	is_int(r.kind, ROUTE_ERROR, "a damaged file, never unknown");
	bad.size = sizeof zero;
	memset(zero, 0xff, sizeof zero);
	route_find(&r, &bad, "joe", 3, 0, NULL, NULL);
	is_int(r.kind, ROUTE_ERROR, "a damaged index");
	is_int(route_ours(&bad, "v.test", 6), -1, "and for route_ours");
}

static void
long_names(void)
{
	char addr[700];

	memset(addr, 'a', sizeof addr);
	memcpy(addr + 600, "@v.test", 8);
	is_int(find(addr, 0), ROUTE_UNKNOWN, "a name over any length");
	memset(addr, '"', 250);
	memcpy(addr + 250, "@v.test", 8);
	is_int(find(addr, 0), ROUTE_UNKNOWN, "one that grows by quoting");
	memset(addr, 'a', 600);
	memcpy(addr, "x@", 2);
	addr[600] = '\0';
	is_int(find(addr, 0), ROUTE_UNKNOWN, "a domain over any length");
}

int
main(void)
{
	if (make_map() == -1) {
		printf("Bail out! no table\n");
		return 1;
	}
	users();
	system_names();
	aliases();
	quoted();
	domain_aliases();
	damage();
	long_names();
	find("carol+x@v.test", 0);
	is_str(log_text, "vhost v.test D:1\n"
	    "alias carol+x@v.test -\nuser carol+x@v.test -\n"
	    "alias carol@v.test -\nuser carol@v.test -\n"
	    "domain alias v.test -\ncatch-all *@v.test -\n",
	    "the trace tells every step in order");
	is_int(route_ours(&map, "V.test.", 7), 1, "ours: virtual");
	is_int(route_ours(&map, "host.test", 9), 1, "ours: local");
	is_int(route_ours(&map, "relay.test", 10), 0, "not ours: relay");
	is_int(route_ours(&map, "x.test", 6), 0, "not ours: remote");
	map_close(&map);
	return done();
}
