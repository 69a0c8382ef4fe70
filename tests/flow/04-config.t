#!/bin/sh
# A mistake in the configuration is named with file and line, the old one
# stays live, and a corrected one counts for mail that waits.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/system.sh"
unset PC_PREFIX PC_PATH
d=$t/sys
port=$(free_port)
make_system "$d" && start_system "$d" "$port" || exit 1
cleanup_system() { stop_system "$d"; cleanup; }
trap cleanup_system EXIT
v=$d/var/spool/virtual/example.test
send() { printf 'Subject: %s\n\nbody\n' "$2" | smtp_send "$port" me@localhost "$1"; }
got() { grep -rqlx "Subject: $1" "$2"; }

# bad WHAT FILE LINE: appends it, compiles, puts the file back.
bad() {
	cp "$d/$2" "$t/saved"
	echo "$3" | $sys_as tee -a "$d/$2" >/dev/null
	n=$(wc -l <"$d/$2" | tr -d ' ')
	before=$(readlink "$d/etc/postchaise/tables")
	out=$(in_system "$d" alias-compile 2>&1)
	is "$1: refused" $? 100
	like "$1: file and line" "$out" "${2##*/}:$n"
	is "$1: the old tables stay" "$(readlink "$d/etc/postchaise/tables")" "$before"
	like "$1: and work" "$(send bob@example.test x)" '^250'
	sys_put "$d/$2" <"$t/saved"
}
bad 'a setting that is none' etc/postchaise/postchaise.conf 'no-such=1'
bad 'a value that does not fit' etc/postchaise/postchaise.conf 'timeout=soon'
bad 'an alias without a target' etc/aliases 'nowhere:'
bad 'a domain line without its fields' etc/virtual/domains.cf 'only-this'

is 'a corrected one compiles' "$(in_system "$d" alias-compile >/dev/null 2>&1; echo $?)" 0
like 'a new user is unknown before' "$(send dave@example.test a)" '^550 5.1.1'
echo 'dave:*' | $sys_as tee -a "$d/etc/virtual/example.test/passwd" >/dev/null
in_system "$d" alias-compile
like 'and known at the next connection' "$(send dave@example.test new-user)" '^250'
ok 'and gets mail' wait_for 20 got new-user "$v/dave"

# Who edits a file and forgets to compile is told.
ok 'the tables in force are named in the log' \
    grep -q 'queue-tables conf=[0-9a-f]\{16\}' "$d/var/log/queue-run/current"
echo 'erin:*' | $sys_as tee -a "$d/etc/virtual/example.test/passwd" >/dev/null
$sys_as svc -h "$d/service/queue-run"
ok 'and a file that was changed since, at HUP' wait_for 10 \
    grep -q 'tables-stale file=.*example.test/passwd' "$d/var/log/queue-run/current"

# No tables at all: nothing is refused for good.
$sys_as mv "$d/etc/postchaise/tables" "$d/etc/postchaise/tables.away"
like 'without tables the answer is try later' "$(send bob@example.test y)" '^4[25]1'
$sys_as mv "$d/etc/postchaise/tables.away" "$d/etc/postchaise/tables"
like 'with them it works again' "$(send bob@example.test z)" '^250'
ok 'and arrives' wait_for 20 got z "$v/bob"
done_testing
