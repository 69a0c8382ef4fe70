# The servers that are measured.  Sourced by bench/run and bench/count, with
# $top (the source tree), $work (a directory of this run) and $users set.
#
# For each server NAME there are NAME_version, NAME_make, NAME_start,
# NAME_stop, NAME_queued (how many messages are in its queue), and the
# variables NAME_port, NAME_mail (the directory of the users' Maildirs, domain
# example.test) and NAME_box (of their mboxes, mbox.test).  Mail for other
# domains goes to 127.0.0.1 port $sink_port.
# Variables that begin with _ do not outlast a call.
# Everything a server starts is put into a control group of its own.
# shellcheck disable=SC2154

# --- control groups: the CPU time of all its processes, ended ones too -----

# cg_init: finds a hierarchy that can be written to.
cg_init() {
	cg_kind=''
	for cg_root in /sys/fs/cgroup /sys/fs/cgroup/unified \
	    /sys/fs/cgroup/cpuacct; do
		[ -e "$cg_root/cgroup.procs" ] || continue
		mkdir "$cg_root/bench.$$" 2>/dev/null || continue
		cg_base=$cg_root/bench.$$
		[ -e "$cg_base/cpu.stat" ] && cg_kind=v2
		[ -e "$cg_base/cpuacct.usage" ] && cg_kind=v1
		[ -n "$cg_kind" ] && return 0
		rmdir "$cg_base"
	done
	echo "bench: no control group can be made here; run as root" >&2
	return 1
}
cg_make() { mkdir "$cg_base/$1"; }
# cg_run NAME COMMAND…
cg_run() {
	sh -c 'echo $$ >"$0" && exec "$@"' \
	    "$cg_base/$1/cgroup.procs" "${@:2}"
}
# Microseconds of user and system time.
cg_cpu() {
	case $cg_kind in
	v2) awk '$1 == "usage_usec" { print $2 }' "$cg_base/$1/cpu.stat" ;;
	v1) awk '{ printf "%d\n", $1 / 1000 }' "$cg_base/$1/cpuacct.usage" ;;
	esac
}
# KiB of memory of all processes: proportional share, and private.
cg_memory() {
	sed 's|.*|/proc/&/smaps_rollup|' "$cg_base/$1/cgroup.procs" |
	    xargs cat 2>/dev/null |
	    awk '$1 == "Pss:" { p += $2 } /^Private_/ { q += $2 }
	    END { print p + 0, q + 0 }'
}
cg_pids() { wc -l <"$cg_base/$1/cgroup.procs"; }
# Ends whatever a server left behind: only what is in its own group.
cg_end() {
	for _i in 1 2 3 4 5 6 7 8 9 10; do
		xargs -r kill -9 <"$cg_base/$1/cgroup.procs" 2>/dev/null
		[ "$(cg_pids "$1")" != 0 ] || return 0
		sleep 0.2
	done
}
cg_remove() {
	cg_end "$1"
	rmdir "$cg_base/$1" 2>/dev/null
}

# --- shared ---------------------------------------------------------------

free_port() {
	python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
# free_ports N: the first of N in a row.
free_ports() {
	python3 -c 'import socket, sys
n = int(sys.argv[1])
while True:
	s = [socket.socket() for i in range(n)]
	s[0].bind(("127.0.0.1", 0))
	port = s[0].getsockname()[1]
	try:
		for i in range(1, n):
			s[i].bind(("127.0.0.1", port + i))
	except OSError:
		continue
	print(port)
	break' "$1"
}
# wait_port PORT: until something there says 220.
wait_port() {
	for _i in $(seq 100); do
		"$load" -m 0 -n 1 -c 1 -T 5 "$1" 2>/dev/null |
		    grep -q 'failed=0' && return 0
		sleep 0.1
	done
	echo "bench: nothing answers on port $1" >&2
	return 1
}
# maildirs DIR OWNER: the users' Maildirs, made before the measurement.
maildirs() {
	for _i in $(seq 0 $((users - 1))); do
		echo "$1/user$_i/new" "$1/user$_i/cur" "$1/user$_i/tmp"
	done | xargs mkdir -p
	chown -R "$2" "$1"
}
# mboxes DIR OWNER: empty ones, so that they are not Maildirs.
mboxes() {
	mkdir -p "$1"
	for _i in $(seq 0 $((users - 1))); do : >"$1/user$_i"; done
	chmod 600 "$1"/*
	chown -R "$2" "$1"
}
files_in() { find "$@" -type f 2>/dev/null | wc -l; }

# Names of the servers that are here.
available() {
	[ ! -x "$top/bin/queue-run" ] || echo postchaise
	! command -v postfix >/dev/null || echo postfix
	! unpack opensmtpd opensmtpd || echo opensmtpd
	! unpack exim4 exim4-base exim4-daemon-light || echo exim4
	[ -z "${NOTQMAIL_SRC:-}" ] || echo notqmail
	echo floor
}
. "$top/bench/others.sh"

# --- the floor ------------------------------------------------------------

floor_version() { echo "bench/floor.c, 10 threads"; }
floor_make() {
	floor_port=$(free_port)
	floor_mail=$work/floor/mail
	mkdir -p "$work/floor/queue"
	maildirs "$floor_mail" root
}
floor_start() {
	cg_run floor "$top/build/bench/floor" "$floor_port" \
	    "$work/floor/queue" "$floor_mail" 2>"$work/floor/log" &
	floor_pid=$!
	wait_port "$floor_port"
}
floor_stop() { kill "$floor_pid"; wait "$floor_pid" 2>/dev/null; }
floor_queued() { echo 0; }

# --- Postfix: Debian's package, in an instance of its own -----------------

postfix_version() {
	echo "Postfix $(postconf -d -h mail_version), Debian's package"
}
postfix_make() {
	postfix_port=$(free_port)
	postfix_mail=$work/postfix/mail/example.test
	pf=$work/postfix/etc
	mkdir -p "$pf" "$work/postfix/queue" "$work/postfix/data"
	chown postfix "$work/postfix/data"
	postfix_box=$work/postfix/mail/mbox.test
	maildirs "$postfix_mail" nobody:nogroup
	mboxes "$postfix_box" nobody:nogroup
	map="hash"
	[ ! -e /usr/lib/postfix/postfix-cdb.so ] || map=cdb
	for _i in $(seq 0 $((users - 1))); do
		echo "user$_i@example.test example.test/user$_i/"
		echo "user$_i@mbox.test mbox.test/user$_i"
	done >"$pf/vmailbox"
	cat >"$pf/main.cf" <<-END
	compatibility_level = 3.6
	queue_directory = $work/postfix/queue
	data_directory = $work/postfix/data
	maillog_file = $work/postfix/log
	maillog_file_prefixes = $work
	myhostname = mail.example.test
	mydestination = localhost
	inet_interfaces = 127.0.0.1
	inet_protocols = ipv4
	alias_maps =
	alias_database =
	disable_dns_lookups = yes
	smtpd_peername_lookup = no
	relayhost = [127.0.0.1]:$sink_port
	message_size_limit = 20000000
	virtual_mailbox_limit = 0
	default_process_limit = 600
	virtual_mailbox_domains = example.test mbox.test
	virtual_mailbox_base = $work/postfix/mail
	virtual_mailbox_maps = $map:$pf/vmailbox
	virtual_uid_maps = static:$(id -u nobody)
	virtual_gid_maps = static:$(id -g nobody)
	END
	[ ! -e /etc/postfix/dynamicmaps.cf ] ||
	    cp -R /etc/postfix/dynamicmaps.cf* "$pf"
	# Debian's services without chroot, on our port.
	sed -n '/^ *#/!p' /usr/share/postfix/master.cf.dist |
	    awk -v port="$postfix_port" '
	    $1 == "smtp" && $2 == "inet" { $1 = "127.0.0.1:" port }
	    /^[^ \t]/ { $5 = "n" }
	    { print }' >"$pf/master.cf"
	postmap -c "$pf" "$map:$pf/vmailbox"
}
postfix_start() {
	cg_run postfix postfix -c "$pf" start >>"$work/postfix/start" 2>&1
	wait_port "$postfix_port"
}
postfix_stop() { postfix -c "$pf" stop >>"$work/postfix/start" 2>&1; }
postfix_queued() {
	files_in "$work"/postfix/queue/{incoming,active,deferred,maildrop}
}

# --- postchaise: as bin/try makes it, all of it as one plain user ---------

postchaise_version() {
	echo "postchaise, supervised, tcpserver and multilog, all as $sys_user"
}
postchaise_make() {
	sys_user=nobody
	pc=$work/postchaise
	postchaise_port=$(free_ports 3)
	postchaise_mail=$pc/var/spool/virtual/example.test
	# shellcheck disable=SC1091
	. "$top/tests/system.sh"
	make_system "$pc" 2>/dev/null || return 1
	# Copies, so that a build meanwhile changes nothing.
	for _f in "$top"/bin/*; do
		[ ! -L "$pc/bin/${_f##*/}" ] ||
		    cp --remove-destination "$_f" "$pc/bin/"
	done
	postchaise_box=$pc/var/spool/virtual/mbox.test
	maildirs "$postchaise_mail" "$sys_user"
	mboxes "$postchaise_box" "$sys_user"
	for _d in example.test mbox.test; do
		echo "$sys_user:$_d:1:"
	done | sys_put "$pc/etc/virtual/domains.cf"
	mkdir -p "$pc/etc/virtual/mbox.test"
	for _d in example.test mbox.test; do
		for _i in $(seq 0 $((users - 1))); do echo "user$_i:*"; done \
		    >"$pc/etc/virtual/$_d/passwd"
	done
	chown -R "$sys_user" "$pc/etc/virtual"
	cat >>"$pc/etc/postchaise/postchaise.conf" <<-END
	virtual-mailbox=mbox.test:mbox
	relay-host=[127.0.0.1]:$sink_port
	END
	mkdir -p "$pc/env" "$pc/service/smtp-recv"
	echo >"$pc/env/RELAYCLIENT"
	cat >"$pc/service/smtp-recv/run" <<-'END'
	#!/bin/sh
	exec 2>&1
	exec envdir ../../env sh -c 'exec pgrphack tcpserver -R -H -l 0 \
	    -c 600 -b 600 127.0.0.1 "$PORT" smtp-recv'
	END
	chmod 755 "$pc/service/smtp-recv/run"
	chown -R "$sys_user" "$pc/env" "$pc/service"
	sys_put "$pc/etc/virtual/example.test/aliases" </dev/null
	echo "postmaster: user0@example.test" | sys_put "$pc/etc/aliases"
	in_system "$pc" alias-compile
}
postchaise_start() {
	(
		echo $BASHPID >"$cg_base/postchaise/cgroup.procs"
		start_system "$pc" "$postchaise_port"
	)
}
postchaise_stop() { (stop_system "$pc"); }
# A slot's 17th byte is Q while there is something to do with its message.
postchaise_queued() {
	# shellcheck disable=SC2016
	find "$pc/var/spool/postchaise/slot" -type f -exec perl -e '
	    for (@ARGV) {
		open(my $f, "<", $_) or next;
		sysread($f, my $b, 17) == 17 or next;
		$n++ if substr($b, 16) eq "Q";
	    } print $n + 0, "\n"' {} + 2>/dev/null |
	    awk '{ n += $1 } END { print n + 0 }'
}
