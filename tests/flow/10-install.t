#!/bin/sh
# The multi-user installation, by the commands of INSTALL's part A, in a
# scratch root: every program runs as the table modes says, the receiver can
# read nothing that is not its own, and mail arrives.
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
new=/var/spool/virtual/example.org/alice/new

# owner FILE…
owner() { stat -c '%U' "$@"; }
# as USER GROUP COMMAND…
as() { _u=$1 _g=$2; shift 2; setpriv --reuid "$_u" --regid "$_g" --clear-groups "$@"; }
count() { find "$1" -type f 2>/dev/null | wc -l; }
has() { [ "$(count "$1")" -ge "$2" ]; }

ok 'mail from sendmail arrives' wait_for 20 has $new 1
is 'as the virtual user' "$(owner $new/*)" mail
ok 'SMTP answers on port 25' wait_for 20 sys_greets 25
like 'SMTP takes a message' "$(printf 'Subject: two\n\nbody\n' |
    smtp_send 25 alice@example.org alice@example.org)" '^250 '
ok 'and it arrives' wait_for 20 has $new 2
like 'it relays for nobody' "$(echo | smtp_send 25 alice@example.org b@example.com)" \
    '^550 5.7.1'

# Who runs as what.
tcpclient -RHl0 127.0.0.1 25 sleep 60 &
started $!
runs() { ps -eo user:20=,group:20=,comm= | awk -v p="$1" '
    $3 == p { print $1 ":" $2 }' | sort -u | tr '\n' ' '; }
ok 'a session is there' wait_for 10 sh -c 'ps -eo comm= | grep -qx smtp-recv'
is 'smtp-recv' "$(runs smtp-recv)" 'pcd:pcmail '
is 'queue-run' "$(runs queue-run)" 'pcq:pcq '
is 'deliver-spawn' "$(runs deliver-spawn)" 'pcr:pcr root:root '
is 'mx-lookup' "$(runs mx-lookup)" 'pcn:pcn '
is 'multilog' "$(runs multilog)" 'pcl:pcl '
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
    $tables/auth.cdb /etc/virtual /var/log/postchaise/queue-run /home/joe/Maildir; do
	ok "but not $f" as pcd pcmail sh -c "! test -r $f && ! test -x $f"
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
