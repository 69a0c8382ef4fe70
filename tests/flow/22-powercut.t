#!/bin/sh
# The power fails: nothing acknowledged is lost, nothing comes twice, on what
# is left of the files.  make powercut tries much more of it.
. "$(dirname "$0")/../lib.sh"
strace -o /dev/null true 2>/dev/null || skip_all 'nothing can be traced here'
mkdir "$t/tmp"; chmod 1777 "$t/tmp"
TMPDIR=$t/tmp
export TMPDIR
other=/dev/shm
[ -w $other ] || other=$t/tmp

# cut KIND NAMES OPTION…: the jobs whose name matches.
cut() {
	_kind=$1 _names=$2 _bad=0; shift 2
	"$top/tests/tools/powercut" -e $other -t "$tools" -J "$_names" "$@" \
	    "$_kind" >"$t/out" 2>"$t/err" || _bad=1
	sed 's/^/# /' "$t/out"
	[ $_bad = 0 ] || cut -c1-400 "$t/err" | sed 's/^/# /' >&2
	is "$_kind, $_names: nothing lost, nothing doubled, nothing torn" $_bad 0
}
cut log 'warm|backlog, journal|cold, POSIX' -n 30 -s 5
like 'cuts were tried' "$(cat "$t/out")" '^[|] (warm|cold),.*([|] [1-9][0-9]* ){4}'

if [ "$(id -u)" = 0 ] && [ -e /dev/fuse ] && [ -e /dev/loop-control ] &&
    mkdir "$t/probe" && truncate -s 1M "$t/image" &&
    mkfs.ext4 -q -F "$t/image" 2>/dev/null &&
    unshare -m mount -o loop "$t/image" "$t/probe" 2>/dev/null; then
	cut disk ordered -n 20 -s 12
	like 'disks were cut' "$(cat "$t/out")" \
	    '^[|] ext4, data=ordered .*([|] [1-9][0-9]* ){4}'
else
	pass 'a disk # SKIP root, loop devices and FUSE are needed'
fi
done_testing
