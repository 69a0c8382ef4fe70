#!/bin/sh
# queue-run and what senders ask to be told (RFC 3461): NOTIFY, RET, ENVID and
# ORCPT, here and at hosts that take them over or do not.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../queue.sh"
printf 'Subject: x\n\nbody\n' >"$t/msg"; chmod 644 "$t/msg"
port=$(free_port)
mkdir -p "$t/etc/virtual/example.test"
cat >"$t/etc/virtual/example.test/aliases" <<END
postmaster: alice
one: bob
two: bob, carol
mixed: bob, far@far.test
list: bob, far@far.test
owner-list: dave
END
queue_make "relay-host=[127.0.0.1]:$port" retry-min=1 retry-max=1 delay-warning=2 || exit 1
: >"$t/log"; chmod 666 "$t/log"
mkdir "$t/wire" "$t/fake"; [ -z "$quser" ] || chown "$quser" "$t/wire" "$t/fake"
sink() {
	rm -f "$t/wire"/*
	${quser:+setuidgid "$quser"} python3 "$top/tests/tools/fake-smtp" -p "$port" "$t/wire" "$@" &
	sinkpid=$!; started $sinkpid
	wait_for 5 test -s "$t/wire/port"
}
unsink() { kill $sinkpid; wait $sinkpid 2>/dev/null; }
dsn='EHLO=250-{name}|250-PIPELINING|250 DSN'
received() { [ "$(find "$t/wire" -name '*.msg' | wc -l)" -eq "$1" ]; }
# send RECORD...: from alice, with these records behind the sender's.
send() {
	printf '%s\0' Aret=HDRS Aenvid=QQ314 Falice@example.test "$@" '' >"$t/env"
	chmod 644 "$t/env"
	as queue-inject <"$t/msg" 1<"$t/env"
}
# told WHAT: the report that alice gets next is in $r.
reports=0
told() {
	reports=$((reports + 1))
	ok "$1" wait_for 10 has_delivered alice $reports
	wait_for 10 queue_empty
	r=$(cat "$(ls -t "$V"/alice/new/* | head -1)")
}
untold() { # untold WHAT: all is done, and no report came
	wait_for 10 queue_empty
	is "$1" "$(delivered alice)" $reports
}
action() { echo "$r" | sed -n 's/^Final-Recipient: rfc822; //p; s/^Action: //p' | tr '\n' ' '; }

queue_up
sink
send Tbob@example.test
untold 'nothing asked, nothing told'
send Tbob@example.test anotify=SUCCESS 'aorcpt=rfc822;Bob+2B@example.test'
told 'a delivery here'
is '  is told' "$(action)" 'bob@example.test delivered '
like '  with a status' "$r" '^Status: 2\.'
like '  the envelope id' "$r" '^Original-Envelope-Id: QQ314$'
like '  and the address as it was given' "$r" '^Original-Recipient: rfc822; Bob\+@example\.test$'
like '  with the header' "$r" '^Content-Type: text/rfc822-headers$'
unlike '  but not how' "$r" 'Diagnostic-Code'
send Tone@example.test anotify=SUCCESS
told 'an alias with one target'
is '  is told of it' "$(action)" 'bob@example.test delivered '
send Ttwo@example.test anotify=SUCCESS,FAILURE
told 'an alias with several'
is '  is told of once, as expanded' "$(action)" 'two@example.test expanded '
send Tnobody@example.test anotify=SUCCESS Tnobody2@example.test anotify=NEVER
untold 'failures that nobody wants to know of'
send Tbob@example.test anotify=SUCCESS Tcarol@example.test anotify=FAILURE \
    Tnobody@example.test anotify=SUCCESS,FAILURE
reports=$((reports + 1))
told 'success and failure are two reports'
is '  each of its own' "$(cat "$V"/alice/new/* | grep -c '^Final-Recipient: rfc822; nobody@')" 1

send Tfar@far.test anotify=SUCCESS
told 'a host that offers no DSN'
is '  is told as relayed' "$(action)" 'far@far.test relayed '
like '  by whom' "$r" '^Diagnostic-Code: smtp; 250 2\.0\.0 Ok: queued as FAKE$'
unlike '  who was not asked' "$(cat "$t/wire"/*.cmd)" 'NOTIFY|RET|ENVID'
unsink; sink "$dsn"
send Tfar@far.test anotify=SUCCESS,DELAY 'aorcpt=rfc822;far@far.test'
untold 'one that does is asked'
like '  all' "$(cat "$t/wire"/*.cmd)" '^MAIL .* RET=HDRS ENVID=QQ314$'
like '  of it' "$(cat "$t/wire"/*.cmd)" '^RCPT .* NOTIFY=SUCCESS,DELAY ORCPT=rfc822;far@far\.test$'
unsink; sink "$dsn"
send Tmixed@example.test anotify=SUCCESS 'aorcpt=rfc822;m@x.test'
told 'a list with a member elsewhere'
is '  is expanded' "$(action)" 'mixed@example.test expanded '
like '  and nothing more asked' "$(cat "$t/wire"/*.cmd)" '^RCPT .* NOTIFY=NEVER ORCPT=rfc822;m@x\.test$'
unsink; sink "$dsn"
send Tlist@example.test anotify=SUCCESS,NEVER 'aorcpt=rfc822;l@x.test'
told 'a list with an owner'
is '  has it' "$(action)" 'list@example.test delivered '
like '  its members are the owner'\''s' "$(cat "$t/wire"/*.cmd)" '^MAIL FROM:<owner-list@example.test>'
like '  who asked for nothing' "$(cat "$t/wire"/*.cmd)" '^RCPT TO:<far@far\.test>$'

# The whole way, from a client that asks.
as sh -c 'printf "EHLO c.test\r\nMAIL FROM:<alice@example.test> RET=FULL ENVID=a+2Bb\r\nRCPT TO:<bob@example.test> NOTIFY=success,delay ORCPT=rfc822;B+2B@x\r\nDATA\r\nSubject: y\r\n\r\ny\r\n.\r\nQUIT\r\n" |
    PROTO=TCP TCPREMOTEIP=127.0.0.1 RELAYCLIENT= smtp-recv' >"$t/said" 2>>"$t/log"
told 'a client asks by SMTP'
is '  and is told' "$(action)" 'bob@example.test delivered '
like '  which envelope' "$r" '^Original-Envelope-Id: a\+b$'
like '  and recipient' "$r" '^Original-Recipient: rfc822; B\+@x$'

# Killed between the delivery and its report.
unsink; sink
queue_down
printf '#!/bin/sh\nkill -9 $PPID\nexit 111\n' >"$t/fake/bounce-build"
chmod 755 "$t/fake/bounce-build"
PC_PATH=$t/fake:$bin
queue_up
n=$(delivered bob)
send Tfar@far.test anotify=SUCCESS
ok 'killed when a report is to be made' wait_for 8 received 1
wait $qpid 2>/dev/null; wait_for 10 no_spawner
PC_PATH=$bin
queue_up
told 'the report comes after the crash'
is '  as what it was' "$(action)" 'far@far.test relayed '
ok '  and the message was not sent again' received 1
queue_down
PC_PATH=$t/fake:$bin
queue_up
send Ttwo@example.test anotify=SUCCESS
wait $qpid 2>/dev/null; wait_for 10 no_spawner
PC_PATH=$bin
queue_up
told 'the same with a list'
is '  whose members have it once' "$(delivered bob)" $((n + 1))

# A host that is down, and who wants to know.
unsink
send Tfar@far.test anotify=FAILURE,SUCCESS
send Tlate@far.test anotify=DELAY
reports=$((reports + 1))
ok 'a delay is told' wait_for 15 has_delivered alice $reports

r=$(cat "$(ls -t "$V"/alice/new/* | head -1)")
like '  to whom asked' "$r" '^Final-Recipient: rfc822; late@'
unlike '  alone' "$r" 'far@far\.test'
queue_down
done_testing
