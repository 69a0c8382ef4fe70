#!/bin/sh
# mail-submit: what a user's sendmail takes, adds, removes and says.
. "$(dirname "$0")/../lib.sh"

# Settings as alias-compile leaves them, and a queue-inject that shows what it
# was given: message in $t/msg, envelope (NUL as newline) in $t/env.
mkdir -p "$t/etc/postchaise/tables" "$t/over" "$t/var/spool/postchaise"
setting() { printf '+%d,%d:s%s->%s\0\n' $((${#1} + 1)) $((${#2} + 1)) "$1" "$2"; }
{ setting hostname mail.example.test; setting size 2m; echo; } |
	cdb -c "$t/etc/postchaise/tables/public.cdb"
cat >"$t/over/queue-inject" <<EOF
#!/bin/sh
exec 5<&1 >/dev/null
cat >$t/msg
cat <&5 | tr '\0' '\n' >$t/env.new
[ -s $t/env.new ] || exit 54
mv $t/env.new $t/env
[ ! -f $t/say ] || cat $t/say >&6
exit \$(cat $t/code)
EOF
chmod 755 "$t/over/queue-inject"
echo 0 >"$t/code"
PC_PATH="$t/over:$bin"
unset NAME
ln -s "$bin/mail-submit" "$t/sendmail"
me=$(id -un)@mail.example.test

# submit INPUT ARGS...: its exit code in $code, what it says in $said.
submit() {
	_in=$1; shift; code=0; rm -f "$t/env" "$t/msg"
	said=$(printf "$_in" | "$t/sendmail" "$@" 2>&1) || code=$?
}
env_has() { grep -qxF -e "$2" "$t/env" && pass "$1" || { fail "$1"; sed 's/^/# /' "$t/env"; }; }
env_lacks() { grep -qxF -e "$2" "$t/env" && fail "$1" || pass "$1"; }

submit 'Subject: x\n\nhello\n' bob@example.test carol
is "takes a message" "$code" 0
env_has "sender is the caller" "F$me"
env_has "recipient" Tbob@example.test
env_has "a name is completed with our host name" Tcarol@mail.example.test
env_has "it came from here" Aproto=local
head=$(cat "$t/msg")
like "adds From" "$head" "^From: .*$me"
like "adds Date with the local zone" "$head" '^Date: [A-Z][a-z]{2}, [0-9]+ [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} [-+][0-9]{4}$'
like "adds Message-ID" "$head" '^Message-ID: <[0-9a-z]+@mail.example.test>$'
is "body follows the header" "$(sed '1,/^$/d' "$t/msg")" hello
is "Subject stays first" "$(head -1 "$t/msg")" "Subject: x"

submit 'From: x@y\nDate: d\nMessage-ID: <m@i>\n\nb\n' bob
is "a complete header is left alone" "$(cat "$t/msg")" "From: x@y
Date: d
Message-ID: <m@i>

b"
submit 'hello world\nsecond\n' bob
is "text without a header is all body" "$(sed '1,/^$/d' "$t/msg")" "hello world
second"
submit 'Subject: x' bob
like "a header without a line end" "$(cat "$t/msg")" '^Subject: x$'
submit '' bob
is "an empty message" "$code" 0
submit 'From bob Sat Nov 21 10:00:00 2026\nSubject: x\n\nFrom the top\n' bob
unlike "the line of an mbox goes" "$(cat "$t/msg")" '^From bob'
like "From in the body stays" "$(cat "$t/msg")" '^From the top'
submit 'Return-Path: <x@y>\nBcc: hidden@x\nSubject: x\n\nb\n' bob
unlike "Return-Path goes" "$(cat "$t/msg")" '^Return-Path'
unlike "Bcc goes" "$(cat "$t/msg")" hidden

# -t
submit 'To: Alice <alice@a>, "B, C" <bc@a>\nCc: list: d@a, e@a;, \n f@a\nBcc: g@a (x)\nX-To: no@a\n\nTo: body@a\n' -t
is "-t takes To, Cc and Bcc" "$(grep ^T "$t/env" | tr '\n' ' ')" "Talice@a Tbc@a Td@a Te@a Tf@a Tg@a "
unlike "-t removes Bcc" "$(cat "$t/msg")" 'Bcc|g@a'
like "-t leaves To as it was" "$(cat "$t/msg")" '^To: Alice <alice@a>, "B, C" <bc@a>$'
submit 'To: a@a\n\nb\n' -t z@z a@a
is "-t adds to the arguments, each once" "$(grep ^T "$t/env" | tr '\n' ' ')" "Tz@z Ta@a "
submit 'To: a@a\nResent-To: r@a\nResent-Bcc: s@a\nFrom: x@y\n\nb\n' -t
is "of a resent message Resent-To and Resent-Bcc" "$(grep ^T "$t/env" | tr '\n' ' ')" "Tr@a Ts@a "
like "Resent-From is added" "$(cat "$t/msg")" "^Resent-From: .*$me"
unlike "Resent-Bcc goes" "$(cat "$t/msg")" 's@a'
submit 'To: undisclosed-recipients:;\n\nb\n' -t
is "-t without a recipient" "$code" 67
like "says so" "$said" 'no recipients in the header'
submit 'To: a@a, foo bar, b@b\n\nb\n' -t
is "-t with a bad address" "$code" 65
like "names it" "$said" '^sendmail: To: not an address: foo bar'
[ ! -f "$t/env" ]; is "and queues nothing" $? 0

# sender
submit '\nb' -f list@x bob; env_has "-f" Flist@x
like "-f is in From" "$(cat "$t/msg")" '^From: .*list@x'
submit '\nb' -flist bob; env_has "-f is completed" Flist@mail.example.test
submit '\nb' -f '' bob; env_has "-f with nothing is the null sender" F
submit '\nb' -f '<>' bob; env_has "-f '<>' as well" F
submit '\nb' -r 'A <a@x>' bob; env_has "-r, with a name" Fa@x
submit '\nb' -f 'a@x b@x' bob; is "-f with rubbish" "$code" 65
submit '\nb' -f 'a@x,b@x' bob; is "-f with two" "$code" 64
submit '\nb' -F 'Ann O. Nym' -f a@x bob
like "-F is quoted where it must be" "$(cat "$t/msg")" '^From: "Ann O\. Nym" <a@x>$'
submit '\nb' -F "$(printf 'J\303\266rg')" -f a@x bob
like "-F in UTF-8 is encoded" "$(cat "$t/msg")" '^From: =\?utf-8\?q\?J=C3=B6rg\?= <a@x>$'
NAME="From Env" submit '\nb' -f a@x bob
like "NAME" "$(cat "$t/msg")" '^From: From Env <a@x>$'
unset NAME
submit '\nb' -F "$(printf 'x\nTo: y')" -f a@x bob
unlike "-F cannot add a field" "$(cat "$t/msg")" '^To:'

# dots and line ends
submit 'S: x\n\none\n.\ntwo\n' bob
is "a dot ends it" "$(sed '1,/^$/d' "$t/msg")" one
submit 'S: x\n\none\n.\ntwo\n' -i bob
is "-i: it does not" "$(sed '1,/^$/d' "$t/msg" | tr '\n' ' ')" "one . two "
submit 'S: x\n\none\n.\ntwo\n' -oi bob
is "-oi neither" "$(sed '1,/^$/d' "$t/msg" | tr '\n' ' ')" "one . two "
submit 'S: x\r\n\r\none\r\n..\r\n.x\r\n.\r\ntwo\r\n' bob
is "CRLF becomes LF; only a lone dot ends" "$(sed '1,/^$/d' "$t/msg" | tr '\n' ' ')" "one .. .x "
printf 'S: x\n\na\0b\377c\rd' >"$t/in"
"$t/sendmail" -i bob <"$t/in"
is "NUL, 8-bit, bare CR and a last line without end stay" \
    "$(sed '1,/^$/d' "$t/msg" | od -An -c | tr -s ' ')" "$(printf 'a\0b\377c\rd' | od -An -c | tr -s ' ')"
env_has "8-bit is declared" Abody=8BITMIME
submit '\nplain\n' bob
env_lacks "and only then" Abody=8BITMIME

# DSN, UTF-8
submit '\nb' -N success,delay -R hdrs -V 'env id' bob
env_has "-N" anotify=SUCCESS,DELAY
env_has "-R" Aret=HDRS
env_has "-V, as xtext" Aenvid=env+20id
submit '\nb' -N never bob; env_has "-N never" anotify=NEVER
submit '\nb' -N maybe bob; is "-N with another word" "$code" 64
submit '\nb' -R some bob; is "-R with another word" "$code" 64
submit '\nb' "$(printf 'j\303\266rg@x')"; env_has "UTF-8 address" Asmtputf8=1

# options that mean nothing, and wrong ones
submit '\nb' -om -oem -odb -em -B8BITMIME -O DeliveryMode=b -h 5 -L tag -m -n -G -x -p SMTP -d0.1 -A m -C/dev/null -- bob
is "what scripts give is let pass" "$code" 0
env_has "and the recipient is found behind it" Tbob@mail.example.test
submit '\nb' -Z bob; is "an unknown option" "$code" 64
submit '\nb' -bd; is "a daemon" "$code" 64
submit '\nb'; is "no recipient" "$code" 64
like "no recipient: says so" "$said" 'no recipients'
submit '\nb' -v bob
echo Kabcdefgh01234567 >"$t/say"
submit '\nb' -v bob; is "-v tells the id" "$said" "queued as abcdefgh01234567"

# what queue-inject says
for i in 11:65 31:69 53:75 81:70 91:70 120:75; do
	echo ${i%:*} >"$t/code"; rm -f "$t/say"
	submit '\nb' bob; is "queue-inject ${i%:*} is ${i#*:}" "$code" "${i#*:}"
done
like "with a reason" "$said" '^sendmail: not queued: '
echo 82 >"$t/code"; echo "D5.7.1 too ugly" >"$t/say"
submit '\nb' bob; is "82 D is 69" "$code" 69
is "and its text is shown" "$said" "sendmail: not queued: 5.7.1 too ugly"
echo "Z4.3.0 later" >"$t/say"
submit '\nb' bob; is "82 Z is 75" "$code" 75
echo 0 >"$t/code"; rm -f "$t/say"

# limits
rm -f "$t/env"
head -c 2000001 /dev/zero | tr '\0' '\n' >"$t/big"
exits "larger than the setting size" 69 "$t/sendmail" bob <"$t/big" 2>/dev/null
[ ! -f "$t/env" ]; is "and not queued" $? 0
{ printf 'X: '; head -c 1200000 /dev/zero | tr '\0' x; echo; echo; } >"$t/big"
exits "a header over 1 MiB" 65 "$t/sendmail" bob <"$t/big" 2>/dev/null
{ printf 'To: '; seq -f 'u%.0f@example.test,' 1 10000; echo; } | sed '2,$s/^/ /' >"$t/many"
exits "10000 recipients" 0 "$t/sendmail" -t <"$t/many"
is "all of them" "$(grep -c ^Tu "$t/env")" 10000
exits "10001" 65 "$t/sendmail" -t more@x <"$t/many" 2>/dev/null

# the other modes
for p in queue-list alias-compile smtp-recv; do
	printf '#!/bin/sh\necho %s "$@" "${RELAYCLIENT-none}"\n' $p >"$t/over/$p"
	chmod 755 "$t/over/$p"
done
ln -s "$bin/mail-submit" "$t/mailq"; ln -s "$bin/mail-submit" "$t/runq"
ln -s "$bin/mail-submit" "$t/newaliases"
is "-bp" "$("$t/sendmail" -bp)" "queue-list none"
is "mailq hands its options on" "$("$t/mailq" -j)" "queue-list -j none"
is "-bi" "$("$t/sendmail" -bi)" "alias-compile none"
is "newaliases" "$("$t/newaliases")" "alias-compile none"
is "-bs, with leave to relay" "$("$t/sendmail" -bs)" "smtp-recv "
exits "-q where queue-run is down" 69 "$t/sendmail" -q 2>/dev/null
mkfifo "$t/var/spool/postchaise/trigger"
exits "-q with nobody at the trigger" 69 "$t/sendmail" -q 2>/dev/null
# The open itself waits for a writer.
timeout 10 sh -c "head -c 2 <$t/var/spool/postchaise/trigger" >"$t/got" & reader=$!
wait_for 5 "$t/runq"
wait $reader
is "runq writes to the trigger" "$(cat "$t/got")" "*"
if [ "$(id -u)" = 0 ]; then
	chmod 600 "$t/var/spool/postchaise/trigger"
	chmod 755 "$t/var/spool/postchaise"
	exits "-q without permission" 77 setpriv --reuid 65534 --regid 65534 --clear-groups \
	    "$t/sendmail" -q30m 2>/dev/null
fi
rm "$t/etc/postchaise/tables/public.cdb"
submit '\nb' bob; is "no settings" "$code" 75
done_testing
