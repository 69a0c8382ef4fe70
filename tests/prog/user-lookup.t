#!/bin/sh
# user-lookup: who the system knows.
. "$(dirname "$0")/../lib.sh"
me=$(id -un)
line=$(getent passwd "$me") || skip_all 'the caller has no passwd entry'
want=$(echo "$line" | cut -d: -f3,4 | tr : ' ')" $(echo "$line" | cut -d: -f6)"

is 'a user of the system' "$(user-lookup "$me")" "$want"
exits 'exit code' 0 sh -c 'user-lookup root >/dev/null'
is 'uid 0 like any other' "$(user-lookup root | cut -d' ' -f1)" 0
exits 'no such user' 100 user-lookup no-such-user-here
is 'says nothing' "$(user-lookup no-such-user-here 2>&1)" ''
for name in '' 'a b' 'a:b' '../x' 'a@b' "$(printf 'a\nb')"; do
	exits "no name: '$name'" 100 user-lookup "$name"
done
exits 'a name is needed' 100 user-lookup 2>/dev/null
exits 'one' 100 user-lookup a b 2>/dev/null

# A private system has its own passwd.
mkdir "$t/etc"
printf '%s\n' 'short:x:1' 'joe:x:70001:70002:Joe, x:/home/joe k:/bin/sh' >"$t/etc/passwd"
is 'a user of a private system' "$(user-lookup joe)" '70001 70002 /home/joe k'
exits 'the real one is not asked' 100 user-lookup root
exits 'a line that is none' 100 user-lookup short
rm "$t/etc/passwd"; mkdir "$t/etc/passwd"
exits 'a passwd that cannot be read' 111 user-lookup joe 2>/dev/null
exits 'nobody to print to' 111 sh -c 'PC_PREFIX=/ user-lookup root >/dev/full 2>/dev/null'
done_testing
