#!/bin/sh
# Each program of the queue's way is killed, or fails, at some of its system
# calls: nothing acknowledged is lost, nothing comes twice.  make faults tries
# all of them.
. "$(dirname "$0")/../lib.sh"
"$tools/fault-call" 2>/dev/null
[ $? = 111 ] || skip_all 'fault-call does not run here'
mkdir "$t/tmp"; chmod 1777 "$t/tmp"
TMPDIR=$t/tmp
export TMPDIR

# try STEP PROGRAM…: every STEPth point, the first queue-recycle=1.
try() {
	_step=$1 _bad=0; shift
	"$top/tests/tools/fault" -s "$_step" -w "$tools/fault-call" \
	    "$@" >"$t/out" 2>"$t/err" || _bad=1
	sed 's/^/# /' "$t/out"
	[ $_bad = 0 ] || sed 's/^/# /' "$t/err"
	for _p; do
		like "$_p: points were tried" "$(grep "^$_p " "$t/out")" \
		    "^$_p +[01] +[0-9]+ +[1-9]"
	done
	is 'nothing lost, nothing doubled, nothing torn' $_bad 0
}
try 11 smtp-recv queue-inject queue-inject-k deliver-mbox deliver-pipe \
    bounce-build deliver-vhost
try 23 deliver-smtp deliver-spawn
try 67 queue-run queue-run-scan queue-run-first alias-compile
done_testing
