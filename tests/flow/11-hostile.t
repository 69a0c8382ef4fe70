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
done_testing
