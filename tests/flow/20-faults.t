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

# try MODE STEP PROGRAM…: every STEPth point.
try() {
	_mode=$1 _step=$2 _bad=0; shift 2
	"$top/tests/tools/fault" -m "$_mode" -s "$_step" -w "$tools/fault-call" \
	    "$@" >"$t/out" 2>"$t/err" || _bad=1
	sed 's/^/# /' "$t/out"
	[ $_bad = 0 ] || sed 's/^/# /' "$t/err"
	for _p; do
		like "$_p: points were tried" "$(grep "^$_p " "$t/out")" \
		    "^$_p +[01] +[0-9]+ +[1-9]"
	done
	is 'nothing lost, nothing doubled, nothing torn' $_bad 0
}
try kill 3 smtp-recv-chain
try kill 5 queue-inject queue-inject-k deliver-pipe deliver-vhost \
    deliver-vhost-folder deliver-vhost-together
try both 13 smtp-recv queue-inject deliver-mbox deliver-pipe bounce-build
try both 23 deliver-smtp deliver-spawn
try kill 23 queue-run-told
try both 83 queue-run queue-run-scan queue-run-first alias-compile \
    queue-inject-s queue-edit
done_testing
