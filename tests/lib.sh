# TAP for shell tests.  Sourced: . "$(dirname "$0")/../lib.sh"
# Gives $top (the source tree), $bin (programs), $t (a scratch directory that
# is removed at the end), a PATH with $bin in front, and the functions below.
top=$(cd "$(dirname "$0")/../.." && pwd)
bin=$top/bin
tools=$top/build/tests/tools
t=$(mktemp -d "${TMPDIR:-/tmp}/postchaise.XXXXXX")
chmod 755 "$t"
PATH=$bin:$tools:$PATH
export PC_PREFIX="$t" PC_PATH="$bin" LC_ALL=C
unset PC_SIZE RELAYCLIENT DATABYTES TCPREMOTEIP TCPREMOTEHOST TCPLOCALIP
tap_n=0 tap_bad=0 tap_pids="" tap_slow=1
[ "${PC_SANITIZE:-}" != valgrind ] || tap_slow=5

# Processes started by the test are noted here and ended at its end.
started() { tap_pids="$tap_pids $*"; }
cleanup() {
	for p in $tap_pids; do kill "$p" 2>/dev/null; done
	cd / && ${KEEP:+echo kept} rm -rf "$t"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

pass() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $*"; }
fail() { tap_n=$((tap_n + 1)); tap_bad=$((tap_bad + 1)); echo "not ok $tap_n - $*"; }
# ok WHAT COMMAND…: the command succeeds.
ok() { _w=$1; shift; if "$@"; then pass "$_w"; else fail "$_w"; fi; }
# is WHAT GOT WANT
is() {
	if [ "$2" = "$3" ]; then pass "$1"; else
		fail "$1"; printf '%s\n' "got:  $2" "want: $3" | sed 's/^/# /'
	fi
}
# like WHAT TEXT PATTERN (grep -E); unlike for the opposite.
like() {
	if printf '%s\n' "$2" | grep -qE -e "$3"; then pass "$1"; else
		fail "$1"; printf '%s\n' "text: $2" "pattern: $3" | sed 's/^/# /'
	fi
}
unlike() {
	if printf '%s\n' "$2" | grep -qE -e "$3"; then
		fail "$1"; printf '%s\n' "text: $2" "pattern: $3" | sed 's/^/# /'
	else pass "$1"; fi
}
# exits WHAT CODE COMMAND…: its exit code.
exits() {
	_w=$1 _c=$2; shift 2; _got=0
	"$@" || _got=$?
	is "$_w" "$_got" "$_c"
}
# wait_for SECONDS COMMAND…: tries until it succeeds; 1 when time is over, which
# valgrind makes pass faster.
wait_for() {
	_n=$(($1 * 20 * tap_slow)); shift
	while ! "$@" >/dev/null 2>&1; do
		_n=$((_n - 1)); [ $_n -gt 0 ] || return 1
		sleep 0.05
	done
}
skip_all() { echo "1..0 # SKIP $*"; exit 0; }
# free_port: a TCP port of 127.0.0.1 on which nothing listens, nor on the two
# behind it.
free_port() {
	python3 -c '
import socket
while True:
    s = [socket.socket() for i in range(3)]
    try:
        s[0].bind(("127.0.0.1", 0))
        n = s[0].getsockname()[1]
        s[1].bind(("127.0.0.1", n + 1))
        s[2].bind(("127.0.0.1", n + 2))
        break
    except (OSError, OverflowError):
        pass
print(n)'
}
done_testing() { echo "1..$tap_n"; [ $tap_bad = 0 ] || exit 1; exit 0; }
