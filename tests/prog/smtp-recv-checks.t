#!/bin/sh
# smtp-recv: clients that are refused at the start, checks, room, the audit.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/smtp-recv.sh"

TCPREMOTEIP=192.0.2.7 TCPREMOTEHOST=client.example.net
export TCPREMOTEIP TCPREMOTEHOST
recv() {
	rm -f "$t/msg" "$t/env" "$t/checked" "$t/seen"; code=0
	printf "$1" | smtp-recv 2>"$t/log" >"$t/out" || code=$?
	said=$(tr -d '\r' <"$t/out") log=$(cat "$t/log")
	after=$(printf '%s\n' "$said" | sed '1,/^250 ENHANCED/d')
}
end='QUIT\r\n' rcpt='RCPT TO:<alice@example.test>\r\n'
hello='EHLO c.test\r\n' from='MAIL FROM:<a@b.test> SIZE=77\r\n'
mail="$hello$from${rcpt}DATA\r\n" text='Subject: x\r\n\r\n..hello\r\n.\r\n'

# --- who is not wanted ---------------------------------------------------
DENIED='554 5.7.1 not you'; export DENIED
recv "$hello$from$end"
is "DENIED is the greeting, and QUIT all that is obeyed" "$said" \
    "554 5.7.1 not you
503 5.5.1 only QUIT now
503 5.5.1 only QUIT now
221 2.0.0 bye"
like "it is logged with the address" "$log" 'info: conn-refuse client=client.example.net\[192.0.2.7\] reply=554'
DENIED='421 4.7.0 too many sessions'
recv "$mail$text$end"
is "421 ends the session" "$said" "421 4.7.0 too many sessions"
unset DENIED
RBLSMTPD='-listed at rbl.test'; export RBLSMTPD
recv "$end"
like "RBLSMTPD with a hyphen" "$said" '^554 5.7.1 listed at rbl.test$'
tables sforbidden folder:junk
recv "$mail$text$end"
like "forbidden=folder takes the mail" "$after" '^250 2.0.0'
is "and says where it belongs, and why" "$(grep -E '^A(spam|folder)=' "$t/env")" \
    "Aspam=listed at rbl.test
Afolder=junk"
tables sforbidden accept
recv "$mail$text$end"
is "forbidden=accept: why only" "$(grep -E '^A(spam|folder)=' "$t/env")" \
    "Aspam=listed at rbl.test"
unset RBLSMTPD
PC_CHECKHELO=1; export PC_CHECKHELO
recv "EHLO local.test\r\n$from$end"
like "checkhelo" "$said" '^5[0-9][0-9] 5'
like "in the log" "$log" 'helo-refuse client=client.example.net\[192.0.2.7\] helo=local.test reply=5'
unset PC_CHECKHELO
tables i "$(printf 'Welcome\nno spam')"
recv "$end"
is "issue.smtp" "$said" "220-mx.example.test ESMTP Welcome
220 no spam
221 2.0.0 bye"

# --- checks --------------------------------------------------------------
# They write what they were told, and end as the file VERB says.
cat >"$t/over/check-it" <<END
#!/bin/sh
{ echo "\$1 helo=\$HELO sender=\$SENDER rcpt=\${RECIPIENT-none} rcpts=\${RECIPIENTS-none} size=\$SIZE user=\${AUTH_USER-none} tls=\${TLS-none} ip=\$TCPREMOTEIP"
} >>$t/checked
cat >$t/seen
[ -f $t/\$1 ] || exit 0
cat $t/\$1
exit \$(cat $t/code.\$1)
END
chmod 755 "$t/over/check-it"
tables scheck-mail 'check-it mail' -- scheck-rcpt 'check-it rcpt' -- scheck-data 'check-it data'
RECIPIENT=old SENDER=old; export RECIPIENT SENDER
recv "$mail$text$end"
like "checks without an opinion" "$after" '^250 2.0.0 queued'
is "know what they need" "$(cat "$t/checked")" \
    "mail helo=c.test sender=a@b.test rcpt=none rcpts=none size=77 user=none tls=none ip=192.0.2.7
rcpt helo=c.test sender=a@b.test rcpt=alice@example.test rcpts=none size=77 user=none tls=none ip=192.0.2.7
data helo=c.test sender=a@b.test rcpt=none rcpts=1 size=22 user=none tls=none ip=192.0.2.7"
is "and see the message as it is queued" "$(cat "$t/seen")" "$(cat "$t/msg")"
unset RECIPIENT SENDER
says() { echo "$3" >"$t/$1"; echo "$2" >"$t/code.$1"; }
says mail 100 '5.7.1 not from there'
recv "$mail$text$end"
like "MAIL refused" "$after" '^550 5.7.1 not from there$'
like "by whom, the log says" "$log" 'check-refuse client=client.example.net\[192.0.2.7\] setting=check-mail check=check-it(%20mail)? reply=550'
rm "$t/mail"
says rcpt 111 'later'
recv "$mail$text$end"
like "RCPT deferred" "$after" '^451 4.*later$'
rm "$t/rcpt"
says data 100 'spam'
recv "$mail$text$from${rcpt}RSET\r\n$end"
like "the message refused" "$after" '^550 5.*spam$'
ok "and not queued" test ! -f "$t/env"
like "logged as such" "$log" 'data-refuse .*nrcpt=1 .*reply=550'
rm "$t/data"
big=$(awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%070d\\r\\n", i }')
recv "$mail$big.\r\n$end"
like "a large message" "$after" '^250 2.0.0 queued'
is "is whole for the check and the queue" "$(cksum <"$t/seen") $(wc -l <"$t/msg")" "$(cksum <"$t/msg") 3000"
says data 99 ''
recv "$mail$big.\r\n$end"
like "accepted by the check" "$after" '^250 2.0.0 queued'
says data 100 'spam'
recv "$mail$big.\r\n$mail$text$end"
is "a large one refused, as is the next" "$(printf '%s\n' "$after" | grep -c '^550 .*spam')" 2
ok "nothing is queued" test ! -f "$t/env"
rm "$t/data"
if [ "${PC_SANITIZE:-}" != valgrind ]; then # which begins with a file there
	TMPDIR=$t/none; export TMPDIR
	recv "$mail$text$end"
	like "no place to keep it for the check" "$after" '^451 4.3.0 the message cannot be kept'
	like "which the log says" "$log" 'warn: spool-write client=.* err=No'
	unset TMPDIR
fi
printf '#!/bin/sh\nprintf "D5.7.1 no more" >&6; exit 82\n' >"$t/over/filter-a"
chmod 755 "$t/over/filter-a"
tables scheck-data 'check-it data' -- sfilter-chain filter-a
recv "$mail$big.\r\n$end"
like "a filter refuses what the checks took" "$after" '^554 5.7.1 no more$'
tables scheck-mail 'check-it mail'
RELAYCLIENT=; export RELAYCLIENT
recv "$mail$text$end"
ok "clients that may relay are not asked about" test ! -f "$t/checked"
unset RELAYCLIENT
tables

# --- room ----------------------------------------------------------------
mkdir -p "$t/var/spool/virtual" "$t/mail"
tables sminfree 4000000000g
recv "$hello$from$end"
like "no room" "$after" '^452 4.3.1 the disk is full$'
like "is logged" "$log" 'mail-refuse client=client.example.net\[192.0.2.7\] .*from=<a@b.test> reply=452'
tables sminfree 0
recv "$hello$from$end"
like "minfree=0 does not look" "$after" '^250 2.1.0'
tables
if mount -t tmpfs -o nr_inodes=900 none "$t/var/spool/virtual" 2>/dev/null; then
	recv "$hello$from$end"
	umount "$t/var/spool/virtual"
	like "too few inodes where mail is delivered" "$after" '^452 4.3.1'
	recv "$hello$from$end"
	like "and enough" "$after" '^250 2.1.0'
else
	pass "inodes # SKIP cannot mount"
fi

# --- the audit -----------------------------------------------------------
PC_AUDIT=1 PC_AUTH_WITHOUT_TLS=1; export PC_AUDIT PC_AUTH_WITHOUT_TLS
recv "${hello}AUTH PLAIN c2VjcmV0\r\nc2VjcmV0\r\n$from${rcpt}FOO\r\nDATA\r\n$text$end"
is "a line a command" "$(sed -n 's/.*audit client=client.example.net\[192.0.2.7\] secs=0 //p' "$t/log")" \
    "verb=CONN code=220 info=-
verb=EHLO code=250 info=mx.example.test
verb=AUTH code=501 info=5.5.2%20malformed%20authentication%20data
verb=? code=500 info=5.5.2%20unknown%20command
verb=MAIL code=250 info=2.1.0%20ok
verb=RCPT code=250 info=2.1.5%20ok
verb=? code=500 info=5.5.2%20unknown%20command
verb=DATA code=354 info=go%20ahead
verb=. code=250 info=2.0.0%20queued%20as%200123456789abcdef
verb=QUIT code=221 info=2.0.0%20bye"
unlike "no password" "$log" c2Vj
recv "$hello"
like "a lost connection" "$log" 'audit .* verb=QUIT code=499 info=eof'
unset PC_AUDIT PC_AUTH_WITHOUT_TLS

# --- time: python3 plays the client --------------------------------------
exits "greet delay, dribbling, out of memory" 0 \
    python3 "$top/tests/tools/smtp-slow" "$bin/smtp-recv" "$t"
done_testing
