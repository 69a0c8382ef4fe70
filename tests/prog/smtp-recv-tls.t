#!/bin/sh
# smtp-recv with the real tls-serve under the real tcpserver: STARTTLS and TLS
# from the start, over IPv4 and IPv6.
. "$(dirname "$0")/../lib.sh"
command -v tcpserver >/dev/null || skip_all "no tcpserver"
command -v openssl >/dev/null || skip_all "no openssl"
[ -x "$bin/tls-serve" ] || skip_all "no tls-serve"
. "$top/tests/smtp-recv.sh"
PC_PATH=$t/over:$bin

cat >"$t/over/auth-check" <<'END'
#!/bin/sh
[ "$(tr '\0' '\n' <&3 | head -n 2 | tail -n 1)" = secret ]
END
printf '#!/bin/sh\nexit 0\n' >"$t/over/check-rate"
printf '#!/bin/sh\necho "$TLS" >%s\n' "$t/checked" >"$t/over/see"
chmod 755 "$t/over/auth-check" "$t/over/check-rate" "$t/over/see"
tables scheck-mail see
"$top/tests/tools/make-cert" "$t/etc/postchaise/tls"
cert=$t/etc/postchaise/tls/cert.pem
talk=$top/tests/tools/smtp-talk

for ip in 127.0.0.1 ::1; do
	port=$(free_port) tls=$(free_port)
	tcpserver -HRl0 "$ip" "$port" smtp-recv 2>>"$t/log" &
	started $!
	tcpserver -HRl0 "$ip" "$tls" tls-serve smtp-recv 2>>"$t/log" &
	started $!
	if ! wait_for 5 python3 "$talk" "$port" "$ip" QUIT; then
		pass "$ip # SKIP cannot listen"
		continue
	fi
	rm -f "$t/env" "$t/checked"
	exits "clients from $ip" 0 python3 "$top/tests/tools/smtp-tls" \
	    "$cert" "$ip" "$port" "$tls"
	like "$ip is in the envelope" "$(cat "$t/env")" "^Apeer=$ip\$"
	like "as are protocol and cipher" "$(cat "$t/env")" '^Atls=TLSv1.[23] [A-Z0-9_-]+$'
	like "and the checks' environment" "$(cat "$t/checked")" '^TLSv1.[23] [A-Z0-9_-]+$'
done
like "with a login it is ESMTPSA" "$(cat "$t/log")" 'auth-accept client=unknown\[127.0.0.1\] user=alice@example.test'
like "a line for TLS" "$(cat "$t/log")" 'info: tls client=unknown\[127.0.0.1\] proto=TLSv1.[23] cipher=[A-Z0-9_-]+$'
like "and for a handshake that failed" "$(cat "$t/log")" 'info: tls-fail client=unknown\[127.0.0.1\]'

# --- by hand -------------------------------------------------------------
mv "$cert" "$t/cert"
like "no certificate: no STARTTLS" "$(printf 'EHLO c\r\nSTARTTLS\r\n' | smtp-recv 2>/dev/null)" '^502 5.5.1'
mv "$t/cert" "$cert"
mv "${cert%cert.pem}key.pem" "$t/key"
like "nor without its key" "$(printf 'EHLO c\r\nSTARTTLS\r\n' | smtp-recv 2>/dev/null)" '^502 5.5.1'
mv "$t/key" "${cert%cert.pem}key.pem"
like "a certificate" "$(printf 'EHLO c\r\n' | smtp-recv 2>/dev/null)" '^250-STARTTLS'
unlike "no tls-serve" "$(printf 'EHLO c\r\n' | PC_PATH=$t/over smtp-recv 2>/dev/null)" STARTTLS

port=$(free_port)
PC_TIMEOUT=$tap_slow tcpserver -HRl0 127.0.0.1 "$port" smtp-recv 2>>"$t/log" &
started $!
wait_for 10 python3 "$talk" "$port" 127.0.0.1 QUIT
exits "who does nothing under TLS has a time limit too" 0 \
    python3 "$top/tests/tools/smtp-tls" "$cert" 127.0.0.1 "$port"
done_testing
