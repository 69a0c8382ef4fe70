#!/bin/sh
# Mail for other hosts through the whole of a private system: one smarthost
# for several domains, what it refuses, and what happens while it is away.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/system.sh"
unset PC_PREFIX PC_PATH
d=$t/sys
fake=$t/fake
mkdir "$fake"
"$top/tests/tools/fake-smtp" "$fake" 'RCPT TO:<NO@=550 5.1.1 no such user' &
fakepid=$!
started $fakepid
wait_for 5 test -s "$fake/port"
make_system "$d" || exit 1
v=$d/var/spool/virtual/example.test

# conf LINE…: instead of the ones before, and live.
conf() {
	_c=$d/etc/postchaise/postchaise.conf
	[ -e "$t/conf" ] || cp "$_c" "$t/conf"
	{ cat "$t/conf"; printf '%s\n' "$@"; } | sys_put "$_c"
	in_system "$d" alias-compile
}
conf "relay-host=[127.0.0.1]:$(cat "$fake/port")"
ok 'the system starts' start_system "$d" "$(free_port)"
cleanup_system() { stop_system "$d"; cleanup; }
trap cleanup_system EXIT

# submit SUBJECT RCPT…: from alice.
submit() {
	_s=$1; shift
	printf 'Subject: %s\n\nbody\n' "$_s" |
	    in_system "$d" sendmail -f alice@example.test "$@"
}
# in alice's mailbox: the messages with this line.
got() { grep -lsx -e "$1" "$v"/alice/new/*; }
run_queue() { in_system "$d" svc "$1" "$d/service/queue-run"; }

submit one a@one.test b@two.test c@one.test
ok 'the smarthost gets mail' wait_for 10 test -s "$fake/1.1.msg"
is 'for all domains in one transfer' "$(grep -c '^RCPT' "$fake/1.cmd")" 3
submit two no@one.test
ok 'who is refused is told of' wait_for 10 got 'Final-Recipient: rfc822; no@one.test'
like 'with what was said' "$(got 'Final-Recipient: rfc822; no@one.test' | xargs cat)" \
    '^Diagnostic-Code: smtp; 550 5.1.1 no such user'

# The smarthost is away.
kill $fakepid
wait $fakepid 2>/dev/null
submit three d@one.test
why='connect to 127.0.0.1\[127.0.0.1\]:[0-9]*: Connection refused'
waits() { in_system "$d" mailq | grep -q "$why"; }
ok 'mailq has the reason' wait_for 10 waits
attempts() { in_system "$d" mailq -j | grep -q "\"attempts\":$1,"; }
run_queue -a
ok 'ALRM tries again at once' wait_for 10 attempts 2
# All of it is late now.
conf "relay-host=[127.0.0.1]:$(cat "$fake/port")" delay-warning=1s
run_queue -h
sleep 1
run_queue -a
ok 'the delay is told of' wait_for 10 got 'Action: delayed'
like 'with the reason' "$(got 'Action: delayed' | xargs cat)" "$why"
conf "relay-host=[127.0.0.1]:$(cat "$fake/port")" qreturn=1s
run_queue -h
run_queue -a
end() { got 'Action: failed' | xargs grep -l 'Final-Recipient: rfc822; d@one.test'; }
ok 'and its end' wait_for 10 end
report=$(cat "$(end)")
like 'with the reason too' "$report" "$why"
like 'and the last status' "$report" '^Status: 4\.4\.1$'
empty() { in_system "$d" mailq | grep -qx 'Mail queue is empty'; }
ok 'the queue is empty' wait_for 10 empty
done_testing
