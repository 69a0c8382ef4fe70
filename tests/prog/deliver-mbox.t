#!/bin/sh
# deliver-mbox: system users' mailboxes, their .forward, files of aliases.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../deliver.sh"
cd "$t" || exit 1
id=0abcdefgh0123456
h=$t/d/home
as mkdir "$h"
# border first|again SENDER RECIPIENT…
border() {
	_b=$1; shift
	order $id "$_b" user=joe "home=$h" hostname=mx.test timeout=10 $extra -- "$@"
}
forward() { printf '%s\n' "$1" | as sh -c "cat >'$h/.forward'"; as chmod 600 "$h/.forward"; }
message m1 one $id 2000
message m2 two $id 500
extra="spooldir=$t/d/spool/"

exits "usage" 100 as "$t/p/$prog" s@x 2>/dev/null
[ "$(id -u)" != 0 ] ||
    exits "nothing is delivered as root" 111 "$t/p/$prog" s@x joe@d <m1 2>/dev/null

# Where the mailbox is.
as mkdir d/spool d/sticky
border first s@x joe@d
is "spool directory with a slash: Maildirs" "$(run m1)" 'K1 2.0.0 delivered to maildir'
is "of the user" "$(box d/spool/joe | cut -d' ' -f1)" one
chmod 1777 d/sticky
extra="spooldir=$t/d/sticky"
border first s@x joe+lists@d @orig=team@d
is "spool directory: an mbox each" "$(run m1)" 'K1 2.0.0 delivered to mailbox'
is "trace fields" "$(sed -n 2,4p d/sticky/joe)" 'Return-Path: <s@x>
X-Original-To: team@d
Delivered-To: joe+lists@d'
is "mode" "$(stat -c %a d/sticky/joe)" 600
if [ "$(id -u)" = 0 ]; then
	mkdir spool775 && chmod 2775 spool775
	cp m1 spool775/joe && : >spool775/joe && chown 65534 spool775/joe && chmod 600 spool775/joe
	extra="spooldir=$t/spool775"; border first s@x joe@d
	like "a spool directory that only a group may write" "$(run m1)" '^K1'
	rm spool775/joe
	like "where no mailbox can be made" "$(run m1)" '^Z1 4\.2\.0 mailbox: Permission'
	: >spool775/joe && chmod 666 spool775/joe
	like "a mailbox that belongs to somebody else" "$(run m1)" '^Z1 4\.3\.5'
	rm spool775/joe; ln -s "$t/d/sticky/joe" spool775/joe
	like "a mailbox in the spool that is a link" "$(run m1)" '^Z1 4\.3\.5'
	# In a directory for everybody a lock's note may be a trap.
	mkdir -m 1777 tmp1777
	cp d/sticky/joe tmp1777/joe; chown 65534 tmp1777/joe; chmod 600 tmp1777/joe
	size=$(wc -c <tmp1777/joe)
	ln -s "1.0.9999999.5.662767055.0" tmp1777/joe.lock # all of the mailbox is torn
	extra="spooldir=$t/tmp1777"; border first s@x joe@d
	like "somebody else's note is no note" "$(run m1)" '^Z1 4\.2\.0 .*locked'
	is "and cuts nothing off" "$(wc -c <tmp1777/joe)" "$size"
	rm tmp1777/joe.lock; : >tmp1777/joe.lock; chown 1 tmp1777/joe.lock
	like "another user's lock keeps no mail out of the spool" "$(run m1)" '^K1'
else
	pass "foreign spool directories # SKIP needs root"
fi
extra=homemailbox=Mail/
border first s@x joe@d
is "home mailbox, Maildir" "$(run m1)$(box d/home/Mail | cut -d' ' -f1)" 'K1 2.0.0 delivered to maildirone'
extra=homemailbox=inbox
border first s@x joe@d
is "home mailbox, mbox" "$(run m1)$(box d/home/inbox | cut -d' ' -f1)" 'K1 2.0.0 delivered to mailboxone'
extra=; as mkdir -p d/var/mail
border first s@x joe@d
is "else PREFIX/var/mail" "$(PC_PREFIX=$t/d run m1)$(box d/var/mail/joe | cut -d' ' -f1)" \
    'K1 2.0.0 delivered to mailboxone'
as mkdir "$h/dir"
extra=homemailbox=dir; border first s@x joe@d
like "a directory where a file should be" "$(run m1)" '^Z1 4\.2\.0 mailbox: Is a directory'
extra=homemailbox=inbox/; border first s@x joe@d
like "a file where a Maildir should be" "$(run m1)" '^Z1 4\.2\.0 maildir: Not a directory'
printf 'Delivered-To: <JOE@d>\n\nx\n' >loop
like "a loop" "$(run loop)" '^D1 5\.4\.6'

# .forward
extra=homemailbox=Mail/
border first s@x joe@d
forward 'bob@example.test'
is "one address" "$(run m1)" 'F1 bob@example.test'
forward '# comment

\joe, Bob <bob@example.test>, "|/bin/cat >out"
/file, "john doe"@example.test # more
'
is "several places" "$(run m1)" 'F1 \joe
F1 bob@example.test
F1 |/bin/cat >out
F1 /file
F1 "john doe"@example.test'
forward joe
like "own name" "$(run m1)" '^K1 .*maildir'
forward '\joe'
like "own name, escaped" "$(run m1)" '^K1 .*maildir'
forward ''
like "empty" "$(run m1)" '^K1 .*maildir'
forward '"|cat >out; env | sort >env; echo done; exit 0"'
is "one command" "$(run m1)" 'K1 2.0.0 delivered to command'
ok "it gets the message as it was queued" cmp m1 "$h/out"
like "its environment" "$(cat "$h/env")" '^USER=joe$'
is "its directory" "$(grep ^PWD= "$h/env")" "PWD=$h"
forward '|/bin/false'
like "a failing command" "$(run m1)" '^Z1 4\.3\.0 command exited with 1$'
forward "$h/box"
like "one file" "$(run m1)$(box d/home/box | cut -d' ' -f1)" 'K1.*one$'
forward "$h/boxdir/"
like "one Maildir" "$(run m1)$(box d/home/boxdir | cut -d' ' -f1)" 'K1.*one$'
forward /dev/null
like "/dev/null" "$(run m1)" '^K1'
forward ":include:/x"
like ":include:" "$(run m1)" '^Z1 4\.3\.5 .*include'
forward 'ok@x
bad @ address'
like "a mistake, with its line" "$(run m1)" '^Z1 4\.3\.5 \.forward:2: not a mail address'
forward '~/Mail/'
like "no full path" "$(run m1)" '^Z1 4\.3\.5 \.forward:1: a file must'
forward bob@x; as chmod 620 "$h/.forward"
like "writable by the group" "$(run m1)" '^Z1 4\.3\.5 .*writable'
as chmod 600 "$h/.forward"; as chmod o+w "$h"
like "a home for everybody" "$(run m1)" '^Z1 4\.3\.5 .*home'
as chmod o-w "$h"
as sh -c "head -c 70000 /dev/zero | tr '\\0' '\\n' >'$h/.forward'"
like "too large" "$(run m1)" '^Z1 4\.3\.5 .*too large'
as rm "$h/.forward"; as mkdir "$h/.forward"
like "a directory" "$(run m1)" '^Z1 4\.3\.5 .*not a regular file'
as rmdir "$h/.forward"

# Folders.
junk() { # junk FOLDER ATTRIBUTE...
	_f=$1; shift
	order $id "${again:-first}" user=joe "home=$h" hostname=mx.test $extra \
	    @spam=dialup "@folder=$_f" -- s@x joe@d "$@"
}
as rm -rf "$h/Mail"
forward 'bob@example.test'
junk Junk
is "a folder of a Maildir, whatever .forward says" \
    "$(run m1)$(box d/home/Mail/.Junk)" "K1 2.0.0 delivered to maildir$(box d/var/mail/joe)"
is "why, on top" "$(sed -n 3p "$h"/Mail/.Junk/new/*)" 'X-Spam: dialup'
extra="spooldir=$t/d/sticky"; junk Junk
is "of an mbox a file in the home" "$(run m1)$(box d/home/Junk | cut -d' ' -f1)" \
    'K1 2.0.0 delivered to mailboxone'
again=again; junk Junk
is "again: found there" "$(run m1; box d/home/Junk | wc -l)" \
    'K1 2.0.0 delivered to mailbox by an earlier attempt
1'
again=
as touch d/other; as ln -s ../other "$h/out.box"; junk out.box
like "a link that leads out of the home" "$(run m1)" '^Z1 4\.3\.5'
as ln -s "$t/d/other" "$h/out2"; junk out2
like "an absolute one" "$(run m1)" '^Z1 4\.3\.5'
is "nothing went there" "$(cat d/other)" ''
junk ../other
is "no name for a folder: by .forward" "$(run m1)" 'F1 bob@example.test'
like "  which is logged" "$(cat "$t/log")" 'warn: folder-ignored .*folder=\.\./other'
as rm "$h/.forward"
n=$(box d/sticky/joe | wc -l)
order $id first user=joe "home=$t/d/gone" hostname=mx.test $extra @folder=Junk -- s@x joe@d
is "no home: the mailbox" "$(run m1; box d/sticky/joe | wc -l)" "K1 2.0.0 delivered to mailbox
$((n + 1))"
extra=homemailbox=Mail/

# Places that come back.
as rm -rf "$h/out" "$h/Mail" "$h/box"
forward '\joe, |cat >out
'"$h/box"
border first s@x joe@d '@place=\joe'
like "place: the mailbox" "$(run m1)$(box d/home/Mail | cut -d' ' -f1)" 'K1.*one$'
border first s@x joe@d '@place=|cat >out'
like "place: a command" "$(run m1)" '^K1 .*command'
ok "is run" cmp m1 "$h/out"
border first s@x joe@d "@place=$h/box"
like "place: a file" "$(run m1)$(box d/home/box | cut -d' ' -f1)" 'K1.*one$'
border first s@x joe@d '@place=|touch evil'
like "place that is not in .forward" "$(run m1)" '^K1 2\.0\.0 no longer in \.forward'
ok "is not done" [ ! -e "$h/evil" ]
border again s@x joe@d "@place=$h/box"
like "again, in an mbox" "$(run m1; box d/home/box | wc -l)" '^1$'

# A file that an alias names.
order $id first "file=$t/d/archive" hostname=h -- s@x list@d
like "a file of an alias" "$(run m1)$(box d/archive | cut -d' ' -f1)" 'K1.*one$'
ok "no .forward is looked for" [ ! -e "$t/d/home/evil" ]
order $id first "file=$t/d/arch.d/" hostname=h -- s@x list@d
like "a Maildir of an alias" "$(run m1)$(box d/arch.d | cut -d' ' -f1)" 'K1.*one$'
order $id first file=/dev/zero hostname=h -- s@x list@d
like "a device" "$(run m1)" '^Z1 4'
order $id first file=relative hostname=h -- s@x list@d
exits "a relative path" 111 run m1
done_testing
