# A queue of its own for the tests of the queue's programs: sourced after
# tests/lib.sh.  The private prefix $t belongs to $quser; everything runs as
# that user.
#
#	queue_make [NAME=VALUE…]  configuration with the domain example.test
#	queue_up, queue_down      queue-start, in the background
#	as COMMAND…               as $quser
#	inject ARGS…              queue-inject -f with the message on 0
#	delivered USER            files in that user's Maildir
if [ "$(id -u)" = 0 ]; then quser=nobody; else quser=; fi
as() { if [ -n "$quser" ]; then setuidgid "$quser" "$@"; else "$@"; fi; }
Q=$t/var/spool/postchaise
V=$t/var/spool/virtual/example.test

queue_make() {
	_u=$(as id -u) _g=$(as id -g)
	mkdir -p "$t/etc/postchaise" "$t/etc/virtual/example.test" \
	    "$t/var/spool/virtual/example.test" "$t/var/run/postchaise" "$t/var/mail" "$t/home"
	{ echo hostname=mail.example.test; echo "virtual-user=$_u:$_g"
	  echo virtual-minimum-uid=1; echo alias-user=local
	  for _s; do echo "$_s"; done; } >"$t/etc/postchaise/postchaise.conf"
	echo "admin:example.test:1:test" >"$t/etc/virtual/domains.cf"
	for _n in alice bob carol dave; do echo "$_n:*"; done \
	    >"$t/etc/virtual/example.test/passwd"
	[ -e "$t/etc/virtual/example.test/aliases" ] ||
	    echo 'postmaster: alice' >"$t/etc/virtual/example.test/aliases"
	[ -e "$t/etc/aliases" ] || echo 'postmaster: local' >"$t/etc/aliases"
	echo "local:x:$_u:$_g::$t/home:/bin/sh" >"$t/etc/passwd"
	[ -z "$quser" ] || chown -R "$quser" "$t"
	as alias-compile 2>"$t/compile.err" || { cat "$t/compile.err" >&2; return 1; }
}

queue_up() {
	rm -f "$Q/control"
	# Not by as(): the pid must be the program's.
	${quser:+setuidgid "$quser"} queue-start 2>>"$t/log" &
	qpid=$!
	started $qpid
	wait_for 5 test -S "$Q/control"
}

# Ends queue-run and waits until its spawners have ended too.
queue_down() {
	kill "${1:--TERM}" $qpid 2>/dev/null
	wait $qpid 2>/dev/null
	wait_for 10 no_spawner
}
no_spawner() {
	for _l in "$Q"/lock/*; do
		[ ! -e "$_l" ] || flock -n "$_l" true || return 1
	done
}

inject() { as queue-inject -f "$@"; }
count() { find "$@" -type f 2>/dev/null | wc -l; }
delivered() { count "$V/$1/new"; }
has_delivered() { [ "$(delivered "$1")" -eq "$2" ]; }
queue_empty() { [ "$(queue_messages)" = 0 ]; }
# Slots whose head does not say free.
queue_messages() {
	find "$Q/slot" -type f -size +0 -exec sh -c \
	    'for f; do [ "$(dd if="$f" bs=1 skip=16 count=1 2>/dev/null)" = F ] ||
	    echo; done' sh {} + 2>/dev/null | wc -l
}
