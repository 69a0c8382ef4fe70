#!/bin/sh
# queue-inject: the interface of qmail-queue, and what it must never do.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../queue.sh"

queue_make || exit 1
as sh -c "umask 077; mkdir -p '$Q'; cd '$Q'; for i in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
    for j in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do mkdir -p slot/\$i\$j note/\$i\$j; done; done
    for i in 0 1 2 3 4 5 6 7 8 9 a b c d e f g h j k m n p q r s t v w x y z; do mkdir -p body/\$i; done"

# run ENVELOPE-FORMAT: a small message; sets $code and $text (descriptor 6).
run() {
	printf "$1" >"$t/env"
	printf 'Subject: x\n\nbody\n' >"$t/msg"
	chmod 644 "$t/env" "$t/msg"
	code=0
	as queue-inject <"$t/msg" 1<"$t/env" 6>"$t/six" 2>"$t/err" || code=$?
	text=$(cat "$t/six")
}
slots() { find "$Q/slot" -type f | wc -l; }

run 'Fa@b.test\0Talice@example.test\0\0'
is 'a plain qmail envelope is queued' "$code" 0
like 'and its id told on descriptor 6' "$text" '^K[0-9a-z]{16}$'
is 'in one file' "$(slots)" 1
f=$(find "$Q/slot" -type f)
like 'that holds message and Received' "$(tr '\0' '\n' <"$f")" 'Received: .*by mail.example.test \(postchaise\) with local id '"${text#K}"
like 'for the one recipient' "$(tr '\0' '\n' <"$f")" 'for <alice@example.test>;'
is 'and a mark for a scan, since no queue-run took the note' "$(test -e "$Q/scan" && echo yes)" yes

n=$(slots)
for case in 'Fa@b\0Talice@example.test\0|54|cut before the lone NUL' \
    'Fa@b\0Tali|54|cut in a record' '|54|no envelope at all' \
    'Talice@example.test\0\0|91|no sender' 'Fa@b\0\0|91|no recipient' \
    'Fa@b\0Xa@b\0\0|91|an unknown tag' 'Fa@b\0Ta\nb@c\0\0|91|a newline in an address' \
    'Fa@b\0Ta\rb@c\0\0|91|a carriage return in an address'; do
	run "${case%%|*}"; rest=${case#*|}
	is "refused: ${rest#*|}" "$code" "${rest%%|*}"
done
run "Fa@b\\0T$(printf '%01001d' 0)@c\\0\\0"
is 'refused: a record over 1000 bytes' "$code" 91
like 'the reason is told' "$text" '^[DZ].'
is 'nothing of all that is in the queue' "$(slots)" "$n"
# What could not be handed on in one order would end a spawner, again and again.
many() { _i=0; while [ $_i -lt "$2" ]; do printf %s "$1"; _i=$((_i + 1)); done; }
x=$(printf '%0900d' 0)
run "$(many "Ax=$x\\0" 10)Fa@b\\0Talice@example.test\\0\\0"
is 'refused: attributes beyond all bounds' "$code" 31
run "Fa@b\\0Talice@example.test\\0$(many "ax=$x\\0" 5)\\0"
is 'refused: attributes of a recipient beyond all bounds' "$code" 31
awk 'BEGIN { printf "Fa@b%c", 0
    for (i = 0; i <= 100000; i++) printf "Tx@b%c", 0; printf "%c", 0 }' >"$t/env"
code=0
as queue-inject <"$t/msg" 1<"$t/env" 2>/dev/null || code=$?
is 'refused: more recipients than queue-run could hold' "$code" 31
is 'nothing of that is in the queue either' "$(slots)" "$n"

run 'Fa@b\0Talice@example.test\0aplace=|id\0auser=bob\0aorcpt=rfc822;x\0\0'
f=$(grep -l "${text#K}" "$Q"/slot/*/*)
unlike 'nobody says for queue-run what it looked up' "$(tr '\0' '\n' <"$f")" '^a(place|user)='
like 'what else is said of a recipient stays' "$(tr '\0' '\n' <"$f")" '^aorcpt='
n=$(slots)

run 'Apeer=192.0.2.7\0Ahelo=x(y) z;\0Aproto=ESMTP\0Aunknown=kept\0Fa@b\0Talice@example.test\0anotify=NEVER\0Tbob@example.test\0\0'
is 'attributes are taken' "$code" 0
f=$(grep -l "${text#K}" "$Q"/slot/*/*)
like 'the client is in Received, nothing can close its comment' "$(tr '\0' '\n' <"$f")" \
    'from x\?y\?\?z\? \(unknown \[192\.0\.2\.7\]\)'
unlike 'no for with two recipients' "$(tr '\0' '\n' <"$f")" 'for <'
like 'an unknown name is kept' "$(tr '\0' '\n' <"$f")" '^Aunknown=kept$'
like 'and those of recipients' "$(tr '\0' '\n' <"$f")" '^anotify=NEVER$'

# Who may say where a message came from, and what the receiver thinks of it.
claims='Aproto=ESMTP\0Apeer=192.0.2.7\0Aauth=eve\0Aspam=x\0Afolder=Junk\0Aunknown=kept\0Fa@b\0Talice@example.test\0\0'
attrs() { tr '\0' '\n' <"$(grep -l "${text#K}" "$Q"/slot/*/*)" | grep -a '^A[a-z]*=' | sort | tr '\n' ' '; }
run "$claims"
is 'the queue'\''s user may' "$(attrs)" \
    'Aauth=eve Afolder=Junk Apeer=192.0.2.7 Aproto=ESMTP Aspam=x Aunknown=kept '
# valgrind runs nothing that is set-id.
if [ "$(id -u)" = 0 ] && [ "${PC_SANITIZE:-}" != valgrind ]; then
	mkdir "$t/set"; cp "$bin/queue-inject" "$t/set/"
	printf '%s\n' "$t" >"$t/set/prefix"
	chown "$quser" "$t/set/queue-inject"; chmod 4711 "$t/set/queue-inject"
	text=$(setpriv --reuid 65530 --regid 65530 --clear-groups \
	    "$t/set/queue-inject" <"$t/msg" 6>&1 1<"$t/env")
	is 'others may not' "$(attrs)" 'Auid=65530 Aunknown=kept '
else
	pass 'others may not # SKIP needs root and no valgrind'
fi
n=$(slots)

# The caller's limits.
head -c 300000 /dev/zero | tr '\0' x >"$t/large"; chmod 644 "$t/large"
code=0
as sh -c 'ulimit -f 100; exec queue-inject -f a@b alice@example.test' <"$t/large" 2>/dev/null || code=$?
is 'a file size limit of the caller is an error like any' "$code" 53
is 'and leaves nothing behind' "$(count "$Q/body")" 0

# Bytes: NUL, 8-bit, no newline at the end.
printf 'S: x\n\na\0b\377\200c' >"$t/odd"; chmod 644 "$t/odd"
as queue-inject -f a@b alice@example.test <"$t/odd"
f=$(ls -t "$Q"/slot/*/* | head -1)
ok 'bytes are kept as they came' python3 -c '
import sys; d=open(sys.argv[1],"rb").read(); m=open(sys.argv[2],"rb").read()
sys.exit(0 if m in d else 1)' "$f" "$t/odd"

# A large message has a body file.
head -c 300000 /dev/zero | tr '\0' 'x' >"$t/big"; chmod 644 "$t/big"
as queue-inject -f a@b alice@example.test <"$t/big"
is 'a large message has a file of its own' "$(find "$Q/body" -type f | wc -l)" 1
b=$(find "$Q/body" -type f)
ok 'whole, behind its Received field' python3 -c '
import sys; d=open(sys.argv[1],"rb").read()[4096:]
sys.exit(0 if d==b"x"*300000 else 1)' "$b"
head -c 300000 "$t/big" | as queue-inject 1</dev/null 2>/dev/null
is 'and no body is left of one that was given up' "$(find "$Q/body" -type f | wc -l)" 1

# A program that knows only qmail-queue, started by its name from QMAILQUEUE.
cat >"$t/qmailprog" <<'END'
import os,sys
m=os.pipe(); e=os.pipe()
pid=os.fork()
if pid==0:
    os.dup2(m[0],0); os.dup2(e[0],1)
    for f in m+e: os.close(f)
    os.execv(os.environ["QMAILQUEUE"],["qmail-queue"])
os.close(m[0]); os.close(e[0])
os.write(m[1],b"Subject: q\n\nfrom qmail's world\n"); os.close(m[1])
os.write(e[1],b"Fsender@q.test\0Tbob@example.test\0\0"); os.close(e[1])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid,0)[1]))
END
chmod 644 "$t/qmailprog"
ok "a program that knows qmail-queue's interface" as env QMAILQUEUE="$bin/queue-inject" python3 "$t/qmailprog"

# Killed at any moment before the end: nothing half is ever taken.
mkfifo "$t/fifo"; chmod 666 "$t/fifo"
n=$(slots)
(cat "$t/msg"; sleep 5) >"$t/fifo" & w=$!
${quser:+setuidgid "$quser"} queue-inject -f a@b alice@example.test <"$t/fifo" & p=$!
sleep 0.2; kill -9 $p; wait $p 2>/dev/null; kill $w 2>/dev/null
is 'killed while it reads: nothing is queued' "$(slots)" "$n"

i=0; while [ $i -lt 101 ]; do echo 'Received: from here'; i=$((i + 1)); done >"$t/hops"
(cat "$t/hops"; echo; echo body) >"$t/looping"; chmod 644 "$t/looping"
exits 'a message that loops: 31' 31 as queue-inject -f a@b alice@example.test <"$t/looping" 2>/dev/null
(cat "$t/hops"; echo; cat "$t/big") >"$t/looping"
exits 'a large one too' 31 as queue-inject -f a@b alice@example.test <"$t/looping" 2>/dev/null
is 'and no body stays behind' "$(find "$Q/body" -type f | wc -l)" 1
(sed 101d "$t/hops"; echo; echo Received: not in the header) >"$t/looping"
exits 'one hop fewer is taken' 0 as queue-inject -f a@b alice@example.test <"$t/looping" 2>/dev/null

exits 'no tables: 55' 55 as env PC_PREFIX=/nonexistent queue-inject -f a@b c@d </dev/null 2>/dev/null
exits 'bad usage: 100' 100 as queue-inject -f a@b </dev/null 2>/dev/null
exits 'descriptor 6 may be closed' 0 sh -c 'exec 6>&-; exec "$@"' sh \
    ${quser:+setuidgid "$quser"} queue-inject -f a@b alice@example.test <"$t/msg"
done_testing
