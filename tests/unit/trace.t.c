/* lib/trace and lib/hash: trace fields, the loop check, From_ lines. */
#include "hash.h"
#include "tap.h"
#include "trace.h"

static int
loops(const char *msg)
{
	struct letter l = {.rcpt = "Bob@X.test", .rcptlen = 10, .msg = msg,
	    .msglen = strlen(msg)};

	return trace_loops(&l);
}

static void
from_line(const char *sender, const char *want, const char *what)
{
	struct letter l = {.id = "1h4qcyd0kk000000", .sender = sender,
	    .senderlen = strlen(sender)};
	struct buf b = {0};

	trace_from_line(&b, &l);
	is_mem(b.p, b.len, want, what);
	buf_free(&b);
}

int
main(void)
{
	struct letter l = {.sender = "", .rcpt = "a@b", .rcptlen = 3};

	trace_head(&l);
	is_mem(l.head.p, l.head.len, "Return-Path: <>\nDelivered-To: a@b\n",
	    "null sender, no alias");
	l.orig = "team@b";
	trace_head(&l);
	is_mem(l.head.p, l.head.len, "Return-Path: <>\nX-Original-To: team@b\n"
	    "Delivered-To: a@b\n", "by an alias");
	l.spam = "in\nlist \303";
	trace_head(&l);
	is_mem(l.head.p, l.head.len, "Return-Path: <>\nX-Original-To: team@b\n"
	    "Delivered-To: a@b\nX-Spam: in?list ?\n", "spam");
	ok(loops("Delivered-To: bob@x.test\n\n"), "same address, other case");
	ok(loops("A: b\r\ndelivered-to:BOB@x.TEST \r\n\r\n"), "CRLF, no blank");
	ok(loops("A: b\nDelivered-To:\n <bob@x.test>\n"), "folded, brackets");
	ok(!loops("Delivered-To: bob@x.test.org\n\n"), "another address");
	ok(!loops("A: b\n Delivered-To: bob@x.test\n\n"), "in a folded line");
	ok(!loops("A: b\n\nDelivered-To: bob@x.test\n"), "in the body");
	ok(!loops("X-Delivered-To: bob@x.test\n\n"), "another field");
	ok(!loops(""), "an empty message");
	ok(!loops("Delivered-To:"), "cut off");
	from_line("s@x", "From s@x Sat Nov  6 18:55:57 1976\n", "sender");
	from_line("", "From MAILER-DAEMON Sat Nov  6 18:55:57 1976\n", "null");
	from_line("\"a b\"@x", "From \"a-b\"@x Sat Nov  6 18:55:57 1976\n",
	    "blanks");
	is_int(hash_caseless("", 0), 2166136261u, "hash of nothing");
	is_int(hash_caseless("a", 1), 0xe40c292c, "FNV-1a of `a'");
	ok(hash_caseless("Bob@X", 5) == hash_caseless("bob@x", 5), "no case");
	buf_free(&l.head);
	return done();
}
