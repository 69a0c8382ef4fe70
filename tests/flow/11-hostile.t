#!/bin/sh
# Users who attack the system from within, in a scratch root: the queue's user
# gets no more than the queue, a user of the host no more than his own.
. "$(dirname "$0")/../lib.sh"

if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || skip_all 'needs root'
	mkdir "$t/root"
	export top
	scratch=$top/tests/tools/scratch-root
	$scratch "$t/root" true 2>"$t/why" ||
	    skip_all "no scratch root: $(tail -n 1 "$t/why")"
	mkdir "$t/root2"
	$scratch "$t/root2" sh /src/tests/flow/11-hostile.t inside
	exit
fi

cd "$top" || exit 1
unset PC_PREFIX PC_PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
rm -rf /etc/aliases /etc/virtual /etc/postchaise /var/spool/postchaise
libexec=/usr/local/libexec/postchaise
log=$t/log; : >"$log"
{ bin/add-users && make -s install; } >/dev/null 2>&1 || exit 1
as() { setuidgid "$@"; }
owner() { stat -c '%U' "$@"; }

# The queue's user: links in the directory that root works in.
mkdir "$t/victim"
install -d -o pcq -g pcq -m 700 /var/spool/postchaise
as pcq ln -s "$t/victim" /var/spool/postchaise/lock
$libexec/queue-start 2>>"$log" &
qpid=$!; started $qpid
ok 'queue-start refuses a link for its lock directory' \
    wait_for 10 sh -c "! kill -0 $qpid"
is 'gives it to nobody' "$(owner "$t/victim")" root
is 'and makes nothing there' "$(ls "$t/victim")" ''
rm /var/spool/postchaise/lock

# Users: what one may not read no list of his reads for him.
useradd -m alice; useradd -m bob; useradd -m carl
echo private-of-alice >/home/alice/diary
chown alice /home/alice/diary; chmod 600 /home/alice/diary
for h in /home/bob /home/alice; do chmod 755 $h; done
for u in bob carl; do
	mkdir /home/$u/lists
	ln -s /home/alice/diary /home/$u/link
	ln -s /home/alice /home/$u/dir
	echo bob >/home/$u/lists/own
	chown -hR $u /home/$u; chmod 600 /home/$u/lists/own
done
mkdir -p /etc/virtual/carl.test
echo carl:carl.test:1:his >/etc/virtual/domains.cf
echo 'his: :include:/home/alice/diary' >/etc/virtual/carl.test/aliases
chown -R carl /etc/virtual/carl.test
echo 'carl:x' >/etc/virtual/carl.test/passwd
{ echo hostname=mail.example.test; echo virtual-user=owner; echo alias-user=pca
  echo home_mailbox=Maildir/; } >/etc/postchaise/postchaise.conf
{ echo 'postmaster: alice'; echo 'root: alice'
  echo 'link: :include:/home/bob/link'; echo 'dir: :include:/home/bob/dir/diary'
  echo 'own: :include:/home/bob/lists/own'; } >/etc/aliases
/usr/local/sbin/alias-compile || exit 1
install -d -o pcq -g pcn -m 1775 /var/run/postchaise
$libexec/queue-start 2>>"$log" &
qpid=$!; started $qpid
wait_for 10 test -S /var/spool/postchaise/control
for to in link dir own his@carl.test; do
	echo "Subject: $to" | as bob /usr/local/sbin/sendmail $to
done
logged() { grep -q "orig_to=<$1@\?.*$2" "$log"; }
for to in link dir his; do
	ok "the list $to is tried" wait_for 10 logged $to 'status=deferred'
done
unlike 'no list shows what another user keeps for himself' "$(cat "$log")" \
    private-of-alice
ok 'his own is read, as him' wait_for 10 \
    grep -q ' to=<bob.* orig_to=<own@.*status=sent' "$log"
kill $qpid; wait $qpid

echo 'key: secret-of-root' >/root/keys; chmod 600 /root/keys
chmod 755 /etc/virtual
rm /etc/virtual/carl.test/aliases
as carl ln -s /root/keys /etc/virtual/carl.test/aliases
ok "a domain's owner cannot have a file of root's compiled" \
    sh -c '! /usr/local/sbin/alias-compile 2>"$1"' sh "$t/said"
like 'and is named' "$(cat "$t/said")" \
    "^/etc/virtual/carl.test/aliases: .*unsafe link: uid $(id -u carl)"
unlike 'the old tables stay' \
    "$(/usr/local/sbin/route-explain key@carl.test 2>&1)" secret-of-root
done_testing
