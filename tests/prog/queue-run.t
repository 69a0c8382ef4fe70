#!/bin/sh
# queue-run with real spawners and delivery programs: aliases, retries,
# reports, signals, crashes.  Both with and without recycled slots.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../queue.sh"
printf 'Subject: x\n\nbody\n' >"$t/msg"; chmod 644 "$t/msg"

logged() { grep -q -e "$1" "$t/log"; }
nlog() { grep -c -e "$1" "$t/log"; }

for recycle in ${RECYCLE:-1 0}; do
note="(queue-recycle=$recycle)"
mkdir -p "$t/etc/virtual/example.test"
cat >"$t/etc/virtual/example.test/aliases" <<END
postmaster: alice
team: alice, bob, alice
carol: carol, alice
loop: :include:$t/loop
list: :include:$t/members
owner-list: dave
cmd: "|cat >>$t/home/cmd.txt; exit 0"
bad: "|echo no such thing; exit 100"
later: "|test -e $t/home/go || exit 75; cat >>$t/home/later.txt"
file: $t/home/box
END
printf 'alice@example.test\n# a comment\nbob@example.test, nobody-here@example.test\n' >"$t/members"
echo 'loop@example.test' >"$t/loop"
chmod 644 "$t/members" "$t/loop"
queue_make queue-recycle=$recycle retry-min=1 retry-max=1 pipe-timeout=60 forbidden=folder:Junk || exit 1
: >"$t/log"; chmod 666 "$t/log"
queue_up

inject s@example.test alice@example.test carol@example.test <"$t/msg"
ok "two recipients $note" wait_for 5 has_delivered carol 1
wait_for 5 queue_empty
is "each once, and what the alias of one names $note" "$(delivered alice) $(delivered carol)" '1 1'

inject s@example.test team@example.test bob@example.test <"$t/msg"
ok "an alias and one of its members $note" wait_for 5 has_delivered bob 1
wait_for 5 queue_empty
is "each final recipient once $note" "$(delivered alice) $(delivered bob)" '2 1'

inject s@example.test carol@example.test <"$t/msg"
ok "an alias that names its own user reaches it $note" wait_for 5 has_delivered carol 2

inject bob@example.test loop@example.test <"$t/msg"
ok "a list that names only itself: a report to the sender $note" wait_for 8 has_delivered bob 2
like "that says so $note" "$(cat "$V"/bob/new/*)" '5\.4\.6'

inject s@example.test list@example.test <"$t/msg"
ok "an include file's members $note" wait_for 5 has_delivered bob 3
ok "its failures go to owner-list $note" wait_for 8 has_delivered dave 1
like "who is named as the sender $note" "$(grep -l 'X-Original-To: list' "$V"/bob/new/* | xargs cat)" 'Return-Path: <owner-list@example.test>'

inject s@example.test cmd@example.test file@example.test <"$t/msg"
ok "a command $note" wait_for 5 grep -q body "$t/home/cmd.txt"
ok "a file $note" wait_for 5 grep -q body "$t/home/box"

n=$(delivered bob)
inject bob@example.test bad@example.test nobody@example.test alice@example.test <"$t/msg"
ok "failures: one report $note" wait_for 8 has_delivered bob $((n + 1))
wait_for 5 queue_empty
r=$(ls -t "$V"/bob/new/* | head -1)
like "with the command's words $note" "$(cat "$r")" 'no such thing'
like "and the unknown user $note" "$(cat "$r")" '5\.1\.1'

inject s@example.test later@example.test alice@example.test <"$t/msg"
ok "deferred: the other recipient has it $note" wait_for 5 has_delivered alice 6
ok "the reason is in the log $note" wait_for 5 logged 'later@.*deferred'
is "it stays in the queue $note" "$(queue_messages)" 1
: >"$t/home/go"; chmod 666 "$t/home/go"
ok "and is delivered later $note" wait_for 10 grep -q body "$t/home/later.txt"
wait_for 5 queue_empty
is "once, and nobody else again $note" "$(grep -c body "$t/home/later.txt") $(delivered alice)" '1 6'
rm -f "$t/home/go"

# A client that is let through with its mail marked (forbidden=folder).
as sh -c 'printf "EHLO c.test\r\nMAIL FROM:<s@a.localhost>\r\nRCPT TO:<alice@example.test>\r\nRCPT TO:<local@mail.example.test>\r\nDATA\r\nSubject: y\r\n\r\ny\r\n.\r\nQUIT\r\n" |
    PROTO=TCP TCPREMOTEIP=192.0.2.1 DENIED="554 5.7.1 listed" smtp-recv' >"$t/said" 2>>"$t/log"
ok "its mail is filed $note" wait_for 5 grep -rq '^X-Spam: .*listed' "$V/alice/.Junk/new"
ok "of a system user too $note" wait_for 5 grep -q '^X-Spam: .*listed' "$t/home/Junk"
wait_for 5 queue_empty

# Double bounce: to postmaster; null sender never answered.
inject '' bad@example.test <"$t/msg"
ok "a report that cannot be returned goes to postmaster $note" wait_for 8 grep -q 'no such thing' "$t/var/mail/local"
wait_for 5 queue_empty

# Many at once.
n=$(delivered dave)
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	inject s@example.test dave@example.test <"$t/msg"
done
ok "twenty messages $note" wait_for 10 has_delivered dave $((n + 20))
wait_for 5 queue_empty
free=$(find "$Q/slot" -type f | wc -l)
if [ $recycle = 1 ]; then
	ok "slots were used again: $free are there" test "$free" -lt 12
else
	is 'no slot is left' "$free" 0
fi

# Down: mail is taken; up: it is delivered.
queue_down
n=$(delivered carol)
inject s@example.test carol@example.test <"$t/msg"
is "taken while queue-run is down $note" "$(queue_messages)" 1
queue_up
ok "delivered when it is up again $note" wait_for 8 has_delivered carol $((n + 1))
wait_for 5 queue_empty

# A corrupt slot is set aside, the rest goes on.
queue_down
inject s@example.test carol@example.test <"$t/msg"
f=$(find "$Q/slot" -type f -newer "$t/compile.err" -exec grep -l 'carol@example.test' {} + | tail -1)
for f in $(find "$Q/slot" -type f); do
	[ "$(dd if="$f" bs=1 skip=16 count=1 2>/dev/null)" = Q ] && break
done
printf 'XX' | dd of="$f" bs=1 seek=200 conv=notrunc 2>/dev/null
printf 'rubbish' >"$Q/slot/00/00000001"; [ -z "$quser" ] || chown "$quser" "$Q/slot/00/00000001"
queue_up
ok "a damaged slot is set aside $note" wait_for 8 logged "queue-aside slot=${f#"$Q"/}"
ok "and a file that is none $note" wait_for 8 logged 'queue-aside slot=slot/00/00000001'
n=$(delivered carol)
inject s@example.test carol@example.test <"$t/msg"
ok "the rest goes on $note" wait_for 5 has_delivered carol $((n + 1))

# Killed with a delivery running: nothing lost, nothing doubled.
cat >"$t/home/slow" <<END
#!/bin/sh
echo run >>$t/home/slow.txt
i=0
while [ ! -e $t/home/end ] && [ \$i -lt 300 ]; do sleep 0.1; i=\$((i + 1)); done
cat >>$t/home/slow.out
END
chmod 755 "$t/home/slow"
echo "slow: \"|$t/home/slow\"" >>"$t/etc/virtual/example.test/aliases"
sleep 1.1; as alias-compile 2>/dev/null; sleep 1.2
n=$(delivered dave) c=$(delivered carol)
inject s@example.test slow@example.test dave@example.test <"$t/msg"
ok "a slow command runs $note" wait_for 5 test -s "$t/home/slow.txt"
kill -9 $qpid; wait $qpid 2>/dev/null
queue_up
inject s@example.test carol@example.test <"$t/msg"
ok "new mail is delivered at once after a crash $note" wait_for 8 has_delivered carol $((c + 1))
sleep 2
is "the message is not started again while its command runs $note" "$(wc -l <"$t/home/slow.txt")" 1
: >"$t/home/end"
ok "its command ends $note" wait_for 8 test -s "$t/home/slow.out"
wait_for 12 queue_empty
is "the Maildir recipient has it once $note" "$(delivered dave)" $((n + 1))

# A delivery program that hangs is ended and tried again.
if [ $recycle = 1 ]; then
	queue_down
	mkdir -p "$t/fake"
	printf '#!/bin/sh\nexec sleep 100\n' >"$t/fake/deliver-vhost"
	chmod 755 "$t/fake" "$t/fake/deliver-vhost"
	sed -i 's/^pipe-timeout=.*/pipe-timeout=1/' "$t/etc/postchaise/postchaise.conf"
	as alias-compile 2>/dev/null
	PC_PATH=$t/fake:$bin
	queue_up
	n=$(delivered dave)
	inject s@example.test dave@example.test <"$t/msg"
	sleep 1
	PC_PATH=$bin
	ok 'a delivery program that hangs is ended' wait_for 25 logged 'dave@.*status=deferred'
	rm "$t/fake/deliver-vhost"
	ok 'and the message delivered by the next' wait_for 15 has_delivered dave $((n + 1))
fi

queue_down
ok "TERM ends it in order $note" logged queue-end
rm -rf "$V"/* "$t/home"/* "$Q" "$t/var/mail/local"
done
done_testing
