#!/bin/sh
# deliver-vhost -k: orders that wait for one mbox are appended together, with
# one sync; each arrives once and whole, whatever comes between.
prog=deliver-vhost
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../deliver.sh"
cd "$t" || exit 1
v=$t/d/dom box=$t/d/dom/kate
for n in 1 2 3 4 5; do message m$n s$n 000000000000000$n $((400 * n)); done
chmod 644 m?
cat >hold <<END
#!/bin/sh
# Looks for orders only when all are sent.
while [ ! -e "$t/d/go" ]; do sleep 0.02; done
exec "\$@"
END
chmod 755 hold
# orders LINE…: what happens to the orders of LINEs, which wait at the start;
# $how stands before the program.
orders() {
	rm -f d/go
	{
		printf 'x dir=%s\nx format=mbox\nx hostname=mx.test\n' "$v"
		printf '%s\n' "$@"
		printf 'touch %s\n' "$t/d/go"
		printf '%s\n' "$@" | sed -n 's/^send .*/answer/p'
	} >script
	as "$top/tests/tools/keep-orders" ./hold $how "$t/p/$prog" -k \
	    <script 2>>log
}
for n in 1 2 3 4 5; do
	eval "o$n='send $t/m$n s@x kate+$n@dom @user=kate'"
done
fresh() { # a mailbox with one message, from another day
	as rm -rf d/dom/kate*
	as "$t/p/$prog" -d "$v" -f mbox s@x kate@dom <m5 >/dev/null
}
subjects() { box "$box" | cut -d' ' -f1 | tr '\n' ' '; }
how=

fresh
is 'five at once: an answer each' "$(orders "$o1" "$o2" "$o3" "$o4" "$o5")" \
    'K1 2.0.0 delivered to mailbox
K1 2.0.0 delivered to mailbox
K1 2.0.0 delivered to mailbox
K1 2.0.0 delivered to mailbox
K1 2.0.0 delivered to mailbox
exit 0'
is 'all are there in their order' "$(subjects)" 's5 s1 s2 s3 s4 s5 '
is 'each as it was sent' "$(box "$box" | sed 1d)" "$(
    for n in 1 2 3 4 5; do as "$t/p/$prog" -d "$v" -f mbox s@x one@dom <m$n >/dev/null; done
    box d/dom/one)"
is 'each to its own recipient' \
    "$(sed -n 's/^Delivered-To: kate+//p' "$box" | tr '\n' ' ')" \
    '1@dom 2@dom 3@dom 4@dom 5@dom '
ok 'no lock is left' [ ! -h "$box.lock" ]

printf 'Received: x\nDelivered-To: kate+l@dom\n\nx\n' >loop
fresh
is 'one that loops among them' "$(orders "$o1" "$o2" \
    "send $t/loop s@x kate+l@dom @user=kate" "$o3" | cut -c1-8 | tr '\n' ' ')" \
    'K1 2.0.0 K1 2.0.0 D1 5.4.6 K1 2.0.0 exit 0 '
is 'keeps none of the others back' "$(subjects)" 's5 s1 s2 s3 '
fresh; as rm -rf d/dom/joe d/dom/dir; as mkdir -p d/dom/dir/new d/dom/dir/cur d/dom/dir/tmp
is 'for several mailboxes' "$(orders "$o1" "$o2" \
    "send $t/m3 s@x joe@dom @user=joe" "send $t/m4 s@x dir@dom @user=dir" \
    "send $t/m5 s@x dir@dom @user=dir" "send $t/m4 s@x joe@dom @user=../x" "$o5" |
    cut -c1-8 | tr '\n' ' ')" \
    'K1 2.0.0 K1 2.0.0 K1 2.0.0 K1 2.0.0 K1 2.0.0 D1 5.1.3 K1 2.0.0 exit 0 '
is 'each in its own' "$(subjects)| $(box d/dom/joe | cut -d' ' -f1) | $(
    box d/dom/dir | cut -d' ' -f1 | sort | tr '\n' ' ')" 's5 s1 s2 s5 | s3 | s4 s5 '
fresh
is 'one that was tried before' "$(orders "$o1" again 'number 1' "$o1" first "$o2" |
    tr '\n' ' ')" 'K1 2.0.0 delivered to mailbox K1 2.0.0 delivered to mailbox by an earlier attempt K1 2.0.0 delivered to mailbox exit 0 '
is 'is not there twice' "$(subjects)" 's5 s1 s2 '

# Too large for the disk together: what fits alone is delivered.
fresh

cat >limit <<'END'
#!/bin/sh
ulimit -f 8
exec "$@"
END
chmod 755 limit
how=./limit
is 'a full disk' "$(orders "$o1" "$o2" "$o5" "$o3" | cut -c1-8 | tr '\n' ' ')" \
    'K1 2.0.0 K1 2.0.0 Z1 4.2.2 Z1 4.2.2 exit 0 '
is 'has what was answered' "$(subjects)" 's5 s1 s2 '
how=

if ! can_trace; then
	pass 'killed at each step # SKIP no strace'
	done_testing
	exit
fi
how="strace -qq -o $t/d/calls -e trace=fsync,write,writev"
fresh; orders "$o1" "$o2" "$o3" "$o4" "$o5" >/dev/null
is 'with one sync, and one write of all answers' \
    "$(cut -d'(' -f1 d/calls | grep -v writev | tr '\n' ' ')" 'fsync write '

# again N…: each order by itself, as one that was tried.
again() {
	_how=$how how=''
	for _n; do
		eval "orders again 'number $_n' \"\$o$_n\""
	done | grep -v exit | cut -c1-2 | tr '\n' ' '
	how=$_how
}
want="$(fresh; orders "$o1" "$o2" "$o3" >/dev/null; box "$box" | sort)"
bad='' n=0
for call in $steps poll recvmsg; do
	k=1
	while fresh
		how="strace -qq -o /dev/null -e inject=?$call:signal=KILL:when=$k"
		orders "$o1" "$o2" "$o3" | grep -q 'exit -9\|exit 137\|no answer'; do
		case $((k % 3)) in # the others come first, or after
		0) got=$(again 1 2 3) ;;
		1) got=$(again 3 2 1) ;;
		2) how=''; got=$(orders 'number 9' "$o4" | cut -c1-2 | tr '\n' ' ')
		   got=$(again 2 1 3) ;;
		esac
		[ "$got" = 'K1 K1 K1 ' ] || bad="$bad $call:$k:$got"
		[ "$(box "$box" | sed '/^s4 /d' | sort)" = "$want" ] || bad="$bad $call:$k"
		k=$((k + 1)) n=$((n + 1))
	done
done
is 'killed at each call: all are there, once' "$bad" ''
ok 'that was more than ten calls' [ $n -gt 10 ]

# Torn by the disk's end, and not cut back.
cat >torn <<'END'
#!/bin/sh
ulimit -f 6
exec strace -qq -o /dev/null -e inject=ftruncate:signal=KILL:when=1 "$@"
END
chmod 755 torn
fresh; how=./torn; orders "$o1" "$o2" "$o3" "$o4" >/dev/null; how=
ok 'an append is torn' [ -h "$box.lock" ]
orders 'number 9' "$o5" >/dev/null
is 'what was whole stays, the rest is cut off' "$(subjects)" 's5 s1 s5 '
is 'the next attempts' "$(again 1 2 3 4)" 'K1 K1 K1 K1 '
is 'deliver the rest' "$(subjects)" 's5 s1 s5 s2 s3 s4 '

# A power failure: all of it was appended and not synced, and some of it is
# zeros.
for at in none 20 600 1500; do
	fresh; start=$(wc -c <"$box")
	how="strace -qq -o /dev/null -e inject=fsync:signal=KILL:when=1"
	orders "$o1" "$o2" "$o3" >/dev/null; how=
	[ $at = none ] || as dd if=/dev/zero of="$box" bs=1 count=100 \
	    seek=$((start + at)) conv=notrunc 2>>log
	orders 'number 9' "$o4" >/dev/null
	case $at in
	none) left='s5 s1 s2 s3 s4 ' ;; 20) left='s5 s4 ' ;;
	600) left='s5 s1 s4 ' ;; 1500) left='s5 s1 s2 s4 ' ;;
	esac
	is "zeros at $at: cut off from there" "$(subjects)" "$left"
	again 3 1 2 >/dev/null
	is "and delivered by the next attempts" "$(box "$box" | sed '/^s4 /d' | sort)" "$want"
	ok 'no zeros are left' [ "$(tr -dc '\0' <"$box" | wc -c)" = 0 ]
done
# Mail of others behind it, by a program that takes no lock.
fresh; how=./torn; orders "$o1" "$o2" "$o3" "$o4" >/dev/null; how=
printf '\n\nFrom x@y Sat Nov 21 23:31:51 2026\nSubject: other\n\nx\n\n' |
    as sh -c 'cat >>"$1"' sh "$box"
orders 'number 9' "$o5" >/dev/null
like 'mail of others is not cut off' "$(subjects)" 'other s5 $'
done_testing
