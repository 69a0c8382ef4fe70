#!/bin/sh
# deliver-smtp against a scripted server: commands, verdicts, which host is
# tried next, connections that are kept.
. "$(dirname "$0")/../lib.sh"
fake=$top/tests/tools/fake-smtp keep=$top/tests/tools/keep-orders
command -v python3 >/dev/null || skip_all "no python3"
unset http_proxy

# server DIR ARG…: a fake server that listens; its port is in $port.
server() {
	mkdir -p "$1"; _d=$1; shift
	_a=; [ "$1" = -a ] && { _a="$1 $2"; shift 2; }
	_p=; [ "$1" = -p ] && { _p="$1 $2"; shift 2; }
	"$fake" $_a $_p "$_d" "$@" 2>"$_d/err" & started $!
	wait_for 10 test -s "$_d/port" || { fail "fake-smtp starts"; exit 1; }
	port=$(cat "$_d/port")
}
# send ARG…: deliver-smtp by hand with $t/msg; log in $t/log.
send() { deliver-smtp -h me.example "$@" <"$t/msg" 2>"$t/log"; }
# commands FILE: what the server got of a session that ends with QUIT.
commands() { wait_for 10 grep -q '^QUIT' "$1"; cat "$1"; }
relay() { send -r "[127.0.0.1]:$port" "$@"; }
printf 'Subject: x\n\n.dot\nlast' >"$t/msg"

# --- one message
server "$t/a" 'RCPT TO:<no@y.example>=550-5.1.1 not|550 5.1.1 here' \
    'RCPT TO:<later@y.example>=451 wait' 'MAIL FROM:<bad@x.example>=553 no'
r=$(relay s@x.example a@y.example no@y.example later@y.example)
h="127.0.0.1[127.0.0.1]:$port"
is "a verdict for each recipient" "$r" "K1 2.0.0 $h 250 2.0.0 Ok: queued as FAKE
D2 5.1.1 $h said: 550-5.1.1 not 550 5.1.1 here (in reply to RCPT TO command)
Z3 4.0.0 $h said: 451 wait (in reply to RCPT TO command)"
is "commands" "$(commands "$t/a/1.cmd")" "EHLO me.example
MAIL FROM:<s@x.example> SIZE=26
RCPT TO:<a@y.example>
RCPT TO:<no@y.example>
RCPT TO:<later@y.example>
DATA
QUIT"
printf 'Subject: x\r\n\r\n..dot\r\nlast\r\n' >"$t/want"
ok "dots doubled, lines ended" cmp "$t/want" "$t/a/1.1.msg"
like "one line in the log" "$(cat "$t/log")" \
    "^deliver-smtp\[[0-9]+\]: info: conn-close relay=127.0.0.1\[127.0.0.1\]:$port messages=1\$"
like "the null sender" "$(relay '' a@y.example)" '^K1 2.0.0 '
like "  as <>" "$(cat "$t/a/2.cmd")" '^MAIL FROM:<> SIZE=26$'
is "a refused sender is every recipient's verdict" \
    "$(relay bad@x.example a@y.example b@y.example | cut -c1-8)" "D1 5.0.0
D2 5.0.0"
printf 'I0123456789abcdef\0Bfirst\0Xrelayhost=[127.0.0.1]:%s\0Xhostname=them.example\0Abody=8BITMIME\0Fs@x\0Ta@y.example\0\0' \
    "$port" >"$t/order"
printf 'caf\351\n' >"$t/msg8"
like "an order on descriptor 3" \
    "$(deliver-smtp <"$t/msg8" 3<"$t/order" 2>/dev/null)" '^K1 2.0.0 '
is "  8-bit text is announced" "$(sed 3q "$t/a/4.cmd")" "EHLO them.example
MAIL FROM:<s@x> SIZE=6 BODY=8BITMIME
RCPT TO:<a@y.example>"
printf 'caf\351\r\n' >"$t/want"
ok "  and not changed" cmp "$t/want" "$t/a/4.1.msg"

# --- messages of every kind
printf 'a\0b\n\r\nnext\r\n' >"$t/nul"; printf 'a\0b\r\n\r\nnext\r\n' >"$t/want"
deliver-smtp -r "[127.0.0.1]:$port" s@x a@y.example <"$t/nul" >/dev/null 2>&1
ok "NUL and CRLF stay" cmp "$t/want" "$t/a/5.1.msg"
r=$(printf 'a\rb\n' | deliver-smtp -r "[127.0.0.1]:$port" s@x a@y.example 2>&1)
is "a bare CR is refused before anything is sent" "$r" \
    "D1 5.6.11 a CR in the message has no LF behind it"
: >"$t/empty"
like "an empty message" "$(deliver-smtp -r "[127.0.0.1]:$port" s@x a@y.example \
    <"$t/empty" 2>/dev/null)" '^K1'
is "  is empty" "$(wc -c <"$t/a/6.1.msg" | tr -d ' ')" 0
python3 - "$t/large" <<'E'
import random, sys
random.seed(7)
out = b"skipped\n"
while len(out) < 900000:
    out += random.choice([b".", b"..", b"", b"x" * random.randrange(2000),
                          b"\r", b"line"]) + b"\n"
open(sys.argv[1], "wb").write(out + b".end")
E
(read -r _; deliver-smtp -r "[127.0.0.1]:$port" s@x a@y.example) \
    <"$t/large" >"$t/out" 2>&1
like "a large file, from where it stands" "$(grep -v info: "$t/out")" '^K1'
ok "  arrives as it is" python3 - "$t/large" "$t/a/7.1.msg" "$t/a/7.cmd" <<'E'
import re, sys
sent = open(sys.argv[1], "rb").read()[8:] + b"\n"
wire = open(sys.argv[2], "rb").read()
size = int(re.search(r"SIZE=(\d+)", open(sys.argv[3]).read()).group(1))
lines = wire.split(b"\r\n")
back = b"\r\n".join(l[1:] if l.startswith(b".") else l for l in lines)
sys.exit(back != re.sub(rb"\r?\n", b"\r\n", sent) or len(back) != size)
E
sed 1d "$t/large" | deliver-smtp -r "[127.0.0.1]:$port" s@x a@y.example \
    >/dev/null 2>&1
ok "  and from a pipe" cmp "$t/a/7.1.msg" "$t/a/8.1.msg"

# --- internationalized mail (RFC 6531), offered and not
utf8() { # utf8 SENDER RCPT...: $t/u as it came with SMTPUTF8
	{
		printf 'I1\0Bfirst\0Xrelayhost=[127.0.0.1]:%s\0Xhostname=me\0' "$port"
		printf 'Asmtputf8=1\0F%s\0' "$1"; shift
		printf 'T%s\0' "$@"; printf '\0'
	} >"$t/order"
	deliver-smtp <"$t/u" 3<"$t/order" 2>/dev/null
}
u=$(printf 'j\303\266rg@y.example') u_domain=$(printf 'b\303\274cher.example')
printf 'Subject: x\n\ncaf\303\251\n' >"$t/u"
like "UTF-8 text, ASCII header: goes without SMTPUTF8" \
    "$(utf8 s@x a@y.example)" '^K1 2.0.0 '
r=$(utf8 s@x "$u" a@y.example)
like "an address that cannot go" "$r" \
    "^D1 5.6.7 the address is not ASCII, and 127.* does not offer SMTPUTF8\$"
like "  holds up no other" "$r" '^K2 2.0.0 '
like "a sender that cannot" "$(utf8 "$u" a@y.example)" \
    '^D1 5.6.7 the sender address is not ASCII, '
printf 'Subject: caf\303\251\n\nx\n' >"$t/u"
r=$(utf8 s@x a@y.example "$u")
like "a header that cannot" "$r" '^D1 5.6.7 the header is not ASCII, '
like "  an address is the nearer reason" "$r" \
    '^D2 5.6.7 the address is not ASCII, '
main_port=$port
server "$t/u8" 'EHLO=250-{name}|250-8BITMIME|250-SIZE|250 SMTPUTF8'
like "a server that offers it" "$(utf8 "$u" "$u")" '^K1 2.0.0 '
is "  gets all as it is" "$(sed -n 2,3p "$t/u8/1.cmd")" \
    "MAIL FROM:<$u> SIZE=21 BODY=8BITMIME SMTPUTF8
RCPT TO:<$u>"
printf 'Subject: caf\303\251\r\n\r\nx\r\n' >"$t/want"
ok "  the message too" cmp "$t/want" "$t/u8/1.1.msg"
utf8 s@x a@y.example >/dev/null
is "  the parameter, whatever the addresses" "$(sed -n 2p "$t/u8/2.cmd")" \
    "MAIL FROM:<s@x> SIZE=21 BODY=8BITMIME SMTPUTF8"
port=$main_port

# --- what is refused without a server
is "no address" "$(relay s@x 'a b@y.example' local | cut -d' ' -f1-2)" \
    "D1 5.1.3
D2 5.1.3"
like "  nor parameters in a sender" "$(relay 's@x> SIZE=1 <' a@y.example)" \
    '^D1 5.1.7'
is "recipients of two domains need a relay host" \
    "$(send -p "$port" s@x 'a@[127.0.0.1]' b@y.example 'c@[127.0.0.1]' |
    cut -c1-8)" "K1 2.0.0
Z2 4.3.5
K3 2.0.0"
like "a malformed relay host is no fault of the mail" \
    "$(send -r '[x' s@x a@y.example)" '^Z1 4.3.5'
exits "usage" 100 deliver-smtp -q 2>/dev/null
exits "usage: a sender alone" 100 deliver-smtp s@x 2>/dev/null
printf 'nonsense' >"$t/bad"
exits "a malformed order" 111 deliver-smtp 3<"$t/bad" 2>/dev/null </dev/null

# --- literals, and ourselves
like "[127.0.0.1]" "$(send -p "$port" s@x 'a@[127.0.0.1]')" '^K1'
like "  on port 25 is ourselves" "$(send s@x 'a@[127.0.0.1]')" '^D1 5.4.6'
if python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1",0))' \
    2>/dev/null; then
	server "$t/six" -a ::1
	like "[IPv6:::1]" "$(send -p "$port" s@x 'a@[IPv6:::1]')" \
	    '^K1 2.0.0 ::1\[::1\]:'
	like "relay host [::1]:port" "$(send -r "[::1]:$port" s@x a@b.c)" '^K1'
fi

# --- odd servers
server "$t/h" 'EHLO=502 5.5.1 what'
like "HELO where EHLO is unknown" "$(relay s@x a@y.example b@y.example)" '^K2'
is "  and no parameters, no pipelining" "$(commands "$t/h/1.cmd")" "EHLO me.example
HELO me.example
MAIL FROM:<s@x>
RCPT TO:<a@y.example>
RCPT TO:<b@y.example>
DATA
QUIT"
server "$t/s" 'EHLO=250-{name}|250 SIZE 20'
like "over its size limit" "$(relay s@x a@y.example)" \
    '^D1 5.3.4 message size 26 exceeds size limit 20 of server'
is "  nothing is sent" "$(commands "$t/s/1.cmd")" "EHLO me.example
QUIT"
server "$t/q" 'RCPT=?'
like "silence" "$(relay -t 1 s@x a@y.example)" \
    '^Z1 4.4.2 conversation with .* timed out while sending RCPT TO$'
server "$t/g" 'CONNECT=554 5.7.1 blocked!'
like "refused by the greeting" "$(relay s@x a@y.example)" \
    '^Z1 4.7.1 .* said: 554 5.7.1 blocked \(in reply to greeting\)$'
server "$t/r" 'CONNECT=SSH-2.0-OpenSSH'
like "no SMTP" "$(relay s@x a@y.example)" '^Z1 4.5.0 .* is not SMTP'
server "$t/l" 'RCPT=!'
like "hangs up" "$(relay s@x a@y.example)" \
    '^Z1 4.4.2 lost connection with .* while sending RCPT TO$'
server "$t/d" 'DOT=!'
like "hangs up after the final dot" "$(relay s@x a@y.example)" \
    '^Z1 4.4.2 lost .* end of data -- message may be sent more than once$'
server "$t/n" 'RCPT=550 no' 'DATA=354 go'
like "DATA taken without recipients" "$(relay s@x a@y.example)" '^D1 5.0.0'
is "  gets an empty message" "$(wc -c <"$t/n/1.1.msg" | tr -d ' ')" 0
server "$t/m" 'BODY=552 5.3.4 too much!'
like "refused in the middle of the message" \
    "$(deliver-smtp -r "[127.0.0.1]:$port" s@x a@y.example <"$t/large" \
    2>/dev/null)" '^D1 5.3.4 .* too much \(in reply to end of DATA command'

# --- several hosts
case $(uname) in
Linux)
	mkdir "$t/bin"
	cat >"$t/bin/mx-lookup" <<-'E'
	#!/bin/sh
	for d; do :; done
	cat "$PC_PREFIX/dns/$d" || { echo "fail 5.1.2 $d: no such domain"; exit 100; }
	read -r word status rest <"$PC_PREFIX/dns/$d"
	case $word$status in fail5*) exit 100 ;; fail*) exit 111 ;; esac
	E
	chmod 755 "$t/bin/mx-lookup"; mkdir "$t/dns"
	PC_PATH="$t/bin:$bin"; export PC_PATH
	dns() { _n=$1; shift; printf '%s\n' "$@" >"$t/dns/$_n"; }
	rm -rf "$t/A" "$t/B" "$t/C"
	server "$t/A" -a 127.0.0.2 'CONNECT=554 no!' '2:CONNECT=220 {name}' \
	    '2:RCPT=!' '3:CONNECT=220 {name}' '3:RCPT=450 4.2.0 later' \
	    '4:CONNECT=220 {name}' '4:DOT=!' '5:CONNECT=220 {name}' \
	    '5:RCPT TO:<no=550 5.1.1 no' '5:RCPT TO:<a=!'
	server "$t/B" -a 127.0.0.3 -p "$port"
	dns y.example 'mx 20 b.example insecure 127.0.0.3' # the wrong way round
	like "an answer with preferences" "$(send -p "$port" s@x a@y.example)" \
	    "^K1 2.0.0 b.example\[127.0.0.3\]:$port "
	dns y.example 'mx 5 dead.example insecure ::1 127.0.0.4' \
	    'mx 10 a.example insecure 127.0.0.2' \
	    'mx 20 b.example insecure 127.0.0.3'
	like "dead, refused at the greeting, then taken" \
	    "$(send -p "$port" s@x a@y.example)" '^K1 2.0.0 b.example'
	is "  each failure is a line in the log" \
	    "$(grep -c 'warn: conn-fail' "$t/log")" 3
	like "lost before the end: the next host" \
	    "$(send -p "$port" s@x a@y.example)" '^K1 2.0.0 b.example'
	like "a deferred recipient is not offered elsewhere" \
	    "$(send -p "$port" s@x a@y.example)" '^Z1 4.2.0 a.example'
	like "nor a message whose final dot was sent" \
	    "$(send -p "$port" s@x a@y.example)" '^Z1 4.4.2 .*a.example'
	is "who has an answer keeps it when the next host is tried" \
	    "$(send -p "$port" s@x no@y.example a@y.example | cut -c1-20)" \
	    "D1 5.1.1 a.example[1
K2 2.0.0 b.example[1"
	dns dead.example 'mx 0 x.example insecure 127.0.0.4 127.0.0.5'
	like "no host at all" "$(send -p "$port" s@x a@dead.example)" \
	    "^Z1 4.4.1 connect to x.example\[127.0.0.5\]:$port: "
	dns null.example 'fail 5.1.10 null.example takes no mail'
	like "null MX" "$(send s@x a@null.example)" \
	    '^D1 5.1.10 null.example takes no mail$'
	dns slow.example 'fail 4.4.3 time-out'
	like "a domain that cannot be looked up as it is" \
	    "$(PC_PATH=$bin send s@x "a@$u_domain")" \
	    '^D1 5.6.7 the domain is not ASCII, and only its xn-- form'
	like "DNS silent" "$(send s@x a@slow.example)" '^Z1 4.4.3 time-out$'
	like "no such domain" "$(send s@x a@gone.example)" '^D1 5.1.2 gone'
	like "no such relay host is temporary" \
	    "$(send -r gone.example s@x a@b.c)" '^Z1 4.4.3 relay host gone'
	dns relay.example 'mx 0 r.example insecure 127.0.0.3'
	dns '[relay.example]' 'mx 0 relay.example insecure 127.0.0.3'
	like "relay host with its MX" \
	    "$(send -r "relay.example:$port" s@x a@b.c d@e.f)" '^K2 2.0.0 r.ex'
	like "  and without" \
	    "$(send -r "[relay.example]:$port" s@x a@b.c)" '^K1 2.0.0 relay.ex'
	dns loop.example 'mx 10 me.example insecure 192.0.2.1'
	like "our own name as MX" "$(send s@x a@loop.example)" '^D1 5.4.6'
	;;
esac

# --- kept connections
server "$t/k" 'RCPT TO:<no=550 5.1.1 no' '1:RCPT TO:<bye=250 ok' \
    '2:DOT=250 2.0.0 Ok!' '3:MAIL FROM:<gone=!'
"$keep" deliver-smtp -k >"$t/out" 2>"$t/log" <<E
x relayhost=[127.0.0.1]:$port
x hostname=me.example
pipe $t/msg s@x a@y
file $t/msg s@x a@z b@y
pipe $t/msg s@x no@y
file $t/large s@x a@y
x relayhost=[127.0.0.1]:0$port
pipe $t/msg s@x a@y
pipe $t/msg s@x a@y
file $t/msg gone@x a@y
E
is "orders one after another" "$(cut -d' ' -f1,2 "$t/out")" "K1 2.0.0
K1 2.0.0
K2 2.0.0
D1 5.1.1
K1 2.0.0
K1 2.0.0
K1 2.0.0
K1 2.0.0
exit 0"
is "over one connection, RSET where one failed" \
    "$(commands "$t/k/1.cmd" | grep -v RCPT | cut -d' ' -f1 | tr '\n' ' ')" \
    "EHLO MAIL DATA MAIL DATA MAIL DATA RSET MAIL DATA QUIT "
ok "  the message again as it is" cmp "$t/k/1.1.msg" "$t/k/1.2.msg"
is "another destination, and what the server closed, has its own" \
    "$(echo "$t"/k/*.cmd | wc -w | tr -d ' ')" 4
like "found dead, the message goes by a new one" "$(cat "$t/k/4.cmd")" \
    '^MAIL FROM:<gone@x>'
unlike "  without a word" "$(cat "$t/log")" warn
{
	printf 'x %s\n' "relayhost=[127.0.0.1]:$port"
	i=0; while [ $i -lt 101 ]; do echo "pipe $t/msg s@x a@y"; i=$((i + 1)); done
} >"$t/script"
"$keep" deliver-smtp -k <"$t/script" >"$t/out" 2>"$t/log"
is "101 messages" "$(grep -c '^K1 2.0.0' "$t/out")" 101
is "  are two connections" "$(grep -o 'messages=.*' "$t/log" | tr '\n' ' ')" \
    "messages=100 messages=1 "

server "$t/t" "1:DOT=@$t/go@250 2.0.0 Ok" '2:RCPT=?' '3:RCPT=?'
x="x relayhost=[127.0.0.1]:$port"
(wait_for 20 test -s "$t/t/1.1.msg"; sleep 0.3; touch "$t/go") &
"$keep" deliver-smtp -k >"$t/out" 2>"$t/log" <<E
$x
send $t/msg s@x a@y
wait $t/t/1.1.msg
term
answer
E
is "TERM after the final dot: the answer is waited for" \
    "$(cut -d' ' -f1,2 "$t/out")" "K1 2.0.0
exit 0"
"$keep" deliver-smtp -k >"$t/out" 2>"$t/log" <<E
$x
send $t/msg s@x a@y
wait $t/t/2.cmd
term
answer
E
is "TERM before it: deferred" "$(cat "$t/out")" \
    "Z1 4.3.2 delivery was interrupted
exit 111"
"$keep" deliver-smtp -k >"$t/out" 2>"$t/log" <<E
$x
send $t/msg s@x a@y
wait $t/t/3.cmd
close
E
is "channel closed: nothing is begun, nobody waits" "$(cat "$t/out")" "exit 111"
is "  no message came" "$(echo "$t"/t/*.msg)" "$t/t/1.1.msg"
"$keep" deliver-smtp -k >"$t/out" 2>"$t/log" <<E
$x
pipe $t/msg s@x a@y
sleep 2.5
E
like "an idle connection is closed" "$(commands "$t/t/4.cmd")" QUIT
done_testing
