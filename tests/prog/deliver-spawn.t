#!/bin/sh
# deliver-spawn: asked as queue-run asks.  What is not in the tables is not
# done, whatever a request says.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../queue.sh"
cat >"$t/aliases" <<END
postmaster: alice
cmd: "|cat >>$t/home/cmd.txt"
slow: "|sleep 1; cat >>$t/home/slow.txt"
END
mkdir -p "$t/etc/virtual/example.test"
cp "$t/aliases" "$t/etc/virtual/example.test/aliases"
queue_make || exit 1
ask() { as "$top/tests/tools/spawn-ask" "$@" 2>>"$t/log"; }
: >"$t/log"; chmod 666 "$t/log"

like 'a virtual user' "$(ask 'Pvhost Dexample.test Fs@x Talice@example.test auser=alice')" \
    '^N1 LK1 2\.0\.0 .*E0$'
is 'has the message' "$(delivered alice)" 1
like 'two requests, one program' "$(ask 'Pvhost Dexample.test Fs@x Talice@example.test auser=alice' \
    'Pvhost Dexample.test Fs@x Tbob@example.test auser=bob')" '^N2 LK1 '
like 'a user who is not in the table' "$(ask 'Pvhost Dexample.test Fs@x Tx@example.test auser=x')" \
    '^N1 LZ1 4\.3\.5 '
like 'a mailbox that is a path' "$(ask 'Pvhost Dexample.test Fs@x Talice@example.test auser=../../alice')" \
    '^N1 LZ1 4\.3\.5 '
like 'a domain that is a path' "$(ask 'Pvhost D../example.test Fs@x Talice@example.test auser=alice')" \
    '^N1 LZ1 4\.3\.5 '
like "an alias's command" "$(ask "Ppipe Dcmd@example.test Fs@x Tcmd@example.test aplace=|cat+>>$t/home/cmd.txt")" \
    '^N1 LK1 '
like 'is run' "$(cat "$t/home/cmd.txt")" '^body$'
like 'a command that the alias does not have' "$(ask "Ppipe Dcmd@example.test Fs@x Tcmd@example.test aplace=|touch+$t/home/bad")" \
    '^N1 LZ1 4\.3\.5 '
like 'a command of no alias' "$(ask "Ppipe Dnone@example.test Fs@x Tcmd@example.test aplace=|touch+$t/home/bad")" \
    '^N1 LZ1 4\.3\.5 '
is 'is not run' "$(test -e "$t/home/bad" && echo yes)" ''
like 'a file that the alias does not have' "$(ask "Pfile Dcmd@example.test Fs@x Tcmd@example.test aplace=$t/home/bad")" \
    '^N1 LZ1 4\.3\.5 '
like 'a system user' "$(ask 'Pmbox Dlocal Fs@x Tlocal')" '^N1 LK1 '
like 'one that does not exist' "$(ask 'Pmbox Dghost Fs@x Tghost')" '^N1 LD1 5\.1\.1 '
like 'a kind that does not exist' "$(ask 'Pshell Dx Fs@x Tx@y')" '^N1 LZ1 4\.3\.5 '
like 'no remote delivery without -r' "$(ask 'Psmtp Dx.test Fs@x Tx@x.test')" '^N1 LZ1 4\.3\.5 '
like 'no local one with it' "$(ask -r 'Pvhost Dexample.test Fs@x Talice@example.test auser=alice')" '^N1 LZ1 4\.3\.5 '
like 'each recipient gets the refusal' "$(ask 'Pvhost Dexample.test Fs@x Tx@example.test auser=x Ty@example.test auser=y')" \
    'LZ1 4\.3\.5 .* LZ2 4\.3\.5 '

out=$(ask 'raw:rubbish')
like 'a malformed packet closes the channel' "$out" '^closed$'
like 'and ends it with 111, in order' "$out" '^exit 111$'
like 'so does one without recipients' "$(ask 'raw:N1\0Pvhost\0Dx\0Ix\0Bfirst\0Fa\0\0')" '^exit 111$'
like 'closing the channel ends it with 0' "$(ask close)" '^exit 0$'

# Orders for one mbox go to one program, which may do them at once; others have
# their own.  Answers are told apart, also long ones.
mkdir "$t/vhost"
cat >"$t/vhost/deliver-vhost" <<END
#!/usr/bin/env python3
import os, socket, sys, time
open("$t/home/starts", "a").write("x")
time.sleep(1)
s = socket.socket(fileno=3)
n = 0
while True:
    data, fds, flags, addr = socket.recv_fds(s, 65536, 4)
    if not data:
        break
    n += 1
    for fd in fds:
        os.close(fd)
    rcpts = data.count(b"\\0T")
    s.send(b"".join(b"K%d 2.0.0 order %d%s\\n" % (i, n, b"x" * 600 * (rcpts > 1))
                    for i in range(1, rcpts + 1)) + b"\\n")
END
chmod 755 "$t/vhost" "$t/vhost/deliver-vhost"
asktwo() {
	rm -f "$t/home/starts"
	as env PC_PATH="$t/vhost:$bin" "$top/tests/tools/spawn-ask" -a "$@" 2>>"$t/log" | sort
}
one='Pvhost Dexample.test Fs@x Talice@example.test auser=alice'
two='Pvhost Dexample.test Fs@x Tbob@example.test auser=bob'
asktwo "$one" "$one" >/dev/null
is 'two orders for one Maildir: two programs' "$(cat "$t/home/starts")" xx
echo virtual-mailbox=example.test:mbox >>"$t/etc/postchaise/postchaise.conf"
as alias-compile 2>>"$t/log"
is 'for one mbox: one, in order' "$(asktwo "$one" "$one" "$one"; cat "$t/home/starts")" \
    'N1 LK1 2.0.0 order 1 E0
N2 LK1 2.0.0 order 2 E0
N3 LK1 2.0.0 order 3 E0
exit 0
x'
asktwo "$one" "$two" >/dev/null
is 'for two mboxes: two' "$(cat "$t/home/starts")" xx
like 'an answer of many lines is whole' "$(asktwo "$one $(
    for i in 1 2 3 4 5 6 7 8 9 10 11; do printf ' Talice@example.test auser=alice'; done)")" \
    'LK12 2\.0\.0 order 1x{600} E0'

# A program that cannot be started, one that dies, one that talks rubbish.
mkdir "$t/fake"
fake() { printf '#!/bin/sh\n%s\n' "$1" >"$t/fake/deliver-pipe"; chmod 755 "$t/fake/deliver-pipe" "$t/fake"; }
askfake() {
	as env PC_PATH="$t/fake:$bin" "$top/tests/tools/spawn-ask" \
	    "Ppipe Dcmd@example.test Fs@x Tcmd@example.test aplace=|cat+>>$t/home/cmd.txt" 2>>"$t/log"
}
fake 'kill -9 $$'
like 'one that is killed: exit 111, no verdict' "$(askfake)" '^N1 E111$'
fake 'echo "what is this"; exit 0'
like 'rubbish is passed on for queue-run to judge' "$(askfake)" '^N1 Lwhat is this E0$'
fake 'echo "K1 2.0.0 ok"; kill -9 $$'
like 'a verdict stands though it crashed then' "$(askfake)" '^N1 LK1 2\.0\.0 ok E111$'
fake 'exec >&- 3>&- 1>&-; sleep 60'
like 'one that closes its socket and stays is ended' "$(askfake)" '^N1 E111$'
done_testing
