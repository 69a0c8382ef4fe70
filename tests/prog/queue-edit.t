#!/bin/sh
# queue-edit: what an administrator does to messages that wait.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../queue.sh"
printf 'Subject: x\n\nbody\n' >"$t/msg"; chmod 644 "$t/msg"
port=$(free_port)
queue_make "relay-host=[127.0.0.1]:$port" retry-min=1h || exit 1
: >"$t/log"; chmod 666 "$t/log"
logged() { grep -q -e "$1" "$t/log"; }
edit() { as env USER=admin queue-edit "$@" 2>>"$t/err"; }
quietly() { edit "$@" >/dev/null; }
state() { as queue-list -j | python3 -c '
import json, sys
for l in sys.stdin:
    m = json.loads(l)
    if sys.argv[1] in (r["address"] for r in m["recipients"]):
        print(m["state"])' "$1"; }

queue_up
for r in one@far.test two@far.test three@other.test; do
	inject alice@example.test $r <"$t/msg"
	wait_for 8 logged "$r.*status=deferred"
done
is 'all wait' "$(state one@far.test) $(state three@other.test)" 'waiting waiting'

like 'hold by domain' "$(edit hold -w 'too much' domain=far.test | sort | cut -d' ' -f1 | uniq -c)" '2 hold'
is 'they are held, the other is not' \
    "$(state one@far.test) $(state two@far.test) $(state three@other.test)" 'held held waiting'
ok 'the reason is in the log' logged 'msg-edit .*verb=hold answer=ok text=too%20much'
n=$(grep -c 'one@far.test.*status=deferred' "$t/log")
kill -ALRM $qpid; sleep 1
is 'what is held is not tried' "$(grep -c 'one@far.test.*status=deferred' "$t/log")" "$n"
exits 'nor by retry' 100 quietly retry to=one@far.test

queue_down; queue_up
wait_for 5 test "$(state one@far.test)" = held
is 'it stays held over a restart' "$(state one@far.test)" held

quietly release to=one@far.test
ok 'released it is tried at once' wait_for 8 sh -c \
    "[ \$(grep -c 'one@far.test.*status=deferred' '$t/log') -gt $n ]"
exits 'release of what is not held' 100 quietly release to=three@other.test

id=$(edit remove to=two@far.test | cut -d' ' -f2)
like 'remove' "$id" '^[0-9a-z]{16}$'
is 'it is gone' "$(state two@far.test)" ''
is 'and nobody is told' "$(delivered alice)" 0
exits 'a message that is not there' 100 quietly remove "$id"
is 'the others are there' "$(as queue-list -j | wc -l | tr -d ' ')" 2

n=$(grep -c 'three@other.test.*status=deferred' "$t/log")
kill -ALRM $qpid; sleep 1
quietly retry from=alice@example.test
ok 'retry by sender' wait_for 8 sh -c \
    "[ \$(grep -c 'three@other.test.*status=deferred' '$t/log') -gt $n ]"
wait_for 5 test "$(state three@other.test)" = waiting
# What cannot be read may have been meant.
slot=$(grep -lr three@other.test "$Q/slot")
chmod 0 "$slot"
exits 'a slot that cannot be read: 111' 111 quietly hold all
chmod 600 "$slot"
is 'the rest is done' "$(state one@far.test) $(state three@other.test)" 'held waiting'
exits 'what was done cannot be said: 111' 111 sh -c 'exec "$@" >/dev/full' - \
    ${quser:+setuidgid "$quser"} queue-edit release to=one@far.test

wait_for 5 test "$(state one@far.test)" = waiting
exits 'all of them' 0 quietly remove all
ok 'and the queue is empty' wait_for 5 queue_empty

exits 'bad usage' 100 quietly burn all
queue_down
inject alice@example.test one@far.test <"$t/msg"
exits 'queue-run is down: 111' 111 quietly hold all
done_testing
