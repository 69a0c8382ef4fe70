# For tests of the delivery programs, which do not run as root.  Sourced after
# lib.sh.  as COMMAND…: runs it as an ordinary user, who owns $t/d.
# order ID first|again X… -- SENDER RECIPIENT…: writes the order $t/order;
# words of X are name=value; @name=value among them (the last) is an attribute
# of the message, after a recipient one of his.  The program is $prog, if it is
# not set the one that the test is named after.
mkdir "$t/d" "$t/p"
case ${0##*/} in *.t) prog=${prog:-$(basename "$0" .t)} ;; esac
cp "$bin/$prog" "$t/p/$prog" # a source tree may be closed to other users
if [ "$(id -u)" = 0 ]; then
	chown 65534:65534 "$t/d"
	drop='setpriv --reuid 65534 --regid 65534 --clear-groups'
else
	drop=
fi
as() { $drop "$@"; }
me=$(as id -u)
order() {
	{
		printf 'I%s\0B%s\0' "$1" "$2"; shift 2
		while [ "$1" != -- ]; do case $1 in
			@*) printf 'A%s\0' "${1#@}" ;;
			*) printf 'X%s\0' "$1" ;;
		esac; shift; done
		printf 'F%s\0' "$2"; shift 2
		for _r in "$@"; do case $_r in
			@*) printf 'a%s\0' "${_r#@}" ;;
			*) printf 'T%s\0' "$_r" ;;
		esac; done
		printf '\0'
	} >"$t/order"
}
# run MESSAGE [OPTION…]: the program with the order; its answer.
run() { _m=$1; shift; as timeout 30 "$t/p/$prog" "$@" 3<"$t/order" <"$_m" 2>>"$t/log"; }
# box FILE: how a mail reader sees an mbox or Maildir: a line a message, its
# Subject, then a checksum of its body as the reader unquotes it.
box() {
	python3 - "$1" <<-'EOF'
	import mailbox, os, re, sys, zlib
	p = sys.argv[1]
	if os.path.isdir(p):
	    box = mailbox.Maildir(p, create=False)
	else:
	    box = mailbox.mbox(p, create=False)
	for key in box.keys():
	    raw = box.get_bytes(key)
	    if isinstance(box, mailbox.mbox):
	        raw = re.sub(rb'(?m)^>(>*From )', rb'\1', raw)
	    head, sep, body = raw.partition(b'\n\n')
	    subject = re.search(rb'(?m)^Subject: (.*)', head)
	    print(subject.group(1).decode() if subject else '?',
	          zlib.crc32(body.rstrip(b'\n')))
	EOF
}
# message FILE SUBJECT ID BYTES: with lines to quote and 8-bit bytes.
message() {
	python3 - "$@" <<-'EOF'
	import sys
	name, subject, ident, size = sys.argv[1:]
	text = (b'Received: from a (b [192.0.2.1]) by c with ESMTP id %s;\n'
	        b'\tSat, 21 Nov 2026 23:31:51 +0000\nSubject: %s\n\n'
	        % (ident.encode(), subject.encode()))
	line = b'From here\n>From there\nnot From\n\xff\xe9 %s\n\n' % subject.encode()
	while len(text) < int(size):
	    text += line
	open(name, 'wb').write(text)
	EOF
}
# The system calls at which a delivery may be killed.
steps='openat openat2 open fstat fcntl flock symlinkat symlink write writev fsync
renameat rename unlinkat unlink ftruncate close mmap munmap fstatfs statfs pread64'
# Under valgrind the calls would be valgrind's own, which are many more.
can_trace() {
	[ "${PC_SANITIZE:-}" != valgrind ] &&
	    as strace -o /dev/null true 2>/dev/null
}
# killed CALL N MESSAGE [OPTION…]: runs it, killed at the Nth such call; false
# when it came to its end.
killed() {
	_call=$1 _when=$2 _m=$3; shift 3
	as strace -qq -o /dev/null \
	    -e "inject=?$_call:signal=KILL:when=$_when" \
	    "$t/p/$prog" "$@" 3<"$t/order" <"$_m" >/dev/null 2>&1
	[ $? -ge 128 ]
}
