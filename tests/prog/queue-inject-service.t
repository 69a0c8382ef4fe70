#!/bin/sh
# queue-inject -s: the service that smtp-recv asks.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../queue.sh"
export TCPREMOTEIP=192.0.2.7 PC_VERIFY_FROM=0 PC_CHECKHELO=0

S=$t/var/run/postchaise/inject
queue_make || exit 1
queue_up || exit 1

# What it forks is named by its parent.
workers() { pgrep -P "$ipid" | wc -l; }
up() {
	${quser:+setuidgid "$quser"} queue-inject -s 2>>"$t/inject.log" &
	ipid=$!
	started $ipid
	wait_for 5 sh -c "[ \$(pgrep -P $ipid | wc -l) = 16 ]"
}
# session N: one session with N messages; prints the last lines of replies.
session() {
	{
		printf 'EHLO client.test\r\n'
		for _i in $(seq "$1"); do
			printf 'MAIL FROM:<s@else.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n'
			printf 'Subject: m%d\r\n\r\nbody\r\n.\r\n' "$_i"
		done
		printf 'QUIT\r\n'
	} | as smtp-recv 2>>"$t/smtp.log"
}
queued() { session "$1" | grep -c '^250 2.0.0 queued as'; }

ok 'it starts sixteen workers' up
is 'a session of three messages' "$(queued 3)" 3
ok 'they arrive' wait_for 10 has_delivered alice 3
like 'with the client in Received' \
    "$(cat "$V"/alice/new/*)" 'from client.test \(unknown \[192.0.2.7\]\)'

# Many at once, each answered with an id of its own.
for i in $(seq 40); do
	session 2 >"$t/out.$i" &
	pids="${pids:-} $!"
done
wait $pids
is 'forty sessions at once, ids all different' \
    "$(cat "$t"/out.* | sed -n 's/^250 2.0.0 queued as //p' | sort -u | wc -l)" 80
ok 'and all arrive' wait_for 20 has_delivered alice 83

# A worker that is killed is replaced; no message suffers.
kill -9 "$(pgrep -P $ipid | head -1)"
is 'the service goes on' "$(queued 2)" 2
ok 'the worker is replaced' wait_for 5 sh -c "[ \$(pgrep -P $ipid | wc -l) = 16 ]"
like 'and the log says so' "$(cat "$t/inject.log")" 'worker-end pid='

# Settings: a new set is used by the next message.
sed -i 's/^hostname=.*/hostname=other.example.test/' "$t/etc/postchaise/postchaise.conf"
as alias-compile 2>/dev/null
queued 1 >/dev/null
ok 'a changed hostname is used at once' wait_for 10 grep -qs 'by other.example.test' -r "$V/alice/new"

# A second service does not take the place of the first.
code=0
as queue-inject -s 2>"$t/second" || code=$?
is 'a second one ends' "$code" 111
like 'and says why' "$(cat "$t/second")" 'fatal: inject-listen err=Address'

# Who is not trusted is not served: the connection ends without an answer.
cat >"$t/ask.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(10)
s.connect(sys.argv[1])
s.send(sys.argv[2].encode("latin1").decode("unicode_escape").encode("latin1"))
try:
    print(s.recv(1000).decode())
except ConnectionResetError:
    print()
END
chmod 644 "$t/ask.py"
e='Fa@b.test\0Talice@example.test\0\0Subject: x\n\nby hand\n'
like 'by hand: a packet' "$(as python3 "$t/ask.py" "$S" "$e")" '^0 K[0-9a-z]{16}$'
like 'a malformed one' "$(as python3 "$t/ask.py" "$S" 'Fa@b.test\0')" '^91 Z'
like 'one without recipients' "$(as python3 "$t/ask.py" "$S" 'Fa@b.test\0\0x')" '^91 Z'
if [ "$(id -u)" = 0 ]; then
	for i in 1 2 3 4 5 6 7 8 9 10; do
		setuidgid daemon python3 "$t/ask.py" "$S" "$e" 2>&1 | tail -1
	done | sort -u >"$t/others"
	unlike 'another user is not served' "$(cat "$t/others")" '^[0-9]+ '
	unlike 'and is told so, or cannot even ask' "$(cat "$t/others")" 'reset'
fi
is 'the service still serves' "$(queued 1)" 1

# Killed: its workers go too, and smtp-recv starts programs of its own.
kids=$(pgrep -P $ipid)
kill -9 $ipid; wait $ipid 2>/dev/null
gone() { for _p in $kids; do ! kill -0 "$_p" 2>/dev/null || return 1; done; }
ok 'killed: its workers end' wait_for 70 gone
is 'and mail is taken without it' "$(queued 2)" 2
ok 'it starts again over the socket that is left' up
is 'and serves' "$(queued 1)" 1
kids=$(pgrep -P $ipid)
kill $ipid; code=0; wait $ipid || code=$?
is 'TERM: it ends with 0' "$code" 0
ok 'with all workers' gone

# A socket of somebody else is not believed.
if [ "$(id -u)" = 0 ]; then
	rm -f "$S"
	cat >"$t/liar.py" <<-'END'
	import os, socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o666)
	os.setgid(1); os.setuid(1)
	s.listen(5); s.settimeout(20)
	open(sys.argv[2], "w").close() if os.access(os.path.dirname(sys.argv[2]), os.W_OK) else None
	while True:
	    c, _ = s.accept()
	    d = c.recv(200000)
	    if d:
	        c.send(b"0 Kaaaaaaaaaaaaaaaa")
	END
	chmod 644 "$t/liar.py"
	python3 "$t/liar.py" "$S" "$t/liar" & lpid=$!
	started $lpid
	wait_for 5 test -S "$S"; sleep 0.2
	unlike 'a foreign service is not believed' "$(session 1)" 'queued as aaaaaaaaaaaaaaaa'
	kill $lpid; wait $lpid 2>/dev/null
	rm -f "$S"
fi
queue_down
done_testing
