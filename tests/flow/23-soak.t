#!/bin/sh
# Some thousand messages through two systems while their programs are killed
# and (root's) the disk fills: all of it arrives, once.  make soak does it with
# many more.
. "$(dirname "$0")/../lib.sh"
unset PC_PREFIX PC_PATH
command -v tcpserver >/dev/null && command -v svscan >/dev/null ||
    skip_all 'needs ucspi-tcp and daemontools'
mkdir "$t/tmp"

code=0
"$top/tests/tools/soak" -d "$t/tmp" -n 2000 -t 40 -i 0.3 -h 4 \
    >"$t/out" 2>"$t/err" || code=$?
sed 's/^/# /' "$t/out"
# A failure is told where prove shows it.
[ $code = 0 ] || sed 's/^/# /' "$t/out" "$t/err" >&2
is 'nothing lost, nothing doubled, nothing torn' $code 0
accepted() { sed -n 's/^\([0-9]*\) accepted in.*/\1/p' "$t/out"; }
like 'of what was accepted' "$(accepted)" '^[1-9][0-9]+$'
like 'while programs were killed' "$(cat "$t/out")" '^killed: [1-9][0-9]* --'
if grep -q 'no file system of its own' "$t/out"; then
	pass 'and the disk was full # SKIP only root can mount one'
else
	like 'and the disk was full' "$(cat "$t/out")" ', full 2 times$'
fi
done_testing
