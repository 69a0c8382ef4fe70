#!/bin/sh
# deliver-smtp to a real server: a private Postfix on a loopback port.
. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin
[ "$(id -u)" = 0 ] || skip_all "needs root to start Postfix"
command -v postfix >/dev/null || skip_all "no Postfix"
command -v python3 >/dev/null || skip_all "no python3"

port=$(free_port)
mkdir "$t/conf" "$t/queue" "$t/data" "$t/mail"
chown postfix "$t/data"; chown nobody "$t/mail"
echo 'alice@real.example box/' >"$t/maps"
cat >"$t/conf/main.cf" <<E
compatibility_level = 3.6
queue_directory = $t/queue
data_directory = $t/data
maillog_file = $t/maillog
maillog_file_prefixes = $t
myhostname = mx.real.example
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
alias_maps =
local_recipient_maps =
message_size_limit = 200000
virtual_mailbox_domains = real.example
virtual_mailbox_maps = texthash:$t/maps
virtual_mailbox_base = $t/mail
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
virtual_minimum_uid = 1
smtpd_peername_lookup = no
E
cat >"$t/conf/master.cf" <<E
127.0.0.1:$port inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
E
stop() { postfix -c "$t/conf" stop >/dev/null 2>&1; }
trap 'stop; cleanup' EXIT
postfix -c "$t/conf" start >"$t/start" 2>&1 || {
	sed 's/^/# /' "$t/start"; skip_all "Postfix does not start"
}
wait_for 10 grep -q 'daemon started' "$t/maillog"
wait_for 10 python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" ||
	skip_all "Postfix does not listen"
h="127.0.0.1[127.0.0.1]:$port"
send() { deliver-smtp -h me.example -r "[127.0.0.1]:$port" "$@" 2>"$t/log"; }

{
	printf 'From: s@x.example\nTo: alice@real.example\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <1@x>\n\n'
	printf '.\n..\n.dot\ncaf\351 \360\237\220\216\n\nFrom the start\nend'
} >"$t/msg"
r=$(send s@x.example alice@real.example nobody@real.example a@other.example <"$t/msg")
like "taken" "$r" "^K1 2.0.0 127.0.0.1\[127.0.0.1\]:$port 250 2.0.0 Ok: queued as [0-9A-Za-z]+\$"
like "unknown user" "$r" "^D2 5.1.1 .* said: 550 5.1.1 <nobody@real.example>: .* \(in reply to RCPT TO command\)\$"
like "not its domain" "$r" "^[DZ]3 [45].7.1 .* said: [45]54 [45].7.1 <a@other.example>"
box() { ls "$t/mail/box/new" 2>/dev/null | wc -l | tr -d ' '; }
has() { [ "$(box)" = "$1" ]; }
ok "delivered" wait_for 15 has 1
sed '1,/^$/d' "$t/msg" >"$t/want"; echo >>"$t/want"
sed '1,/^$/d' "$t/mail/box/new/"* >"$t/got"
ok "  byte for byte, the last line ended" cmp "$t/want" "$t/got"

head -c 300000 /dev/zero | tr '\0' x | fold -w 70 >"$t/big"
like "over its limit" "$(send s@x.example alice@real.example <"$t/big")" \
    "^D1 5.3.4 message size 30[0-9]+ exceeds size limit 200000"
head -c 150000 "$t/big" >"$t/large"
{
	echo "x relayhost=[127.0.0.1]:$port"; echo "x hostname=me.example"
	echo "file $t/large s@x.example alice@real.example"
	echo "pipe $t/msg s@x.example nobody@real.example"
	echo "pipe $t/msg '' alice@real.example"
	echo "pipe $t/msg s@x.example alice@real.example"
} >"$t/script"
"$top/tests/tools/keep-orders" deliver-smtp -k <"$t/script" >"$t/out" 2>"$t/log"
is "four orders" "$(cut -c1-8 "$t/out")" "K1 2.0.0
D1 5.1.1
K1 2.0.0
K1 2.0.0
exit 0"
is "  by one connection" "$(grep -c conn-close "$t/log")" 1
ok "  are there" wait_for 15 has 4
done_testing
