#!/bin/sh
# alias-compile: what it writes, what it says, and that a mistake or a crash
# leaves the old tables in force.
. "$(dirname "$0")/../lib.sh"
conf=$t/etc/postchaise/postchaise.conf
tables=$t/etc/postchaise/tables
v=$t/etc/virtual/v.test
umask 022

setup() {
	rm -rf "${t:?}/etc"
	mkdir -p "$t/etc/postchaise" "$v"
	cat >"$t/etc/passwd" <<-E
	root:x:0:0::/root:/bin/sh
	joe:x:5001:5002:Joe:/home/joe:/bin/sh
	owner:x:5003:5004::/:/bin/sh
	Capital:x:5005:5005::/:/bin/sh
	E
	cat >"$conf" <<-E
	hostname=Mail.Test
	virtual-user=5100:5101
	locals=sys.test
	relay-domains=relay.test
	size=30m
	qreturn=3d
	E
	printf '%s\n' 'postmaster: joe' 'log: "|cat >/dev/null"' >"$t/etc/aliases"
	echo 'owner:v.test:1:a comment: with a colon' >"$t/etc/virtual/domains.cf"
	printf '%s\n' "Alice:\$6\$salt\$hash" 'bob:{SHA}EBbPDDtaGLt5g2VyOw6GEwVoZIk=:5200:5201:Bob:/h::x=y' '# c' \
	    >"$v/passwd"
	printf '%s\n' 'team: alice, bob' '*: *@w.test' >"$v/aliases"
}
# shellcheck disable=SC2120
compile() { alias-compile "$@" 2>"$t/err" >"$t/out"; }
# get TABLE KEY: its fields, separated by |.
get() { cdb -q "$tables/$1.cdb" "$2" | tr '\0' '|'; }
gen() { readlink "$tables"; }
# refused WHAT PATTERN: compiling fails with this message; the tables stay.
refused() {
	before=$(gen)
	exits "$1" 100 compile
	like "$1: the place and the reason" "$(cat "$t/err")" "$2"
	is "$1: the old tables stay" "$(gen)" "$before"
	ok "$1: nothing is left over" [ ! -e "$t/etc/postchaise/tables.NEW" ]
}
command -v cdb >/dev/null || skip_all 'cdb of tinycdb is not installed'

# What is written.
setup
exits 'compiles' 0 compile
is 'has nothing to complain but a name' "$(sed "s,^$t,," "$t/err")" \
    "/etc/passwd:4: warning: user \`Capital' has capitals in its name and gets no mail"
ok 'prints nothing' [ ! -s "$t/out" ]
is 'virtual user' "$(get mail ualice@v.test)" "5100|5101|maildir|$v/passwd:1|"
is 'user with ids of its own' "$(get mail ubob@v.test)" "5200|5201|maildir|$v/passwd:2|"
is 'system user' "$(get mail ujoe)" "5001|5002|/home/joe|$t/etc/passwd:2|"
is 'alias of the system' "$(get mail alog)" "$t/etc/aliases:2||cat >/dev/null|"
is 'alias of a domain' "$(get mail ateam@v.test)" "$v/aliases:1|alice@v.test|bob@v.test|"
is 'domain alias' "$(get mail Dv.test)" "$v/aliases:2|w.test|"
is 'virtual domain' "$(get mail dv.test)" "vhost|5100|5101|maildir|$t/etc/virtual/domains.cf:1|"
is 'local domain' "$(get mail dsys.test)" "local||||$conf:3|"
is 'our name is local' "$(get mail dmail.test)" "local||||$conf:1|"
like 'localhost too' "$(get mail dlocalhost)" '^local'
is 'relay domain' "$(get mail drelay.test)" "relay||||$conf:4|"
is 'setting' "$(get mail sqreturn)" "3d|$conf:6|"
is 'hash' "$(get auth palice@v.test)" "\$6\$salt\$hash|5100|5101|$v/passwd:1|"
is 'hash of a user with columns' "$(get auth pbob@v.test)" "{SHA}EBbPDDtaGLt5g2VyOw6GEwVoZIk=|5200|5201|$v/passwd:2|"
is 'a hash to be computed for nobody' "$(get auth n)" '$6$salt$hash|'
like 'where logins are the system'\''s' "$(get auth dsys.test)" '^local'
is 'and where not' "$(get auth dv.test)" ''
is 'no hash in mail.cdb' "$(cdb -d "$tables/mail.cdb" | grep -ac salt)" 0
is 'public setting' "$(get public ssize)" '30m|'
is 'no other in public.cdb' "$(cdb -d "$tables/public.cdb" | grep -ac -e qreturn -e v.test)" 0
like 'head' "$(get mail h)" '^[0-9a-f]{16}\|[0-9]+\|[0-9.]+ [^|]*/postchaise.conf\|'
is 'modes' "$(cd "$tables" && stat -c %a mail.cdb auth.cdb relay.cdb public.cdb . | tr '\n' ' ')" \
    '640 400 640 644 755 '

# Generations.
first=$(gen)
compile; second=$(gen)
ok 'a new generation each time' [ "$first" != "$second" ]
compile
is 'the one before is kept, older ones are not' \
    "$(cd "$t/etc/postchaise" && echo tables.[!l]* | tr ' ' '\n' | sort | tr '\n' ' ')" \
    "$second $(gen) "
is 'the same sources have the same hash' "$(get mail h | cut -d'|' -f1)" \
    "$(cdb -q "$t/etc/postchaise/$second/mail.cdb" h | tr '\0' '|' | cut -d'|' -f1)"
before=$(gen)
exits '-n' 0 compile -n
is '-n writes nothing' "$(gen)" "$before"
mkdir "$t/etc/postchaise/tables.NEW"
echo torn >"$t/etc/postchaise/tables.NEW/mail.cdb"
ln -s nowhere "$t/etc/postchaise/tables.link"
exits 'the rest of a killed run does not matter' 0 compile
ok 'and is gone' [ ! -e "$t/etc/postchaise/tables.NEW" ]
is 'a new set is live' "$(get mail sqreturn)" "3d|$conf:6|"
before=$(gen)
flock "$t/etc/postchaise/tables.lock" sleep 2 & started $!
sleep 0.3
compile & started $!
sleep 0.5
is 'a second run waits for the first' "$(gen)" "$before"
wait
ok 'and then has its turn' [ "$(gen)" != "$before" ]
for i in 1 2 3 4 5 6; do alias-compile 2>/dev/null & done; wait
is 'many at once leave a whole set' "$(get mail sqreturn)" "3d|$conf:6|"

# A disk that takes no more (25: SIGXFSZ).
before=$(gen)
exits 'a write that fails is temporary' 111 sh -c "trap '' 25; ulimit -f 1; alias-compile 2>/dev/null"
is 'and changes nothing' "$(gen)" "$before"
ok 'and leaves nothing' [ ! -e "$t/etc/postchaise/tables.NEW" ]

# newaliases.
ln -s "$bin/alias-compile" "$t/newaliases"
want="$t/etc/aliases: 2 aliases, longest 16 bytes, 33 bytes total"
is 'newaliases counts' "$("$t/newaliases" 2>/dev/null | head -1)" "$want"
is '-v too' "$(alias-compile -v 2>/dev/null | head -1)" "$want"
exits 'newaliases takes names of domains' 0 "$t/newaliases" v.test 2>/dev/null
exits 'alias-compile takes none' 100 compile v.test

# Mistakes: all of a run, with file and line.
echo 'sise=1' >>"$conf"
echo 'bad' >>"$t/etc/aliases"
echo '../x:y' >>"$v/passwd"
refused 'mistakes' "^$conf:7: unknown option .sise'; did you mean .size'"
like 'of all files' "$(cat "$t/err")" "^$t/etc/aliases:3: no colon"
like 'in one run' "$(cat "$t/err")" "^$v/passwd:4: .* cannot be a mailbox name"
exits '-n finds them too' 100 compile -n
before=$(gen)
exits 'mistakes that nobody hears of' 100 sh -c 'alias-compile 2>/dev/full'
is 'put nothing in force either' "$(gen)" "$before"

# bad WHAT FILE LINE PATTERN: one line more, in a fresh configuration.
bad() {
	setup; compile
	echo "$3" >>"$t/$2"
	refused "$1" "$4"
}
bad 'a loop' etc/aliases 'a: b
b: c
c: a' "^$t/etc/aliases:3: alias loop: a -> b -> c -> a$"
bad 'a loop through a domain' etc/aliases 'a: x@mail.test
x: a' 'aliases:3: alias loop: a -> x -> a'
bad 'an alias twice' etc/aliases 'LOG: joe' "aliases:3: alias .log' is given already, in .*aliases:2"
bad 'a user twice' etc/virtual/v.test/passwd 'alice:x' "passwd:4: user .alice@v.test' is given already"
bad 'a domain twice' etc/virtual/domains.cf 'owner:V.Test:1:' 'domains.cf:2: domain v.test cannot be vhost: it is vhost already'
bad 'a domain both virtual and local' etc/postchaise/postchaise.conf 'locals=v.test' 'domains.cf:1: domain v.test cannot be vhost: it is local already, in .*conf:3'
bad 'a domain both relay and local' etc/postchaise/postchaise.conf 'relay-domains=sys.test' 'cannot be relay: it is local already'
bad 'a domain line without columns' etc/virtual/domains.cf 'v2.test' 'domains.cf:2: .*owner:domain:active'
bad 'a domain neither on nor off' etc/virtual/domains.cf 'owner:v2.test:yes:' 'domains.cf:2: the third column'
bad 'no such virtual-user' etc/postchaise/postchaise.conf 'virtual-user=nosuch-user' "virtual-user: no user .nosuch-user'"
bad 'virtual mail of uid 0' etc/postchaise/postchaise.conf 'virtual-user=0:0' 'virtual-user is uid 0'
bad 'a uid below the minimum' etc/postchaise/postchaise.conf 'virtual-minimum-uid=5150' 'uid 5100, below virtual-minimum-uid=5150'
bad 'a user of uid 0' etc/virtual/v.test/passwd 'eve:x:0:0' 'passwd:4: eve is uid 0'
bad 'half an id' etc/virtual/v.test/passwd 'eve:x:5000:' 'passwd:4: eve: uid and gid are not numbers'
bad 'alias-user root' etc/postchaise/postchaise.conf 'alias-user=root' 'nothing is run as uid 0'
bad 'no port' etc/postchaise/postchaise.conf 'smtp-port=65536' 'smtp-port: a port'
bad 'no deliveries' etc/postchaise/postchaise.conf 'concurrency-local=0' 'concurrency-local: at least 1'
bad 'too few recipients' etc/postchaise/postchaise.conf 'recipients=99' 'at least 100'
bad 'a mailbox format' etc/postchaise/postchaise.conf 'virtual-mailbox=mh' 'neither mbox nor maildir'
bad 'a mailbox format of a domain' etc/postchaise/postchaise.conf 'virtual-mailbox=v.test:mh' 'neither mbox nor maildir'
bad 'a smarthost' etc/postchaise/postchaise.conf 'relay-host=[192.0.2.1' 'not .host.:port'
bad 'a host name' etc/postchaise/postchaise.conf 'hostname=a b' 'not a domain name'

# Rings of domain aliases, catch-alls that catch themselves.
setup
echo 'owner:w.test:1:' >>"$t/etc/virtual/domains.cf"
mkdir "$t/etc/virtual/w.test"
echo '*: *@v.test' >"$t/etc/virtual/w.test/aliases"
refused 'a ring of domain aliases' 'v.test/aliases:2: domain aliases lead back'
echo '*: nosuch' >"$t/etc/virtual/w.test/aliases"
refused 'a catch-all that catches itself' 'w.test/aliases:1: alias loop: \*@w.test -> \*@w.test'

# Warnings.
setup
printf '%s\n' 'joe: joe, nosuch@v.test' 'x: nobody-is-this' >"$t/etc/aliases"
printf '%s\n' 'team: alice, bob' >"$v/aliases"
echo 'owner:off.test:0:' >>"$t/etc/virtual/domains.cf"
exits 'targets that nobody has are no errors' 0 compile
like 'but said' "$(cat "$t/err")" 'aliases:1: warning: nobody has the target nosuch@v.test'
like 'in each file' "$(cat "$t/err")" 'aliases:2: warning: nobody has the target nobody-is-this'
like 'as is that there is no postmaster' "$(cat "$t/err")" 'no alias postmaster'
is 'an alias of its own name means the user' "$(get mail ajoe | cut -d'|' -f2)" '\joe'
is 'an inactive domain is none' "$(get mail doff.test)" ''
setup; sed -i 's/hostname=.*/hostname=v.test/' "$conf"
exits 'our name may be a virtual domain' 0 compile
like 'with a warning' "$(cat "$t/err")" 'v.test is a vhost domain'
setup; echo 'virtual-user=owner' >>"$conf"; compile
is 'mail of each owner' "$(get mail ualice@v.test)" "5003|5004|maildir|$v/passwd:1|"
setup; printf '%s\n' virtual-mailbox=mbox virtual-mailbox=other.test:maildir >>"$conf"; compile
is 'a mailbox format for all domains' "$(get mail ualice@v.test | cut -d'|' -f3)" mbox
setup; printf '%s\n' virtual-mailbox=V.test:mbox virtual-mailbox=maildir >>"$conf"; compile
is 'and one of its own for a domain' "$(get mail ualice@v.test | cut -d'|' -f3)" mbox
setup; printf '%s\n' 'plain:secret' 'locked:*' 'shown:{plain}secret' >>"$v/passwd"
exits 'a password that is no hash is no error' 0 compile
like 'but said' "$(cat "$t/err")" "^$v/passwd:4: warning: plain@v.test: the password is no hash of a known kind"
is 'and not kept' "$(get auth pplain@v.test)" "*|5100|5101|$v/passwd:4|"
unlike 'one that is locked is silent' "$(cat "$t/err")" locked@
like 'one that is meant is said' "$(cat "$t/err")" 'passwd:6: warning: shown@v.test: the password is not hashed'
setup; rm "$conf" "$t/etc/aliases"; rm -r "$t/etc/virtual"
exits 'nothing but users' 0 compile
ok 'has a name' [ -n "$(get mail shostname)" ]
unlike 'that is none of the words for it' "$(get mail shostname)" '^(auto|literal)'

# Files that others could have written.
setup; compile; chmod 666 "$t/etc/aliases"
refused 'a file that anybody can write' "^$t/etc/aliases: unsafe mode 0666"
setup; compile; chmod 777 "$t/etc/virtual"
refused 'a directory that anybody can write' "^$t/etc/virtual: unsafe mode 0777"
is 'is reported once' "$(grep -c unsafe "$t/err")" 1
setup; compile; rm "$t/etc/aliases"; mkdir "$t/etc/aliases"
refused 'a directory in place of a file' "^$t/etc/aliases: not a regular file"
setup; compile; rm "$t/etc/aliases"; mkfifo "$t/etc/aliases"
refused 'a FIFO in place of a file' "^$t/etc/aliases: not a regular file"
if [ "$(id -u)" = 0 ]; then
	setup; compile; chown 5009 "$t/etc/aliases"
	refused 'a file of somebody else' "^$t/etc/aliases: unsafe owner: it belongs to uid 5009"
	setup; compile; chgrp 5009 "$t/etc/aliases"; chmod 664 "$t/etc/aliases"
	refused 'a file of some group' "^$t/etc/aliases: unsafe mode 0664: group 5009"
	setup; chown -R 5003 "$v"
	exits "a domain's files may be its owner's" 0 compile
	setup; chown -R 5100 "$v"
	exits "or virtual-user's" 0 compile
	setup; chown 5003 "$t/etc/virtual/domains.cf"
	exits 'but not domains.cf' 100 compile
fi

# The page has each setting and its default, and no other.
page=$top/man/postchaise.conf.5
sed -n 's/^\t{"\([a-z_-]*\)", SET_.*/\1/p' "$top/lib/settings.c" | sort >"$t/have"
sed -n 's/^\.It Cm \([a-z_ ,-]*\) Ns =.*/\1/p' "$page" | tr -s ' ,' '\n\n' |
    sort >"$t/told"
is 'postchaise.conf(5) lists the settings' "$(cat "$t/told")" "$(cat "$t/have")"
done_testing
