#!/bin/sh
# The multi-user installation, by the commands of INSTALL's part A, in a
# scratch root: every program runs as the table modes says, the receiver can
# read nothing that is not its own, users log in, and mail arrives.
. "$(dirname "$0")/../lib.sh"

if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || skip_all 'needs root'
	mkdir "$t/root"
	export top
	scratch=$top/tests/tools/scratch-root
	$scratch "$t/root" true 2>"$t/why" ||
	    skip_all "no scratch root: $(tail -n 1 "$t/why")"
	mkdir "$t/root2"
	$scratch "$t/root2" sh /src/tests/flow/10-install.t inside
	exit
fi

. "$top/tests/system.sh"
cd "$top" || exit 1
unset PC_PREFIX PC_PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
rm -rf /etc/aliases /etc/virtual /etc/postchaise /var/spool/virtual \
    /etc/service
mkdir -p /etc/service
svscan /etc/service >/dev/null 2>&1 &
started $!

# step A1: the commands below that title of INSTALL, those of four spaces.
step() {
	awk -v title="$1." '
	/^[A-Z][0-9]*\./ { on = $1 == title }
	on && /^    [^ ]/' INSTALL >"$t/step"
	if sh -ex "$t/step" >"$t/said" 2>&1; then pass "INSTALL $1"; else
		fail "INSTALL $1"; sed 's/^/# /' "$t/said"
	fi
}
step A1
step A2
echo 'home_mailbox=Maildir/' >>/etc/postchaise/postchaise.conf
useradd -m joe
useradd -m eve
echo 'who: "|id >>/tmp/who"' >>/etc/aliases
/usr/local/sbin/alias-compile 2>/dev/null
step A3
step A4
step A5
new=/var/spool/virtual/example.org/alice/new

# owner FILE…
owner() { stat -c '%U' "$@"; }
# as USER GROUP COMMAND…
as() { _u=$1 _g=$2; shift 2; setpriv --reuid "$_u" --regid "$_g" --clear-groups "$@"; }
count() { find "$1" -type f 2>/dev/null | wc -l; }
has() { [ "$(count "$1")" -ge "$2" ]; }

ok 'mail from sendmail and by submission arrives' wait_for 20 has $new 2
like 'the second with the login' "$(grep -h '^Received' -A5 $new/*)" 'with ESMTPSA'
is 'as the virtual user' "$(owner $new/* | sort -u)" mail
ok 'SMTP answers on port 25' wait_for 20 sys_greets 25
like 'SMTP takes a message' "$(printf 'Subject: two\n\nbody\n' |
    smtp_send 25 alice@example.org alice@example.org)" '^250 '
ok 'and it arrives' wait_for 20 has $new 3
like 'it relays for nobody' "$(echo | smtp_send 25 alice@example.org b@example.com)" \
    '^550 5.7.1'

# Logins, with the password that INSTALL made.
password=$(cat /root/alice.password)
# login URL [OPTION…]: a message by curl; its exit code, and what came of it.
login() {
	_url=$1; shift
	printf 'From: alice@example.org\nSubject: x\n\nbody\n' >/tmp/x
	curl -sS --crlf --max-time 30 --cacert /etc/postchaise/tls/cert.pem \
	    --connect-to mail.example.org::127.0.0.1: --upload-file /tmp/x \
	    --mail-from alice@example.org --mail-rcpt alice@example.org \
	    --user "alice@example.org:$password" "$@" "$_url" 2>&1
	echo "curl $?"
}
is 'a login on port 465' "$(login smtps://mail.example.org)" 'curl 0'
is 'on port 587' "$(login smtp://mail.example.org:587 --ssl-reqd)" 'curl 0'
is 'over IPv6' "$(login smtp://mail.example.org:587 --ssl-reqd \
    --connect-to 'mail.example.org::[::1]:')" 'curl 0'
ok 'their mail arrives' wait_for 20 has $new 6
is 'not with a wrong password' "$(login smtps://mail.example.org \
    --user alice@example.org:wrong | tail -n 1)" 'curl 67'
unlike 'not without TLS' "$(login smtp://mail.example.org:587 | tail -n 1)" 'curl 0'
unlike 'port 25 offers TLS, no login' "$(login smtp://mail.example.org \
    --ssl-reqd -v | grep '^< 250')" AUTH
like 'the failed login is logged' \
    "$(cat /var/log/postchaise/submissions/current)" \
    'auth-check\[[0-9]*\]: info: login-refuse client=[^ ]*\[127\.0\.0\.1\]'
like 'port 25 answers on IPv6' "$(tcpclient -RHl0 ::1 25 sh -c \
    'read -r l <&6; echo "$l"; printf "QUIT\r\n" >&7')" '^220 '
step A6
ok 'the services run again' wait_for 20 sys_greets 25
like 'a rule lets this host relay' "$(echo | smtp_send 25 alice@example.org b@example.com)" '^250'
echo 'smtp: 127.0.0.9' >/etc/hosts.deny
from9() { python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10, ("127.0.0.9", 0))
print(s.makefile().readline())' "$1"; }
like 'hosts.deny is asked' "$(from9 25)" '^554 5\.7\.1'
like 'about this service' "$(from9 587)" '^220 '
rm /etc/hosts.deny

# Who runs as what.
tcpclient -RHl0 127.0.0.1 25 sleep 60 &
started $!
# runs PROGRAM: user:group of all its processes.
runs() { ps -eo user:20=,group:20=,comm= | awk -v p="$1" '
    $3 == p { print $1 ":" $2 }' | sort -u | tr '\n' ' '; }
ok 'a session is there' wait_for 10 sh -c 'ps -eo comm= | grep -qx smtp-recv'
is 'smtp-recv' "$(runs smtp-recv)" 'pcd:pcmail '
is 'queue-run' "$(runs queue-run)" 'pcq:pcq '
is 'deliver-spawn' "$(runs deliver-spawn)" 'pcr:pcr root:root '
is 'mx-lookup' "$(runs mx-lookup)" 'pcn:pcn '
is 'multilog' "$(runs multilog)" 'pcl:pcl '
openssl s_client -quiet -connect 127.0.0.1:465 </dev/zero >/dev/null 2>&1 &
started $!
# Before the handshake there is the process that becomes smtp-recv, too.
shaken() { [ "$(runs tls-serve)" = 'pct:pcmail ' ]; }
ok 'a session with TLS is there, run as tls-serve'"'"'s user' wait_for 20 shaken
is 'which has no id to go back to' "$(awk '/^[UG]id:/ { print $2 == $3 && $3 == $4 }'     "/proc/$(ps -eo pid=,comm= | awk '$2 == "tls-serve" { print $1; exit }')/status" |
    tr '\n' ' ')" '1 1 '
bad=
while read -r p user group mode _; do
	case $p in '#'*) continue ;; esac
	[ "$group" != 0 ] || group=root
	got=$(stat -c '%U %G %a' "/usr/local/libexec/postchaise/$p" 2>&1)
	[ "$got" = "$user $group $mode" ] || bad="$bad $p: $got;"
done <modes
is 'owners and modes are those of the table' "$bad" ''

# What the receiver can read.
tables=/etc/postchaise/tables
ok 'the receiver reads mail.cdb' as pcd pcmail test -r $tables/mail.cdb
for f in /var/spool/postchaise /var/spool/virtual/example.org \
    $tables/auth.cdb /etc/virtual /var/log/postchaise/queue-run /home/joe/Maildir \
    /etc/postchaise/tls/key.pem /var/lib/postchaise/rate; do
	ok "but not $f" as pcd pcmail sh -c "! test -r $f && ! test -x $f"
done
# is_mode OWNER GROUP MODE PATH
is_mode() { is "$4" "$(stat -c '%U %G %a' "$4")" "$1 $2 $3"; }
is_mode root root 755 /etc/postchaise/tls
is_mode pct pct 600 /etc/postchaise/tls/key.pem
is_mode root root 755 /var/lib/postchaise
is_mode pcd pcmail 700 /var/lib/postchaise/gate
is_mode pcd pcmail 600 /var/lib/postchaise/gate/sessions
is_mode pcs pcs 700 /var/lib/postchaise/rate
is 'auth.cdb' "$(stat -c '%U %a' $tables/auth.cdb)" 'pcp 400'
for p in tls-serve auth-check check-rate; do
	f=/usr/local/libexec/postchaise/$p
	ok "the receiver may start $p" as pcd pcmail test -x $f
	for u in pcq:pcq pcr:pcr pcn:pcn pca:pca pcl:pcl mail:mail eve:eve; do
		# By a shell: setpriv has root's rights until its exec is done.
		as "${u%:*}" "${u#*:}" sh -c "exec $f" </dev/null >/dev/null 2>&1
		is "${u%:*} may not" $? 126
	done
done
# Each of the three users has its secret and no other.
for u in pct pcp pcs; do
	got=
	for f in /etc/postchaise/tls/key.pem $tables/auth.cdb /var/lib/postchaise/rate \
	    $tables/mail.cdb /var/spool/postchaise /var/lib/postchaise/gate; do
		if as $u $u test -r $f; then got="$got ${f##*/}"; fi
	done
	case $u in
	pct) want=' key.pem' ;;
	pcp) want=' auth.cdb' ;;
	pcs) want=' rate' ;;
	esac
	is "what $u can read" "$got" "$want"
done
for u in pcr:pcr pcn:pcn pca:pca pcl:pcl mail:mail eve:eve; do
	ok "${u%:*} reads neither queue nor tables nor others' mail" \
	    as "${u%:*}" "${u#*:}" sh -c "! test -x /var/spool/postchaise &&
		! test -r $tables/mail.cdb && ! test -r $tables/auth.cdb &&
		! test -r /home/joe/Maildir && ! test -r /etc/virtual"
done
is 'the queue is its own user' \
    "$(find /var/spool/postchaise ! -user pcq | head -n 1)" ''

# Users of this system.
sendmail=/usr/local/sbin/sendmail
printf 'Subject: hello\n\nbody\n' | as eve eve $sendmail joe
ok 'a user mails a user' \
    wait_for 20 has /home/joe/Maildir/new 1
is 'delivered as the user' "$(owner /home/joe/Maildir/new/*)" joe
like 'with a trace of who it was' "$(cat /home/joe/Maildir/new/*)" "[Uu][Ii][Dd][ =]$(id -u eve)"
echo "|id >>/tmp/forward" >/home/joe/.forward
chown joe /home/joe/.forward
out=$(printf 'EHLO x\r\nMAIL FROM:<eve@mail.example.test>\r\nRCPT TO:<joe@mail.example.test>\r\nDATA\r\nSubject: bs\r\n\r\nby bs\r\n.\r\nQUIT\r\n' |
    as eve eve $sendmail -bs 2>&1)
like 'sendmail -bs takes mail of a user who cannot read the routes' "$out" '^250 2\.0\.0 queued'
echo | $sendmail joe who
ok 'a command of .forward' wait_for 20 test -s /tmp/forward
like 'runs as the user' "$(cat /tmp/forward)" "uid=$(id -u joe)\(joe\)"
unlike 'without root' "$(cat /tmp/forward)" root
ok 'a command of /etc/aliases' wait_for 20 test -s /tmp/who
like 'runs as pca' "$(cat /tmp/who)" '\(pca\).*\(pca\)'
unlike 'and without root' "$(cat /tmp/who)" root
printf 'A%s\0F%s\0T%s\0\0' peer=192.0.2.9 eve@example.org joe >"$t/forged"
rm /home/joe/.forward
echo 'Subject: forged' | as eve eve env PC_PREFIX=/tmp/x \
    /usr/local/libexec/postchaise/qmail-queue 1<"$t/forged"
is 'a user may call qmail-queue, whatever PC_PREFIX says' $? 0
ok 'and it arrives' wait_for 20 has /home/joe/Maildir/new 2
unlike 'but not say where it came from' "$(cat /home/joe/Maildir/new/*)" 192.0.2.9
like 'mailq is not for everybody' "$(as eve eve /usr/local/sbin/mailq 2>&1)" \
    'may not read the queue'
exits 'neither is newaliases' 100 as eve eve /usr/local/sbin/newaliases 2>/dev/null
sed -i /^home_mailbox/d /etc/postchaise/postchaise.conf
/usr/local/sbin/alias-compile 2>/dev/null
echo 'Subject: spool' | $sendmail eve
ok 'a mailbox where only group mail may make one' \
    wait_for 20 grep -qs 'Subject: spool' /var/mail/eve
is 'is the user'\''s' "$(stat -c '%U %a' /var/mail/eve)" 'eve 600'

make -s uninstall >/dev/null
ok 'uninstall removes the programs' test ! -e /usr/local/libexec/postchaise
ok 'not the queue' test -d /var/spool/postchaise
ok 'not the configuration' test -f /etc/postchaise/postchaise.conf
done_testing
