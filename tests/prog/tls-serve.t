#!/bin/sh
# tls-serve: handshake and certificates, both ways of starting it, the way of
# the bytes, and who owns the key.
. "$(dirname "$0")/../lib.sh"
command -v openssl >/dev/null || skip_all 'needs openssl'
command -v tcpserver >/dev/null || skip_all 'needs tcpserver'
cert=$top/tests/tools/make-cert
tls=$t/etc/postchaise/tls
drive() { timeout 60 "$top/tests/tools/tls-drive" "$@" 2>"$t/log"; }
"$cert" "$tls" general.test

# --- as a superserver starts it -------------------------------------------
out=$(SSL_CIPHER=forged drive read tls-serve sh -c 'env; exit 7')
like 'PROGRAM is told the protocol' "$out" '^SSL_PROTOCOL=TLSv1.3$'
like '  and the cipher' "$out" '^SSL_CIPHER=TLS_[A-Z0-9_]+$'
unlike '  no server that the client has not named' "$out" SSL_TLS_SNI
like '  and keeps the environment' "$out" '^TCPREMOTEIP=192.0.2.7$'
like '  the end is said' "$out" '^closed$'
like "  the exit code is PROGRAM's" "$out" '^exit 7$'
is 'nothing to log' "$(cat "$t/log")" ''
is 'eight MiB both ways at once' "$(drive both tls-serve cat)" 'True
exit 0'
is 'neither side reads: waits, and nothing is lost when PROGRAM is gone' \
    "$(drive deaf tls-serve head -c 20000000 /dev/zero)" 'idle True
20000000 closed
exit 0'
is "the client's end is passed on, the answer comes back" \
    "$(drive half tls-serve sh -c 'wc -c; sleep 0.2; echo more')" '12345
more
closed
exit 0'
is 'a client that vanishes ends it' "$(drive reset tls-serve cat)" \
    'proxy gone True
exit 0'
is 'TERM lets go on what is under way' "$(drive term tls-serve cat)" 'one
two
idle True
exit 0'
like 'a client without TLS' "$(drive plain tls-serve cat)" '^exit 111$'
like '  is logged' "$(cat "$t/log")" \
    '^tls-serve\[[0-9]+\]: info: tls-refuse client=unknown\[192.0.2.7\] err=[a-z]'
like 'a client that says nothing' "$(drive silent tls-serve cat)" '^exit 111$'
like '  is logged' "$(cat "$t/log")" 'tls-refuse client=unknown\[192.0.2.7\] err=eof$'
drive read tls-serve no-such-program >/dev/null
like 'no PROGRAM' "$(cat "$t/log")" 'fatal: exec program=no-such-program'

# --- as smtp-recv starts it ------------------------------------------------
out=$(drive starttls tls-serve)
like 'alone: the variables on 4' "$out" '^variable SSL_PROTOCOL=TLSv1.3$'
like '  plain text comes on 3' "$out" '^to the program$'
like '  and goes' "$out" '^to the client$'
like '  and ends' "$out" '^closed$'
like '  it exits 0' "$out" '^exit 0$'
exits 'without 3 and 4' 100 sh -c 'exec 3<&- 4<&-; exec tls-serve 2>/dev/null'

# --- certificates -----------------------------------------------------------
mkdir "$t/etc/postchaise/outside"
"$cert" "$tls/mail.test" mail.test
"$cert" "$tls/localhost" localhost
"$cert" "$t/etc/postchaise/outside" outside.test
port=$(free_port)
tcpserver -HRl0 127.0.0.1 "$port" tls-serve \
    sh -c 'echo "name=${SSL_TLS_SNI_SERVERNAME-none}."' 2>"$t/slog" &
started $!
wait_for 10 tcpclient -RHl0 127.0.0.1 "$port" true
client() { timeout 20 openssl s_client -connect "127.0.0.1:$port" "$@" </dev/null 2>&1; }
shown() {
	client -ign_eof "$@" | sed -n 's/^subject=CN = //p; s/^name=\(.*\)\.$/\1/p' |
	    sort | tr '\n' ' '
}
is 'no name: the general one' "$(shown -noservername)" 'general.test none '
is 'a name that has one' "$(shown -servername mail.test)" 'mail.test mail.test '
is 'in capitals' "$(shown -servername MAIL.Test)" 'mail.test mail.test '
is 'a name that has none' "$(shown -servername other.test)" \
    'general.test other.test '
for name in ../outside .. /etc 'mail.test/' ./mail.test .mail.test \
    mail.test/../../outside; do
	is "no name: $name" "$(shown -servername "$name")" 'general.test none '
done
is 'a file is no directory' "$(shown -servername cert.pem)" \
    'cert.pem general.test '
"$cert" "$tls" renewed.test
is 'a renewed one counts at once' "$(shown -noservername)" 'none renewed.test '
"$cert" -r "$tls" rsa.test
is 'RSA' "$(shown -noservername)" 'none rsa.test '
cat "$tls/mail.test/cert.pem" >>"$tls/cert.pem"
is 'the whole chain is sent' "$(client -noservername -showcerts |
    grep -c BEGIN.CERT)" 2
is 'nothing to log' "$(grep -v 'err=eof$' "$t/slog")" ''

# --- protocols ---------------------------------------------------------------
like 'TLS 1.2' "$(client -tls1_2)" 'Cipher is ECDHE-RSA-(AES|CHACHA20)'
like 'no TLS 1.1' "$(client -tls1_1 -cipher ALL:@SECLEVEL=0)" 'Cipher is \(NONE\)'
like '  is logged' "$(cat "$t/slog")" \
    'tls-refuse client=unknown\[127.0.0.1\] err=(unsupported|no)%20'
for c in AES128-SHA ECDHE-RSA-AES128-SHA256 DHE-RSA-AES128-GCM-SHA256 \
    AES256-GCM-SHA384 ECDHE-RSA-AES128-SHA; do
	like "no $c" "$(client -tls1_2 -cipher "$c:@SECLEVEL=0")" \
	    'Cipher is \(NONE\)'
done
out=$(client -tls1_2 -ign_eof -msg)
unlike 'no ticket' "$out" 'NewSessionTicket'
unlike '  nor in TLS 1.3' "$(client -ign_eof -msg)" 'NewSessionTicket'
like 'no compression' "$out" '^Compression: NONE'
port2=$(free_port)
tcpserver -HRl0 127.0.0.1 "$port2" tls-serve cat 2>"$t/slog2" &
started $!
wait_for 10 tcpclient -RHl0 127.0.0.1 "$port2" true
out=$( (echo a; sleep 0.5; echo R; sleep 1) | timeout 20 openssl s_client \
    -tls1_2 -connect "127.0.0.1:$port2" 2>&1)
like 'no renegotiation' "$out" 'error:.*:no renegotiation:'

# --- what is wrong with a certificate -----------------------------------------
wrong() {
	like "$1" "$(drive read tls-serve cat)" '^exit 111$'
	like '  the log names file and reason' "$(cat "$t/log")" \
	    "fatal: tls-certificate file=$2 client=unknown\\[192.0.2.7\\] err=$3"
	is '  in one line' "$(wc -l <"$t/log" | tr -d ' ')" 1
}
cp "$tls/mail.test/key.pem" "$tls/key.pem"
wrong "another's key" "$tls/key.pem" '.*(mismatch|no%20certificate)'
"$cert" "$tls" general.test
cp "$tls/mail.test/key.pem" "$tls/key.pem"
wrong "another's key of the same kind" "$tls/key.pem" '.*mismatch'
openssl ec -aes128 -passout pass:secret -in "$tls/mail.test/key.pem" \
    -out "$tls/key.pem" 2>/dev/null
wrong 'a key under a passphrase' "$tls/key.pem" '[a-z]'
rm "$tls/key.pem"
wrong 'no key' "$tls/key.pem" No%20such%20file
echo rubbish >"$tls/cert.pem"
wrong 'rubbish' "$tls/cert.pem" 'no%20start%20line'
rm "$tls/cert.pem"
wrong 'no certificate' "$tls/cert.pem" No%20such%20file

# --- set-uid --------------------------------------------------------------------
# valgrind runs nothing that is set-id.
if [ "$(id -u)" != 0 ] || [ "${PC_SANITIZE:-}" = valgrind ] || grep -q " $(df -P "$t" | awk 'END {print $6}') .*nosuid" /proc/mounts; then
	done_testing
fi
"$cert" "$tls" general.test
mkdir "$t/libexec"
cp "$bin/tls-serve" "$t/libexec/tls-serve"
echo "$t" >"$t/libexec/prefix"
chown mail:nogroup "$t/libexec/tls-serve"
chmod 4710 "$t/libexec/tls-serve"
chown mail "$tls/key.pem"
as_nobody() { drive "$1" setuidgid nobody env PC_PREFIX=/nonexistent "$t/libexec/tls-serve" cat; }
n=$(id -u nobody) g=$(id -g nobody) m=$(id -u mail)
is 'the key is not for who starts it' \
    "$(setuidgid nobody cat "$tls/key.pem" 2>/dev/null)" ''
is "set-uid: the proxy is the key's user alone, PROGRAM who started it" \
    "$(as_nobody ids)" "proxy $m $m $m
program $n $n $n $g $g $g
signal no
exit 0"
rm "$t/libexec/prefix"
as_nobody read >/dev/null
like 'no prefix is believed from the environment' "$(cat "$t/log")" \
    'file=/etc/postchaise/tls/cert.pem'
done_testing
