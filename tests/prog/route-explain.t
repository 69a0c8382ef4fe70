#!/bin/sh
# route-explain: the steps, the lines that decided, and the exit code.
. "$(dirname "$0")/../lib.sh"
mkdir -p "$t/etc/postchaise" "$t/etc/virtual/v.test" "$t/home/fwd" "$t/home/joe"
v=$t/etc/virtual/v.test
uid=$(id -u)
[ "$uid" != 0 ] || uid=5001
cat >"$t/etc/passwd" <<E
root:x:0:0::/root:/bin/sh
joe:x:$uid:$uid::$t/home/joe:/bin/sh
fwd:x:$uid:$uid::$t/home/fwd:/bin/sh
E
printf '%s\n' 'hostname=mail.test' "virtual-user=5100:5101" 'relay-domains=r.test' \
    'alias-user=joe' >"$t/etc/postchaise/postchaise.conf"
printf '%s\n' 'postmaster: joe' 'log: "|logger -t x"' 'half: joe, nosuch' \
    'none: nosuch' "ring: :include:$t/ring" "list: :include:$t/list" "gone: :include:$t/gone" >"$t/etc/aliases"
echo 'joe:v.test:1:' >"$t/etc/virtual/domains.cf"
echo 'alice:x' >"$v/passwd"
printf '%s\n' 'team: alice, x@far.test' 'cmd: |run' >"$v/aliases"
printf '%s\n' 'joe' "# $t" 'alice@v.test' >"$t/list"
echo ring >"$t/ring"
printf '%s\n' '\fwd' 'joe@far.test' >"$t/home/fwd/.forward"
[ "$(id -u)" != 0 ] || chown "$uid" "$t/home/fwd/.forward"
chmod 644 "$t/home/fwd/.forward"

route-explain joe >"$t/out" 2>"$t/err"
is 'without tables it fails for now' $? 111
like 'and says why' "$(cat "$t/err")" 'fatal: tables-open file=mail.cdb'
exits 'no address is a mistake' 100 route-explain 2>/dev/null
alias-compile 2>/dev/null || exit 1

# explain ADDRESS CODE WHAT: keeps the text in $out.
explain() {
	out=$(route-explain "$1" 2>"$t/err"); is "$3: exit code" $? "$2"
}
explain Alice+Tag@V.test 0 'virtual user'
is 'virtual user: every step' "$out" "Alice+Tag@V.test
  v.test is a virtual domain ($t/etc/virtual/domains.cf:1)
  no alias alice+tag@v.test
  no user alice+tag@v.test
  no alias alice@v.test
  user alice@v.test ($v/passwd:1)
  => mailbox $t/var/spool/virtual/v.test/alice (Maildir, not there yet), as 5100:5101, extension tag"
is 'virtual user: nothing to warn about' "$(cat "$t/err")" ''
mkdir -p "$t/var/spool/virtual/v.test"; : >"$t/var/spool/virtual/v.test/alice"
explain alice@v.test 0 'existing mailbox'
like 'existing mailbox: what it is' "$out" 'v.test/alice \(mbox\)'
explain team@v.test 0 'alias'
like 'alias: file and line' "$out" "^  alias team@v.test \($v/aliases:1\)"
like 'alias: its targets, below it' "$out" '^    user alice@v.test'
like 'alias: a remote one' "$out" '^    => by SMTP to the hosts that mx-lookup far.test names'
explain log 0 'command'
like 'command: whose' "$out" '^    => command, as joe'
explain cmd@v.test 0 'command of a domain'
like 'command of a domain: whose' "$out" "=> command, as the domain's user"
explain list 0 'list'
like 'list: its members' "$out" "=> mailbox .*v.test/alice"
explain gone 111 'list that is not there'
explain fwd 0 '.forward'
like '.forward: is read' "$out" 'fwd/.forward names 2'
like '.forward: is followed' "$out" 'mx-lookup far.test'
like '.forward: its own name is the mailbox' "$out" "=> mailbox $t/var/mail/fwd, as fwd"
is '.forward: is told once' "$(printf '%s\n' "$out" | grep -c 'forward names')" 1
explain ring 0 'list that names itself'
like 'list that names itself: its circle ends' "$out" 'leads in a circle'
explain postmaster@mail.test 0 'local domain'
like 'local domain: the mailbox' "$out" "=> mailbox $t/var/mail/joe, as joe"
explain x@far.test 0 'elsewhere'
like 'elsewhere: not for everybody' "$out" 'far.test is not .*550 5\.7\.1'
explain x@r.test 0 'relay domain'
like 'relay domain: said' "$out" 'a domain that we relay for'
explain nosuch@v.test 100 'unknown virtual user'
like 'unknown virtual user: the reply' "$out" '=> unknown: 550 5.1.1'
explain nosuch 100 'unknown system user'
like 'unknown system user: the system was asked' "$out" 'user-lookup: no such user'
explain half 0 'alias with one good target'
explain none 100 'alias with none'
explain root 100 'root without an alias'
explain 'a b@v.test' 100 'no address'
explain '"x y"@v.test' 100 'quoted address'

mkdir "$t/path"
printf '#!/bin/sh\nexit 111\n' >"$t/path/user-lookup"; chmod 755 "$t/path/user-lookup"
PC_PATH=$t/path:$bin explain nosuch 111 'system that cannot be asked'
printf '#!/bin/sh\necho 77 77 /home/%s\n' nosuch >"$t/path/user-lookup"
PC_PATH=$t/path:$bin explain nosuch 0 'user that the snapshot lacks'
like 'user that the snapshot lacks: found' "$out" 'as nosuch \(uid 77\)'
exits 'several: the worst counts' 100 sh -c 'route-explain joe nosuch >/dev/null'

explain joe 0 'fresh tables'
is 'fresh tables: silent' "$(cat "$t/err")" ''
echo 'new: joe' >>"$t/etc/aliases"
explain joe 0 'changed source'
like 'changed source: named' "$(cat "$t/err")" "warn: tables-stale file=$t/etc/aliases"
alias-compile 2>/dev/null
mkdir "$t/etc/virtual/away"; mv "$v/aliases" "$t/etc/virtual/away"
explain joe 0 'source that went'
like 'source that went: named' "$(cat "$t/err")" "tables-stale file=$v/aliases"
cp -p "$t/etc/virtual/away/aliases" "$v/aliases"
explain joe 0 'source that is back'
is 'source that is back: as if it had never gone' "$(cat "$t/err")" ''

printf 'x' | dd of="$t/etc/postchaise/tables/mail.cdb" bs=1 conv=notrunc seek=0 2>/dev/null
tr '\0' '\377' <"$t/etc/postchaise/tables/mail.cdb" >"$t/bad.cdb"
cat "$t/bad.cdb" >"$t/etc/postchaise/tables/mail.cdb"
explain joe 111 'damaged table'
like 'damaged table: said' "$out" 'the table is damaged: 451 4.3.0'
done_testing
