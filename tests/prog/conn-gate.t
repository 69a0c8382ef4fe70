#!/bin/sh
# conn-gate: libwrap's answer in DENIED, sessions by address, nothing on the
# connection.
. "$(dirname "$0")/../lib.sh"

mkdir -p "$t/etc/postchaise/tables"
log=$t/log
# settings NAME VALUE…: what alias-compile would have left.
settings() {
	while [ $# -gt 1 ]; do
		printf '+%d,%d:s%s->%s\0\n' $((${#1} + 1)) $((${#2} + 1)) "$1" "$2"
		shift 2
	done >"$t/set"
	echo >>"$t/set"
	cdb -c -t "$t/tmp.cdb" "$t/etc/postchaise/tables/mail.cdb" "$t/set"
}
settings
rules() { cat >"$t/etc/hosts.allow"; }
denials() { cat >"$t/etc/hosts.deny"; }

# gate IP [OPTION…]: DENIED, with what was written to the connection in front;
# the log is in $log.
gate() {
	_ip=$1; shift
	TCPREMOTEIP=$_ip conn-gate "$@" sh -c 'printf %s "$DENIED" >&5' \
	    5>"$t/denied" </dev/null >"$t/wire" 2>"$log"
	cat "$t/wire" "$t/denied"
}
same() { like "$1" "$(cat "$log")" "$2"; }

is 'without rules everybody may come in' "$(gate 192.0.2.1)" ''
is 'and nothing is logged' "$(cat "$log")" ''
exits 'it becomes the program' 42 conn-gate sh -c 'exit 42'
is 'with its arguments' "$(conn-gate -n x printf '%s,' a -n 'b c')" 'a,-n,b c,'
exits 'a program that is not there' 111 conn-gate no-such-program 2>"$log"
same 'is named' 'conn-gate\[[0-9]*\]: fatal: exec program=no-such-program err='
exits 'none' 100 conn-gate 2>"$log"
same 'is wrong usage' '^usage: conn-gate'

rules <<END
smtp: 192.0.2.1
END
denials <<END
smtp: 192.0.2. 10. [2001:db8:bad::]/48 .bad.example
other: ALL
END
is 'hosts.allow comes first' "$(gate 192.0.2.1)" ''
is 'hosts.deny denies' "$(gate 192.0.2.2)" '554 5.7.1 access denied'
same 'with a line in the log' \
    'info: client-deny client=unknown\[192\.0\.2\.2\] rule=[^ ]*hosts\.deny:1 reply=554%205\.7\.1'
is 'others may come in' "$(gate 198.51.100.1)" ''
is 'IPv6' "$(gate 2001:db8:bad::7)" '554 5.7.1 access denied'
is 'another network' "$(gate 2001:db8:bac::7)" ''
is 'IPv4 written as IPv6' "$(gate ::ffff:10.1.2.3)" '554 5.7.1 access denied'
is 'a service of another name' "$(gate 198.51.100.1 -n other)" \
    '554 5.7.1 access denied'
is 'the reverse name' "$(TCPREMOTEHOST=mx.BAD.example gate 198.51.100.1)" \
    '554 5.7.1 access denied'
same 'is logged' 'client=mx\.bad\.example\[198\.51\.100\.1\]'
is 'what is no name is none' "$(TCPREMOTEHOST='x .bad.example' gate 198.51.100.1)" ''
is "the administrator's DENIED stays" \
    "$(DENIED='554 5.7.1 no' gate 198.51.100.1)" '554 5.7.1 no'

denials <<END
smtp: 192.0.2.10 192.0.2.11
END
mkdir "$t/banners"
printf '550-5.7.1 Go away, %%a.\n550 5.7.1\ttwo \001lines\r\n\n' >"$t/banners/smtp"
rules <<END
smtp: 192.0.2.1: banners $t/banners: deny
smtp: 192.0.2.2: banners $t/banners: allow
smtp: 192.0.2.3: spawn (echo %a >$t/spawned): deny
smtp: 192.0.2.4: twist /bin/echo 421 twisted
smtp: 192.0.2.5: severity mail.info: keepalive: linger 3: umask 077
smtp: 192.0.2.6: nonsense x
smtp: 192.0.2.7: setenv WHY your %d is not mine: deny
smtp: 192.0.2.8: setenv DENY 1
smtp: 192.0.2.9: setenv RELAYCLIENT @x
smtp: 192.0.2.10 192.0.2.11: aclexec test %a = 192.0.2.11
smtp: 192.0.2.12: banners $t/big: deny
END
is 'a banner is the text' "$(gate 192.0.2.1)" \
    '554 5.7.1 Go away, 192.0.2.1. two lines'
is 'none where the client may come in' "$(gate 192.0.2.2)" ''
mkdir "$t/big"
head -c 5000000 /dev/zero | tr '\0' x >"$t/big/smtp"
is 'a banner of 5 MB is cut' "$(gate 192.0.2.12 | wc -c)" 399
is 'spawn: the client is denied' "$(gate 192.0.2.3)" '554 5.7.1 access denied'
is 'and the command has run' "$(cat "$t/spawned")" 192.0.2.3
is 'twist is refused' "$(gate 192.0.2.4)" '554 5.7.1 access denied'
same 'with file and line' \
    'warn: hosts-access client=unknown\[192\.0\.2\.4\] err=.*hosts\.allow,%20line%204:%20twist'
is 'severity and what is for sockets' "$(gate 192.0.2.5)" ''
is 'are nothing to log' "$(cat "$log")" ''
is 'an option that does not exist denies' "$(gate 192.0.2.6)" \
    '554 5.7.1 access denied'
same 'and is named' 'hosts\.allow,%20line%206:%20bad%20option'
is 'WHY of a rule is the text' "$(gate 192.0.2.7)" '554 5.7.1 your smtp is not mine'
is 'WHY of the environment is not' "$(WHY=me gate 192.0.2.3)" \
    '554 5.7.1 access denied'
is 'DENY of a rule denies' "$(gate 192.0.2.8)" '554 5.7.1 access denied'
is 'DENY of the environment does not' "$(DENY=1 gate 192.0.2.9)" ''
is 'a rule sets variables' \
    "$(TCPREMOTEIP=192.0.2.9 conn-gate sh -c 'echo $RELAYCLIENT')" @x
is 'the command of aclexec says no' "$(gate 192.0.2.10)" '554 5.7.1 access denied'
is 'or yes' "$(gate 192.0.2.11)" ''
printf 'no colon here\nsmtp: 192.0.2.1: deny' | rules
is 'a line that is none' "$(gate 198.51.100.1)" ''
same 'is named' 'hosts\.allow,%20line%201:'
rm "$t/etc/hosts.allow" "$t/etc/hosts.deny"

# Sessions.
settings clients-address 2 clients-network 3 clients 5 trusted '198.51.100.0/24 .x'
# hold NAME IP [WANT]: a session that stays until let_go NAME; its DENIED is
# WANT.
hold() {
	rm -f "$t/up"
	TCPREMOTEIP=$2 conn-gate sh -c 'printf %s "$DENIED" >"$1.new"
	    mv "$1.new" "$1"; exec sleep 60' sh "$t/up" 2>>"$log" &
	eval "pid_$1=$!"
	started $!
	wait_for 10 test -e "$t/up"
	is "session $1 of $2" "$(cat "$t/up")" "${3-}"
}
let_go() {
	eval "_p=\$pid_$1"
	kill -9 "$_p"
	wait "$_p" 2>/dev/null
}
many='421 4.7.0 too many sessions'
: >"$log"
hold a 192.0.2.1
hold b 192.0.2.1
is 'nothing is logged of them' "$(cat "$log")" ''
hold c 192.0.2.1 "$many from your address"
same 'one too many is logged' \
    'client-deny client=unknown\[192\.0\.2\.1\] rule=clients-address reply=421%204\.7\.0'
hold d 192.0.2.2
hold e 192.0.2.3 "$many from your network"
hold f 192.0.3.3
let_go a
hold g 192.0.2.1
hold h 2001:db8::1
hold i 192.0.4.4 "$many"
let_go f
hold j 2001:db8::1
let_go b; let_go d; let_go g; let_go j; let_go h
hold k ::ffff:192.0.2.1
hold l 192.0.2.1
hold m 192.0.2.1 "$many from your address"
let_go k; let_go l
for ip in 127.0.0.1 ::1 198.51.100.7; do
	hold n $ip; hold o $ip; hold p $ip
	let_go n; let_go o; let_go p
done
export RELAYCLIENT=
hold q 192.0.2.1; hold r 192.0.2.1; hold s 192.0.2.1
unset RELAYCLIENT
let_go q; let_go r; let_go s
export PC_CLIENTS_ADDRESS=1
hold t 192.0.2.1
hold u 192.0.2.1 "$many from your address"
unset PC_CLIENTS_ADDRESS
let_go t
denials <<END
ALL: 192.0.2.9
END
hold v 192.0.2.9 '554 5.7.1 access denied'
hold w 192.0.2.9 '554 5.7.1 access denied'
hold x 192.0.2.9 "$many from your address"
let_go v; let_go w
is 'the file belongs to the receiver alone' \
    "$(stat -c %a "$t/var/lib/postchaise/gate/sessions")" 600
is 'and so does the directory' \
    "$(stat -c %a "$t/var/lib/postchaise/gate")" 700

# What counting needs is not there.
chmod 755 "$t"
rm -r "$t/var"
: >"$t/var"
is 'where no file can be made the client may come in' "$(gate 192.0.2.1)" ''
same 'and a line says so' 'warn: sessions-open err=Not%20a%20directory'
rm "$t/var"
rm -r "$t/etc/postchaise"
is 'without tables too' "$(gate 192.0.2.1)" ''
same 'which is logged' 'warn: tables-open'
ok 'with the limits that are there by default' \
    test -f "$t/var/lib/postchaise/gate/sessions"
is 'an address that is none is not counted' "$(gate nonsense)" ''

# The client's address from its socket, as under inetd.
port=$(free_port)
denials <<END
ALL: 127.0.0.5
END
tcpserver -RHl0 127.0.0.1 "$port" env -u TCPREMOTEIP conn-gate \
    sh -c 'echo "$DENIED $TCPREMOTEIP"' 2>"$log" &
started $!
wait_for 10 tcpclient -RHl0 127.0.0.1 "$port" true
is 'without TCPREMOTEIP the socket is asked' \
    "$(python3 -c 'import socket, sys
s = socket.socket(); s.bind(("127.0.0.5", 0))
s.connect(("127.0.0.1", int(sys.argv[1])))
print(s.makefile().read().strip())' "$port")" '554 5.7.1 access denied 127.0.0.5'
done_testing
