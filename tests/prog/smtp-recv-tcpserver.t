#!/bin/sh
# smtp-recv under the real tcpserver: who the client is, what tcprules may
# override, many sessions at once.
. "$(dirname "$0")/../lib.sh"
command -v tcpserver >/dev/null || skip_all "no tcpserver"
. "$top/tests/smtp-recv.sh"

printf '127.0.0.2:allow,RELAYCLIENT="",PC_HOSTNAME="no",PC_SIZE="2k"\n127.0.0.3:deny\n:allow\n' |
    tcprules "$t/rules.cdb" "$t/rules.tmp"
port=$(free_port)
tcpserver -HRl0 -x "$t/rules.cdb" 127.0.0.1 "$port" smtp-recv 2>"$t/log" &
started $!
talk=$top/tests/tools/smtp-talk
wait_for 10 python3 "$talk" "$port" 127.0.0.1 QUIT
said=$(python3 "$talk" "$port" 127.0.0.1 'EHLO c.test' 'MAIL FROM:<a@b.test>' \
    'RCPT TO:<alice@example.test>' 'RCPT TO:<x@remote.test>' DATA \
    'Subject: x' '' hello . QUIT)
like "a message over TCP" "$said" '^250 2.0.0 queued as 0123456789abcdef$'
like "our name is the table's" "$said" '^220 mx.example.test ESMTP$'
like "127.0.0.1 may not relay" "$said" '^550 5.7.1'
like "the client's address goes along" "$(cat "$t/env")" '^Apeer=127.0.0.1$'
like "and into the log" "$(cat "$t/log")" 'rcpt-refuse client=unknown\[127.0.0.1\]'

said=$(python3 "$talk" "$port" 127.0.0.2 'EHLO c.test' 'MAIL FROM:<a@b.test>' \
    'RCPT TO:<x@remote.test>' QUIT)
like "RELAYCLIENT by tcprules" "$said" '^250 2.1.5 ok$'
like "a client's setting" "$said" '^250-SIZE 2000$'
like "no other setting" "$said" '^220 mx.example.test ESMTP$'
is "tcprules can refuse a client" \
    "$(python3 "$talk" "$port" 127.0.0.3 QUIT)" ''

# IPv6, by its own rules.
printf '::1:allow,RELAYCLIENT=""\n:allow\n' |
    tcprules "$t/rules6.cdb" "$t/rules.tmp"
port6=$(free_port)
tcpserver -HRl0 -x "$t/rules6.cdb" ::1 "$port6" smtp-recv 2>"$t/log6" &
started $!
if wait_for 5 python3 "$talk" "$port6" ::1 QUIT; then
	said=$(python3 "$talk" "$port6" ::1 'EHLO c.test' 'MAIL FROM:<a@b.test>' \
	    'RCPT TO:<x@remote.test>' DATA 'Subject: x' '' hello . QUIT)
	like "a message over IPv6, relayed by a rule" "$said" '^250 2.0.0 queued'
	like "from its address" "$(cat "$t/env")" '^Apeer=::1$'
else
	pass "IPv6 # SKIP no ::1 here"
fi

# A hundred clients at once: none waits for another.
port2=$(free_port)
tcpserver -c 200 -HRl0 127.0.0.1 "$port2" smtp-recv 2>"$t/log2" &
started $!
wait_for 10 python3 "$talk" "$port2" 127.0.0.1 QUIT
is "a hundred sessions at once" "$(python3 "$talk" -n 100 "$port2" 127.0.0.1 \
    'EHLO c.test' 'MAIL FROM:<a@b.test>' 'RCPT TO:<alice@example.test>' RSET QUIT |
    grep -c '^250 2.1.5 ok')" 100
done_testing
