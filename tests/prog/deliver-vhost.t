#!/bin/sh
# deliver-vhost: Maildirs and mboxes of virtual users.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../deliver.sh"
cd "$t" || exit 1
v=$t/d/dom
id=0abcdefgh0123456
vorder() { # again|first RECIPIENT USER [FORMAT [ID [@ATTRIBUTE]]]
	order "${5:-$id}" "$1" "dir=$v" "format=${4:-maildir}" hostname=mx.test $6 -- \
	    s@example.test "$2" "@user=$3"
}
message m1 one $id 3000
message m2 two 0abcdefgh0000002 500

if [ "$(id -u)" = 0 ]; then
	exits "nothing is delivered as root" 111 "$t/p/$prog" -d "$v" s@x a@b <m1 2>root.err
	like "and it says so" "$(cat root.err)" 'uid 0'
fi
exits "usage" 100 as "$t/p/$prog" -x 2>/dev/null
exits "one argument is too few" 100 as "$t/p/$prog" -d "$v" s@x 2>/dev/null
printf 'Fx' >order
exits "an order that is no order" 111 run m1

# By hand.
is "by hand, into a Maildir" \
    "$(as "$t/p/$prog" -d "$v" -n h s@x Alice+list@dom <m1)" \
    'K1 2.0.0 delivered to maildir'
is "of the user without extension" "$(box d/dom/alice | cut -d' ' -f1)" one
one=$(box d/dom/alice)
f=$(echo d/dom/alice/new/*)
is "trace fields on top" "$(head -2 "$f")" 'Return-Path: <s@x>
Delivered-To: Alice+list@dom'
ok "below them byte for byte what was sent" sh -c "tail -n +3 '$f' | cmp - m1"
is "mode" "$(stat -c %a d/dom d/dom/alice "$f" | tr '\n' ' ')" '700 700 600 '
printf 'Subject: x\n\nNUL \0, no newline, \r CR' >m3
is "into an mbox" "$(as "$t/p/$prog" -d "$v" -f mbox '' bob@dom <m1)" \
    'K1 2.0.0 delivered to mailbox'
as "$t/p/$prog" -d "$v" -f maildir '' bob@dom <m2 >/dev/null
is "an existing file is appended, whatever the format" \
    "$(box d/dom/bob | cut -d' ' -f1 | tr '\n' ' ')" 'one two '
is "null sender" "$(sed -n '1s/ [A-Z][a-z][a-z] .*//p;2p' d/dom/bob)" \
    'From MAILER-DAEMON
Return-Path: <>'
is "lines are quoted" "$(grep -c '^>From here' d/dom/bob)$(grep -c '^>>From there' d/dom/bob)" \
    "$(($(cat m1 m2 | grep -ac '^From here')))$(cat m1 m2 | grep -ac '^>From there')"
is "a reader gets the same body" "$(box d/dom/bob | sed -n 1p)" "$one"
as "$t/p/$prog" -d "$v" -f mbox s@x bin@dom <m3 >/dev/null
as "$t/p/$prog" -d "$v" s@x bin@dom <m2 >/dev/null
is "an open last line joins nothing" "$(box d/dom/bin | cut -d' ' -f1 | tr '\n' ' ')" 'x two '
as "$t/p/$prog" -d "$v" s@x cat@dom <m3 >/dev/null
ok "NUL, CR and a missing newline stay" sh -c \
    'tail -n +3 d/dom/cat/new/* | cmp - m3'
is "a directory is a Maildir, whatever the format" "$(
    as "$t/p/$prog" -d "$v" -f mbox s@x cat@dom <m2)" \
    'K1 2.0.0 delivered to maildir'
as rm -r d/dom/cat/tmp
is "what is missing in it is made" "$(
    as "$t/p/$prog" -d "$v" s@x cat@dom <m2)" 'K1 2.0.0 delivered to maildir'
cat m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 >big
is "a large file, from its offset on" "$( (dd bs=100 count=1 of=/dev/null 2>/dev/null
    as "$t/p/$prog" -d "$v" s@x big@dom big2@dom) <big | cut -c1-8 | tr '\n' ' ')" 'K1 2.0.0 K2 2.0.0 '
tail -c +101 big >rest
ok "to the first recipient" sh -c 'tail -n +3 d/dom/big/new/* | cmp - rest'
ok "and to the second" sh -c 'tail -n +3 d/dom/big2/new/* | cmp - rest'
like "a large message by a pipe" "$(cat big | as "$t/p/$prog" -d "$v" -f mbox s@x big3@dom)" '^K1'

# Orders.
vorder first carol+l@dom carol
is "by order" "$(run m1)" 'K1 2.0.0 delivered to maildir'
like "name of time, id and hash" "$(ls d/dom/carol/new)" \
    "^[0-9]+\\.${id}r[0-9a-f]{8}\\.mx\\.test\$"
order $id first "dir=$v" hostname=h -- s@x c@dom @user=dora @orig=team@dom
run m1 >/dev/null
like "X-Original-To of an alias" "$(cat d/dom/dora/new/*)" '^X-Original-To: team@dom'
for bad in ../x .x a/b x.lock; do
	order $id first "dir=$v" -- s@x c@dom "@user=$bad"
	like "no mailbox named $bad" "$(run m1)" '^D1 5.1.3'
done
ok "nothing was made of them" [ ! -e d/x ]
printf 'Received: x\nDELIVERED-TO: Carol+L@DOM\n\nx\n' >loop
vorder first carol+l@dom carol
like "a loop" "$(run loop)" '^D1 5\.4\.6'
printf 'Received: x\n\nDelivered-To: carol+l@dom\n' >noloop
like "no loop in the body" "$(run noloop)" '^K1'

# Links.
as mkdir d/dom/user.imap
as ln -s user.imap/inbox d/dom/user
as ln -s ../../out d/dom/out1
as ln -s /tmp d/dom/out2
vorder first user@dom user mbox
like "a link within the spool is followed" "$(run m1)" '^K1 2.0.0 delivered to mailbox'
is "to its target" "$(box d/dom/user.imap/inbox | cut -d' ' -f1)" one
vorder first out@dom out1
like "one that leads out is not" "$(run m1)" '^Z1 4\.3\.5 .*out of the spool'
vorder first out@dom out2 mbox
like "an absolute one neither" "$(run m1)" '^Z1 4\.3\.5'
if can_trace; then # a kernel without openat2: the path is walked by hand
	without() { as strace -qq -o /dev/null -e inject=openat2:error=ENOSYS \
	    "$t/p/$prog" -d "$v" -f mbox s@x "$1@dom" <m2 2>>log; }
	like "without openat2: a link within the spool" "$(without user)" '^K1 .*mailbox'
	is "to its target" "$(box d/dom/user.imap/inbox | sed -n '2s/ .*//p')" two
	like "a link that leads out" "$(without out1)" '^Z1 4\.3\.5'
	like "an absolute link" "$(without out2)" '^Z1 4\.3\.5'
	like "a Maildir" "$(without box)" '^K1 .*mailbox'
	as sh -c 'mkdir d/dom/mdir; ln -s user.imap/../mdir d/dom/out3
	    ln -s mdir d/dom/in2; ln -s self d/dom/self'
	like "a link with .." "$(without out3)" '^Z1 4\.3\.5'
	like "a link to a Maildir" "$(without in2)" '^K1 .*maildir'
	like "a link to itself" "$(without self)" '^Z1 4'
fi
as sh -c 'mkfifo d/dom/fifo'
vorder first f@dom fifo mbox
like "a FIFO is no mailbox" "$(run m1)" '^Z1 4'
as touch d/dom/ro; as chmod 400 d/dom/ro
vorder first r@dom ro
like "a file that cannot be written" "$(run m1)" '^Z1 4\.2\.0 mailbox: Permission'

# What the receiver thinks of the message, and where it is to be filed.
junk() { # junk USER FORMAT FOLDER [SPAM [ID]]
	order ${5:-$id} first "dir=$v" "format=$2" hostname=h "@folder=$3" ${4:+"@spam=$4"} \
	    -- s@x j@dom "@user=$1"
}
as rm -rf d/dom/jim* d/dom/joan*
junk jim maildir Junk "in sbl.example:$(printf '\033\303')"
is "a folder of a Maildir" "$(run m1)" 'K1 2.0.0 delivered to maildir'
is "is made" "$(ls -A d/dom/jim d/dom/jim/.Junk | tr '\n' ' ')" \
    'd/dom/jim: .Junk cur new tmp  d/dom/jim/.Junk: cur new tmp '
is "has the message" "$(box d/dom/jim/.Junk)" "$one"
is "the mailbox has not" "$(box d/dom/jim)" ''
is "why, on top" "$(sed -n 3p d/dom/jim/.Junk/new/*)" 'X-Spam: in sbl.example:??'
junk jim mbox Junk '' 0abcdefgh0000002
is "what is there decides, not the format" "$(run m2; box d/dom/jim/.Junk | wc -l)" \
    'K1 2.0.0 delivered to maildir
2'
junk joan mbox Junk; run m1 >/dev/null
is "beside an mbox, though there is none yet" "$(ls d/dom | grep joan)" joan:Junk
is "  another" "$(box d/dom/joan:Junk)" "$one"
vorder first j@dom joan mbox; run m2 >/dev/null
junk joan maildir Junk; run m2 >/dev/null
is "where a file is the mailbox" "$(box d/dom/joan:Junk | wc -l) $(box d/dom/joan | wc -l)" '2 1'
for bad in ../x a/b .x '' x.lock 'a b' "$(printf '%065d' 0)"; do
	as rm -rf d/dom/jim; : >"$t/log"
	junk jim maildir "$bad"
	is "no folder: $bad" "$(run m1; box d/dom/jim | wc -l)" \
	    'K1 2.0.0 delivered to maildir
1'
	like "  which is logged" "$(cat "$t/log")" \
	    "warn: folder-ignored id=$id folder="
done
as rm -rf d/dom/jim d/outside; as mkdir d/outside; as mkdir d/dom/jim
as ln -s ../../outside d/dom/jim/.Junk
junk jim maildir Junk
like "a folder that leads out of the spool" "$(run m1)" '^Z1 4\.3\.5'

# Again.
vorder again carol+l@dom carol
run m1 >/dev/null
is "what new/ has is not delivered again" "$(ls d/dom/carol/new | wc -l)" 1
as sh -c 'mv d/dom/carol/new/* d/dom/carol/cur/x; f=$(ls d/dom/carol/cur)'
as sh -c "rm -r d/dom/carol"; vorder first carol+l@dom carol; run m1 >/dev/null
as sh -c 'cd d/dom/carol; for f in new/*; do mv "$f" "cur/${f#new/}:2,S"; done'
vorder again carol+l@dom carol
like "nor what a reader took to cur/" "$(run m1; ls d/dom/carol/new)" '^K1'
is "one copy" "$(find d/dom/carol -type f | wc -l)" 1
as sh -c 'rm -r d/dom/carol'
vorder first carol+l@dom carol; run m1 >/dev/null
as sh -c 'f=$(echo d/dom/carol/new/*); head -c 100 m1 >"$f"'
vorder again carol+l@dom carol; run m1 >/dev/null
is "a torn one is replaced" "$(box d/dom/carol)" "$one"
# After a power failure a file may have its length, and zeros for blocks.
hole() { # FILE FROM BYTES
	as dd if=/dev/zero of="$1" bs=1 seek="$2" count="$3" conv=notrunc 2>>"$t/log"
}
for at in 0 20 2560; do
	hole "$(echo d/dom/carol/new/*)" $at 512
	vorder again carol+l@dom carol; run m1 >/dev/null
	is "so is one with zeros at $at" "$(box d/dom/carol)" "$one"
done
hole "$(echo d/dom/carol/new/*)" 2560 512
as sh -c 'cd d/dom/carol; for f in new/*; do mv "$f" "cur/${f#new/}:2,S"; done'
run m1 >/dev/null
is "in cur/ it stays, and is no delivery" \
    "$(box d/dom/carol | grep -cxF "$one") $(ls d/dom/carol/cur | wc -l)" '1 1'
for at in 0 200 1000; do
	as rm -rf d/dom/kate d/dom/kate.lock
	vorder first k@dom kate mbox 0abcdefgh000000z; run m2 >/dev/null
	start=$(wc -c <d/dom/kate)
	vorder first k@dom kate mbox; run m1 >/dev/null
	hole d/dom/kate $((start + at)) 512
	vorder again k@dom kate mbox; run m1 >/dev/null
	is "in an mbox too, $at bytes behind its start" \
	    "$(box d/dom/kate | sed 1d)" "$one"
done

# Killed at each step, then tried again, in a mailbox that has a message.
if can_trace; then
	vorder first k@dom kit mbox; run m2 >/dev/null
	both="$one
$(box d/dom/kit)"
	for kind in maildir mbox maildir/.Junk mbox:Junk; do
		n=0 bad='' folder=${kind#maildir} folder=${folder#mbox}
		junk=${folder:+@folder=Junk} format=${kind%%[:/]*}
		for call in $steps; do
			k=1
			while as rm -rf d/dom/kate*
				vorder first k@dom kate $format 0abcdefgh000000z
				run m2 >/dev/null
				[ -z "$junk" ] || [ $((k % 2)) = 0 ] || { # the folder is there
					vorder first k@dom kate $format 0abcdefgh000000z $junk
					run m2 >/dev/null
				}
				vorder first k@dom kate $format $id $junk
				killed "$call" $k m1; do
				vorder again k@dom kate $format $id $junk
				case $(run m1) in K1*) ;; *) bad="$bad $call:$k:K" ;; esac
				want=$both
				[ -z "$junk" ] || [ $((k % 2)) = 1 ] || want=$one
				[ "$(box d/dom/kate$folder | sort)" = "$want" ] ||
				    bad="$bad $call:$k"
				k=$((k + 1)) n=$((n + 1))
			done
		done
		is "$kind: killed at each of its calls, one whole copy" "$bad" ''
		ok "$kind: that was more than ten calls" [ $n -gt 10 ]
	done
else
	pass "killed at each step # SKIP no strace"
fi

# A torn append: the size limit stops it, a kill keeps it from cutting back.
torn() {
	vorder first k@dom kate mbox
	( ulimit -f 2; killed ftruncate 1 m1 )
}
if can_trace; then
	as rm -rf d/dom/kate d/dom/kate.lock
	vorder first k@dom kate mbox 0abcdefgh000000z; run m2 >/dev/null
	ok "an append is torn" torn
	ok "so the file ends in the middle" \
	    [ "$(tail -c 2 d/dom/kate | od -An -c | tr -d ' ')" != '\n\n' ]
	vorder first k@dom kate mbox 0abcdefgh000000y; run m2 >/dev/null
	is "the next one cuts it off" "$(box d/dom/kate | cut -d' ' -f1 | tr '\n' ' ')" 'two two '
	vorder again k@dom kate mbox; run m1 >/dev/null
	is "its own next attempt delivers it" "$(box d/dom/kate | sed -n 3p)" "$one"
	ok "no lock is left" [ ! -h d/dom/kate.lock ]
	# A power failure: all of it was appended, the lock is there, and some
	# of it may be zeros.
	for at in none 0 200 1000; do
		as rm -rf d/dom/kate d/dom/kate.lock
		vorder first k@dom kate mbox 0abcdefgh000000z; run m2 >/dev/null
		start=$(wc -c <d/dom/kate)
		vorder first k@dom kate mbox; killed unlinkat 1 m1
		[ $at = none ] || hole d/dom/kate $((start + at)) 512
		vorder first k@dom kate mbox 0abcdefgh000000y; run m2 >/dev/null
		want='two two '; [ $at != none ] || want='two one two '
		is "zeros at $at, then another's append" \
		    "$(box d/dom/kate | cut -d' ' -f1 | tr '\n' ' ')" "$want"
		ok "and no zeros are left" \
		    [ "$(tr -dc '\0' <d/dom/kate | wc -c)" = 0 ]
	done
	vorder first k@dom kate mbox 0abcdefgh000000x; run m2 >/dev/null
	# What others have added behind it is kept.
	torn
	printf '\n\nFrom x@y Sat Nov 21 23:31:51 2026\nSubject: other\n\nx\n\n' |
	    as sh -c 'cat >>d/dom/kate'
	vorder first k@dom kate mbox 0abcdefgh000000w; run m2 >/dev/null
	like "mail of others behind a torn part stays" \
	    "$(box d/dom/kate | cut -d' ' -f1 | tr '\n' ' ')" 'other two $'
	# Where no dot-lock can be made.
	as rm -rf d/dom/kate d/dom/kate.lock
	vorder first k@dom kate mbox 0abcdefgh000000z; run m2 >/dev/null
	as chmod 500 d/dom
	torn
	vorder first k@dom kate mbox 0abcdefgh000000y; run m2 >/dev/null
	is "without a dot-lock a torn part joins nothing" \
	    "$(box d/dom/kate | cut -d' ' -f1 | tr '\n' ' ')" 'two one two '
	vorder again k@dom kate mbox; run m1 >/dev/null
	is "and is no delivery" "$(box d/dom/kate | sed -n 4p)" "$one"
	torn
	vorder again k@dom kate mbox; run m1 >/dev/null
	as chmod 700 d/dom
	is "a whole copy further up is found" "$(box d/dom/kate | grep -cxF "$one")" 1
fi
as rm -rf d/dom/kate d/dom/kate.lock
vorder first k@dom kate mbox 0abcdefgh000000z; run m2 >/dev/null
cp d/dom/kate before
vorder first k@dom kate mbox
like "a full disk is temporary" "$( (ulimit -f 2; run m1) )" '^Z1 4\.2\.2'
ok "the file is as it was" cmp before d/dom/kate
ok "no lock is left" [ ! -h d/dom/kate.lock ]
as rm -rf d/dom/kim
vorder first k@dom kim
like "a full disk, Maildir" "$( (ulimit -f 2; run m1) )" '^Z1 4\.2\.2'
is "nothing is left behind" "$(find d/dom/kim -type f)" ''

# Locks.
python3 -c '
import fcntl, sys, time
f = open(sys.argv[1], "r+"); fcntl.lockf(f, fcntl.LOCK_EX)
open(sys.argv[2], "w").close(); time.sleep(60)' d/dom/kate d/locked &
started $!
wait_for 10 test -e d/locked
vorder first k@dom kate mbox
like "a lock that is held defers" "$(run m1)" '^Z1 4\.2\.0 .*locked'
kill $!; wait $! 2>/dev/null
like "and then not" "$(run m1)" '^K1'
as touch d/dom/kate.lock
like "a dot-lock is waited for" "$(run m2)" '^Z1 4\.2\.0 .*locked'
as touch -d '10 minutes ago' d/dom/kate.lock
like "an old one is removed" "$(run m2)" '^K1'

# Ten at once, ten each.
as rm -rf d/dom/kate d/dom/kate.lock
for i in 0 1 2 3 4 5 6 7 8 9; do
	( for j in 0 1 2 3 4 5 6 7 8 9; do
		as "$t/p/$prog" -d "$v" -f mbox s@x kate@dom <m1
	done ) >"out$i" &
	pids="$pids $!"
done
wait $pids
is "appends at the same time" "$(cat out? | grep -c ^K1) $(box d/dom/kate | sort | uniq -c | tr -s ' ')" \
    "100  100 $(box d/dom/alice)"

# -k: many orders, each with its message, over a socket.
cat >keep.py <<'EOF'
import os, socket, subprocess, sys
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
def fds():
    os.dup2(b.fileno(), 3); os.dup2(b.fileno(), 1)
p = subprocess.Popen(sys.argv[2:] + ['-k'], preexec_fn=fds, close_fds=False)
b.close()
for i, (d, user) in enumerate([('k1', 'a'), ('k2', 'a'), ('k2', 'b'), ('k1', 'a')]):
    r, w = os.pipe()
    os.write(w, b'Subject: %d\n\nx\n' % i); os.close(w)
    o = ('I0abcdefgh%06d\0Bfirst\0Xdir=%s/%s\0Fs@x\0T%s@d\0auser=%s\0\0'
         % (i, sys.argv[1], d, user, user)).encode()
    socket.send_fds(a, [o], [r]); os.close(r)
    print(a.recv(1000))
a.close(); print(p.wait())
EOF
is "-k serves order after order" "$(python3 keep.py "$t/d" $drop "$t/p/$prog" | sort | uniq -c | tr -s ' ')" \
    " 1 0
 4 b'K1 2.0.0 delivered to maildir\\n\\n'"
is "each into its mailbox" "$(box d/k1/a | cut -d' ' -f1 | sort | tr '\n' ' ')$(box d/k2/a | cut -d' ' -f1)$(box d/k2/b | cut -d' ' -f1)" '0 3 12'

if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=32k none full 2>/dev/null; then
	chown 65534 full
	head -c 20000 /dev/zero | as sh -c 'cat >full/fill'
	for kind in maildir mbox; do
		order $id first "dir=$t/full" format=$kind -- s@x $kind@d
		head -c 30000 big >'m4'
		like "$kind: a full file system is temporary" "$(run m4)" '^Z1 4\.2\.2'
		is "$kind: nothing is left" "$(find full -type f -size +0 ! -name fill)" ''
	done
	umount full
else
	pass "a full file system # SKIP needs root"
fi
done_testing
