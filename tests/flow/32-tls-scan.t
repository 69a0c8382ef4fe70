#!/bin/sh
# Scanners find nothing weak in tls-serve: sslscan, and testssl.sh if it is
# there.
. "$(dirname "$0")/../lib.sh"
command -v tcpserver >/dev/null || skip_all 'needs tcpserver'
command -v openssl >/dev/null || skip_all 'needs openssl'
command -v sslscan >/dev/null || skip_all 'needs sslscan'
tls=$t/etc/postchaise/tls
"$top/tests/tools/make-cert" -r "$tls" localhost
port=$(free_port)
tcpserver -c 200 -HRl0 127.0.0.1 "$port" tls-serve \
    sh -c 'printf "220 scan.test ESMTP\r\n"; exec cat >/dev/null' 2>"$t/log" &
started $!
wait_for 10 tcpclient -RHl0 127.0.0.1 "$port" true

out=$(timeout 120 sslscan --no-colour "127.0.0.1:$port" 2>&1)
for p in SSLv2 SSLv3 TLSv1.0 TLSv1.1; do
	like "no $p" "$out" "^$p +disabled"
done
for p in TLSv1.2 TLSv1.3; do like "$p" "$out" "^$p +enabled"; done
is 'ciphers with forward secrecy and AEAD only' "$(echo "$out" |
    grep -E '^(Accepted|Preferred)' |
    grep -vE ' (TLS_(AES|CHACHA20)|ECDHE-(RSA|ECDSA)-(AES(128|256)-GCM|CHACHA20-POLY1305))')" ''
ok '  some' test "$(echo "$out" | grep -cE '^(Accepted|Preferred)')" -ge 4
like 'no renegotiation' "$out" 'Session renegotiation not supported'
unlike 'no compression' "$out" '^Compression enabled'
like 'no heartbleed' "$out" '^TLSv1.2 not vulnerable to heartbleed'
like 'a signature that is good' "$out" '^Signature Algorithm: .*sha256'

if command -v testssl >/dev/null; then
	timeout 300 testssl --quiet --color 0 --warnings off --ip one -p -s -f -P \
	    -U --openssl-timeout 10 --jsonfile "$t/report" \
	    "127.0.0.1:$port" >"$t/testssl" 2>&1
	ok 'testssl has run' test -s "$t/report"
	# What it says of the server itself; the certificate is self-made.
	is '  nothing weak' "$(python3 -c '
import json, sys
for r in json.load(open(sys.argv[1])):
    if r["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL"):
        print(r["id"], r["severity"], r["finding"])' "$t/report")" ''
fi
done_testing
