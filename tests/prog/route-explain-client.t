#!/bin/sh
# route-explain --client: each rule, its answer and what decided, against a
# real name server; the same replies by smtp-recv itself; and tcpserver's
# rules as tcprulescheck finds them.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/tools/dns.sh"
unset TCPREMOTEIP TCPREMOTEHOST TCPREMOTEINFO RBLSMTPD DENIED

zone . </dev/null
zone test. <<'Z'
good     MX 10 mx.good
mx.good  A 192.0.2.1
null     MX 0 .
friend   A 192.0.2.10
us       A 127.0.0.7
us6      AAAA ::1
slow     MX 10 mx.slow
mx.slow  A 192.0.2.2
Z
zone 2.0.192.in-addr.arpa. <<'Z'
10 PTR friend.test.
11 PTR friend.test.
Z
stub dead.test. 1
stub 113.0.203.in-addr.arpa. 1
dns_start
mx-lookup -t 1 -s 2>"$t/serve.log" &
started $!
wait_for 5 grep -q ready "$t/serve.log"

mkdir -p "$t/etc/postchaise" "$t/etc/virtual/v.test"
conf=$t/etc/postchaise/postchaise.conf
uid=$(id -u); [ "$uid" != 0 ] || uid=5001
echo "joe:x:$uid:$uid::/home/joe:/bin/sh" >"$t/etc/passwd"
echo 'joe:v.test:1:' >"$t/etc/virtual/domains.cf"
printf '%s\n' 'alice:x' 'bob:x' >"$t/etc/virtual/v.test/passwd"
printf '%s\n' 'team: alice, bob' >"$t/etc/virtual/v.test/aliases"
printf '%s\n' 'postmaster: joe' 'info: joe' >"$t/etc/aliases"
printf '%s\n' 'bob@v.test: shop@far.test,' '	@any.test' 'joe: *' \
    >"$t/etc/postchaise/senders"
# settings LINE…: the configuration, compiled.
settings() {
	printf '%s\n' hostname=mail.test virtual-user=5100:5101 "$@" >"$conf"
	alias-compile 2>"$t/err" || cat "$t/err"
}
# asks WHAT CODE ARG…: route-explain's text in $out.
asks() {
	_what=$1 _want=$2; shift 2
	out=$(route-explain "$@" 2>"$t/err"); is "$_what: exit code" $? "$_want"
}
# says WHAT TEXT: a line of $out.
says() { like "$1" "$out" "^ *$2\$"; }

settings
asks 'stranger' 0 --client 192.0.2.1 --helo x.test --from a@good.test --to alice@v.test
is 'stranger: every step' "$out" "client 192.0.2.1
  load: pass (default)
  trusted: no (default)
  paranoid: off (default)
  => 220
HELO x.test
  checkhelo: off (default)
  => 250
MAIL FROM:<a@good.test>
  verify-from: pass (default)
  => 250 2.1.0 ok
RCPT TO:<alice@v.test>
  recipient: pass ($t/etc/virtual/v.test/passwd:1)
  => 250 2.1.5 ok"
asks 'IPv6, brackets, null sender' 0 --client '[IPv6:2001:DB8::1]' --from '<>' --to '<info@mail.test>'
says 'IPv6: as tcpserver writes it' 'client 2001:db8::1'
says 'IPv6: the alias' "recipient: pass \($t/etc/aliases:2\)"
asks 'relay' 100 --client 192.0.2.1 --to x@far.test
says 'relay: closed' '=> 550 5\.7\.1 we do not relay for you'
asks 'unknown' 100 --client 192.0.2.1 --to none@v.test
asks 'null MX' 100 --client 192.0.2.1 --from x@null.test --to alice@v.test
says 'null MX: said' '=> 550 5\.7\.27 .*'
unlike 'null MX: the end' "$out" 'RCPT'
asks 'DNS that fails' 111 --client 192.0.2.1 --from x@x.dead.test
says 'DNS that fails: said' '=> 451 4\.4\.3 .*'
asks 'our sender from outside' 100 --client 192.0.2.1 --from alice@v.test
asks 'our sender from here' 0 --client ::1 --from alice@v.test
asks 'literal' 0 --client 192.0.2.1 --to 'joe@[127.0.0.1]'
says 'literal: our name' 'becomes <joe@mail\.test>'

# Logins.
for from in alice@v.test alice+x@v.test team@v.test '<>'; do
	asks "alice as $from" 0 --client 192.0.2.1 --auth alice@v.test --from "$from" --to x@far.test
done
asks 'alice as bob' 100 --client 192.0.2.1 --auth alice@v.test --from bob@v.test
says 'alice as bob: said' '=> 553 5\.7\.1 .*'
asks 'bob by the table' 0 --client 192.0.2.1 --auth bob@v.test --from Shop@far.test
says 'bob by the table: its line' "login: pass \($t/etc/postchaise/senders:1\)"
asks 'bob by its next line' 0 --client 192.0.2.1 --auth bob@v.test --from x@any.test
asks 'joe as anybody' 0 --client 192.0.2.1 --auth joe --from who@ever.test
PC_SERVICE=submission asks 'submission' 100 --client 192.0.2.1 --from alice@v.test
says 'submission: log in' '=> 530 5\.7\.0 .*'

# Settings, with the line that decided.
settings paranoid=confirmed checkhelo=1 nodaemon=1 trusted=10.0.0.0/8 \
    trusted=friend.test trusted=2001:db8::/32 forbidden=bounce:no
asks 'no reverse name' 100 --client 192.0.2.1
says 'no reverse name: the lines' "paranoid: .* \($conf:3\)"
says 'no reverse name: and what' "forbidden: 554 5\.7\.1 no \($conf:9\)"
asks 'name of another address' 100 --client 192.0.2.11 --name friend.test
asks 'DNS that fails for the name' 111 --client 203.0.113.9
says 'DNS that fails for the name: 421' '=> 421 4\.4\.3 .*'
asks 'trusted name' 0 --client 192.0.2.10 --name friend.test --to x@far.test
says 'trusted name: its line' "trusted: may relay \($conf:6\)"
asks 'trusted network' 0 --client 10.1.2.3 --helo mail.test --from '<>' --to x@far.test
asks 'trusted IPv6 network' 0 --client 2001:db8:f::1 --to x@far.test
settings checkhelo=1 nodaemon=1
for helo in mail.test localhost us.test us6.test '[127.0.0.1]' '[IPv6:::1]'; do
	asks "HELO $helo" 100 --client 192.0.2.1 --helo "$helo"
	says "HELO $helo: said" '=> 554 5\.7\.1 .*'
done
for helo in friend.test v.test nowhere.test x.dead.test '[192.0.2.1]'; do
	asks "HELO $helo" 0 --client 192.0.2.1 --helo "$helo"
done
asks 'nodaemon' 100 --client 192.0.2.1 --from '<>'
says 'nodaemon: its line' "=> 550 5\.7\.1 .*"
settings 'check-rcpt=/bin/true x'
asks 'a check' 0 --client 192.0.2.1 --to alice@v.test
says 'a check: named, not run' "check-rcpt: would be asked \($conf:3\): /bin/true x"

# tcprules.
settings forbidden=folder:Junk
cdb=$t/etc/postchaise/tcp.cdb
printf '%s\n' '10.:allow,RELAYCLIENT=""' '192.0.2.9:deny' \
    '192.0.2.:allow,PC_CHECKHELO="1",RBLSMTPD="-listed"' '2001:db8::allow,PC_PARANOID="1"' \
    ':allow' | tcprules "$cdb" "$t/tmp"
asks 'denied by a rule' 100 --client 192.0.2.9
says 'denied by a rule: the rule' "$cdb: rule 192\.0\.2\.9:deny"
asks 'RELAYCLIENT' 0 --client 10.9.9.9 --to x@far.test
says 'RELAYCLIENT: the rule' "RELAYCLIENT: may relay \($cdb, rule 10\.:\)"
asks 'RBLSMTPD' 0 --client 192.0.2.1
says 'RBLSMTPD: the rule' "RBLSMTPD: listed \($cdb, rule 192\.0\.2\.:\)"
says 'RBLSMTPD: into the folder' "forbidden: folder:Junk \($conf:3\)"
asks 'a setting of a rule' 100 --client 192.0.2.1 --helo mail.test
says 'a setting of a rule: the rule' "checkhelo: 554 .* \($cdb, rule 192\.0\.2\.:\)"
asks 'a rule for IPv6' 0 --client 2001:db8::1
says 'a rule for IPv6: found' "$cdb: rule 2001:db8::allow"
printf '192.0.2.1:deny\n' | tcprules "$t/o.cdb" "$t/tmp"
asks 'other rules' 100 --client 192.0.2.1 --rules "$t/o.cdb"
asks 'no rule' 0 --client 192.0.2.2 --rules "$t/o.cdb"
asks 'rules that are not there' 111 --client 192.0.2.2 --rules "$t/none.cdb"

# The order, and which keys count, as tcprulescheck has them.
# keys IP HOST KEY…: with all keys, then without the first that was found, …
keys() {
	_ip=$1 _host=$2; shift 2
	while [ $# -gt 0 ]; do
		for k; do echo "$k:allow"; done | tcprules "$t/o.cdb" "$t/tmp"
		want=$(unset TCPREMOTEHOST; [ -z "$_host" ] || export TCPREMOTEHOST="$_host"
		    TCPREMOTEIP=$_ip tcprulescheck "$t/o.cdb" | sed -n 's/^rule \(.*\):$/\1/p')
		out=$(route-explain --client "$_ip" ${_host:+--name "$_host"} --rules "$t/o.cdb")
		got=$(printf '%s\n' "$out" | sed -n "s|^  $t/o.cdb: rule \(.*\):allow\$|\1|p")
		is "rule for $_ip $_host among $# keys" "$got" "$want"
		shift
	done
}
keys 192.0.2.1 a.b.test 192.0.2.1 =a.b.test 192.0.2. 192.0.2 192.0. 192. 1 =.b.test =b.test =.test = ''
keys 2001:db8::1 h.test 2001:db8::1 =h.test 2001:db8:: 2001:db8: 2001:db8 2001: 2001:db8::/32 =.test = ''
keys ::1 '' ::1 :: : =
if command -v conn-gate >/dev/null && [ -x "$bin/conn-gate" ]; then
	echo 'ALL: 198.51.100.0/255.255.255.0' >"$t/etc/hosts.deny"
	asks 'hosts.deny, not asked' 0 --client 198.51.100.1
	asks 'hosts.deny' 0 --client 198.51.100.1 --gate
	says 'hosts.deny: said' 'DENIED: .* \(conn-gate\)'
	asks 'hosts.deny, of another' 0 --client 198.51.101.1 --gate
	says 'hosts.deny, of another: said' 'conn-gate: pass'
fi
rm "$cdb"

# smtp-recv says the same.
# agree WHAT IP NAME FROM TO
agree() {
	want=$(route-explain --client "$2" ${3:+--name "$3"} --helo h.test --from "$4" --to "$5" |
	    sed -n 's/^ *=> //p' | tail -1)
	got=$(printf '%s\r\n' 'EHLO h.test' "MAIL FROM:<$4>" "RCPT TO:<$5>" QUIT |
	    TCPREMOTEIP=$2 TCPREMOTEHOST=$3 smtp-recv 2>/dev/null | tr -d '\r' |
	    grep -v -e '^250[- ][^2]' -e '^221' -e '^220' -e '^503' | tail -1)
	is "smtp-recv agrees: $1" "$got" "$want"
}
settings trusted=10.0.0.0/8 paranoid=1 nodaemon=1 verify-from=1
agree 'taken' 192.0.2.10 friend.test x@good.test alice@v.test
agree 'unknown' 192.0.2.10 friend.test x@good.test none@v.test
agree 'relay' 192.0.2.10 friend.test x@good.test x@far.test
agree 'trusted' 10.0.0.1 '' x@good.test x@far.test
agree 'our sender' 192.0.2.10 friend.test alice@v.test alice@v.test
agree 'null MX' 192.0.2.10 friend.test x@null.test alice@v.test
agree 'null sender' 192.0.2.10 friend.test '' alice@v.test

# Usage.
for bad in '--client' '--client x' '--client 192.0.2.1 a@b.test' '--helo x' '--from x@y.test a' \
    '--client 192.0.2.1 --to <>' '--client 192.0.2.1 --name a_b..c' '--nope'; do
	# shellcheck disable=SC2086
	out=$(route-explain $bad 2>&1); is "usage: $bad" $? 100
done
done_testing
