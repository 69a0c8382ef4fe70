#!/bin/sh
# include-read: the addresses of an :include: file.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../deliver.sh"
cd "$t" || exit 1
list() { printf '%b' "$1" >list; chmod 644 list; order 0abcdefgh0123456 first "file=$t/list" -- s@x l@d; run /dev/null; }

exits "usage" 100 as "$t/p/$prog" a b 2>/dev/null
[ "$(id -u)" != 0 ] || exits "not as root" 111 "$t/p/$prog" list 2>/dev/null
is "addresses" "$(list 'a@x\n# no\nb@x, Carl <c@x>\r\n"d e"@x\nlocal\n')" 'F1 a@x
F1 b@x
F1 c@x
F1 "d e"@x
F1 local'
is "by hand" "$(as "$t/p/$prog" "$t/list" | wc -l)" 5
like "a malformed one is left out" "$(list 'a@x\nb @@ c\nd@x\n')" '^F1 d@x'
like "and logged with its line" "$(cat log)" 'list-skipped file=.*line=2'
like "a command" "$(list 'a@x\n|touch x\n')" '^Z1 4\.3\.5 .*:2: a list may hold addresses only'
unlike "sends nothing to the rest" "$(list 'a@x\n|touch x\n')" '^F'
like "a quoted command" "$(list '"|touch x"\n')" '^Z1 4\.3\.5'
like "a file" "$(list '/tmp/x\n')" '^Z1 4\.3\.5'
like "a list in a list" "$(list ':include:/tmp/x\n')" '^Z1 4\.3\.5'
like "a NUL byte" "$(list 'a@x\n\0000\n')" '^Z1 4\.3\.5'
is "an empty list" "$(list '# nobody\n')" 'K1 2.0.0 the list is empty'
order 0abcdefgh0123456 first "file=$t/none" -- s@x l@d
like "missing" "$(run /dev/null)" '^Z1 4\.2\.4 .*No such file'
order 0abcdefgh0123456 first "file=$t/d" -- s@x l@d
like "a directory" "$(run /dev/null)" '^Z1 4\.2\.4 .*not a regular file'
mkfifo fifo; chmod 644 fifo
order 0abcdefgh0123456 first "file=$t/fifo" -- s@x l@d
like "a FIFO" "$(run /dev/null)" '^Z1 4\.2\.4 .*not a regular file'
head -c 10000002 /dev/zero | tr '\0' '\n' >list
like "too large" "$(order 0abcdefgh0123456 first "file=$t/list" -- s@x l@d; run /dev/null)" '^Z1 4\.2\.4 .*too large'
order 0abcdefgh0123456 first -- s@x l@d
exits "an order without file" 111 run /dev/null
done_testing
