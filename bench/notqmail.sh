# notqmail for bench/run: as servers.sh; sourced by others.sh.
#
# NOTQMAIL_SRC names its source, which is copied and built for a home in
# $work.  Its users are those of the mount namespace that its programs run in.
# Upstream asks for synchronous directory operations (conf-qmail): the
# directories of the queue and of the Maildirs have chattr +D, but with
# NOTQMAIL_DIRSYNC=no.
# shellcheck disable=SC2016,SC2154

notqmail_version() {
	if [ -e "$NOTQMAIL_SRC/.git" ]; then
		_v=$(git -C "$NOTQMAIL_SRC" describe --always)
	else
		_v="source with checksum $(cat "$NOTQMAIL_SRC"/*.[ch] |
		    sha256sum | cut -c 1-12)"
	fi
	echo "notqmail, $_v, tcpserver and multilog; directories $nq_sync"
}
# notqmail_run COMMAND…: in its control group, with its users.
notqmail_run() {
	cg_run notqmail unshare -m sh -ec '
	    mount --bind "$0/etc/passwd" /etc/passwd
	    mount --bind "$0/etc/group" /etc/group
	    exec "$@"' "$work/notqmail" "$@"
}
# The programs that a server consists of, with upstream's owners and modes.
nq_programs='qmail-queue:4711:qmailq qmail-lspawn:700:root
    qmail-start:700:root qmail-clean:711:root qmail-getpw:711:root
    qmail-local:711:root qmail-remote:711:root qmail-rspawn:711:root
    qmail-send:711:root qmail-smtpd:755:root qmail-newu:700:root'
nq_build() {
	cp -R "$NOTQMAIL_SRC" "$work/notqmail/src" || return 1
	(
		cd "$work/notqmail/src" || exit 1
		echo "$nq" >conf-qmail
		printf '%s\n' alias qmaild qmaill root qmailp qmailq qmailr \
		    qmails >conf-users
		printf '%s\n' qmail nofiles >conf-groups
		for _p in $nq_programs; do echo "${_p%%:*}"; done |
		    xargs make >../build 2>&1
	) && return 0
	echo "bench: notqmail: $(tail -n 1 "$work/notqmail/build")" >&2
	return 1
}
# nq_install, in the namespace: the home and the queue, as upstream's hier.c.
nq_install() {
	notqmail_run sh -euc '
	cd "$0"
	for d in alias bin boot control queue users; do
		install -d -m 755 $d
	done
	for p; do
		name=${p%%:*} owner=${p##*:} mode=${p#*:}
		install -o "$owner" -g qmail -m "${mode%:*}" ../src/$name bin
	done
	cd queue
	chown qmailq:qmail . && chmod 750 .
	split=$(head -n 1 ../../src/conf-split)
	install -d -o qmailq -g qmail -m 700 intd pid
	install -d -o qmailq -g qmail -m 750 lock mess todo
	install -d -o qmails -g qmail -m 700 bounce info local remote
	for i in $(seq 0 $((split - 1))); do
		install -d -o qmailq -g qmail -m 750 mess/$i
		install -d -o qmails -g qmail -m 700 info/$i local/$i remote/$i
	done
	head -c 1024 /dev/zero >lock/tcpto
	chown qmailr:qmail lock/tcpto && chmod 644 lock/tcpto
	: >lock/sendmutex
	chown qmails:qmail lock/sendmutex && chmod 600 lock/sendmutex
	mkfifo lock/trigger
	chown qmails:qmail lock/trigger && chmod 622 lock/trigger
	install -d -o qmaill -g nofiles -m 755 ../../log/qmail
	' "$nq" "$@"
}
# nq_domain NAME DIR TAIL: its users' .qmail files in DIR, each to ./userNTAIL.
nq_domain() {
	echo "$1:$1" >>"$nq/control/virtualdomains"
	echo "$1" >>"$nq/control/rcpthosts"
	echo "+$1-:nobody:$(id -u nobody):$(id -g nobody):$2:-::" \
	    >>"$nq/users/assign"
	for _i in $(seq 0 $((users - 1))); do
		echo "./user$_i$3" >"$2/.qmail-user$_i"
	done
	chown -R nobody "$2"
}
notqmail_make() {
	ns_make notqmail alias qmaild qmaill qmailp qmailq qmailr qmails \
	    qmail nofiles
	notqmail_port=$(free_port)
	notqmail_mail=$work/notqmail/mail/example.test
	notqmail_box=$work/notqmail/mail/mbox.test
	nq=$work/notqmail/home
	mkdir "$nq"
	nq_build || return 1
	# shellcheck disable=SC2086
	nq_install $nq_programs || return 1
	maildirs "$notqmail_mail" nobody:nogroup
	mboxes "$notqmail_box" nobody:nogroup
	echo mail.example.test >"$nq/control/me"
	echo localhost >"$nq/control/locals"
	echo relay.test >"$nq/control/rcpthosts"
	echo ":127.0.0.1:$sink_port" >"$nq/control/smtproutes"
	echo 20 | tee "$nq/control/concurrencylocal" \
	    >"$nq/control/concurrencyremote"
	nq_domain example.test "$notqmail_mail" /
	nq_domain mbox.test "$notqmail_box" ''
	echo . >>"$nq/users/assign"
	notqmail_run "$nq/bin/qmail-newu" || return 1
	nq_sync='not synchronous'
	[ "${NOTQMAIL_DIRSYNC:-}" != no ] || return 0
	find "$nq/queue" "$notqmail_mail" -type d -exec chattr +D {} + &&
	    nq_sync='synchronous'
}
notqmail_start() {
	PATH=$nq/bin:$PATH notqmail_run sh -c 'echo $$ >"$0"; exec "$@"' \
	    "$work/notqmail/send.pid" qmail-start ./Maildir/ \
	    multilog t "$work/notqmail/log/qmail" >>"$work/notqmail/out" 2>&1 &
	notqmail_run sh -c 'echo $$ >"$0"
	    exec tcpserver -R -H -l 0 -c 600 -b 600 \
	    -u "$(id -u qmaild)" -g "$(id -g nofiles)" 127.0.0.1 "$@"' \
	    "$work/notqmail/tcp.pid" "$notqmail_port" "$nq/bin/qmail-smtpd" \
	    >>"$work/notqmail/out" 2>&1 &
	wait_port "$notqmail_port"
}
notqmail_stop() {
	xargs -r kill <"$work/notqmail/tcp.pid"
	xargs -r kill <"$work/notqmail/send.pid"
	sleep 0.5
	cg_end notqmail
}
notqmail_queued() { files_in "$nq/queue/mess"; }
