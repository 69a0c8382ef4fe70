#!/bin/sh
# deliver-pipe: a command that an alias names.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../deliver.sh"
cd "$t" || exit 1
id=0abcdefgh0123456
message m1 one $id 2000
# pipe COMMAND [ATTRIBUTE…]: the answer.
pipe() { order $id first "command=$1" user=joe "home=$t/d" timeout=${2:-20} -- \
    's@x.test' 'joe+a-b@mail.example.test'; run m1; }
want_env="DEFAULT=a-b
DTLINE=Delivered-To: joe+a-b@mail.example.test
EXT2=b
EXT3=
EXT4=
EXT=a-b
HOME=$t/d
HOST2=mail.example
HOST3=mail
HOST4=
HOST=mail.example.test
LOCAL=joe+a-b
LOGNAME=joe
NEWSENDER=s@x.test
PATH=/usr/local/bin:/usr/bin:/bin
RECIPIENT=joe+a-b@mail.example.test
RPLINE=Return-Path: <s@x.test>
SENDER=s@x.test
SHELL=/bin/sh
UFLINE=From s@x.test D
USER=joe"

exits "usage" 100 as "$t/p/$prog" s@x r@y 2>/dev/null
[ "$(id -u)" != 0 ] ||
    exits "no command is run as root" 111 "$t/p/$prog" -c true s@x r@y <m1 2>/dev/null
order $id first -- s@x r@y
exits "an order without command" 111 run m1

like "a word is found in PATH" "$(pipe 'true')" '^K1 2\.0\.0'
is "the message, without trace fields" "$(pipe 'dd of=copy')" 'K1 2.0.0 delivered to command'
ok "byte for byte" cmp m1 d/copy
pipe '/usr/bin/env > env' >/dev/null
is "the environment of qmail-command, nothing of ours" \
    "$(sed 's/^\(UFLINE=.*\) [A-Z][a-z][a-z] [A-Z].*/\1 D/' d/env | grep -v '^PWD=\|^_=\|^SHLVL=\|^$' | sort)" "$want_env"
pipe 'ls -l /proc/self/fd | grep -c "[3-9] ->" >fds; umask >>fds' >/dev/null
is "only 0, 1 and 2, and umask" "$(tr '\n' ' ' <d/fds)" '1 0077 '
is "a plain command gets no shell" \
    "$(pipe 'cp /proc/self/cmdline cl' >/dev/null; tr '\0' ' ' <d/cl)" 'cp /proc/self/cmdline cl '
like "what needs one gets it" "$(pipe 'x=y; echo $x$$ >sh')$(cat d/sh)" '^K1.*y[0-9]+$'
order $id first 'command=touch $SENDER; true' user=joe "home=$t/d" -- 's;touch$IFS@x' 'joe@h'
run m1 >/dev/null
like "addresses are never commands" "$(ls d)" '^s;touch\$IFS@x$'
is "a home that is missing" "$(order $id first "command=pwd >$t/d/pwd" user=joe home=/nonexistent -- s@x j@h; run m1; cat d/pwd)" 'K1 2.0.0 delivered to command
/'

for c in 0 99; do like "exit $c" "$(pipe "exit $c")" '^K1 2\.0\.0'; done
for c in 64 65 67 68 70 76 77 78 100 112; do
	like "exit $c" "$(pipe "exit $c")" "^D1 5\\.[0-9]\\.[0-9] command exited with $c\$"
done
for c in 1 66 69 71 75 111 127; do
	like "exit $c" "$(pipe "exit $c")" "^Z1 4\\.3\\.0 command exited with $c\$"
done
like "killed" "$(pipe 'kill -9 $$')" '^Z1 4\.3\.0 command was ended by signal 9$'
like "not there" "$(pipe 'no-such-program x')" '^Z1 .*no-such-program: No such file'
is "its last line" "$(pipe 'echo a; echo "the reason" >&2; echo; exit 100')" \
    'D1 5.3.0 command exited with 100: the reason'
is "its own status" "$(pipe 'echo "5.7.1 go away"; exit 77')" \
    'D1 5.7.1 command exited with 77: go away'
is "no status of another class" "$(pipe 'echo "2.0.0 fine"; exit 75')" \
    'Z1 4.3.0 command exited with 75: 2.0.0 fine'
like "much output is cut" "$(pipe 'yes | head -c 300000; printf "%01000d" 0; exit 1')" \
    '^Z1 4\.3\.0 command exited with 1: 0{300,400}$'
is "a control character cannot forge a line" \
    "$(pipe 'printf "x\rK2 2.0.0 y\033"; exit 1' | wc -l)" 1

cat m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 \
    m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 m1 >big
order $id first 'command=true' user=joe "home=$t/d" -- s@x j@h k@h
is "a command need not read all" "$(run big | cut -c1-2 | tr '\n' ' ')" 'K1 K2 '
order $id first 'command=cat >>both' user=joe "home=$t/d" -- s@x j@h k@h
run big >/dev/null
ok "each recipient's command gets it all" sh -c 'cat big big | cmp - d/both'

like "a time limit" "$(pipe 'sleep 600' 1)" '^Z1 4\.3\.0 command timed out$'
pipe 'sleep 600 & echo $! >child; wait' 1 >/dev/null
gone() { ! kill -0 "$(cat d/child)" 2>/dev/null || grep -q 'State:.Z' "/proc/$(cat d/child)/status"; }
ok "what it started ends with it" wait_for 5 gone
like "a background child holds nothing up" \
    "$(pipe 'sleep 20 & echo $! >child; exit 0')" '^K1'
ok "and lives on" kill -0 "$(cat d/child)"
started "$(cat d/child)"
printf 'Delivered-To: joe+a-b@mail.example.test\n\nx\n' >loop
cp loop m1
like "a loop" "$(pipe 'touch looped')" '^D1 5\.4\.6'
ok "no command is run for it" [ ! -e d/looped ]
is "by hand" "$(as "$t/p/$prog" -c 'cat >/dev/null' s@x r@y <big)" 'K1 2.0.0 delivered to command'
done_testing
