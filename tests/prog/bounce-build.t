#!/bin/sh
# bounce-build: who is told, and whether a mail program understands it.
. "$(dirname "$0")/../lib.sh"

mkdir "$t/over"
cat >"$t/over/queue-inject" <<EOF
#!/bin/sh
exec 5<&1 >/dev/null
cat >$t/msg
cat <&5 | tr '\\0' '\\n' >$t/env
printf Kabcdefgh01234567 >&6
exit \$(cat $t/code)
EOF
chmod 755 "$t/over/queue-inject"
PC_PATH="$t/over:$bin" TZ=UTC
export TZ
echo 0 >"$t/code"

# order RECORD...: the order, records given as arguments.
order() { printf '%s\0' Iabcdefgh01234567 Bagain "$@" '' >"$t/order"; }
base="Xhostname=mail.example.test
Xreason=bounce
Xarrived=1795300000
Xdoubleto=postmaster"
# build: runs it on $t/in; exit code in $code, log in $said.
build() {
	rm -f "$t/msg" "$t/env"; code=0
	said=$(bounce-build <"$t/in" 3<"$t/order" 2>&1) || code=$?
}
# with EXTRA... : base records and these.
with() { (IFS='
'; set -f; printf '%s\0' Iabcdefgh01234567 Bagain $base "$@" '' >"$t/order"); }
# part N FIELD: what python's mail reader sees: text of the N-th part.
part() {
	python3 -c '
import email, email.policy, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"))
parts = m.get_payload()
p = parts[int(sys.argv[2])]
if sys.argv[3] == "type": print(p.get_content_type())
elif sys.argv[3] == "n": print(len(parts), m.get_content_type(), m.get_param("report-type"), len(m.defects))
elif p.is_multipart():
	for block in p.get_payload(): print(block.as_string())
else: print(p.get_payload())' "$t/msg" "$1" "${2-}"
}

printf 'Received: from x\nFrom: ann@a.test\nSubject: hello\n world\nMessage-ID: <orig@a.test>\n\nsecret body\n' >"$t/in"
with Aenvid=my+20id Fann@a.test Tbob@b.test astatus=5.1.1 aaction=failed \
    'atext=mx.b.test[192.0.2.1] said: 550 5.1.1 No such user <bob@b.test>, and a long explanation with many words in it (in reply to RCPT TO)' \
    'aorcpt=rfc822;Bob+2Bx@b.test' \
    "Tcarl@c.test" astatus=4.4.1 'atext=time is over; last: connection refused' aorig=list@a.test
build
is "reports" "$code" 0
is "the envelope" "$(tr '\n' ' ' <"$t/env")" "Aproto=local Abounce=single F Tann@a.test  "
head=$(sed '/^$/q' "$t/msg")
like "From" "$head" '^From: Mail Delivery System <MAILER-DAEMON@mail\.example\.test>$'
like "To" "$head" '^To: <ann@a\.test>$'
like "Auto-Submitted" "$head" '^Auto-Submitted: auto-replied$'
like "refers to the message" "$head" '^In-Reply-To: <orig@a\.test>$'
like "Date" "$head" '^Date: [A-Z][a-z]{2}, .* \+0000$'
is "a mail program sees the report and its three parts" "$(part 0 n)" "3 multipart/report delivery-status 0"
like "the text names the recipient" "$(part 0)" '^<bob@b.test>: *$|^<bob@b.test>:'
like "and the reason" "$(part 0 | tr -s '\n ' ' ')" '550 5\.1\.1 No such user <bob@b\.test>'
like "and the address that was written" "$(part 0)" '<carl@c\.test> \(expanded from <list@a\.test>\)'
ok "no line is long" test "$(awk '{ if (length > m) m = length } END { print m }' "$t/msg")" -lt 100
is "the second is for programs" "$(part 1 type)" message/delivery-status
status=$(part 1)
like "Reporting-MTA" "$status" '^Reporting-MTA: dns; mail\.example\.test$'
like "Original-Envelope-Id, decoded" "$status" '^Original-Envelope-Id: my id$'
like "Arrival-Date" "$status" '^Arrival-Date: .* 2026 '
like "Original-Recipient, decoded" "$status" '^Original-Recipient: rfc822; Bob\+x@b\.test$'
like "Final-Recipient" "$status" '^Final-Recipient: rfc822; bob@b\.test$'
is "two recipients, two actions" "$(echo "$status" | grep -c '^Action: failed')" 2
like "Status" "$status" '^Status: 5\.1\.1$'
like "a last temporary status stays" "$status" '^Status: 4\.4\.1$'
like "Remote-MTA" "$status" '^Remote-MTA: dns; mx\.b\.test$'
like "the remote reply" "$status" '^Diagnostic-Code: smtp; 550 5\.1\.1 No such user'
like "our own reason" "$status" '^Diagnostic-Code: x-unix; time is over'
like "Last-Attempt-Date" "$status" '^Last-Attempt-Date: '
is "the third is the header" "$(part 2 type)" text/rfc822-headers
like "of the message" "$(part 2)" '^Subject: hello$'
unlike "without its body" "$(cat "$t/msg")" 'secret'
unlike "nothing is 8-bit" "$head" 'Transfer-Encoding'
like "it is logged" "$said" 'bounce-build\[[0-9]+\]: info: bounce-sent id=abcdefgh01234567 to=<ann@a.test> report=abcdefgh01234567'

# who is told
with F Tbob@b.test atext=x; build
is "null sender: double-bounce-to" "$(tr '\n' ' ' <"$t/env")" "Aproto=local Abounce=double F Tpostmaster@mail.example.test  "
with Abounce=single F Tbob@b.test atext=x; build
like "a report of ours: the same" "$(cat "$t/env")" '^Abounce=double$'
with Abounce=double F Tbob@b.test atext=x; build
is "a report of that: nobody" "$code" 0
[ ! -f "$t/env" ]; is "nothing is queued" $? 0
like "but logged" "$said" 'warn: bounce-drop id=abcdefgh01234567'
with Fann@a.test Tbob@b.test anotify=NEVER Tc@c anotify=DELAY; build
is "NOTIFY without FAILURE" "$code" 0
[ ! -f "$t/env" ]; is "is not told" $? 0
with Fann@a.test Tbob@b.test anotify=NEVER Tc@c anotify=FAILURE; build
unlike "NEVER is left out" "$(cat "$t/msg")" 'bob@b'
like "FAILURE is not" "$(cat "$t/msg")" 'Final-Recipient: rfc822; c@c'
with Fann@a.test 'T|/secret/program' atext=x aorig=log@a.test; build
unlike "a command's name is not told" "$(cat "$t/msg")" secret/program
like "but the alias's" "$(cat "$t/msg")" 'Final-Recipient: rfc822; log@a.test'

# delay
base="Xhostname=mail.example.test
Xreason=delay
Xuntil=1795400000"
with Fann@a.test Tbob@b.test astatus=5.1.1 'atext=no route'; build
like "a delay says so" "$(cat "$t/msg")" '^Subject: Delayed mail'
like "and until when" "$(part 1)" '^Will-Retry-Until: .*2026'
like "Action: delayed" "$(part 1)" '^Action: delayed$'
like "its status is temporary" "$(part 1)" '^Status: 4\.'
with F Tbob@b.test atext=x; build
is "a delay of a message without sender" "$code" 0
[ ! -f "$t/env" ]; is "is not told" $? 0

# success, to who asked for it
base="Xhostname=mail.example.test
Xreason=success
Xuntil=1795400000"
printf 'Subject: hello\n\nsecret body\n' >"$t/in"
with Aret=FULL Fann@a.test Tbob@b.test aaction=delivered astatus=2.0.0 \
    Tlist@b.test aaction=expanded astatus=2.0.0 anotify=FAILURE,success \
    Tfar@c.test aaction=relayed astatus=2.6.0 \
    'atext=mx.c.test[192.0.2.1]:25 250 2.6.0 queued' \
    Tnot@b.test aaction=delivered anotify=NEVER
build
like "a success says so" "$(cat "$t/msg")" '^Subject: Mail has arrived'
is "what became of each" "$(part 1 | sed -n 's/^Action: //p' | tr '\n' ' ')" \
    'delivered expanded relayed '
is "with its status" "$(part 1 | sed -n 's/^Status: //p' | tr '\n' ' ')" \
    '2.0.0 2.0.0 2.6.0 '
like "who took it" "$(part 1)" '^Remote-MTA: dns; mx\.c\.test$'
like "and said what" "$(part 1)" '^Diagnostic-Code: smtp; 250 2\.6\.0 queued$'
unlike "not who does not want it" "$(cat "$t/msg")" 'not@b'
unlike "nor until when it is tried" "$(part 1)" 'Will-Retry'
unlike "RET=FULL is for failures" "$(cat "$t/msg")" 'secret'
like "in words" "$(part 0 | tr -s '\n ' ' ')" \
    '<list@b\.test>: delivered to a list, and .* <far@c\.test>: passed on'
with F Tbob@b.test aaction=delivered; build
[ ! -f "$t/env" ]; is "of a message without sender nobody is told" "$code $?" '0 0'

# the whole message, where that was asked for
base="Xhostname=mail.example.test
Xreason=bounce"
with Aret=FULL Fann@a.test Tbob@b.test atext=x; build
is "RET=FULL: the message itself" "$(part 2 type)" message/rfc822
is "whole" "$(part 2)" "$(printf 'Subject: hello\n\nsecret body')"
with Aret=HDRS Fann@a.test Tbob@b.test atext=x; build
unlike "RET=HDRS: its header" "$(cat "$t/msg")" 'secret'
with Aret=FULL F Tbob@b.test atext=x; build
unlike "to double-bounce-to the header" "$(cat "$t/msg")" 'secret'
printf 'Subject: 8\n\n\303\244 \0\n' >"$t/in"
with Aret=FULL Fann@a.test Tbob@b.test atext=x; build
like "8-bit text is announced" "$(cat "$t/env")" '^Abody=8BITMIME$'
is "as it is" "$(tr -d '\0' <"$t/msg" | grep -c "$(printf '\303\244 ?$')")" 1
{ printf 'Subject: large\n\n'; head -c 1048560 /dev/zero | tr '\0' x; } >"$t/in"
with Aret=FULL Fann@a.test Tbob@b.test atext=x; build
is "a large message" "$(part 2 type) $(part 2 | wc -c)" "message/rfc822 1048578"
echo >>"$t/in"; build
is "over 1 MiB only its header" "$(part 2 type)" text/rfc822-headers
like "  all of it" "$(part 2)" '^Subject: large'

# bytes
base="Xhostname=mail.example.test
Xreason=bounce"
printf 'Subject: a\200\0b\n=_: boundary\nX: %070000d\n\nbody' 0 >"$t/in"
with Fann@a.test Tbob@b.test "$(printf 'atext=bad \200 \033[2J text')"; build
is "a header with 8-bit bytes" "$(part 0 n)" "3 multipart/report delivery-status 0"
like "is sent as such" "$(cat "$t/env")" '^Abody=8BITMIME$'
ok "the report is bounded" test "$(wc -c <"$t/msg")" -lt 67000
unlike "remote text cannot steer a terminal" "$(cat "$t/msg")" "$(printf '\033')"
like "it is cleaned" "$(part 1)" 'x-unix; bad \?'
printf 'Message-ID: <a b>\nMessage-ID: <x>\n\n' >"$t/in"
build; unlike "a Message-ID that is none is not referred to" "$(cat "$t/msg")" '^In-Reply-To'
: >"$t/in"; build
is "an empty message" "$(part 0 n)" "3 multipart/report delivery-status 0"
with "$(printf 'Fj\303\266rg@a.test')" "$(printf 'Tj\303\274@b.test')" atext=x Asmtputf8=1; build
is "attributes behind the sender are refused" "$code" 100
with Asmtputf8=1 "$(printf 'Fj\303\266rg@a.test')" "$(printf 'Tj\303\274@b.test')" atext=x; build
is "UTF-8 addresses" "$(part 1 type)" message/global-delivery-status
like "are told as they are" "$(cat "$t/msg")" "$(printf '^Final-Recipient: utf-8; j\303\274@b.test$')"
like "by SMTPUTF8" "$(cat "$t/env")" '^Asmtputf8=1$'
with Fann@a.test "$(printf 'Tj\303\274@b.test')" atext=x; build
is "to a sender without UTF-8" "$(part 1 type)" message/delivery-status
like "they are escaped" "$(part 1)" '^Final-Recipient: utf-8; j\\x\{FC\}@b\.test$'

# what can go wrong
echo 53 >"$t/code"; build
is "queue-inject says later" "$code" 111
like "it is logged why" "$said" 'fatal: bounce-defer .*code=53'
echo 0 >"$t/code"
printf 'garbage' >"$t/order"; build
is "no order" "$code" 100
order Xreason=bounce Fann@a.test Tbob@b.test; build
is "no hostname" "$code" 100
exits "arguments" 100 bounce-build x 2>/dev/null
# A report that no pipe holds at once: a long header of the original.
{ printf 'Subject: x\n'; for i in 1 2 3 4 5 6 7 8 9; do
	printf 'X-Long:'; for j in 1 2 3 4 5 6 7 8 9; do printf ' %0750d\n' "$j"; done
done; printf '\nbody\n'; } >"$t/in"
with Fa@b Tc@d aaction=failed astatus=5.1.1 "atext=$(printf '%0900d' 0)" \
    Te@d aaction=failed astatus=5.1.1 "atext=$(printf '%0900d' 1)"
build
is 'a report larger than a pipe is queued' "$code" 0
ok 'whole' sh -c "[ \"\$(wc -c <'$t/msg')\" -gt 65536 ] && tail -n 2 '$t/msg' | grep -q -e '--$'"
done_testing
