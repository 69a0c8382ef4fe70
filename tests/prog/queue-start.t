#!/bin/sh
# queue-start: the right programs, in the right process, with clear failures.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../queue.sh"
queue_make || exit 1
: >"$t/log"; chmod 666 "$t/log"
queue_up
like 'it becomes queue-run in its own process' "$(tr '\0' ' ' <"/proc/$qpid/cmdline")" '(^|/)queue-run '
n=$(ps -o args= --ppid $qpid | grep -c deliver-spawn)
is 'with two spawners as children' "$n" 2
is 'the lock of this start is held' "$(for l in "$Q"/lock/*; do flock -n "$l" true && echo free; done)" ''
queue_down
like 'TERM ends queue-run' "$(cat "$t/log")" 'queue-end'
ok 'and the spawners, who let the lock go' no_spawner

# A second one beside the first.
queue_up
code=0; as timeout 10 queue-start 2>"$t/err2" || code=$?
is 'two on one queue: the second exits 111' "$code" 111
like 'and says why' "$(cat "$t/err2")" 'queue-run\[[0-9]+\]: fatal: queue-lock'
ok 'the first goes on' kill -0 $qpid

# A spawner that dies takes all down, for the supervisor to start anew.
s=$(ps -o pid=,args= --ppid $qpid | awk '/deliver-spawn/{print $1; exit}')
kill -9 "$s"; code=0; wait $qpid || code=$?
is 'a spawner that is killed: queue-run exits 111' "$code" 111
wait_for 10 no_spawner

mkdir "$t/fake" && chmod 755 "$t/fake"
for p in queue-run deliver-spawn; do
	code=0
	as env PC_PATH="$t/fake:/nonexistent" queue-start 2>"$t/err3" || code=$?
	is "no $p: 111" "$code" 111
	like 'and a line that names it' "$(cat "$t/err3")" 'fatal: start-[a-z]+ program='
done
code=0; as env PC_PREFIX=/nonexistent queue-start 2>"$t/err4" || code=$?
is 'no place for the queue: 111' "$code" 111
like 'and a line that names it' "$(cat "$t/err4")" 'start-queue dir=/nonexistent'
exits 'arguments: usage' 100 as queue-start x 2>/dev/null
done_testing
