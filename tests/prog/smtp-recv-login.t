#!/bin/sh
# smtp-recv with logins, as a submission server, and as an LMTP server.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/smtp-recv.sh"

# A checkpassword and a check-rate of a few lines.
cat >"$t/over/auth-check" <<END
#!/bin/sh
tr '\0' '\n' <&3 >$t/asked
{ read -r login; read -r password; } <$t/asked
echo "\$TCPREMOTEIP" >>$t/asked
case \$login:\$password in
alice@example.test:secret|bob:secret|[Bb]ob@*:secret) exit 0 ;;
later:*) exit 111 ;;
esac
exit 1
END
cat >"$t/over/check-rate" <<END
#!/bin/sh
echo "\$1 \$AUTH_USER \$RECIPIENTS" >>$t/rate
exit \$(cat $t/rate.\$1 2>/dev/null || echo 0)
END
chmod 755 "$t/over/auth-check" "$t/over/check-rate"
TCPREMOTEIP=192.0.2.7 TCPREMOTEHOST=client.example.net
PC_AUTH_WITHOUT_TLS=1
export TCPREMOTEIP TCPREMOTEHOST PC_AUTH_WITHOUT_TLS

recv() {
	rm -f "$t/msg" "$t/env" "$t/rate"; code=0
	printf "$1" | smtp-recv 2>"$t/log" >"$t/out" || code=$?
	said=$(tr -d '\r' <"$t/out") log=$(cat "$t/log")
	after=$(printf '%s\n' "$said" | sed '1,/^250 ENHANCED/d')
}
plain() { printf '\0%s\0%s' "$1" "$2" | base64; }
alice=$(plain alice@example.test secret)
hello='EHLO c.test\r\n' end='QUIT\r\n'
login="${hello}AUTH PLAIN $alice\r\n"
text='Subject: x\r\n\r\nhello\r\n.\r\n'
out='RCPT TO:<x@remote.test>\r\n'
mine='MAIL FROM:<alice@example.test>\r\n'

# --- logins --------------------------------------------------------------
recv "$hello$end"
like "logins are offered" "$said" '^250-AUTH PLAIN LOGIN$'
recv "$login$mine${out}DATA\r\n$text$end"
is "who has logged in may relay" "$after" "235 2.7.0 logged in
250 2.1.0 ok
250 2.1.5 ok
354 go ahead
250 2.0.0 queued as 0123456789abcdef
221 2.0.0 bye"
is "login and password came to the program, with the address" \
    "$(sed '3d' "$t/asked")" "alice@example.test
secret
192.0.2.7"
is "check-rate was asked before and told after" "$(cut -d' ' -f1 "$t/rate")" "login
good"
is "protocol and login are in the envelope" "$(grep -E '^A(proto|auth|peer|peername|helo)=' "$t/env")" \
    "Aproto=ESMTPA
Apeer=192.0.2.7
Apeername=client.example.net
Ahelo=c.test
Aauth=alice@example.test"
is "port 25 leaves the header alone" "$(cat "$t/msg")" "Subject: x

hello"
like "the log has who came in" "$log" 'auth-accept client=client.example.net\[192.0.2.7\] user=alice@example.test$'
recv "${hello}AUTH PLAIN $(plain alice@example.test wrong)\r\n$end"
like "a wrong password" "$after" '^535 5.7.8 '
like "is in one line with the address" "$log" 'auth-refuse client=client.example.net\[192.0.2.7\] .*user=alice@example.test reply=535'
unlike "which has not the password" "$log" 'wrong[^%]'
recv "${hello}AUTH PLAIN $(plain later x)\r\n$end"
like "one that cannot be checked" "$after" '^454 4.7.0 logins cannot be checked now$'
echo 100 >"$t/rate.login"
recv "$login$end"
like "too many failures of this address" "$after" '^454 4.7.0 too many failed logins'
rm "$t/rate.login"
PC_AUTH_TRIES=2; export PC_AUTH_TRIES
recv "${hello}AUTH PLAIN $(plain a b)\r\nAUTH PLAIN $(plain c d)\r\nAUTH PLAIN $alice\r\n$end"
is "no more tries than are allowed" "$(printf '%s\n' "$after" | tail -n 1)" \
    "421 4.7.0 too many failed logins"
unset PC_AUTH_TRIES
rm "$t/over/auth-check"
recv "$login$end"
like "no program that knows passwords" "$after" '^454 4.7.0'
printf '#!/bin/sh\nexit 0\n' >"$t/over/mypw"; chmod 755 "$t/over/mypw"
tables sauth-program 'mypw a b'
recv "$login$end"
like "another program" "$after" '^235'
tables
cat >"$t/over/auth-check" <<'END'
#!/bin/sh
exit 0
END
chmod 755 "$t/over/auth-check"
PC_AUTH=no; export PC_AUTH
recv "$login$end"
unlike "auth=no: not offered" "$said" '250.AUTH'
like "and not taken" "$after" '^502 5.5.1'
unset PC_AUTH PC_AUTH_WITHOUT_TLS
recv "$login$end"
unlike "without TLS: not offered" "$said" '250.AUTH'
like "and not taken" "$after" '^538 5.7.11'
PC_AUTH_WITHOUT_TLS=1; export PC_AUTH_WITHOUT_TLS
recv "${login}MAIL FROM:<someone@example.test>\r\n$end"
like "a login sends as itself only" "$after" '^55[0-9] 5.7.1'

# --- submission ----------------------------------------------------------
PC_SERVICE=submission; export PC_SERVICE
recv "$hello$mine$end"
like "submission wants a login" "$after" '^530 5.7.0'
printf '#!/bin/sh\nexit 100\n' >"$t/over/no"; chmod 755 "$t/over/no"
tables scheck-mail no -- scheck-rcpt no -- scheck-data no
recv "$login$mine$out${out}DATA\r\nBcc: z@x\r\n$text$end"
like "and then takes mail; the checks are for others" "$after" '^250 2.0.0 queued'
tables
like "Date is added" "$(cat "$t/msg")" '^Date: .* [+-][0-9]{4}$'
like "From too, the login" "$(cat "$t/msg")" '^From: alice@example.test$'
like "and Message-ID" "$(cat "$t/msg")" '^Message-ID: <.*@mx.example.test>$'
unlike "Bcc is dropped" "$(cat "$t/msg")" '^Bcc:'
is "the text is the same" "$(sed '1,/^$/d' "$t/msg")" hello
recv "$login$mine${out}DATA\r\nFrom: me\r\nDate: d\r\nMessage-ID: <i>\r\n$text$end"
is "what is there stays" "$(cat "$t/msg")" "From: me
Date: d
Message-ID: <i>
Subject: x

hello"
lines() { awk -v n="$1" 'BEGIN { while (n-- > 0) printf "%s%070d\\r\\n", "'"${2:-}"'", 0 }'; }
recv "$login$mine${out}DATA\r\nBcc: a@b\r\n\r\n$(lines 3000).\r\n$end"
like "a large message" "$after" '^250 2.0.0'
is "has its header completed too" "$(sed -n '1,/^$/p' "$t/msg" | cut -d: -f1)" "Date
From
Message-ID"
is "and its text whole" "$(sed '1,/^$/d' "$t/msg" | wc -l | tr -d ' ')" 3000
recv "$login$mine${out}DATA\r\nBcc: a@b\r\n$(lines 1000 X:).\r\n$end"
like "a header beyond 64 KiB" "$after" '^552 5.3.4'
is "is not queued, with its Bcc" "$(cat "$t/msg" 2>/dev/null)" ""
PC_HIDE_CLIENT=1; export PC_HIDE_CLIENT
recv "$login$mine${out}DATA\r\n$text$end"
is "hide-client: nothing of where it came from" "$(grep -cE '^A(peer|peername|helo)=' "$t/env")" 0
like "but the log knows" "$log" 'msg-accept .*client=client.example.net\[192.0.2.7\]'
unset PC_HIDE_CLIENT
tables slogin-messages-hour 5
recv "$login$mine$out${out}DATA\r\n$text$end"
is "a quota counts a message with its recipients" "$(sed -n '$p' "$t/rate")" \
    "message alice@example.test 2"
for who in bob bob@local.test Bob@LOCAL.test; do
	recv "${hello}AUTH PLAIN $(plain "$who" secret)\r\nMAIL FROM:<bob@local.test>\r\n${out}DATA\r\n$text$end"
	is "bob has one quota, as $who too" "$(sed -n '$p' "$t/rate")" 'message bob 1'
done
echo 100 >"$t/rate.message"
recv "$login$mine${out}DATA\r\n$end"
like "over its quota: before the message" "$after" '^4[0-9][0-9] 4\.7\.|^550 5.7.1'
unlike "which does not come" "$after" '^354'
rm "$t/rate.message"
tables
RELAYCLIENT=; export RELAYCLIENT
recv "$hello$mine${out}DATA\r\n$text$end"
like "RELAYCLIENT needs no login" "$after" '^250 2.0.0'
like "its sender is the author" "$(cat "$t/msg")" '^From: alice@example.test$'
unset RELAYCLIENT
tables strusted 192.0.2.0/24
recv "$hello$mine$out$end"
is "nor do trusted networks" "$(printf '%s\n' "$after" | grep -c ^250)" 2
tables

# --- hide-client is for our own users ------------------------------------
PC_SERVICE=smtp PC_HIDE_CLIENT=1; export PC_HIDE_CLIENT
recv "${hello}MAIL FROM:<a@b.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n$text$end"
is "a stranger is not hidden" "$(grep -c ^Apeer= "$t/env")" 1
unset PC_HIDE_CLIENT

# --- LMTP ----------------------------------------------------------------
PC_SERVICE=lmtp RELAYCLIENT=.gw; export RELAYCLIENT
in='RCPT TO:<alice@example.test>\r\n'
recv "LHLO c.test\r\nMAIL FROM:<a@b.test>\r\n$in${in}${out}DATA\r\n$text$end"
like "LMTP greets as such" "$said" '^220 mx.example.test LMTP$'
unlike "has no logins" "$said" '250.AUTH'
is "never relays, and answers for each recipient" "$after" "250 2.1.0 ok
250 2.1.5 ok
250 2.1.5 ok
550 5.7.1 we do not relay for you
354 go ahead
250 2.0.0 queued as 0123456789abcdef
250 2.0.0 queued as 0123456789abcdef
221 2.0.0 bye"
like "the envelope says LMTP" "$(cat "$t/env")" '^Aproto=LMTP$'
recv "$hello$end"
like "it does not know EHLO" "$said" '^500 '
done_testing
