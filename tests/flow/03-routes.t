#!/bin/sh
# Every kind of recipient through the whole of a private system: virtual users
# in both formats, extension, list, command, catch-all, domain alias, system
# user and its .forward, by SMTP and by sendmail.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/system.sh"
unset PC_PREFIX PC_PATH
d=$t/sys
port=$(free_port)
make_system "$d" || exit 1
v=$d/var/spool/virtual/example.test
printf '%s\n' "$sys_user:other.test:1:all of it is example.test's" \
    "$sys_user:catch.test:1:one who gets the rest" |
    $sys_as tee -a "$d/etc/virtual/domains.cf" >/dev/null
$sys_as mkdir -p "$d/etc/virtual/other.test" "$d/etc/virtual/catch.test"
echo '*: *@example.test' | sys_put "$d/etc/virtual/other.test/aliases"
echo '*: carol@example.test' | sys_put "$d/etc/virtual/catch.test/aliases"
for x in other catch; do
	: | sys_put "$d/etc/virtual/$x.test/passwd"
	$sys_as chmod 600 "$d/etc/virtual/$x.test/passwd"
done
printf '%s\n' 'sys: \'"$sys_user" 'both: sys, carol@example.test' |
    $sys_as tee -a "$d/etc/aliases" >/dev/null
ok 'the configuration compiles' in_system "$d" alias-compile
ok 'the system starts' start_system "$d" "$port"
cleanup_system() { stop_system "$d"; cleanup; }
trap cleanup_system EXIT

# send TO WORD: by SMTP, a message with this word in it.
send() { printf 'Subject: %s\n\nbody\n' "$2" | smtp_send "$port" me@localhost "$1"; }
# in WORD FILE…: how many of the files (all below a directory) have the word.
in_() { _w=$1; shift; grep -rlx "Subject: $_w" "$@" 2>/dev/null | wc -l | tr -d ' '; }
gets() { [ "$(in_ "$@")" -ge 1 ]; }

like 'a list is taken' "$(send team@example.test team)" '^250'
ok 'alice gets it' wait_for 20 gets team "$v/alice/new"
ok 'bob gets it' wait_for 20 gets team "$v/bob"
like 'bob'\''s copy says for whom it was' "$(cat "$v/bob")" \
    '^X-Original-To: team@example.test'
like 'and to whom it came' "$(cat "$v/bob")" '^Delivered-To: bob@example.test'
send log@example.test command >/dev/null
ok 'a command gets it' wait_for 20 gets command "$d/var/log/alias-log"
send alice+shop@example.test extension >/dev/null
ok 'an extension is alice' wait_for 20 gets extension "$v/alice/new"
send whoever@catch.test catchall >/dev/null
ok 'a catch-all' wait_for 20 gets catchall "$v/carol/new"
send bob@other.test domain >/dev/null
ok 'a domain alias' wait_for 20 gets domain "$v/bob"
like 'a domain alias has no other users' "$(send x@other.test no)" '^550 5.1.1'
send "$sys_user@localhost" system >/dev/null
ok 'the system user' wait_for 20 gets system "$d/var/mail/$sys_user"
send both@localhost both >/dev/null
ok 'an alias of the system: a user' wait_for 20 gets both "$d/var/mail/$sys_user"
ok 'and somebody elsewhere' wait_for 20 gets both "$v/carol/new"
printf '%s\n' "\\$sys_user" '"|cat >>'"$d"'/var/log/forward"' carol@example.test |
    sys_put "$d/home/$sys_user/.forward"
printf 'To: %s@localhost\nSubject: forward\n\nbody\n' "$sys_user" |
    in_system "$d" sendmail -t -f me@localhost
ok '.forward: the own mailbox' wait_for 20 gets forward "$d/var/mail/$sys_user"
ok '.forward: a command' wait_for 20 gets forward "$d/var/log/forward"
ok '.forward: another address' wait_for 20 gets forward "$v/carol/new"

# Once each, and the queue is empty.
sleep 1
is 'each of them once' "$(in_ team "$v/alice/new")$(in_ both "$v/carol/new")$(
    in_ forward "$v/carol/new")$(grep -c 'Subject: team' "$v/bob")" 1111
is 'the queue is empty' "$(in_system "$d" queue-list -j)" ''
send nobody@example.test no >"$t/no"
like 'an unknown user is refused at once' "$(cat "$t/no")" '^550 5.1.1'
done_testing
