# A private postchaise below one directory, all of it as one plain user: for
# bin/try and tests/flow.  Sourced, with $top (the source tree) set.
#
#	make_system DIR		configuration, users and programs; DIR may exist
#	start_system DIR PORT	svscan and queue-run; on 127.0.0.1 smtp-recv at
#				PORT, submission at PORT+1 and, under TLS from
#				the start, at PORT+2
#	stop_system DIR		ends all of it
#	in_system DIR COMMAND…	as the system's user, with its environment
#	smtp_send PORT FROM TO	sends the message on 0; prints the last reply
#	smtp_login DIR PORT LOGIN PASSWORD TO
#				the same, with STARTTLS and a login, to a system
#				that was started in DIR
#
# alice, bob and carol@example.test may log in; the password of each is the
# name and -secret.
# $sys_user is who runs it: the invoking user, for root nobody or what was set
# before.  $sys_path, if set, stands in PC_PATH before the system's programs.
# Root itself does nothing below DIR but make it: the rest is the user's.

sys_top=$top
if [ "$(id -u)" = 0 ]; then
	: "${sys_user:=nobody}"
	sys_as="setuidgid $sys_user"
else
	sys_user=$(id -un 2>/dev/null) || sys_user=user
	sys_as=
fi

sys_say() { echo "system: $*" >&2; }
# put FILE: writes descriptor 0 into FILE, as the system's user.
sys_put() { $sys_as sh -c 'cat >"$1"' sh "$1"; }
# put it only if there is none yet: the user's changes stay.
sys_put_new() { if [ -e "$1" ]; then cat >/dev/null; else sys_put "$1"; fi; }

in_system() {
	_d=$1; shift
	$sys_as env PC_PREFIX="$_d" PC_PATH="${sys_path:+$sys_path:}$_d/bin" \
	    PATH="$_d/bin:$PATH" "$@"
}

# Fills DIR/bin: links to the programs, or copies if the user cannot reach
# the source tree.
sys_programs() {
	_p=
	for _f in "$sys_top"/*.c; do
		_f=${_f##*/}; _f=${_f%.c}
		[ ! -x "$sys_top/bin/$_f" ] || _p="$_p $_f"
	done
	if $sys_as test -x "$sys_top/bin/smtp-recv"; then
		for _f in $_p; do $sys_as ln -sf "$sys_top/bin/$_f" "$1/bin/"; done
	else
		# shellcheck disable=SC2086
		(cd "$sys_top/bin" && tar -cf - $_p) |
		    (cd / && $sys_as tar -xf - -C "$1/bin") || return 1
	fi
	for _f in sendmail mailq newaliases runq; do
		$sys_as ln -sf mail-submit "$1/bin/$_f"
	done
}

# As htpasswd writes it (MD5), htpasswd -B (bcrypt), mkpasswd (yescrypt).
sys_passwd() {
	sys_put "$1/etc/virtual/example.test/passwd" <<-'END'
	alice:$apr1$Vp/V8.PU$AzvH7IvBYIBN6iJLbVGMB/
	bob:$2y$08$WM7Ef.aIDCmePkztjWZ8F.zoIUQkBomMvh3Ax10ZnvTbyExliUBva
	carol:$y$j9T$qv3Lw0sCk1XyP7dFaZb2e/$MVGf8PUhLKpBreNdwc/jtwESdklAwBeVetrL90Ig5R2
	END
}

# A certificate for localhost, as the system's user, who may not be able to
# reach the source tree.
sys_certificate() {
	[ ! -e "$1/etc/postchaise/tls/cert.pem" ] || return 0
	(cd / && $sys_as sh -s -- "$1/etc/postchaise/tls") \
	    <"$sys_top/tests/tools/make-cert"
}

sys_configuration() {
	_u=$($sys_as id -u) _g=$($sys_as id -g)
	sys_put "$1/etc/postchaise/postchaise.conf" <<-END
	# postchaise.conf(5).  After a change: newaliases, then svc -h
	# service/queue-run.
	hostname=mail.example.test
	# Needs no DNS:
	verify-from=0
	# All of this system is one user's.
	virtual-user=$_u:$_g
	alias-user=$sys_user
	END
	sys_put "$1/etc/passwd" <<-END
	$sys_user:x:$_u:$_g:Invoking user:$1/home/$sys_user:/bin/sh
	END
	sys_put "$1/etc/aliases" <<-END
	# Of the names of this system (localhost).
	postmaster: alice@example.test
	mailer-daemon: postmaster
	root: postmaster
	END
	sys_put "$1/etc/virtual/domains.cf" <<-END
	$sys_user:example.test:1:a domain to try things with
	END
	sys_passwd "$1"
	sys_put "$1/etc/virtual/example.test/aliases" <<-END
	team: alice, bob
	postmaster: alice
	log: "|cat >>$1/var/log/alias-log"
	END
	$sys_as chmod 600 "$1/etc/virtual/example.test/passwd"
}

make_system() {
	case $1 in
	*[!A-Za-z0-9/._+,@-]*)
		sys_say "the path $1 has other characters than letters," \
		    "digits and / . _ + , @ -"
		return 1 ;;
	esac
	if [ ! -e "$1" ]; then
		mkdir -p "$1" || return 1
		[ -z "$sys_as" ] || chown "$sys_user" "$1" || return 1
	fi
	if ! $sys_as test -w "$1" -a -x "$1"; then
		sys_say "user $sys_user may not use $1"
		return 1
	fi
	_new=true
	if [ -e "$1/etc/postchaise/postchaise.conf" ]; then _new=false; fi
	$sys_as mkdir -p "$1/bin" "$1/env" "$1/service" "$1/etc/postchaise" \
	    "$1/etc/virtual/example.test" "$1/home/$sys_user" \
	    "$1/var/log" "$1/var/run/postchaise" "$1/var/mail" \
	    "$1/var/spool/virtual" "$1/var/lib/postchaise/rate" || return 1
	sys_programs "$1" || return 1
	sys_certificate "$1" || return 1
	if $_new; then
		_v=$1/var/spool/virtual/example.test
		sys_configuration "$1" || return 1
		for _f in new cur tmp; do
			$sys_as mkdir -p "$_v/alice/$_f" "$_v/carol/$_f"
		done
		$sys_as touch "$_v/bob"
		$sys_as chmod 600 "$_v/bob"
	elif ! grep -qvE '^(alice|bob|carol):\*$' \
	    "$1/etc/virtual/example.test/passwd"; then
		sys_passwd "$1" # made before there were logins
	fi
	in_system "$1" alias-compile
}

# service DIR NAME: the run file is on 0, unless there is one already.
sys_service() {
	$sys_as mkdir -p "$1/service/$2/log" "$1/var/log/$2"
	sys_put_new "$1/service/$2/run"
	sys_put_new "$1/service/$2/log/run" <<-END
	#!/bin/sh
	exec multilog t s1000000 n10 ../../../var/log/$2
	END
	$sys_as chmod 755 "$1/service/$2/run" "$1/service/$2/log/run"
}

# pgrphack gives each service a process group, which stop_system ends.
sys_services() {
	sys_service "$1" smtp-recv <<-'END'
	#!/bin/sh
	# A line more for tcprules(1)? Put -x ../../etc/tcp.cdb before 127.0.0.1.
	exec 2>&1
	exec envdir ../../env sh -c 'exec pgrphack tcpserver -R -H -l 0 \
	    -c 200 -b 200 127.0.0.1 "$PORT" smtp-recv'
	END
	sys_service "$1" submission <<-'END'
	#!/bin/sh
	exec 2>&1
	exec envdir ../../env env PC_SERVICE=submission sh -c 'exec pgrphack \
	    tcpserver -R -H -l 0 -c 200 -b 200 127.0.0.1 $((PORT + 1)) smtp-recv'
	END
	sys_service "$1" submissions <<-'END'
	#!/bin/sh
	exec 2>&1
	exec envdir ../../env env PC_SERVICE=submission sh -c 'exec pgrphack \
	    tcpserver -R -H -l 0 -c 200 -b 200 127.0.0.1 $((PORT + 2)) \
	    tls-serve smtp-recv'
	END
	sys_service "$1" queue-run <<-'END'
	#!/bin/sh
	exec 2>&1
	exec envdir ../../env pgrphack queue-start
	END
	sys_service "$1" queue-inject <<-'END'
	#!/bin/sh
	exec 2>&1
	exec envdir ../../env pgrphack queue-inject -s
	END
	[ -x "$1/bin/mx-lookup" ] || return 0
	sys_service "$1" mx-lookup <<-'END'
	#!/bin/sh
	exec 2>&1
	exec envdir ../../env pgrphack mx-lookup -s
	END
}

# kill(1), as the system's user: only its processes can be meant.
sys_kill() { $sys_as sh -c 'kill "$@" 2>/dev/null' sh "$@"; }
# Does something take connections on 127.0.0.1 PORT?
sys_listens() { tcpclient -qRHl0 -T 2 127.0.0.1 "$1" true 2>/dev/null; }
# Does it greet?
sys_greets() {
	tcpclient -qRHl0 -T 2 127.0.0.1 "$1" sh -c \
	    'read -r l <&6; printf "QUIT\r\n" >&7; case $l in 220*) exit 0; esac
	    exit 1' 2>/dev/null
}

# The pid file is the user's: a number is all that is taken from it.
sys_pid() {
	_l=
	read -r _l 2>/dev/null <"$1/var/run/svscan.pid" || return 1
	case $_l in ''|*[!0-9]*|0|1) return 1 ;; esac
	echo "$_l"
}

start_system() {
	if svok "$1/service/smtp-recv" 2>/dev/null; then
		sys_say "$1 is running already"
		return 1
	fi
	for _p in "$2" $(($2 + 1)) $(($2 + 2)); do
		if sys_listens "$_p"; then
			sys_say "port $_p of 127.0.0.1 is taken; choose another"
			return 1
		fi
	done
	echo "$1" | sys_put "$1/env/PC_PREFIX"
	echo "${sys_path:+$sys_path:}$1/bin" | sys_put "$1/env/PC_PATH"
	echo "$1/bin:$PATH" | sys_put "$1/env/PATH"
	echo "$2" | sys_put "$1/env/PORT"
	sys_services "$1"
	cd "$1" || return 1
	$sys_as env -i PATH="$PATH" HOME="$1/home/$sys_user" USER="$sys_user" \
	    LC_ALL=C pgrphack svscan "$1/service" \
	    </dev/null >/dev/null 2>"$1/var/log/svscan" &
	sys_svscan=$!
	cd "$OLDPWD" || return 1
	echo $sys_svscan | sys_put "$1/var/run/svscan.pid"
	_n=200
	# queue-run makes the trigger last of all that queue-inject needs.
	until [ -p "$1/var/spool/postchaise/trigger" ] && sys_greets "$2" &&
	    sys_greets $(($2 + 1)) && sys_listens $(($2 + 2)); do
		_n=$((_n - 1))
		if [ $_n = 0 ]; then
			sys_say "no greeting on port $2; the log says:"
			tail -n 5 "$1"/var/log/*/current >&2
			stop_system "$1"
			return 1
		fi
		sleep 0.1
	done
}

# The process group that a service's run has made, 0 if it is down.
sys_group() { svstat "$1" | sed -n 's/.*: up (pid \([0-9]*\)).*/\1/p'; }
sys_any_ok() {
	for _s; do if svok "$_s" 2>/dev/null; then return 0; fi; done
	return 1
}
# Waits until no supervise of these is left: 1 after SECONDS.
sys_gone() {
	_n=$(($1 * 10)); shift
	while sys_any_ok "$@"; do
		_n=$((_n - 1))
		[ $_n -gt 0 ] || return 1
		sleep 0.1
	done
}

# The scanner first, so that nothing is started again; the services, with
# the sessions that tcpserver leaves; their logs last, which end when nobody
# writes to them any more; then whatever should be left of the groups.
stop_system() {
	_groups=
	if _pid=$(sys_pid "$1"); then sys_kill -TERM "$_pid"; fi
	for _s in "$1"/service/*; do
		svok "$_s" 2>/dev/null || continue
		_groups="$_groups $(sys_group "$_s")"
		$sys_as svc -dx "$_s"
	done
	for _g in $_groups; do
		# Not queue-run's children: it waits for them itself.
		case $(svstat "$1/service/queue-run" 2>/dev/null) in
		*"pid $_g)"*) ;;
		*) sys_kill -TERM "-$_g" ;;
		esac
	done
	sys_gone 15 "$1"/service/*
	for _g in $_groups; do sys_kill -KILL "-$_g"; done
	$sys_as svc -dx "$1"/service/*/log 2>/dev/null
	sys_gone 5 "$1"/service/* "$1"/service/*/log
	if [ -n "$_pid" ]; then sys_kill -KILL "-$_pid"; fi
	$sys_as rm -f "$1/var/run/svscan.pid"
	return 0
}

# The client's side of a session on descriptors 6 and 7, for sh -c:
# smtp_talk GREETED FROM TO [AUTH], the message on 0.
sys_talk='
	cr=$(printf "\r")
	reply() {
		while IFS= read -r line <&6; do
			case $line in ???-*) ;; *) break ;; esac
		done
		line=${line%"$cr"}
		case $line in $1*) ;; *) echo "$line"; exit 1 ;; esac
	}
	say() { printf "%s\r\n" "$1" >&7; }
	$1 || reply 220; say "EHLO localhost"
	if [ $# = 4 ]; then reply 250; say "AUTH PLAIN $4"; reply 235
	else reply 250; fi
	say "MAIL FROM:<$2>"
	reply 250; say "RCPT TO:<$3>"
	reply 250; say DATA
	reply 354; sed -e "s/^\./../" -e "s/\$/$cr/" >&7; say .
	reply 250; echo "$line"; say QUIT
	reply 221'

smtp_send() {
	tcpclient -RHl0 127.0.0.1 "$1" sh -c "$sys_talk" smtp_talk \
	    false "$2" "$3"
}

# The certificate must be the system's own.
smtp_login() {
	_f=$1/var/login.$$
	$sys_as mkfifo "$_f.in" "$_f.out" || return 1
	openssl s_client -quiet -verify_return_error -verify_hostname localhost \
	    -CAfile "$1/etc/postchaise/tls/cert.pem" -starttls smtp \
	    -connect "127.0.0.1:$2" <"$_f.in" >"$_f.out" 2>/dev/null &
	sh -c "$sys_talk" smtp_talk true "$3" "$5" \
	    "$(printf '\0%s\0%s' "$3" "$4" | openssl base64 -A)" \
	    7>"$_f.in" 6<"$_f.out"
	_r=$?
	wait $!
	$sys_as rm -f "$_f.in" "$_f.out"
	return $_r
}
