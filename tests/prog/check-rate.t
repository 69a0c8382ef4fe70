#!/bin/sh
# check-rate: limits of failed logins and of mail, their expiry, and what
# becomes of a damaged database.
. "$(dirname "$0")/../lib.sh"
mkdir -p "$t/etc/postchaise" "$t/etc/virtual" "$t/var/lib"
rate=$t/var/lib/postchaise/rate
unset TCPREMOTEIP TCPREMOTEHOST AUTH_USER RECIPIENTS

# conf LINE…: these settings are in force.
conf() {
	printf '%s\n' "$@" >"$t/etc/postchaise/postchaise.conf"
	alias-compile >"$t/compile" 2>&1 || cat "$t/compile"
}
# login IP, good IP, message LOGIN RECIPIENTS
login() { TCPREMOTEIP=$1 check-rate login 2>>"$t/log"; }
good() { TCPREMOTEIP=$1 check-rate good 2>>"$t/log"; }
message() { AUTH_USER=$1 RECIPIENTS=$2 check-rate message 2>>"$t/log"; }
# quiet COMMAND…: without what it says.
quiet() { "$@" >/dev/null; }
# often N COMMAND…: that often; says how many succeeded.
often() {
	_left=$1 _good=0; shift
	while [ $_left -gt 0 ]; do
		if "$@" >/dev/null; then _good=$((_good + 1)); fi
		_left=$((_left - 1))
	done
	echo $_good
}
fresh() { rm -rf "$t/var/lib/postchaise" "$t/log"; }

conf auth-failures=5 auth-failures-network=8
is 'as many tries as the setting says' "$(often 7 login 192.0.2.1)" 5
is 'and why not' "$(login 192.0.2.1)" '4.7.0 too many failed logins from your address'
exits 'its code' 100 quiet login 192.0.2.1
like 'it is in the log' "$(cat "$t/log")" \
    'check-rate\[[0-9]*\]: info: rate-refuse client=unknown\[192.0.2.1\] key=192.0.2.1 window=failures-hour count=5 limit=5$'
is 'others of the network have some' "$(often 7 login 192.0.2.200)" 3
is 'and why not more' "$(login 192.0.2.201)" '4.7.0 too many failed logins from your network'
exits 'another network' 0 login 192.0.3.1
is 'the list' "$(check-rate list)" "192.0.2.1 failures-hour 5 5
192.0.2.200 failures-hour 3 5
192.0.3.1 failures-hour 1 5
192.0.2.0/24 failures-hour 8 8
192.0.3.0/24 failures-hour 1 8"
like 'client by name' "$(TCPREMOTEHOST=a.test TCPREMOTEIP=192.0.2.1 check-rate login 2>&1)" \
    ' client=a.test\[192.0.2.1\] '
like 'what is no name is not shown' "$(TCPREMOTEHOST='a[192.0.2.99]' TCPREMOTEIP=192.0.2.1 check-rate login 2>&1)" \
    ' client=unknown\[192.0.2.1\] '
is 'nobody else can read it' "$(stat -c %a "$rate" "$rate/data.mdb" | xargs)" '700 600'

exits 'forget an address' 0 check-rate forget 192.0.2.1
exits 'it is not there then' 100 check-rate forget 192.0.2.1
exits 'its network still counts' 100 quiet login 192.0.2.1
exits 'forget a network' 0 check-rate forget 192.0.2.0/24
exits 'it may again' 0 login 192.0.2.1

fresh
right() { login "$1" && good "$1"; }
is 'right passwords do not count' "$(often 20 right 192.0.2.1)" 20
is 'they leave nothing' "$(check-rate list)" ''
often 3 login 192.0.2.1 >/dev/null
good 192.0.2.1
is 'one is taken back' "$(check-rate list)" "192.0.2.1 failures-hour 2 5
192.0.2.0/24 failures-hour 2 8"

fresh
is 'IPv6: an address' "$(often 7 login 2001:db8:0:1::1)" 5
is 'its /64' "$(for i in 2 3 4 5 6; do login 2001:DB8:0:1:ffff::$i && echo yes; done | grep -c yes)" 3
exits 'the next /64' 0 login 2001:db8:0:2::1
is 'a mapped address is the IPv4 one' "$(login ::ffff:198.51.100.1; check-rate list | grep 198)" \
    "198.51.100.1 failures-hour 1 5
198.51.100.0/24 failures-hour 1 8"
exits 'an address that is none' 0 login nonsense
exits 'no address' 0 check-rate login
exits 'and none for good' 0 check-rate good

fresh
conf auth-failures=0 auth-failures-network=0
is 'no limit' "$(often 30 login 192.0.2.1)" 30
ok 'and nothing kept' test ! -e "$rate"

# All at once: exactly the limit.  With slow writes, where strace can make
# them so, calls that did not wait for each other would count wrong.
conf auth-failures=20
slow=
if strace -o /dev/null -e inject=pwrite64:delay_enter=2000 true 2>/dev/null; then
	slow='strace -o /dev/null -e inject=pwrite64:delay_enter=2000'
fi
for i in $(seq 50); do
	TCPREMOTEIP=192.0.2.1 $slow check-rate login >"$t/out.$i" 2>>"$t/log" &
	pids="${pids:-} $!"
done
won=0
for p in $pids; do if wait "$p"; then won=$((won + 1)); fi; done
is 'fifty at once' "$won" 20
is 'the others are told' "$(cat "$t"/out.* | sort | uniq -c | xargs)" '30 4.7.0 too many failed logins from your address'

# Mail by login.
fresh
conf login-messages-hour=3 login-recipients-day=20
exits 'no login' 0 check-rate message
exits 'a message' 0 message alice@example.test 10
exits 'another, whatever case' 0 message ALICE@example.TEST 8
is 'recipients of a day' "$(message alice@example.test 3)" '4.7.1 your limit is 20 recipients a day'
exits 'it can pass later' 111 quiet message alice@example.test 3
is 'more than ever' "$(message alice@example.test 21)" '5.7.1 your limit is 20 recipients a day'
exits 'it cannot' 100 quiet message alice@example.test 21
exits 'what was refused did not count' 0 message alice@example.test 2
is 'messages of an hour' "$(message alice@example.test 1)" '4.7.1 your limit is 3 messages an hour'
exits 'another login' 0 message bob@example.test 1
exits 'recipients are not said' 0 message bob@example.test ''
is 'the list has them' "$(check-rate list | grep alice)" "alice@example.test messages-hour 3 3
alice@example.test recipients-day 20 20"
like 'and the log' "$(cat "$t/log")" 'rate-refuse client=unknown\[unknown\] key=alice@example.test window=messages-hour count=3 limit=3'
exits 'forget a login' 0 check-rate forget Alice@example.test
exits 'she may again' 0 message alice@example.test 20
message 'odd one%' 1
like 'an odd login' "$(check-rate list)" '^odd%20one%25 messages-hour 1 3$'

# Damage: all may pass, the log says so, and counting begins anew.
# damaged WHAT COMMAND…: the command damages data.mdb.
damaged() {
	_what=$1; shift
	fresh; conf auth-failures=2
	for i in 1 2 3 4 5 6 7 8 9; do login 10.0.$i.1; done
	often 2 login 192.0.2.1 >/dev/null
	"$@"
	: >"$t/log"
	exits "$_what: may pass" 0 login 192.0.2.1
	if [ -s "$t/log" ]; then
		like '  the log says so' "$(cat "$t/log")" 'warn: rate-open client=unknown\[192.0.2.1\]'
	else
		pass '  it was as good as new'
	fi
	is '  and later counts again' "$(often 4 login 192.0.2.9)" 2
}
noise() { head -c 40000 /dev/urandom >"$rate/data.mdb"; }
zeroes() { head -c 40000 /dev/zero >"$rate/data.mdb"; }
cut_off() { truncate -s 8192 "$rate/data.mdb"; }
empty() { : >"$rate/data.mdb"; }
# Everything behind the two heads, as after a power cut.
pages() { head -c 30000 /dev/urandom | dd of="$rate/data.mdb" bs=4096 seek=2 conv=notrunc 2>/dev/null; }
damaged 'noise' noise
damaged 'zeroes' zeroes
damaged 'cut off' cut_off
damaged 'emptied' empty
damaged 'pages lost' pages
list_of_noise() { noise; check-rate list >"$t/out" 2>"$t/err"; }
exits 'list of noise' 0 list_of_noise
like '  says so' "$(cat "$t/err")" 'warn: rate-open'

# No place for it.
fresh; : >"$t/var/lib/postchaise"
exits 'no directory: may pass' 0 login 192.0.2.1
like '  the log says so' "$(cat "$t/log")" 'warn: rate-open .*what=lock err=Not%20a%20directory'
fresh
# valgrind runs nothing that is set-id.
if [ "$(id -u)" = 0 ] && [ "${PC_SANITIZE:-}" != valgrind ]; then
	# Whose the directory is not, and who is in the receiver's group only.
	mkdir -p "$t/prog"; cp "$bin/check-rate" "$t/prog/"
	printf '%s\n' "$t" >"$t/prog/prefix"
	install -d -m 755 "$t/var/lib/postchaise"; install -d -m 700 -o 65533 "$rate"
	chown 65533:65532 "$t/prog/check-rate"; chmod 4710 "$t/prog/check-rate"
	as() {
		python3 -c 'import os, sys
os.environ["PC_PREFIX"] = "/nonexistent"
os.setgroups([65532]); os.setgid(65531); os.setuid(int(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])' "$@"
	}
	export TCPREMOTEIP=192.0.2.1
	ok 'set-uid: counts' as 65530 "$t/prog/check-rate" login
	unset TCPREMOTEIP
	is '  in a database of its user' "$(stat -c %u "$rate/data.mdb")" 65533
	exits '  the receiver may not look' 100 as 65530 "$t/prog/check-rate" list 2>/dev/null
	exits '  nor forget' 100 as 65530 "$t/prog/check-rate" forget 192.0.2.1 2>/dev/null
	is '  and root' "$("$t/prog/check-rate" list | head -1)" '192.0.2.1 failures-hour 1 2'
else
	echo '# not root, or valgrind: set-uid is not tested'
fi

# Less memory than the map has; and less than the sanitizers want to begin.
if [ -z "${PC_SANITIZE:-}" ] && command -v prlimit >/dev/null 2>&1; then
	fresh; conf auth-failures=2
	limited() { TCPREMOTEIP=192.0.2.1 prlimit --as=40000000: check-rate login; }
	is 'a soft limit of memory' "$(often 3 limited 2>>"$t/log")" 2
fi

# A call that is killed, or hangs, holds up nobody for long.
fresh
python3 - "$rate" <<'END' &
import fcntl, os, sys, time
os.makedirs(sys.argv[1], 0o700)
f = open(sys.argv[1] + "/lock", "w")
fcntl.flock(f, fcntl.LOCK_EX)
open(sys.argv[1] + "/held", "w")
time.sleep(60)
END
started $!
wait_for 10 test -e "$rate/held"
exits 'one that hangs: others pass' 0 login 192.0.2.1
like '  and the log says so' "$(cat "$t/log")" 'what=lock err=busy'
kill $!; wait $! 2>/dev/null

# Time, where libfaketime is there.
if command -v faketime >/dev/null 2>&1; then
	fresh; conf auth-failures=2 login-messages-hour=2 login-messages-day=3
	at() { _when=$1; shift; TCPREMOTEIP=192.0.2.1 AUTH_USER=alice RECIPIENTS=1 faketime -f "@$_when" "$bin/check-rate" "$@" 2>>"$t/log"; }
	at '2026-11-22 10:00:00' login; at '2026-11-22 10:00:00' login
	exits 'an hour is not over' 100 quiet at '2026-11-22 10:59:59' login
	exits 'it is over' 0 at '2026-11-22 11:00:01' login
	for h in 00 01; do at "2026-11-22 10:00:$h" message; done
	exits 'mail of an hour' 111 quiet at '2026-11-22 10:30:00' message
	exits 'the next hour' 0 at '2026-11-22 12:00:00' message
	is 'mail of a day' "$(at '2026-11-22 15:00:00' message)" '4.7.1 your limit is 3 messages a day'
	exits 'two days later' 0 at '2026-11-24 10:00:00' message
	is 'old keys are removed in passing' "$(at '2026-11-25 10:00:00' login
	    at '2026-11-25 10:00:00' list)" "192.0.2.1 failures-hour 1 2
192.0.2.0/24 failures-hour 1 60
alice messages-day 1 3"
	fresh
	for i in $(seq 40); do
		TCPREMOTEIP=10.0.0.$i faketime -f '@2026-11-22 10:00:00' "$bin/check-rate" login 2>>"$t/log"
	done
	for i in $(seq 20); do
		TCPREMOTEIP=10.0.1.$i faketime -f '@2026-11-23 10:00:00' "$bin/check-rate" login 2>>"$t/log"
	done
	# mdb_dump shows what is in it: new addresses only.
	if command -v mdb_dump >/dev/null 2>&1; then
		is 'the database has no old ones' "$(mdb_dump -n "$rate/data.mdb" |
		    awk '/^ / && n++ % 2 == 0 && /^ 61/ { c++ } END { print c }')" 20
	fi
else
	echo '# no faketime: tests/unit/window has the time'
fi

# As a check command, and wrong use.
fresh; conf login-messages-hour=1 'check-data=check-rate message'
message carol 1
is 'a line that a check may say' "$(message carol 1 | head -1 | cut -d' ' -f1)" 4.7.1
for args in '' 'x' 'login y' 'forget' 'list x'; do
	exits "wrong use: '$args'" 100 check-rate $args 2>/dev/null
done
exits 'nobody to print to' 111 sh -c 'check-rate list >/dev/full 2>/dev/null'
done_testing
