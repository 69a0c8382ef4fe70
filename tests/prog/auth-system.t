#!/bin/sh
# auth-system: a private system's shadow file, as anybody; and in a scratch
# root PAM, the users of a real installation, and the set-id auth-check.
. "$(dirname "$0")/../lib.sh"
umask 022
unset TCPREMOTEIP TCPREMOTEHOST PC_AUTH
perlcrypt() { perl -e 'print crypt($ARGV[0], $ARGV[1])' -- "$@"; }
# ask LOGIN PASSWORD [ADDRESS]: the answer.
ask() { printf '%s\0%s\0%s\0' "$1" "$2" "${3:-192.0.2.1}" | unix-io "$socket"; }
# serve COMMAND…: auth-system, listening on $socket; its log is $t/log.
serve() {
	rm -f "$socket"
	"$@" 2>>"$t/log" & pid=$!
	started $pid
	wait_for 10 test -S "$socket" || fail 'it listens'
}
stop() { kill $pid; wait $pid 2>/dev/null; }

if [ "${1:-}" = inside ]; then
	unset PC_PREFIX PC_PATH
	tools=/src/build/tests/tools
	PATH=$tools:/usr/sbin:/usr/bin:/sbin:/bin
	rm -rf /etc/postchaise /etc/virtual
	groupadd pcmail; groupadd pcq; groupadd pcn; groupadd pcp
	useradd -M -g pcp pcp; useradd -M -g pcmail pcd
	useradd -M -g pcq pcq; useradd -M -g pcn pcn
	useradd -m joe; echo joe:joes-secret | chpasswd
	useradd -m old; echo old:olds-secret | chpasswd; chage -E 1 old
	useradd -m change; echo change:changes-secret | chpasswd; chage -d 0 change
	useradd -m stop; echo stop:stops-secret | chpasswd; usermod -L stop
	useradd -m none; passwd -d none >/dev/null
	useradd -m -o -u 0 toor; echo toor:toors-secret | chpasswd
	echo root:roots-secret | chpasswd
	rm -f /etc/pam.d/postchaise
	mkdir -p /etc/postchaise /usr/local/libexec/postchaise
	echo auth=passwd >/etc/postchaise/postchaise.conf
	/src/bin/alias-compile 2>/dev/null
	is 'the hashes are pcp'\''s alone' "$(stat -L -c '%U %a' /etc/postchaise/tables/auth.cdb)" 'pcp 400'
	install -o pcp -g pcmail -m 4710 /src/bin/auth-check /usr/local/libexec/postchaise/
	install -d -o pcq -g pcn -m 1775 /var/run/postchaise
	socket=/var/run/postchaise/auth-system
	serve /src/bin/auth-system
	is 'the socket is pcp'\''s alone' "$(stat -c '%U %a' $socket)" 'pcp 600'
	is 'and not in the way of a second one' \
	    "$(/src/bin/auth-system 2>&1 | grep -c Address%20already)" 1

	is 'PAM: right' "$(ask joe joes-secret)" ok
	is 'PAM: wrong' "$(ask joe wrong)" no
	is 'PAM: nobody' "$(ask no-such-user x)" no
	is 'PAM: an account that has expired' "$(ask old olds-secret)" no
	is 'PAM: a password to be changed' "$(ask change changes-secret)" no
	is 'PAM: a locked one' "$(ask stop stops-secret)" no
	is 'PAM: an empty one' "$(ask none '')" no
	is 'PAM: any for an account without one' "$(ask none x)" no
	is 'root' "$(ask root roots-secret)" no
	is 'who has uid 0' "$(ask toor toors-secret)" no
	like 'it is said' "$(cat "$t/log")" 'info: system-refuse client=\[192.0.2.1\] user=toor reason=root$'
	unlike 'never a password' "$(cat "$t/log")" secret

	# As the receiver does it.
	auth() {
		printf '%s\0%s\0\0' "$1" "$2" >"$t/request"; shift 2
		setuidgid pcd /usr/local/libexec/postchaise/auth-check "$@" \
		    3<"$t/request" 2>"$t/authlog"
	}
	exits 'auth-check: right' 0 auth joe joes-secret
	exits 'auth-check: wrong' 1 auth joe wrong
	like 'auth-check: one line' "$(cat "$t/authlog")" '^auth-check\[[0-9]*\]: info: login-refuse client=\[\] user=joe reason=system$'
	export PC_PREFIX="$t"
	exits 'auth-check: set-id, the environment does not count' 0 auth joe joes-secret
	unset PC_PREFIX
	export PC_AUTH=virtual
	exits 'auth-check: set-id, a client may be allowed less' 1 auth joe joes-secret
	export PC_AUTH=passwd
	echo auth=virtual >/etc/postchaise/postchaise.conf
	/src/bin/alias-compile 2>/dev/null
	exits 'auth-check: set-id, but not more' 1 auth joe joes-secret
	unset PC_AUTH
	echo auth=passwd >/etc/postchaise/postchaise.conf
	/src/bin/alias-compile 2>/dev/null
	is 'auth-check: the id is given up for good' \
	    "$(auth joe joes-secret sh -c 'sed -n "s/^[UG]id:[[:space:]]*//p" /proc/self/status | tr "\t\n" "  "')" \
	    "$(for i in "$(id -u pcd)" "$(id -g pcd)"; do printf '%s %s %s %s ' $i $i $i $i; done)"
	is 'auth-check: the environment' "$(auth joe joes-secret sh -c 'echo $USER $HOME')" 'joe /home/joe'
	exits 'auth-check: not for others' 126 sh -c 'setuidgid pcq sh -c "/usr/local/libexec/postchaise/auth-check" 2>/dev/null'
	is 'auth-check as root becomes the user' "$(printf 'joe\0joes-secret\0\0' >"$t/request"
	    /usr/local/libexec/postchaise/auth-check id -un 3<"$t/request")" joe

	# Nobody else can ask, and nobody can take the socket's place.
	is 'the receiver cannot ask' "$(setuidgid pcd "$tools/unix-io" $socket </dev/null; echo $?)" 111
	stop
	exits 'not running: later' 111 auth joe joes-secret
	rm -f $socket
	setuidgid pcn python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(9)
import os; os.chmod(sys.argv[1], 0o666); print(s.accept()[0].recv(600), flush=True); time.sleep(60)' \
	    $socket >"$t/stolen" & started $!
	wait_for 10 test -S $socket
	exits 'a socket of another user: later' 111 auth joe hush-hush
	unlike 'it gets no password' "$(cat "$t/stolen")" hush
	kill $!
	# A socket left behind is no obstacle.
	mkdir /var/run/two; chmod 1777 /var/run/two
	socket=/var/run/two/s
	serve /src/bin/auth-system $socket
	kill -9 $pid; wait $pid 2>/dev/null
	/src/bin/auth-system $socket 2>>"$t/log" & pid=$!; started $pid
	ok 'after a kill it listens again' wait_for 10 sh -c \
	    "printf 'joe\\0joes-secret\\0\\0' | unix-io $socket | grep -q ok"

	# Our own service file; modules that misbehave.
	echo 'auth required pam_permit.so
account required pam_permit.so' >/etc/pam.d/postchaise
	is 'the service is postchaise' "$(ask joe anything)" ok
	is 'root not even then' "$(ask root anything)" no
	is 'an empty password neither' "$(ask joe '')" no
	echo 'auth required pam_permit.so
account required pam_deny.so' >/etc/pam.d/postchaise
	is 'the account counts' "$(ask joe anything)" no
	echo 'auth required pam_no_such.so' >/etc/pam.d/postchaise
	is 'a module that is missing' "$(ask joe anything)" later
	# What modules leave; the outer test's /tmp may be the system's own.
	d=$(mktemp -d); chmod 777 "$d"
	echo '#!/bin/sh
echo $PAM_USER $PAM_RHOST $PAM_SERVICE >'"$d/seen" >"$d/see"
	chmod 755 "$d/see"
	echo "auth required pam_exec.so $d/see
account required pam_permit.so" >/etc/pam.d/postchaise
	ask joe anything 2001:db8::7 >/dev/null
	is 'modules see the client' "$(cat "$d/seen")" 'joe 2001:db8::7 postchaise'

	# Many at once, and who is late is killed, with what it started.
	echo '#!/bin/sh
read -r p; case $p in wait*) touch '"$d"'/w.$$; sleep 300;; esac' >"$d/see"
	echo "auth required pam_exec.so expose_authtok $d/see
account required pam_permit.so" >/etc/pam.d/postchaise
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		ask joe wait >>"$t/late" & started $!
	done
	ok 'fifteen wait' wait_for 20 sh -c "[ \$(ls $d/w.* | wc -l) = 15 ]"
	is 'another is served meanwhile' "$(ask joe go)" ok
	ask joe wait >>"$t/late" & started $!
	ok 'sixteen wait' wait_for 20 sh -c "[ \$(ls $d/w.* | wc -l) = 16 ]"
	ask joe wait >>"$t/late" & started $!
	sleep 0.5
	is 'not one more' "$(ls "$d"/w.* | wc -l)" 16
	is 'but later, when they were killed' "$(ask joe go)" ok
	is 'without an answer' "$(cat "$t/late")" ''
	stop
	rm -rf "$d"
	done_testing
fi

# A private system: its own shadow file.
mkdir -p "$t/etc" "$t/var/run/postchaise"
chmod 1777 "$t/var/run/postchaise"
socket=$t/var/run/postchaise/auth-system
day=$(($(date +%s) / 86400))
i=5001
while IFS=: read -r name hash rest; do
	echo "$name:x:$i:$i::/:/bin/sh" >>"$t/etc/passwd"
	case $hash in
	'$'*|[a-z][a-z]) hash=$(perlcrypt "$name-secret" "$hash") ;;
	esac
	echo "$name:$hash:$rest" >>"$t/etc/shadow"
	i=$((i + 1))
done <<E
joe:\$6\$abcdefgh\$:$day:0:99999:7:::
yes:\$y\$j75\$abcdefghijklmnop\$:$day::::::
des:ab:::::::
lock:!\$6\$abcdefgh\$:$day:0:99999:7:::
star:*:$day:0:99999:7:::
none::$day:0:99999:7:::
old:\$5\$abcdefgh\$:$day:0:99999:7::$((day - 1)):
new:\$5\$abcdefgh\$:$day:0:99999:7::$((day + 9)):
due:\$5\$abcdefgh\$:$((day - 50)):0:30:7:::
fine:\$5\$abcdefgh\$:$((day - 5)):0:30:7:::
must:\$5\$abcdefgh\$:0:0:99999:7:::
ssha:{SHA}x:$day::::::
E
printf '%s\n' 'root:x:0:0::/:/bin/sh' 'only:x:6000:6000::/:/bin/sh' >>"$t/etc/passwd"
echo "root:$(perlcrypt root-secret '$6$abcdefgh$'):$day::::::" >>"$t/etc/shadow"
serve auth-system
like 'says that it is ready' "$(cat "$t/log")" "info: ready socket=$socket"
is 'the socket is for its user' "$(stat -c %a "$socket")" 600
for u in joe yes des new fine; do
	is "$u: right" "$(ask $u $u-secret)" ok
	is "$u: wrong" "$(ask $u wrong)" no
done
for u in lock star none old due must ssha root only nobody-is-this JOE; do
	is "$u" "$(ask $u $u-secret)" no
	is "$u: empty" "$(ask $u '')" no
done
like 'why: root' "$(cat "$t/log")" 'info: system-refuse client=\[192.0.2.1\] user=root reason=root$'
like 'why: expired' "$(cat "$t/log")" 'user=due reason=expired$'
like 'why: locked' "$(cat "$t/log")" 'user=star reason=locked$'
like 'why: wrong' "$(cat "$t/log")" 'user=joe reason=wrong-password$'
unlike 'never a password' "$(cat "$t/log")" secret

# What is no request.
raw() { printf "$1" | unix-io "$socket"; }
is 'nothing' "$(raw '')" ''
is 'too few fields' "$(raw 'joe\0joe-secret\0')" ''
is 'no address' "$(raw 'joe\0joe-secret\0\0')" ok
is 'more than a request' "$(raw 'joe\0joe-secret\0\0more')" ok
is 'too long' "$(raw "joe\\0$(printf '%0600d' 0 | tr 0 x)\\0\\0")" ''
is 'a path' "$(ask ../etc/passwd x)" no
is 'in pieces' "$( (printf 'jo'; sleep 0.3; printf 'e\0joe-sec'; sleep 0.3; printf 'ret\0\0') | unix-io "$socket")" ok
printf 'x\nauth-system[1]: info: forged\0x\0y z\0' | unix-io "$socket" >/dev/null
unlike 'no line is forged' "$(cat "$t/log")" '^auth-system\[1\]'
mv "$t/etc/shadow" "$t/etc/shadow.away"
is 'no shadow file: nobody' "$(ask joe joe-secret)" no
mkdir "$t/etc/shadow"
like 'one that cannot be read' "$(ask joe joe-secret)" '^(later|no)$'
rmdir "$t/etc/shadow"; mv "$t/etc/shadow.away" "$t/etc/shadow"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	ask joe joe-secret >>"$t/many" & many="${many:-} $!"
done
wait $many
is 'many at once' "$(grep -c '^ok$' "$t/many")" 20

# With auth-check.
mkdir -p "$t/etc/postchaise"
printf '%s\n' auth=passwd hostname=mail.test locals=sys.test >"$t/etc/postchaise/postchaise.conf"
alias-compile 2>/dev/null
auth() { printf '%s\0%s\0\0' "$1" "$2" >"$t/request"; auth-check 3<"$t/request" 2>/dev/null; }
for l in joe joe@mail.test JOE@Sys.Test joe@localhost; do
	exits "auth-check: $l" 0 auth $l joe-secret
	exits "auth-check: $l, wrong" 1 auth $l wrong
done
exits 'auth-check: another domain' 1 auth joe@other.test joe-secret
stop
exits 'auth-check: later' 111 auth joe joe-secret
exits 'two arguments' 100 auth-system a b 2>/dev/null
exits 'nowhere to listen' 111 auth-system "$t/etc/passwd/s" 2>/dev/null

# The rest, in a root of its own; valgrind runs nothing that is set-id.
why=$t/why
if [ "$(id -u)" = 0 ] && [ "${PC_SANITIZE:-}" != valgrind ]; then
	mkdir "$t/root" "$t/root2"
	export top
	if "$top/tests/tools/scratch-root" "$t/root" true 2>"$why"; then
		"$top/tests/tools/scratch-root" "$t/root2" \
		    sh /src/tests/prog/auth-system.t inside >"$t/inside" 2>&1
		grep -v '^1\.\.' "$t/inside" | sed 's/^/# /'
		is 'in a scratch root: all of it' "$(grep -c '^not ok' "$t/inside") $(grep -c '^1\.\.' "$t/inside")" '0 1'
	else
		echo "# skipped: no scratch root: $(tail -n 1 "$why")"
	fi
fi
done_testing
