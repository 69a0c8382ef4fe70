#!/bin/sh
# Full disks and mailboxes that are in the way: nothing that was acknowledged
# is lost, nothing is torn, and it goes on when there is room.  Root only: it
# mounts small file systems in its scratch directory.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../queue.sh"
[ "$(id -u)" = 0 ] || skip_all 'only root can mount a file system'
mkdir "$t/probe"
mount -t tmpfs -o size=64k tmpfs "$t/probe" 2>/dev/null ||
    skip_all 'no file system can be mounted here'
umount "$t/probe"

mounts=
end() {
	[ -z "${qpid-}" ] || queue_down
	for m in $mounts; do umount "$m" || umount -l "$m"; done
	cleanup
}
trap end EXIT
# small DIR SIZE: a file system of its own there.
small() {
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2,mode=700,uid=$(id -u "$quser"),gid=$(id -g "$quser")" \
	    tmpfs "$1" || exit 1
	mounts="$1 $mounts"
}
# fill DIR: no byte is left; room DIR: as before.
fill() { as sh -c "cat /dev/zero >'$1/filler'" 2>/dev/null; }
room() { rm -f "$1/filler"; }
# text SIZE WORD: a message with that word in it.
text() {
	printf 'Subject: %s\n\n' "$2"
	head -c "$1" /dev/zero | tr '\0' 'x' | fold -w 70
	printf '\nEND %s\n' "$2"
}
# How often alice and bob have the message with the word, whole.
has() { grep -rlx "END $1" "$V/alice/new" 2>/dev/null | wc -l; }
bob_has() { grep -cx "END $1" "$V/bob"; }
is_at() { [ "$(has "$1") $(bob_has "$1")" = '1 1' ]; }
logged() { grep -qE -e "$1" "$t/log"; }
# The trigger, so that nobody waits for the next attempt.
now() { kill -ALRM "$qpid" 2>/dev/null; "$@"; }
# smtp: a session with one message; its last reply but QUIT's.
smtp() {
	printf '%s\r\n' 'EHLO c.test' 'MAIL FROM:<dave@example.test>' \
	    'RCPT TO:<alice@example.test>' 'DATA' "Subject: $1" '' \
	    "END $1" '.' 'QUIT' >"$t/session"
	chmod 644 "$t/session"
	as env PROTO=TCP TCPREMOTEIP=127.0.0.1 TCPLOCALIP=127.0.0.1 \
	    smtp-recv <"$t/session" 2>>"$t/log"
}

for recycle in 1 0; do
note="(queue-recycle=$recycle)"
small "$Q" 1m
mkdir -p "$t/var/spool/virtual/example.test"
small "$V" 256k
mkdir -p "$t/etc/virtual/example.test"
printf '%s\n' 'postmaster: alice' 'team: alice, bob' \
    >"$t/etc/virtual/example.test/aliases"
queue_make queue-recycle=$recycle retry-min=1 retry-max=1 minfree=0 \
    verify-from=no || exit 1
: >"$t/log"; chmod 666 "$t/log"
as touch "$V/bob"
queue_up
both='alice@example.test bob@example.test'

# The queue.
queue_down
text 100 before >"$t/m1"; text 20000 large >"$t/m2"; chmod 644 "$t"/m?
inject dave@example.test $both <"$t/m1"
inject dave@example.test $both <"$t/m2"
fill "$Q"
exits "queue full: queue-inject says 53 $note" 53 inject dave@example.test $both <"$t/m2" 2>/dev/null
like "smtp-recv says 452 $note" "$(smtp refused)" '^452 4\.3\.1'
queue_up
ok "what was there is delivered with no room left $note" wait_for 15 now is_at before
ok "all of it $note" wait_for 15 now is_at large
wait_for 10 now queue_empty
is "once $note" "$(has before) $(bob_has before) $(has large) $(bob_has large)" '1 1 1 1'
room "$Q"
exits "with room it is taken again $note" 0 inject dave@example.test $both <"$t/m1"
like "by SMTP too $note" "$(smtp taken)" '^250 2\.0\.0'
wait_for 10 now queue_empty
is "and nothing of what was refused came $note" "$(has before) $(has taken) $(has refused)" '2 1 0'

# That one place of several is done must be written down.
queue_down
text 100 several >"$t/m6"; chmod 644 "$t/m6"
inject dave@example.test team@example.test <"$t/m6"
: >"$t/log"
fill "$Q"
queue_up
ok "queue full: an alias's places wait $note" wait_for 10 logged 'queue-order.*no%20room'
is "and are not delivered $note" "$(has several) $(bob_has several)" '0 0'
room "$Q"
ok "with room they are $note" wait_for 15 now is_at several
wait_for 10 now queue_empty
is "once $note" "$(has several) $(bob_has several)" '1 1'
is "no file of notes is left $note" "$(find "$Q/note" -type f | wc -l)" 0

# Filling up while a message comes: a body file that finds no end.
text 2000000 huge >"$t/huge"; chmod 644 "$t/huge"
exits "a message larger than the queue: 53 $note" 53 inject dave@example.test $both <"$t/huge" 2>/dev/null
is "nothing of it stays $note" "$(find "$Q/body" -type f | wc -l)" 0

# The mailboxes, on another file system than the queue.
: >"$t/log"
text 20000 spool >"$t/m3"; chmod 644 "$t/m3"
fill "$V"
before=$(cksum <"$V/bob")
inject dave@example.test $both <"$t/m3"
ok "spool full: the Maildir is deferred $note" wait_for 10 logged 'to=<alice@example.test>.* dsn=4\.2\.2 status=deferred'
ok "and the mbox $note" wait_for 10 logged 'to=<bob@example.test>.* dsn=4\.2\.2 status=deferred'
is "nothing of it is in the mbox $note" "$(cksum <"$V/bob")" "$before"
is "nor in new $note" "$(has spool)" 0
room "$V"
ok "with room it is delivered $note" wait_for 15 now is_at spool
wait_for 10 now queue_empty
is "once $note" "$(has spool) $(bob_has spool)" '1 1'
is "its first line begins each message of the mbox $note" \
    "$(grep -c '^From ' "$V/bob")" "$(grep -c '^END ' "$V/bob")"
is "nothing is left in tmp $note" "$(find "$V/alice/tmp" -type f | wc -l)" 0

# Mailboxes in the way.
rm -rf "$V/alice"
text 100 vanished >"$t/m4"; chmod 644 "$t/m4"
inject dave@example.test alice@example.test <"$t/m4"
wait_for 10 now queue_empty
is "a Maildir that has vanished is made anew $note" "$(has vanished)" 1
chmod 0 "$V/alice/tmp" "$V/alice/new"
mv "$V/bob" "$V/bob.away"; as mkdir "$V/bob"
: >"$t/log"
text 100 blocked >"$t/m5"; chmod 644 "$t/m5"
inject dave@example.test $both <"$t/m5"
ok "a Maildir that cannot be written: deferred $note" wait_for 10 logged 'to=<alice@example.test>.* status=deferred'
chmod 700 "$V/alice/tmp" "$V/alice/new"
ok "delivered when it can $note" wait_for 15 now eval '[ "$(has blocked)" = 1 ]'
wait_for 10 now queue_empty
is "a directory in the mbox's place is taken as a Maildir $note" \
    "$(grep -rlx 'END blocked' "$V/bob" | wc -l)" 1
as mkdir "$t/var/mail/local"
: >"$t/log"
inject dave@example.test local@mail.example.test <"$t/m5"
ok "one in the place of a system user's mbox: deferred $note" wait_for 10 logged 'to=<local@.* status=deferred'
rmdir "$t/var/mail/local"
ok "delivered when it is gone $note" wait_for 15 now grep -qx 'END blocked' "$t/var/mail/local"
wait_for 10 now queue_empty
is "nothing is left in the queue $note" "$(queue_messages)" 0
is "nor set aside $note" "$(find "$Q/bad" -type f | wc -l)" 0
rm -f "$t/var/mail/local"
queue_down
qpid=
for m in $mounts; do umount "$m"; done
mounts=
done
done_testing
