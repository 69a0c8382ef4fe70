#!/bin/sh
# smtp-recv: what a client is told, and what queue-inject is given.
. "$(dirname "$0")/../lib.sh"

. "$top/tests/smtp-recv.sh"

# recv INPUT: what is said in $said (without CRs), the log in $log.
recv() {
	rm -f "$t/msg" "$t/env" "$t/env.new" "$t/noenv" "$t/starts"; code=0
	printf "$1" | smtp-recv 2>"$t/log" >"$t/out" || code=$?
	said=$(tr -d '\r' <"$t/out") log=$(cat "$t/log")
}
# What is said behind EHLO.
replies() { printf '%s\n' "$said" | sed '1,/^250 ENHANCED/d'; }
hello='EHLO client.test\r\nMAIL FROM:<a@b.test>\r\n'
rcpt='RCPT TO:<alice@example.test>\r\n'
mail="$hello${rcpt}DATA\r\n"
text='Subject: x\r\n\r\n..hello\r\n.\r\n'
end='QUIT\r\n'
# to ADDRESS REPLY [WHAT]: the reply to this recipient.
to() {
	recv "${hello}RCPT TO:<$1>\r\n$end"
	is "${3:-recipient $1}" "$(replies | sed -n 2p)" "$2"
}
# sends MESSAGE REPLY WHAT: the reply at the end of DATA.
sends() {
	recv "$mail$1$end"
	is "$3" "$(replies | sed 1,3d | grep -v ^221)" "$2"
}

# --- one message ---------------------------------------------------------
recv "$mail$text$end"
is "a session by hand ends well" $code 0
is "says what RFC 5321 wants" "$said" "220 mx.example.test ESMTP
250-mx.example.test
250-PIPELINING
250-SIZE 50000000
250-8BITMIME
250-SMTPUTF8
250-CHUNKING
250-DSN
250 ENHANCEDSTATUSCODES
250 2.1.0 ok
250 2.1.5 ok
354 go ahead
250 2.0.0 queued as 0123456789abcdef
221 2.0.0 bye"
is "the message has LF lines and no stuffed dots" "$(cat "$t/msg")" "Subject: x

.hello"
is "the envelope: attributes, sender, recipient, end" "$(cat "$t/env")" \
    "Aproto=ESMTP
Ahelo=client.test
Fa@b.test
Talice@example.test"
like "a line for the message" "$log" 'msg-accept id=0123456789abcdef client=unknown\[unknown\] helo=client.test from=<a@b.test> nrcpt=1 size=22$'
is "no other line" "$(wc -l <"$t/log" | tr -d ' ')" 1
recv ''
is "an empty session leaves one line" "$(wc -l <"$t/log" | tr -d ' ') $said" \
    "1 220 mx.example.test ESMTP"
recv "$mail$text${hello#*n}${rcpt}DATA\r\n$text$end"
is "two messages in a session" "$(grep -c started "$t/starts")" 2

# --- who the client is ---------------------------------------------------
TCPREMOTEIP=::ffff:192.0.2.7 TCPREMOTEHOST=Client.Example.NET
export TCPREMOTEIP TCPREMOTEHOST
recv 'HELO (evil)\\by\t;x\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n'"$text$end"
is "address, name and HELO, nothing that a trace field could mistake" \
    "$(grep ^A "$t/env")" "Aproto=SMTP
Apeer=192.0.2.7
Apeername=client.example.net
Ahelo=?evil??by??x"
like "the log has them" "$log" 'client=client.example.net\[192.0.2.7\]'
TCPREMOTEIP='1.2.3.4 x' TCPREMOTEHOST='a b
c'
recv "$mail$text$end"
is "what is no address and no name is left out" "$(grep -c ^Apeer "$t/env")" 0
unset TCPREMOTEIP TCPREMOTEHOST

# --- recipients ----------------------------------------------------------
to alice@example.test '250 2.1.5 ok'
to Alice+x@Example.TEST '250 2.1.5 ok'
to team@example.test '250 2.1.5 ok'
to bob@local.test '250 2.1.5 ok'
to anybody@relay.test '250 2.1.5 ok'
to nobody@example.test '550 5.1.1 no such user here'
like "a refusal is logged with client, sender and recipient" "$log" \
    'rcpt-refuse client=unknown\[unknown\] helo=client.test from=<a@b.test> to=<nobody@example.test> reply=550'
to x@remote.test '550 5.7.1 we do not relay for you'
to '"x@remote.test"@example.test' '550 5.1.1 no such user here'
to postmaster '250 2.1.5 ok'
to Postmaster '250 2.1.5 ok'
to bob '550 5.1.3 recipient needs a domain'
RELAYCLIENT=
export RELAYCLIENT
to x@remote.test '250 2.1.5 ok' "RELAYCLIENT relays"
to nobody@example.test '550 5.1.1 no such user here' "but our users are known"
to bob '250 2.1.5 ok' "and may leave out our domain"
RELAYCLIENT=.gateway.test
recv "${hello}RCPT TO:<x@remote>\r\nDATA\r\n$text$end"
is "what it holds is appended" "$(grep ^T "$t/env")" Tx@remote.gateway.test
unset RELAYCLIENT

lookup() { printf '#!/bin/sh\necho "$*" >>%s\nexit %s\n' "$t/asked" "$1" >"$t/over/user-lookup"; chmod 755 "$t/over/user-lookup"; }
lookup 0
to carol@local.test '250 2.1.5 ok' "a system user that only the system knows"
is "user-lookup was asked for the name" "$(cat "$t/asked")" carol
lookup 100
to carol@local.test '550 5.1.1 no such user here' "the system does not know it"
lookup 111
to carol@local.test '451 4.3.0 recipients cannot be looked up now' "the system cannot say"
lookup 'kill -9 $$'
to carol@local.test '451 4.3.0 recipients cannot be looked up now' "user-lookup dies"
: >"$t/asked"
to -x@local.test '550 5.1.1 no such user here' "a name that is an option"
is "is asked of nobody" "$(cat "$t/asked")" ''

cp "$t/etc/postchaise/tables/mail.cdb" "$t/good.cdb"
# Every table of the file begins behind its end.
python3 - "$t/etc/postchaise/tables/mail.cdb" <<'END'
import sys
f = open(sys.argv[1], 'r+b')
f.write(b'\xff\xff\xff\x7f\x01\0\0\0' * 256)
END
PC_VERIFY_FROM=no; export PC_VERIFY_FROM
to alice@example.test '451 4.3.0 recipients cannot be looked up now' "a damaged table defers"
unset PC_VERIFY_FROM
rm "$t/etc/postchaise/tables/mail.cdb"
recv "$mail$text$end"
is "no table: 421 in place of the greeting" "$code $said" \
    '111 421 4.3.0 the tables cannot be opened'
like "and a fatal line" "$log" ': fatal: tables-open client=.* err=No'
cp "$t/good.cdb" "$t/etc/postchaise/tables/mail.cdb"

recv "$hello$(yes 'RCPT TO:<alice@example.test>\r' | head -150 | sed 's/$/\\n/' | tr -d '\n')$end"
is "more than 100 recipients by default" "$(printf '%s\n' "$said" | grep -c '250 2.1.5')" 150
PC_RECIPIENTS=1; export PC_RECIPIENTS
recv "$hello$(yes 'RCPT TO:<alice@example.test>\r' | head -150 | sed 's/$/\\n/' | tr -d '\n')$end"
is "never fewer than 100" "$(printf '%s\n' "$said" | grep -c '250 2.1.5') $(printf '%s\n' "$said" | grep -c '452 4.5.3')" "100 50"
unset PC_RECIPIENTS

# --- what queue-inject answers -------------------------------------------
while read -r c x reply; do
	answer "$c" "$x"
	sends "$text" "$reply" "queue-inject exits $c $x"
done <<'END'
11 - 554 5.3.0 an address is too long
31 - 554 5.3.0 the message was refused
51 - 451 4.3.0 out of memory
53 - 452 4.3.1 cannot write to the queue
91 - 451 4.3.0 the envelope is malformed
111 - 451 4.3.0 the queue cannot take it now
1 - 451 4.3.0 the queue cannot take it now
0 - 250 2.0.0 queued as -
END
answer 82 'D5.7.1 no spam please'
sends "$text" '554 5.7.1 no spam please' "82 and D with a status"
answer 82 'Dno spam please'
sends "$text" '554 5.3.0 no spam please' "82 and D without one"
answer 82 'Z5.7.1 a wrong status'
sends "$text" '451 4.3.0 5.7.1 a wrong status' "82 and Z"
answer 82
sends "$text" '451 4.3.0 the queue cannot take it now' "82 and nothing"
answer 82 "$(printf 'D\001\377')"
sends "$text" '554 5.3.0 ??' "what it says is made printable"
like "the refusal is logged" "$log" 'data-refuse .* from=<a@b.test> nrcpt=1 size=22 reply=554'
mv "$t/over/queue-inject" "$t/over/qi"
sends "$text" '451 4.3.0 the queue cannot take it now' "there is no queue-inject"
like "which the log says" "$log" 'warn: inject-start client=.* err='
printf '#!/bin/sh\nkill -9 $$\n' >"$t/over/queue-inject"; chmod 755 "$t/over/queue-inject"
sends "$text" '451 4.3.0 the queue cannot take it now' "it is killed"
printf '#!/bin/sh\nexec sleep 60\n' >"$t/over/queue-inject"
PC_SESSION_TIMEOUT=1; export PC_SESSION_TIMEOUT
sends "$text" '451 4.3.0 it took too long' "it hangs until the message's time is over"
unset PC_SESSION_TIMEOUT
mv "$t/over/qi" "$t/over/queue-inject"
answer 0 K0123456789abcdef

tables sfilter-chain "filter-a -x 1"
printf '#!/bin/sh\necho "$*" >%s; shift 2; exec "$@"\n' "$t/args" >"$t/over/filter-a"
chmod 755 "$t/over/filter-a"
sends "$text" '250 2.0.0 queued as 0123456789abcdef' "a filter before queue-inject"
is "has the rest of the chain as arguments" "$(cat "$t/args")" "-x 1 $t/over/queue-inject"
tables

# --- large messages ------------------------------------------------------
python3 -c 'print("Subject: big\r\n\r" + "\n%s\r" % ("x" * 998) * 1000)' |
    sed 's/$/\\n/' | tr -d '\n' >"$t/big"
PC_SIZE=2m; export PC_SIZE
recv "$mail$(cat "$t/big").\r\n$end"
like "a megabyte is taken" "$said" '^250 2.0.0 queued'
is "byte for byte" "$(cksum <"$t/msg")" \
    "$({ printf 'Subject: big\n\n'; yes "$(printf '%0998d' 0 | tr 0 x)" | head -1000; } | cksum)"
recv "$mail$(cat "$t/big")"
wait_for 5 test -f "$t/noenv"
ok "the connection is lost before the dot: no envelope was given" test -f "$t/noenv"
ok "and nothing queued" test ! -f "$t/env"
like "the log says how it ended" "$log" 'conn-close .* messages=0 .* end=eof'
answer 31
printf '#!/bin/sh\nprintf "D5.7.1 no more" >&6; exit 82\n' >"$t/over/filter-a"
tables sfilter-chain filter-a
recv "$mail$(cat "$t/big").\r\n$end"
like "a filter that does not read on is heard at the dot" "$said" '^554 5.7.1 no more$'
tables
answer 0 K0123456789abcdef

# --- limits --------------------------------------------------------------
PC_SIZE=1k
sends "$(head -c 3000 "$t/big")\r\n.\r\n" '552 5.3.4 message is too big' "over size while it comes"
ok "nothing was started" test ! -f "$t/starts"
DATABYTES=100000; export DATABYTES
sends "$(head -c 3000 "$t/big")\r\n.\r\n" '250 2.0.0 queued as 0123456789abcdef' "DATABYTES overrides it"
unset DATABYTES PC_SIZE
PC_HOPS=2; export PC_HOPS
sends 'Received: a\r\nDelivered-To: b\r\n\r\nx\r\n.\r\n' '250 2.0.0 queued as 0123456789abcdef' "two hops"
sends 'Received: a\r\nDelivered-To: b\r\nReceived: c\r\n\r\nx\r\n.\r\n' '554 5.4.6 too many hops: this message is looping' "three"
unset PC_HOPS
sends 'a\nb\r\n.\r\n' '550 5.6.11 a line ends in a bare CR or LF' "a bare LF"
sends 'a\n.\nMAIL FROM:<x@y>\r\n.\r\n' '550 5.6.11 a line ends in a bare CR or LF' "nothing but CRLF.CRLF ends a message"
sends 'a\rb\r\n.\r\n' '550 5.6.11 a line ends in a bare CR or LF' "a bare CR"
PC_BARE_NEWLINE=accept; export PC_BARE_NEWLINE
sends 'a\nb\r\n.\r\n' '250 2.0.0 queued as 0123456789abcdef' "an old device's LF"
is "which is a line's end" "$(cat "$t/msg")" "a
b"
unset PC_BARE_NEWLINE
sends 'a\000\377b\r\n.\r\n' '250 2.0.0 queued as 0123456789abcdef' "NUL and 8-bit bytes"
is "are kept" "$(od -An -tx1 <"$t/msg" | tr -d ' \n')" 6100ff620a
tables sminfree 4000000000g
recv "$hello$end"
like "too little room" "$said" '^452 4.3.1 the disk is full$'
tables

# --- the sender's domain -------------------------------------------------
tables sverify-from yes
cat >"$t/over/mx-lookup" <<END
#!/bin/sh
echo "\$*" >>$t/asked
case "\$*" in
*good.test) echo 'mx 10 mail.good.test insecure 192.0.2.1'; exit 0 ;;
*null.test) echo 'fail 5.1.10 null MX'; exit 100 ;;
*none.test) echo 'fail 5.1.2 no such domain'; exit 100 ;;
esac
echo 'fail 4.4.3 no answer'; exit 111
END
chmod 755 "$t/over/mx-lookup"
# from ADDRESS REPLY
from() {
	: >"$t/asked"
	recv "EHLO c.test\r\nMAIL FROM:<$1>\r\nRSET\r\nMAIL FROM:<$1>\r\n$end"
	is "sender <$1>" "$(replies | sed -n 1p)" "$2"
	is "again" "$(replies | sed -n 3p)" "$2"
	is "questions to mx-lookup: $3" "$(wc -l <"$t/asked" | tr -d ' ')" "$3"
}
from a@good.test '250 2.1.0 ok' 1
from a@none.test "553 5.1.8 sender's domain takes no mail" 1
from a@null.test "550 5.7.27 sender's domain takes no mail (null MX)" 1
from a@later.test "451 4.4.3 sender's domain cannot be looked up now" 1
from alice@example.test '550 5.7.1 log in to send with this address' 0
from '' '250 2.1.0 ok' 0
from 'a@[192.0.2.1]' '250 2.1.0 ok' 0
RELAYCLIENT=; export RELAYCLIENT
from a@none.test '250 2.1.0 ok' 0
unset RELAYCLIENT
PC_VERIFY_FROM=no; export PC_VERIFY_FROM
from a@none.test '250 2.1.0 ok' 0
unset PC_VERIFY_FROM
tables

# --- time, signals, splits: python3 plays the client ---------------------
exits "sockets: splits, groups, timeouts, TERM" 0 \
    python3 "$top/tests/tools/smtp-sessions" "$bin/smtp-recv" "$t"
exits "arguments are refused" 100 smtp-recv x 2>/dev/null
done_testing
