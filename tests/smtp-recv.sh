# For tests of smtp-recv, sourced behind lib.sh: tables with alice@example.test
# and others, a queue-inject that shows what it was given.

# entry KEY FIELD...: a record as cdb -c reads it.
entry() {
	_k=$1 _n=0; shift
	for _f; do _n=$((_n + ${#_f} + 1)); done
	printf '+%d,%d:%s->' ${#_k} $_n "$_k"
	[ $# = 0 ] || printf '%s\0' "$@"
	echo
}
# tables [KEY FIELD... [-- KEY FIELD...]]: as alias-compile leaves them, and
# these entries more.
# shellcheck disable=SC2120
tables() {
	{
		entry shostname mx.example.test
		case "$*" in sverify-from*) ;; *) entry sverify-from no ;; esac
		entry dexample.test vhost 1000 1000 maildir domains.cf:1
		entry dlocal.test local 0 0 mbox conf:1
		entry drelay.test relay 0 0 mbox conf:2
		entry ualice@example.test 1000 1000 maildir passwd:1
		entry ubob 1001 1001 /home/bob passwd:2
		entry ateam@example.test aliases:1 alice@example.test
		entry apostmaster aliases:2 bob
		while [ $# != 0 ]; do
			_all='' _w=0
			for _a; do
				[ "$_a" != -- ] || break
				_w=$((_w + 1)) _all="$_all \"\${$_w}\""
			done
			eval "entry $_all"
			shift $_w
			[ $# = 0 ] || shift
		done
		echo
	} | cdb -c "$t/etc/postchaise/tables/mail.cdb"
}
mkdir -p "$t/etc/postchaise/tables" "$t/var/spool/postchaise" "$t/over"
tables

# Leaves the message in msg, the envelope (NUL as newline) in env, and answers
# as the test says by answer CODE [TEXT].  Without an envelope it makes noenv.
cat >"$t/over/queue-inject" <<END
#!/bin/sh
[ "\${1-}" != -k ] || exec $top/tests/tools/inject-keep "\$0"
exec 5<&1 >/dev/null
echo started >>$t/starts
cat >$t/msg
cat <&5 | tr '\0' '\n' >$t/env.new
[ -s $t/env.new ] || { echo none >$t/noenv; exit 54; }
mv $t/env.new $t/env
echo "\$PROTO \$TCPREMOTEIP \$TCPREMOTEPORT" >$t/environ
printf %s "\$(cat $t/text)" >&6
exit \$(cat $t/code)
END
chmod 755 "$t/over/queue-inject"
PC_PATH=$t/over
answer() { echo "$1" >"$t/code"; printf %s "${2-}" >"$t/text"; }
answer 0 K0123456789abcdef
