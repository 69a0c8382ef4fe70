#!/bin/sh
# A thousand clients at once at tcpserver's limit of 200, as run/smtp-recv
# starts it: limits by address hold, everybody is answered, and sessions that
# are killed leave nothing behind, with TLS in front or without.
. "$(dirname "$0")/../lib.sh"
[ -d /proc/self/task ] || skip_all 'needs Linux to count processes'
. "$top/tests/smtp-recv.sh"

log=$t/log sessions=$t/var/lib/postchaise/gate/sessions
export PC_CLIENTS=110 PC_CLIENTS_ADDRESS=5 PC_CLIENTS_NETWORK=8
# serve PROGRAM…: tcpserver with it behind conn-gate; its pid in $server.
serve() {
	port=$(free_port)
	tcpserver -RHl0 -c 200 -b 1000 127.0.0.1 "$port" conn-gate "$@" 2>>"$log" &
	server=$!
	started $server
	wait_for 10 tcpclient -qRHl0 127.0.0.1 "$port" true
}
children() { cat "/proc/$server/task/$server/children"; }
alone() { [ -z "$(children)" ]; }
# Is the sessions' file free of locks?
unlocked() {
	python3 -c 'import fcntl, sys
fcntl.lockf(open(sys.argv[1], "r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)' "$sessions" 2>/dev/null
}

serve smtp-recv
out=$("$top/tests/tools/crowd" "$port" 1000 25 "$server") || fail 'the crowd comes to an end'
echo "$out" | sed 's/^/# /'
# seen WORD: its number.
seen() { echo "$out" | sed -n "s/^$1 \([0-9]*\)\$/\1/p"; }
most='421 4.7.0 too many sessions'
is 'everybody is greeted or told why not' \
    $(($(seen 220) + $(seen "$most" | grep . || echo 0) +
    $(seen "$most from your address" | grep . || echo 0))) 1000
ok 'more than the limit are served in turn' test "$(seen 220)" -gt 110
ok 'no address has more than 5 sessions' test "$(seen address)" -le 5
ok 'all have no more than 110' test "$(seen all)" -le 110
ok 'there are no more than 200 processes' test "$(seen children)" -le 200
is 'nothing is wrong but the number' \
    "$(grep -v 'client-deny\|conn-refuse\|conn-close' "$log")" ''
ok 'all processes are gone' wait_for 20 alone
ok 'and all locks' unlocked
is 'the file is empty' "$(stat -c %s "$sessions")" 0

# sit ADDRESS…: a session of each that stays; says the greetings' codes, and
# the processes of those that stay in $sitting.
sit() {
	before=$(children)
	python3 "$t/sit" "$port" "$t/greeted" "$@" &
	started $!
	sitter=$!
	if ! wait_for 60 test -s "$t/greeted"; then fail 'greetings'; fi
	codes=$(cat "$t/greeted")
	rm "$t/greeted"
	# The refused go by themselves.
	_want=$(($(echo "$before" | wc -w) + $(echo "$codes" | grep -o 220 | wc -l)))
	wait_for 20 sh -c "[ \$(wc -w <'/proc/$server/task/$server/children') = $_want ]"
	sitting=
	for _p in $(children); do
		case " $before " in *" $_p "*) ;; *) sitting="$sitting $_p" ;; esac
	done
}
cat >"$t/sit" <<'END'
import os, socket, ssl, sys, time
port, out, *ips = sys.argv[1:]
held, codes = [], []
for ip in ips:
    s = socket.create_connection(('127.0.0.1', int(port)), 30, (ip, 0))
    if 'TLS' in os.environ:
        c = ssl.create_default_context()
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        s = c.wrap_socket(s)
    f = s.makefile('rb')
    codes.append(f.readline()[:3].decode())
    if codes[-1] == '220':
        held.append((s, f))
    else:
        f.close()
        s.close()
with open(out + '.new', 'w') as f:
    f.write(' '.join(codes))
os.rename(out + '.new', out)
time.sleep(300)
END

# limits WHAT: five of an address, eight of a network, and what is killed is
# free again.
limits() {
	a=127.2.0.1
	sit $a $a $a $a $a $a 127.2.0.2 127.2.0.3 127.2.0.4 127.2.0.5 127.2.1.1
	is "$1: limits of address and network" "$codes" \
	    '220 220 220 220 220 421 220 220 220 421 220'
	# shellcheck disable=SC2086
	set -- "$1" $sitting
	is "$1: a process for each" $(($# - 1)) 9
	first=$sitter
	kill -9 "$2" "$3" "$4"
	wait_for 10 sh -c "[ \$(wc -w <'/proc/$server/task/$server/children') = 6 ]"
	sit $a $a $a $a 127.2.0.9
	is "$1: as many as were killed come in" "$codes" '220 220 220 421 421'
	kill "$first" "$sitter"
	wait "$first" "$sitter" 2>/dev/null
	ok "$1: all processes go with their clients" wait_for 20 alone
	ok "$1: and the locks" wait_for 20 unlocked
}
limits 'in plain text'

mkdir "$t/etc/postchaise/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 2 -subj /CN=localhost -keyout "$t/etc/postchaise/tls/key.pem" \
    -out "$t/etc/postchaise/tls/cert.pem" 2>/dev/null
kill "$server"
export TLS=1
serve tls-serve smtp-recv
limits 'under TLS'
done_testing
