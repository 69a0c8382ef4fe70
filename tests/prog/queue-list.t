#!/bin/sh
# queue-list: the queue with queue-run up and down, as text and as JSON.
# Real programs fill the queue; they run as one plain user.
if [ "$(id -u)" = 0 ]; then
	if setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$0" 2>/dev/null; then
		exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0"
	fi
	echo "1..0 # SKIP no unprivileged user can run this"; exit 0
fi
. "$(dirname "$0")/../lib.sh"

spool=$t/var/spool/postchaise
mkdir -p "$t/etc/postchaise" "$t/etc/virtual" "$spool" "$t/var/run/postchaise"
printf 'hostname=mail.example.test\nrelay-host=[127.0.0.1]:%s\n' "$(free_port)" \
    >"$t/etc/postchaise/postchaise.conf"
echo 'postmaster: root' >"$t/etc/aliases"
alias-compile || { fail "tables"; done_testing; }
list() { code=0; out=$(queue-list "$@" 2>"$t/err") || code=$?; err=$(cat "$t/err"); }
# json EXPR: of the one object in $out.
json() { printf '%s\n' "$out" | python3 -c "import json,sys; o=json.loads(sys.stdin.readline()); print($1)"; }

list
is "no queue at all is not an empty one" "$code" 111
queue-start 2>"$t/log" & run=$!
started $run
wait_for 10 test -S "$spool/control"
list
is "an empty queue" "$out" "Mail queue is empty"
is "exit code" "$code" 0
is "nothing else is said" "$err" ""
list -j
is "an empty queue has no JSON lines" "$out" ""

printf 'Subject: x\n\nhello\n' | mail-submit -f ann@a.test bob@b.test 'carl@c.test'
deferred() { queue-list | grep -q 'Connection refused'; }
ok "the reason for the delay is shown" wait_for 20 deferred
list
like "id, size, sender" "$out" '^[0-9a-z]{16}  +[0-9]+ [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} ann@a\.test$'
is "each recipient and below it why" "$(printf '%s\n' "$out" | sed -n '3,6s/^ *//p' | sed 's/ to.*: C/ C/')" "bob@b.test
(connect Connection refused)
carl@c.test
(connect Connection refused)"
like "the last line counts" "$(printf '%s\n' "$out" | tail -1)" '^-- 1 message, 1 kbytes$'
list -j
is "JSON: sender" "$(json 'o["sender"]')" ann@a.test
is "JSON: state and attempts" "$(json '(o["state"], o["attempts"])')" "('waiting', 1)"
is "JSON: the next attempt is ahead" "$(json 'o["next"] > o["time"] > 1700000000')" True
is "JSON: recipients" "$(json '[(r["address"], r["state"], "refused" in r["reason"]) for r in o["recipients"]]')" \
    "[('bob@b.test', 'todo', True), ('carl@c.test', 'todo', True)]"
is "JSON: the id is the one in the log" "$(grep -c "msg-new id=$(json 'o["id"]') " "$t/log")" 1
is "mailq is the same" "$(mail-submit -bp)" "$(queue-list)"

kill $run; wait $run
list
like "queue-run down: still listed" "$out" 'ann@a\.test'
is "and said" "$err" "(queue-run is down)"
is "exit code 0" "$code" 0
list -j
is "JSON without queue-run" "$(json '(o["state"], o["attempts"], "refused" in o["recipients"][0]["reason"])')" "('waiting', 1, True)"

# bytes of the queue that could hurt a reader
printf 'F%s\0T%s\0\0' "$(printf 'e\033[2Jvil@x')" "$(printf '\303\251\200"\\@x')" >"$t/env"
printf 'x\n' | queue-inject 1<"$t/env" 2>/dev/null
list
unlike "control characters are not shown" "$out" "$(printf '\033')"
like "but a ? for each" "$out" 'e\?\[2Jvil@x'
unlike "nor what is no UTF-8" "$out" "$(printf '\200"')"
out=$(queue-list -j 2>/dev/null | grep vil)
is "JSON escapes them" "$(json 'ascii([o["sender"], o["recipients"][0]["address"]])')" \
    "['e\\x1b[2Jvil@x', '\\xe9\\ufffd\"\\\\@x']"

# a large message, damage, permission
head -c 100000 /dev/zero | tr '\0' '\n' >"$t/big"
mail-submit -f big@a.test x@b.test <"$t/big"
out=$(queue-list -j 2>/dev/null | grep big@)
is "the size of a large message" "$(json '100000 < o["size"] < 101000')" True
mkdir -p "$spool/slot/00"
echo rubbish >"$spool/slot/00/00000001"; touch -d '5 minutes ago' "$spool/slot/00/00000001"
list
like "a damaged slot is told of" "$err" 'warn: list-damaged slot=00000001'
like "and the others listed" "$out" '^-- 3 messages'
chmod 0 "$spool"
list
is "not permitted" "$code" 77
like "says so" "$err" '^queue-list: you may not read the queue$'
chmod 700 "$spool"
exits "a wrong option" 100 queue-list -z 2>/dev/null
exits "an argument" 100 queue-list x 2>/dev/null
queue-list -j >/dev/full 2>/dev/null
is "a list that cannot be written" $? 111
done_testing
