#!/bin/sh
# queue-run and remote hosts: back-off of a destination, retries, reports at
# the end of the queue's lifetime, warnings of delay, marks after a crash.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../queue.sh"
printf 'Subject: x\n\nbody\n' >"$t/msg"; chmod 644 "$t/msg"
logged() { grep -q -e "$1" "$t/log"; }
port=$(free_port)
queue_make "relay-host=[127.0.0.1]:$port" retry-min=2 retry-max=2 delay-warning=3 qreturn=1h || exit 1
: >"$t/log"; chmod 666 "$t/log"
mkdir "$t/wire"; [ -z "$quser" ] || chown "$quser" "$t/wire"
sink() {
	rm -f "$t/wire/port"
	${quser:+setuidgid "$quser"} python3 "$top/tests/tools/fake-smtp" -p "$port" "$t/wire" "$@" &
	sinkpid=$!; started $sinkpid
	wait_for 5 test -s "$t/wire/port"
}
unsink() { kill $sinkpid; wait $sinkpid 2>/dev/null; rm -f "$t/wire"/*; }
received() { [ "$(find "$t/wire" -name '*.msg' | wc -l)" -eq "$1" ]; }

queue_up
inject alice@example.test one@far.test <"$t/msg"
ok 'a host that refuses: deferred' wait_for 8 logged 'one@far.test.*dsn=4.4.1 status=deferred'
n=$(grep -c conn-fail "$t/log")
inject alice@example.test two@far.test <"$t/msg"
sleep 1
is 'the destination is left alone: no second attempt' "$(grep -c conn-fail "$t/log")" "$n"
like 'and mailq says why' "$(as queue-list)" 'delivery suspended for now: .*refused'
ok 'the sender is told of the delay, once it is long enough' wait_for 15 has_delivered alice 2
like 'as delayed, not failed' "$(cat "$V"/alice/new/*)" '^Action: delayed'
sleep 3
ok "once for each message" has_delivered alice 2

sink
kill -ALRM $qpid
ok 'ALRM tries everything at once' wait_for 10 received 2
ok 'and nothing is left' wait_for 10 queue_empty

# A recipient each: one taken, one refused for now, one for good.
unsink
sink 'RCPT TO:<later=450 4.2.0 later' 'RCPT TO:<never=550 5.1.1 no such user'
kill -ALRM $qpid
n=$(delivered alice)
inject alice@example.test good@far.test later@far.test never@far.test <"$t/msg"
ok 'one recipient of three is done' wait_for 10 logged 'good@far.test.*status=sent'
ok 'one has failed and is reported' wait_for 10 has_delivered alice $((n + 1))
like 'with what the host said' "$(cat "$V"/alice/new/*)" '550 5\.1\.1 no such user'
is 'one stays' "$(as queue-list -j | grep -c later@far.test)" 1
unlike 'the others are not listed' "$(as queue-list)" 'good@|never@'

# Killed and started again: who is done stays done.
kill -9 $qpid; wait $qpid 2>/dev/null; wait_for 10 no_spawner
unsink; sink
queue_up
ok 'after a crash the rest is delivered' wait_for 15 received 1
like 'to the one that was left' "$(cat "$t/wire"/*.cmd)" 'RCPT TO:<later@far.test>'
unlike 'and to nobody else' "$(cat "$t/wire"/*.cmd)" 'RCPT TO:<(good|never)@'
wait_for 10 queue_empty

# The end of the queue's lifetime.
unsink
inject alice@example.test old@far.test <"$t/msg"
wait_for 8 logged 'old@far.test.*status=deferred'
sed -i 's/^qreturn=.*/qreturn=1s/; s/^delay-warning=.*/delay-warning=0/' "$t/etc/postchaise/postchaise.conf"
as alias-compile 2>/dev/null
n=$(delivered alice)
kill -ALRM $qpid
ok 'at the end of the lifetime it is returned' wait_for 15 has_delivered alice $((n + 1))
like 'with the last reason' "$(cat "$V"/alice/new/*)" 'Connection refused'
ok 'and is gone' wait_for 10 queue_empty
queue_down
done_testing
