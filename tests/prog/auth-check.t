#!/bin/sh
# auth-check: every kind of hash that people have, who a login stands for, the
# checkpassword interface as its callers use it, and what the log says.
. "$(dirname "$0")/../lib.sh"
v=$t/etc/virtual/v.test
conf=$t/etc/postchaise/postchaise.conf
umask 022
mkdir -p "$v" "$t/etc/postchaise" "$t/var/run/postchaise"
chmod 1777 "$t/var/run/postchaise"
unset TCPREMOTEIP TCPREMOTEHOST PC_AUTH
printf '%s\n' hostname=mail.test virtual-user=5100:5101 locals=sys.test >"$conf"
echo 'joe:x:5001:5002:Joe:/home/joe:/bin/sh' >"$t/etc/passwd"
echo 'postmaster: joe' >"$t/etc/aliases"
echo 'root:v.test:1:' >"$t/etc/virtual/domains.cf"
compile() { alias-compile 2>"$t/said"; }
# auth LOGIN PASSWORD [PROGRAM…]: its exit code; the log is in $t/log.
auth() {
	printf '%s\0%s\0%s\0' "$1" "$2" Y123456 >"$t/request"; shift 2
	auth-check "$@" 3<"$t/request" 2>"$t/log"
}
user() { printf '%s:%s\n' "$1" "$2" >>"$v/passwd"; }
perlcrypt() { perl -e 'print crypt($ARGV[0], $ARGV[1])' -- "$@"; }
sha1() { python3 -c 'import base64, hashlib, sys
p, salt = (a.encode() for a in sys.argv[1:])
print(base64.b64encode(hashlib.sha1(p + salt).digest() + salt).decode())' "$@"; }

# What people's tools make; the password is "secret-" and the user's name.
kinds=
if command -v htpasswd >/dev/null; then
	for k in m B s 2 5 d; do
		user ht$k "$(htpasswd -bn$k x secret-ht$k 2>/dev/null | sed -n 's/^x://p')"
		kinds="$kinds ht$k"
	done
fi
if command -v openssl >/dev/null; then
	for k in 1 5 6 apr1; do
		user ssl$k "$(openssl passwd -$k secret-ssl$k)"
		kinds="$kinds ssl$k"
	done
fi
# crypt NAME SALT: what crypt(3) of this system can.
crypt() {
	h=$(perlcrypt "secret-$1" "$2")
	case $h in ''|'*'*) return ;; esac
	user "$1" "$h"
	kinds="$kinds $1"
}
bcrypt_salt=abcdefghijklmnopqrstuu
crypt des ab
crypt bsdi _J9..rasm
crypt md5 '$1$abcdefgh$'
crypt sha256 '$5$rounds=2000$abcdefgh$'
crypt sha512 '$6$abcdefgh$'
crypt bcrypta "\$2a\$04\$$bcrypt_salt"
crypt bcryptb "\$2b\$04\$$bcrypt_salt"
crypt bcrypty "\$2y\$04\$$bcrypt_salt"
crypt yescrypt '$y$j75$abcdefghijklmnop$'
crypt gost '$gy$j75$abcdefghijklmnop$'
crypt scrypt '$7$6U..../....abcdefgh$'
crypt sha1 '$sha1$4000$abcdefgh$'
crypt sun '$md5,rounds=904$iPPKEBnEkp3JV8uX$'
# Dovecot's passwd-file, with its columns.
six=$(perlcrypt secret-x '$6$saltsalt$')
user d1 "{SHA512-CRYPT}$six:5200:5201:Dee:/home/d1::userdb_mail=maildir:~/Maildir"
user d2 "{crypt}$six::::::"
user d3 "{BLF-CRYPT}$(perlcrypt secret-x "\$2y\$04\$$bcrypt_salt"):::"
user d4 "{MD5-CRYPT}$(perlcrypt secret-x '$1$abcdefgh$')"
user d5 "{SHA256-CRYPT}$(perlcrypt secret-x '$5$abcdefgh$')"
user d6 "{SHA}$(sha1 secret-x '')"
user d7 "{SSHA}$(sha1 secret-x salt)"
user d8@V.Test '{PLAIN}secret-x:::'
# Locked in all ways; no hash; hashes that crypt(3) does not take.
user l1 '*'; user l2 '!'; user l3 ''; user l4 "!$six"; user l5 "*$six"
echo l6 >>"$v/passwd"
user l7 '{CRYPT}*'; user l8 '*0'; user l9 '!!'
user p1 secret-x
user p2 '{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$YWJj$YWJj'
user b1 '$6$rounds=1x$abc$def'; user b2 '$y$///$abc$def'
user b3 "\$2y\$99\$${bcrypt_salt}abcdefghijklmnopqrstuuabcdefghi"
user slow "\$2y\$31\$${bcrypt_salt}abcdefghijklmnopqrstuuabcdefghi"
user big '$7$JU..../....abcdefgh$lEUl1TycEIIiBQDkdVECKtv3SgnPpHrWj/i21pKb4/D'
exits 'compiles' 0 compile

for u in $kinds; do
	exits "$u: right" 0 auth "$u@v.test" "secret-$u"
	exits "$u: wrong" 1 auth "$u@v.test" "wrong-$u"
done
for u in d1 d2 d3 d4 d5 d6 d7 d8; do
	exits "$u: right" 0 auth "$u@v.test" secret-x
	exits "$u: wrong" 1 auth "$u@v.test" Secret-x
done
for u in l1 l2 l3 l4 l5 l6 l7 l8 l9 p1 p2; do
	exits "$u: locked" 1 auth "$u@v.test" secret-x
	like "$u: why" "$(cat "$t/log")" 'reason=locked$'
	n=0
	for p in '' '*' '!' '*0' '*1' '!!' x; do
		if auth "$u@v.test" "$p"; then n=$((n + 1)); fi
	done
	is "$u: for every password" $n 0
done
for u in b1 b2 b3; do
	exits "$u: broken" 111 auth "$u@v.test" secret-x
	like "$u: why" "$(cat "$t/log")" 'warn: login-defer .*reason=unusable-hash err='
done
is 'alias-compile warns of what is no hash' "$(grep -c 'no hash of a known kind' "$t/said")" 2
n=$(grep -n ^p1: "$v/passwd" | cut -d: -f1)
like 'with file and line' "$(cat "$t/said")" "^$v/passwd:$n: warning: p1@v.test: the password is no hash"
unlike 'but does not show it' "$(grep p1@ "$t/said")" secret-x
auth_cdb=$t/etc/postchaise/tables/auth.cdb
is 'or keep it' "$(grep -ao secret-x "$auth_cdb" | grep -c .)" 1
like 'and of a password as it stands' "$(cat "$t/said")" 'd8@v.test: the password is not hashed'
is 'who may read the hashes' "$(stat -L -c %a "$auth_cdb")" 400

# What a domain's owner cannot make the machine do.
printf 'slow@v.test\0x\0\0' >"$t/request"
exits 'a hash that takes days is given up' 111 \
    sh -c 'ulimit -S -t 1; auth-check 3<"$1" 2>"$2"' sh "$t/request" "$t/log"
like 'and said' "$(cat "$t/log")" 'warn: login-defer client=\[\] user=slow@v.test reason=slow-hash$'
if ! grep -q san "$bin/auth-check"; then
	exits 'so is one that needs gigabytes' 111 auth big@v.test x
	like 'it is said too' "$(cat "$t/log")" 'reason=unusable-hash'
fi

# A login that nobody has costs what a wrong password does: the same method.
: >"$v/passwd"
for u in a b c; do user $u "$(perlcrypt "secret-$u" "\$6\$rounds=5000\$$u\$")"; done
user d "$(perlcrypt secret-d ab)"
compile
if command -v cdb >/dev/null; then
	is 'the commonest hash' "$(cdb -q "$auth_cdb" n | tr -d '\0')" "$(sed -n 's/^a://p' "$v/passwd")"
fi
if command -v ltrace >/dev/null && ltrace true 2>/dev/null; then
	ltrace -e crypt -o "$t/trace" auth-check 3<"$t/request" 2>/dev/null
	like 'is computed' "$(cat "$t/trace")" crypt
fi
exits 'even with its own password' 1 auth nobody@v.test secret-a
like 'and logged' "$(cat "$t/log")" 'info: login-refuse client=\[\] user=nobody@v.test reason=unknown-user$'

# Logins.
exits 'any case' 0 auth A@V.Test secret-a
exits 'of the login only' 1 auth a@v.test Secret-a
for l in '' @ a @v.test a@ a@w.test a@v.test@ 'a @v.test' ' a@v.test' 'a%v.test' \
    joe joe@mail.test joe@sys.test joe@localhost root '*@v.test' 'a+x@v.test'; do
	exits "no login: '$l'" 1 auth "$l" secret-a
done
exits 'an empty password' 1 auth a@v.test ''
like 'is named' "$(cat "$t/log")" 'reason=empty-password$'

# The log: one line, without the password, that nobody can forge.
TCPREMOTEIP=192.0.2.7 TCPREMOTEHOST=Mail.Example.ORG auth a@v.test hush-hush
like 'the address' "$(cat "$t/log")" '^auth-check\[[0-9]+\]: info: login-refuse client=mail.example.org\[192.0.2.7\] user=a@v.test reason=wrong-password$'
TCPREMOTEIP='1.2.3.4] x' auth "$(printf 'a b\nauth-check[1]: info: login-refuse client=[10.0.0.1] user=x')" hush-hush
is 'one line' "$(wc -l <"$t/log")" 1
like 'escaped' "$(cat "$t/log")" 'client=\[\] user=a%20b%0Aauth-check\[1\]:%20info'
unlike 'never the password' "$(cat "$t/log")" hush
long=$(printf '%0300d' 0)
TCPREMOTEIP=::ffff:192.0.2.7 auth "$long" x
like 'a long login leaves room for the rest' "$(cat "$t/log")" 'client=\[192.0.2.7\] user=0{200} reason=unknown-user$'

# The interface.
given() { printf "$1" >"$t/request"; auth-check 3<"$t/request" 2>"$t/log"; }
pad() { printf "%0$1d" 0 | tr 0 x; }
exits 'no time stamp' 0 given 'a@v.test\0secret-a\0'
exits 'more than a time stamp' 0 given 'a@v.test\0secret-a\0x\0y\0'
exits 'nothing' 2 given ''
exits 'a login alone' 2 given 'a@v.test\0'
exits 'a password without its NUL' 2 given 'a@v.test\0secret-a'
exits 'no descriptor 3' 2 auth-check 3<&- 2>/dev/null
exits 'an option' 2 auth-check -x 2>/dev/null
exits '512 bytes' 0 given "a@v.test\\0secret-a\\0$(pad 493)\\0"
exits '513 bytes' 1 given "a@v.test\\0secret-a\\0$(pad 494)\\0"
like 'are too many' "$(cat "$t/log")" 'user=a@v.test reason=too-long$'
mv "$auth_cdb" "$t/auth.cdb"
exits 'no table' 111 auth a@v.test secret-a
echo torn >"$auth_cdb"
exits 'a torn table' 111 auth a@v.test secret-a
head -c 3000 "$t/auth.cdb" >"$auth_cdb"
exits 'a torn table, said' 111 sh -c 'auth-check 3<"$1" 2>/dev/null' sh "$t/request"
rm -f "$auth_cdb"; mv "$t/auth.cdb" "$auth_cdb"

# What it runs.
as=
if [ "$(id -u)" = 0 ]; then
	chown -R nobody "$t/etc/postchaise"; as='setuidgid nobody'
fi
run() { printf 'A@v.test\0secret-a\0\0' >"$t/request"; $as auth-check "$@" 3<"$t/request"; }
exits 'the exit code is the program'\''s' 7 run sh -c 'exit 7'
is 'the environment' "$(run sh -c 'echo "$USER $HOME $SHELL"')" "a@v.test $t/var/spool/virtual/v.test/a /bin/sh"
is 'arguments as they stand' "$(run printf '%s|' 'a b' '*')" 'a b|*|'
is 'descriptor 3 is closed' "$(run sh -c 'if (: <&3) 2>/dev/null; then echo open; fi')" ''
is 'others are the caller'\''s' "$(run cat /dev/fd/5 5</etc/hostname)" "$(cat /etc/hostname)"
is 'limits are the caller'\''s' "$(run sh -c 'ulimit -t; ulimit -v')" "$(sh -c 'ulimit -t; ulimit -v')"
exits 'no such program' 111 run no-such-program-here 2>/dev/null
printf 'a@v.test\0wrong\0\0' >"$t/request"
is 'not for a wrong password' "$($as auth-check echo run 3<"$t/request" 2>/dev/null)" ''
if [ -n "$as" ]; then
	as=
	mkdir -p "$t/var/spool/virtual/v.test/a"; chown 5100:5101 "$t/var/spool/virtual/v.test/a"
	is 'root becomes the user' "$(run sh -c 'echo "$(id -u):$(id -g):$(id -G) $(pwd)"')" \
	    "5100:5101:5101 $t/var/spool/virtual/v.test/a"
	as='setuidgid nobody'
fi

# A caller as qmail's: a pipe on 3 that is written after the start, an
# address in the environment, and the verdict in the exit code.
cat >"$t/qmail-smtpd-auth" <<'E'
import os, sys
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(w)
    os.dup2(r, 3)
    os.set_inheritable(3, True)
    os.execvp(sys.argv[3], sys.argv[3:])
os.close(r)
for part in (sys.argv[1], sys.argv[2], "<1896.697170952@postoffice.reston.mci.net>"):
    os.write(w, part.encode() + b"\0")
os.close(w)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print({0: "235 ok", 1: "535 authorization failed"}.get(code, "454 %d" % code))
E
qmail() { TCPREMOTEIP=192.0.2.1 $as python3 "$t/qmail-smtpd-auth" "$@" 2>/dev/null; }
is 'a foreign caller: right' "$(qmail a@v.test secret-a auth-check true)" '235 ok'
is 'a foreign caller: wrong' "$(qmail a@v.test secret-b auth-check true)" '535 authorization failed'

# System users, where they may; nobody answers for them here.
sys() { echo "auth=$1" >>"$conf"; compile; }
if [ -n "$as" ]; then chown -R root "$t/etc/postchaise"; fi
sys passwd
for l in joe JOE@mail.test joe@SYS.test joe@localhost; do
	exits "$l is asked of auth-system" 111 auth "$l" x
	like 'which is not there' "$(cat "$t/log")" 'warn: login-defer .*reason=auth-system err='
done
exits 'virtual users still' 0 auth a@v.test secret-a
for l in joe@other.test joe@v.test a/b -x 'a:b' "$(printf 'a\tb')"; do
	exits "no system user: '$l'" 1 auth "$l" x
done
# A socket that another user has made would get the passwords.
if [ "$(id -u)" = 0 ]; then
	setuidgid nobody python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(9)
while True:
    c = s.accept()[0]
    print(c.recv(600), flush=True)
    try: c.send(b"ok\n")
    except OSError: pass
    c.close()
' "$t/var/run/postchaise/auth-system" >"$t/stolen" & started $!
	wait_for 5 test -S "$t/var/run/postchaise/auth-system"
	exits 'a stranger'\''s socket is not believed' 111 auth joe hush
	like 'with a warning' "$(cat "$t/log")" 'reason=auth-system err=Operation'
	unlike 'nor told the password' "$(cat "$t/stolen")" hush
fi
PC_AUTH=virtual; export PC_AUTH
exits 'a client may be allowed less' 1 auth joe x
PC_AUTH=no
exits 'or nothing' 1 auth a@v.test secret-a
unset PC_AUTH
sys no
exits 'auth=no' 1 auth a@v.test secret-a

# fail2ban's filter.
if command -v fail2ban-regex >/dev/null; then
	sys virtual
	for ip in 192.0.2.1 2001:db8::1; do
		TCPREMOTEIP=$ip TCPREMOTEHOST=host.example auth a@v.test wrong
		cat "$t/log" >>"$t/all"
		TCPREMOTEIP=$ip auth "$(printf ' \n"%%[9.9.9.9]')" wrong
		cat "$t/log" >>"$t/all"
	done
	cat >>"$t/all" <<-'E'
	smtp-recv[1]: info: mail-refuse client=x[192.0.2.3] helo=auth-check[2]:%20info:%20login-refuse%20client=[192.0.2.9]
	auth-system[12]: info: system-refuse client=[192.0.2.7] user=joe reason=wrong-password
	auth-check[3]: warn: login-defer client=[192.0.2.8] user=joe reason=timeout
	E
	multilog t "$t/logdir" <"$t/all"
	for f in "$t/logdir/current" "$t/all"; do
		out=$(fail2ban-regex -o 'ip:<ip>' "$f" "$top/run/fail2ban.conf" 2>&1 | grep ^ip: | sort | tr '\n' ' ')
		is "addresses that fail2ban finds in $(basename "$f")" "$out" 'ip:192.0.2.1 ip:192.0.2.1 ip:2001:db8::1 ip:2001:db8::1 '
	done
	# Another auth-program writes no login-refuse.
	sed -e '/^failregex/d' -e 's/^#failregex/failregex/' \
	    "$top/run/fail2ban.conf" >"$t/other.conf"
	cat >"$t/all" <<-'E'
	smtp-recv[1]: info: auth-refuse client=x[192.0.2.1] helo=h[192.0.2.9] user=joe reply=535%205.7.8%20wrong
	smtp-recv[1]: info: auth-refuse client=x[192.0.2.2] helo=h user=joe reply=454%204.7.0%20later%20reply=535%20x
	auth-check[2]: info: login-refuse client=x[192.0.2.3] user=joe reason=password
	E
	out=$(fail2ban-regex -o 'ip:<ip>' "$t/all" "$t/other.conf" 2>&1 | grep ^ip: | tr '\n' ' ')
	is 'and of another auth-program' "$out" 'ip:192.0.2.1 '
fi
done_testing
