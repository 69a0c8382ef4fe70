# OpenSMTPD, Exim and notqmail for bench/run: as servers.sh, which sources
# this.  The first two are Debian's packages, which cannot be installed beside
# Postfix: they are fetched, unpacked below build/, and run in a mount
# namespace where their files lie over the system's.
# shellcheck disable=SC2154
. "$top/bench/notqmail.sh"

# unpack NAME PACKAGE…: into $debs/NAME.
debs=$top/build/bench-debs
unpack() {
	[ ! -e "$debs/$1/done" ] || return 0
	mkdir -p "$debs/$1"
	(
		cd "$debs/$1" && apt-get -qq download "${@:2}" || exit 1
		for _f in *.deb; do dpkg -x "$_f" . || exit 1; done
		touch done
	) >/dev/null 2>&1
}
# ns_make NAME USER…: the system's /etc with these users, an own /var/spool.
ns_make() {
	ns=$work/$1
	mkdir -p "$ns/etc" "$ns/spool" "$ns/log" "$ns/run"
	cp /etc/passwd /etc/group "$ns/etc"
	# None asks anything that matters: a name server that says no at once.
	echo 'nameserver 127.0.0.1' >"$ns/etc/resolv.conf"
	echo '127.0.0.1 localhost' >"$ns/etc/hosts"
	_id=61000
	for _u in "${@:2}"; do
		echo "$_u:x:$_id:$_id::/nonexistent:/usr/sbin/nologin" \
		    >>"$ns/etc/passwd"
		echo "$_u:x:$_id:" >>"$ns/etc/group"
		_id=$((_id + 1))
	done
}
# ns_run NAME COMMAND…: in its control group and namespace.  /usr and /etc
# are the package's and ns_make's over the system's.
ns_run() {
	# shellcheck disable=SC2016
	cg_run "$1" unshare -m sh -ec '
	    mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
	    mount -t overlay overlay -o "lowerdir=$2/etc:/etc" /etc
	    mount --bind "$2/spool" /var/spool
	    mount --bind "$2/log" /var/log
	    mount --bind "$2/run" /run
	    mount -t tmpfs tmpfs /var/lib
	    mkdir -m 755 -p /var/lib/opensmtpd/empty
	    shift 2
	    exec "$@"' sh "$debs/$1" "$work/$1" "${@:2}"
}

# --- OpenSMTPD ------------------------------------------------------------

opensmtpd_version() {
	echo "OpenSMTPD, Debian's package $(cd "$debs/opensmtpd" &&
	    echo opensmtpd_*.deb); no sync before 250"
}
opensmtpd_make() {
	unpack opensmtpd opensmtpd || return 1
	ns_make opensmtpd opensmtpd opensmtpq
	opensmtpd_port=$(free_port)
	opensmtpd_mail=$work/opensmtpd/mail/example.test
	opensmtpd_box=$work/opensmtpd/mail/mbox.test
	maildirs "$opensmtpd_mail" nobody:nogroup
	mboxes "$opensmtpd_box" nobody:nogroup
	mkdir -m 711 "$work/opensmtpd/spool/smtpd"
	cat >"$work/opensmtpd/etc/smtpd.conf" <<-END
	smtp max-message-size "20M"
	table users file:/etc/users
	listen on lo inet4 port $opensmtpd_port hostname mail.example.test
	action md maildir "$opensmtpd_mail/%{user.username}" userbase <users>
	action mb mda "/usr/libexec/opensmtpd/mail.mboxfile -f \
	%{mbox.from} $opensmtpd_box/%{user.username}" userbase <users>
	action remote relay host smtp://127.0.0.1:$sink_port
	match from any for domain "example.test" action md
	match from any for domain "mbox.test" action mb
	match from any for any action remote
	END
	for _i in $(seq 0 $((users - 1))); do
		echo "user$_i $(id -u nobody):$(id -g nobody):$work/opensmtpd/home"
	done >"$work/opensmtpd/etc/users"
	mkdir -m 700 "$work/opensmtpd/home"
	chown nobody "$work/opensmtpd/home"
}
opensmtpd_start() {
	ns_run opensmtpd smtpd -d -f /etc/smtpd.conf \
	    >>"$work/opensmtpd/out" 2>&1 &
	opensmtpd_pid=$!
	wait_port "$opensmtpd_port"
}
opensmtpd_stop() {
	kill "$opensmtpd_pid"
	wait "$opensmtpd_pid" 2>/dev/null
	cg_end opensmtpd
}
opensmtpd_queued() {
	files_in "$work"/opensmtpd/spool/smtpd/{queue,incoming}
}

# --- Exim -----------------------------------------------------------------

exim4_version() {
	echo "Exim, Debian's package $(cd "$debs/exim4" &&
	    echo exim4-daemon-light_*.deb)"
}
exim4_make() {
	unpack exim4 exim4-base exim4-daemon-light || return 1
	ns_make exim4 Debian-exim
	exim4_port=$(free_port)
	exim4_mail=$work/exim4/mail/example.test
	exim4_box=$work/exim4/mail/mbox.test
	maildirs "$exim4_mail" nobody:nogroup
	mboxes "$exim4_box" nobody:nogroup
	mkdir -p "$work/exim4/etc/exim4" "$work/exim4/spool/exim4" \
	    "$work/exim4/log/exim4"
	chown 61000:61000 "$work/exim4/spool/exim4" "$work/exim4/log/exim4"
	for _i in $(seq 0 $((users - 1))); do echo "user$_i: user$_i"; done \
	    >"$work/exim4/etc/exim4/users"
	cat >"$work/exim4/etc/exim4/exim4.conf" <<-END
	primary_hostname = mail.example.test
	local_interfaces = 127.0.0.1
	daemon_smtp_ports = $exim4_port
	host_lookup =
	rfc1413_query_timeout = 0s
	tls_advertise_hosts =
	keep_environment =
	smtp_accept_max = 600
	smtp_accept_queue_per_connection = 0
	smtp_load_reserve =
	message_size_limit = 20M
	recipients_max = 1000
	acl_smtp_rcpt = rcpt
	begin acl
	rcpt:
	  accept hosts = 127.0.0.1
	begin routers
	md:
	  driver = accept
	  domains = example.test
	  local_parts = lsearch;/etc/exim4/users
	  transport = md
	mb:
	  driver = accept
	  domains = mbox.test
	  local_parts = lsearch;/etc/exim4/users
	  transport = mb
	remote:
	  driver = manualroute
	  domains = ! example.test : ! mbox.test
	  route_list = * 127.0.0.1 byname
	  self = send
	  transport = remote
	begin transports
	md:
	  driver = appendfile
	  maildir_format
	  directory = $exim4_mail/\$local_part_data
	  user = nobody
	  group = nogroup
	mb:
	  driver = appendfile
	  file = $exim4_box/\$local_part_data
	  user = nobody
	  group = nogroup
	remote:
	  driver = smtp
	  port = $sink_port
	  allow_localhost
	begin retry
	* * F,1h,5m; G,5d,1h,1.5
	END
	sed -i '/^smtp_load_reserve/d' "$work/exim4/etc/exim4/exim4.conf"
}
exim4_start() {
	ns_run exim4 exim4 -bdf -q5m >>"$work/exim4/out" 2>&1 &
	exim4_pid=$!
	wait_port "$exim4_port"
}
exim4_stop() {
	kill "$exim4_pid"
	wait "$exim4_pid" 2>/dev/null
	cg_end exim4
}
exim4_queued() { files_in "$work/exim4/spool/exim4/input"; }
