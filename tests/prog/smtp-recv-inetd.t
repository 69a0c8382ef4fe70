#!/bin/sh
# smtp-recv under inetd: no environment tells it who the client is.
. "$(dirname "$0")/../lib.sh"
inetd=$(command -v inetd || ls /usr/sbin/inetd 2>/dev/null) || skip_all "no inetd"
. "$top/tests/smtp-recv.sh"

# By a shell that says where the log goes, and directly.
user=$(id -un) p4=$(free_port) p6=$(free_port) direct=$(free_port)
cat >"$t/recv" <<END
#!/bin/sh
PATH=$PATH PC_PREFIX=$PC_PREFIX PC_PATH=$PC_PATH
export PATH PC_PREFIX PC_PATH
exec $bin/smtp-recv 2>>$t/log
END
chmod 755 "$t/recv"
cat >"$t/inetd.conf" <<END
127.0.0.1:$p4 stream tcp nowait.1000 $user $t/recv smtp-recv
[::1]:$p6 stream tcp6 nowait.1000 $user $t/recv smtp-recv
127.0.0.1:$direct stream tcp nowait.1000 $user /usr/bin/env env PC_PREFIX=$PC_PREFIX PC_PATH=$PC_PATH $bin/smtp-recv
END
cd "$t" && "$inetd" -i "$t/inetd.conf" >"$t/inetd.out" 2>&1 &
started $!
talk=$top/tests/tools/smtp-talk
wait_for 10 python3 "$talk" "$p4" 127.0.0.1 QUIT ||
    skip_all "inetd does not serve $(cat "$t/inetd.out")"
talk() {
	python3 "$talk" "$@" 'EHLO c.test' 'MAIL FROM:<a@b.test>' \
	    'RCPT TO:<alice@example.test>' DATA 'Subject: x' '' hello . QUIT
}
like "a message by inetd" "$(talk "$p4" 127.0.0.1)" '^250 2.0.0 queued'
is "the socket was asked who sends it" "$(grep ^Apeer "$t/env")" Apeer=127.0.0.1
like "the next programs are told" "$(cat "$t/environ")" 'TCP 127.0.0.1 [0-9]+'
like "and the log" "$(cat "$t/log")" 'client=unknown\[127.0.0.1\]'
said=$(talk "$direct" 127.0.0.1)
like "inetd starts it directly" "$said" '^250 2.0.0 queued'
unlike "and the client is not sent the log" "$said" 'msg-accept|conn-close'
if wait_for 2 python3 "$talk" "$p6" ::1 QUIT; then
	like "a message by inetd over IPv6" "$(talk "$p6" ::1)" '^250 2.0.0 queued'
	is "from an IPv6 address" "$(grep ^Apeer "$t/env")" Apeer=::1
else
	pass "IPv6 # SKIP no ::1 here"
fi
done_testing
