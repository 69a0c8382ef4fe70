#!/bin/sh
# Real mail servers as TLS clients: Debian's Postfix, and exim4 unpacked from
# its package, send to the receiver by STARTTLS and insist on it.
. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin
[ "$(id -u)" = 0 ] || skip_all 'needs root to start mail servers'
command -v tcpserver >/dev/null || skip_all 'needs tcpserver'
command -v openssl >/dev/null || skip_all 'needs openssl'
. "$top/tests/smtp-recv.sh"
PC_PATH=$t/over:$bin
tls=$t/etc/postchaise/tls
"$top/tests/tools/make-cert" "$tls" localhost
port=$(free_port)
tcpserver -c 100 -HRl0 127.0.0.1 "$port" smtp-recv 2>"$t/log" &
started $!
wait_for 10 tcpclient -RHl0 127.0.0.1 "$port" true
# The envelope comes behind the message.
arrived() { grep -qx "Subject: $1" "$t/msg" && grep -q "^T" "$t/env"; } 2>/dev/null
message() { printf 'From: a@b.test\nTo: alice@example.test\nSubject: %s\n\nhello\n' "$1"; }
some=false

# --- Postfix: verifies the certificate, too --------------------------------------
postfix() { command postfix -c "$t/conf" "$@" >>"$t/start" 2>&1; }
if command -v postfix >/dev/null; then
	some=true
	mkdir "$t/conf" "$t/queue" "$t/data"
	chown postfix "$t/data"
	cat >"$t/conf/main.cf" <<-E
	compatibility_level = 3.6
	queue_directory = $t/queue
	data_directory = $t/data
	maillog_file = $t/maillog
	maillog_file_prefixes = $t
	myhostname = mx.b.test
	mydestination =
	inet_interfaces = loopback-only
	alias_maps =
	relayhost = [localhost]:$port
	smtp_host_lookup = native
	smtp_tls_security_level = secure
	smtp_tls_CAfile = $tls/cert.pem
	smtp_tls_secure_cert_match = localhost
	smtp_tls_loglevel = 1
	E
	cat >"$t/conf/master.cf" <<-E
	pickup unix n - n 60 1 pickup
	cleanup unix n - n - 0 cleanup
	qmgr unix n - n 300 1 qmgr
	tlsmgr unix - - n 1000? 1 tlsmgr
	rewrite unix - - n - - trivial-rewrite
	bounce unix - - n - 0 bounce
	defer unix - - n - 0 bounce
	smtp unix - - n - - smtp
	postlog unix-dgram n - n - 1 postlogd
	E
	trap 'postfix stop; cleanup' EXIT
	if postfix start; then
		wait_for 10 grep -q 'daemon started' "$t/maillog"
		message postfix | MAIL_CONFIG=$t/conf sendmail -C "$t/conf" \
		    -f a@b.test alice@example.test 2>>"$t/start"
		ok 'Postfix sends, under TLS or not at all' \
		    wait_for 20 arrived postfix
		like '  it has verified the certificate' "$(cat "$t/maillog")" \
		    'Verified TLS connection established to localhost.*TLSv1\.3'
		like '  the envelope says ESMTPS' "$(cat "$t/env")" '^Aproto=ESMTPS$'
	else
		sed 's/^/# /' "$t/start"
	fi
	postfix stop
fi

# --- Exim -------------------------------------------------------------------------
# Its package conflicts with Postfix's; its user is there for it alone.
exim=$(command -v exim4)
for f in passwd group; do cp "/etc/$f" "$t/$f"; done
echo 'Debian-exim:x:64991:64991::/nonexistent:/bin/false' >>"$t/passwd"
echo 'Debian-exim:x:64991:' >>"$t/group"
exim() {
	unshare -m sh -c 'mount --bind "$1/passwd" /etc/passwd &&
	    mount --bind "$1/group" /etc/group && shift && exec "$@"' sh "$t" \
	    timeout 30 "$exim" "$@"
}
if [ -z "$exim" ]; then
	mkdir "$t/exim"
	for f in /opt/debs/exim4-daemon-light_*.deb; do
		if [ -f "$f" ]; then cp "$f" "$t/exim/"; fi
	done
	(cd "$t/exim" && { ls ./*.deb || timeout 60 apt-get download \
	    exim4-daemon-light; } && dpkg -x ./*.deb .) >/dev/null 2>&1
	exim=$t/exim/usr/sbin/exim4
fi
mkdir "$t/espool" "$t/elog"
chown nobody "$t/espool" "$t/elog"
cat >"$t/exim.conf" <<E
exim_path = $exim
keep_environment =
spool_directory = $t/espool
log_file_path = $t/elog/%slog
exim_user = nobody
exim_group = nogroup
primary_hostname = mx.b.test
never_users =
trusted_users = root : nobody
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = remote
begin transports
remote:
  driver = smtp
  port = $port
  allow_localhost
  hosts_require_tls = *
  tls_sni = localhost
  tls_verify_certificates = $tls/cert.pem
  tls_verify_hosts = *
  tls_verify_cert_hostnames =
E
if exim -C "$t/exim.conf" -bV >/dev/null 2>&1; then
	some=true
	message exim | exim -C "$t/exim.conf" -odf -f a@b.test \
	    alice@example.test 2>"$t/said"
	ok 'Exim sends, under TLS or not at all' wait_for 10 arrived exim
	# It logs there or here, by what it thinks of the configuration.
	like '  its log says so' "$(cat "$t/elog/mainlog" "$t/said")" \
	    '=> alice@example.test .* X=TLS1\.[23]'
	like '  the envelope says ESMTPS' "$(cat "$t/env")" '^Aproto=ESMTPS$'
fi
$some || skip_all 'neither Postfix nor exim4'
done_testing
