#!/bin/sh
# mx-lookup against a real name server (nsd) through a real resolver, and
# against servers that are silent or lie.  Nothing here is signed.
. "$(dirname "$0")/../lib.sh"
. "$top/tests/tools/dns.sh"

liar() { # liar MODE: starts one, its port in $liar_port
	rm -f "$t/liar.$1"
	dns-liar "$1" >"$t/liar.$1" &
	started $!
	wait_for 5 test -s "$t/liar.$1"
	liar_port=$(cat "$t/liar.$1")
}

zone . </dev/null
zone test. <<'Z'
one      MX 10 mx1.one
mx1.one  A 192.0.2.1
mx1.one  AAAA 2001:db8::1
two      MX 20 b.two
two      MX 10 A.two
two      MX 30 a.two
a.two    A 192.0.2.21
a.two    A 192.0.2.22
a.two    AAAA 2001:db8::21
b.two    A 192.0.2.23
null     MX 0 .
dotand   MX 0 .
dotand   MX 10 mx1.one
alias    CNAME one
aliasnx  CNAME nowhere
mxcname  MX 5 c.mxcname
c.mxcname CNAME mx1.one
part     MX 10 nohost.part
part     MX 20 mx1.one
gone     MX 10 nohost.gone
empty    MX 10 empty
empty    TXT "no address"
v6       MX 10 mx.v6
mx.v6    AAAA 2001:db8::6
host     A 192.0.2.9
txt      TXT "nothing here"
odd      MX 10 bad\032name
odd      MX 10 do\.t.odd
odd      MX 20 mx1.one
onlyodd  MX 10 bad\032name
down     MX 10 mx.silent.test.
half     MX 10 mx.silent.test.
half     MX 20 mx1.one
brief    1 MX 10 mx1.one
two-ptr  A 192.0.2.33
Z
zone 2.0.192.in-addr.arpa. <<'Z'
1        PTR mx1.one.test.
9        PTR other.test.
23       PTR b.two.test.
30       PTR bad\032name.
31       PTR .
32       PTR host.quiet.test.
33       PTR nowhere.test.
33       PTR TWO-ptr.test.
34       CNAME 1.2.0.192.in-addr.arpa.
Z
zone 8.b.d.0.1.0.0.2.ip6.arpa. <<'Z'
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR mx1.one.test.
Z
# 40 of one preference, and an MX of 30 addresses.
i=0
while [ $((i += 1)) -le 40 ]; do
	echo "many MX 10 h$i.many"
	echo "h$i.many A 192.0.2.$i"
	[ $i -le 30 ] && echo "fat A 198.51.100.$i"
done >>"$(zone_file test.)"
liar silent
stub silent.test. "$liar_port"
# The resolver remembers who is silent: each is asked in one place.
stub quiet.test. "$liar_port"
stub slow.test. "$liar_port"
stub dead.test. 1
dns_start

mx() { got=$(mx-lookup -t 3 "$@" 2>"$t/err"); code=$?; }
# answers WHAT CODE WANT DOMAIN
answers() {
	mx "$4"
	is "$1" "$code $got" "$2 $3"
}

one='mx 10 mx1.one.test insecure 2001:db8::1 192.0.2.1'
answers 'MX with both families' 0 "$one" one.test
answers 'any case, final dot' 0 "$one" ONE.Test.
mx two.test
like 'best first, one line a host' "$got" '^mx 10 a\.two\.test insecure 2001'
is 'all hosts' "$(echo "$got" | cut -d' ' -f1-3)" "mx 10 a.two.test
mx 20 b.two.test"
like 'families take turns' "$got" \
    '^mx 10 [^ ]* [^ ]* 2001:db8::21 192\.0\.2\.2[12] 192\.0\.2\.2[12]$'
answers 'null MX' 100 'fail 5.1.10 null.test takes no mail (null MX)' null.test
answers 'a dot beside a host is ignored' 0 "$one" dotand.test
answers 'CNAME at the domain' 0 "$one" alias.test
answers 'CNAME to nowhere' 100 'fail 5.1.2 domain aliasnx.test does not exist' \
    aliasnx.test
answers 'MX that is a CNAME' 0 \
    'mx 5 c.mxcname.test insecure 2001:db8::1 192.0.2.1' mxcname.test
mx part.test
is 'an MX without address is left out' "$code $got" \
    '0 mx 20 mx1.one.test insecure 2001:db8::1 192.0.2.1'
like '... with a line about it' "$(cat "$t/err")" \
    'mx-unused domain=part.test host=nohost.part.test err=no-address'
answers 'no MX has an address' 100 'fail 5.4.4 no MX of gone.test has an address' \
    gone.test
answers 'an MX to itself, without address' 100 \
    'fail 5.4.4 no MX of empty.test has an address' empty.test
answers 'IPv6 only' 0 'mx 10 mx.v6.test insecure 2001:db8::6' v6.test
answers 'no MX: its own address' 0 'mx 0 host.test insecure 192.0.2.9' host.test
answers 'neither MX nor address' 100 \
    'fail 5.4.4 txt.test has neither MX nor address' txt.test
answers 'no such domain' 100 'fail 5.1.2 domain nx.test does not exist' nx.test
mx odd.test
is 'MX that are no host names are left out' "$code $got" "0 mx 20 ${one#mx 10 }"
answers 'only such' 100 'fail 5.4.4 no MX of onlyodd.test is a host name' \
    onlyodd.test
mx many.test
is 'many of equal preference: 32 are given' \
    "$(echo "$got" | grep -c '^mx 10 h[0-9]*\.many\.test insecure 192\.0\.2\.')" 32
mx '[fat.test]'
is 'addresses of [host], at most 16 of a family' \
    "$code $(echo "$got" | tr ' ' '\n' | grep -c '^198\.51\.100\.')" '0 16'
answers '[host] does not ask for MX' 100 'fail 5.4.4 host one.test has no address' \
    '[one.test]'

# Addresses of a name, the name of an address.
answers 'addresses of a name' 0 'addr 2001:db8::1 192.0.2.1' 'addr MX1.one.test.'
mx addr mx1.one.test
is '... as two words' "$code $got" '0 addr 2001:db8::1 192.0.2.1'
answers '... without an address' 100 'fail 5.4.4 host one.test has no address' \
    'addr one.test'
answers '... that is none' 100 'fail 5.1.2 not a domain name' 'addr a..b'
answers 'a name that has the address' 0 'ptr mx1.one.test confirmed' \
    'ptr 192.0.2.1'
mx ptr 2001:DB8:0::1
is '... IPv6' "$code $got" '0 ptr mx1.one.test confirmed'
answers '... IPv4 in IPv6' 0 'ptr b.two.test confirmed' 'ptr ::ffff:192.0.2.23'
answers '... by a CNAME (RFC 2317)' 0 'ptr mx1.one.test unconfirmed' \
    'ptr 192.0.2.34'
answers 'a name that has not' 0 'ptr other.test unconfirmed' 'ptr 192.0.2.9'
answers 'the name of several that has' 0 'ptr two-ptr.test confirmed' \
    'ptr 192.0.2.33'
answers 'no name' 100 'fail 5.4.4 192.0.2.77 has no name' 'ptr 192.0.2.77'
answers 'no host name' 100 \
    'fail 5.4.4 192.0.2.30 has no name that is a host name' 'ptr 192.0.2.30'
answers '... but the root' 100 \
    'fail 5.4.4 192.0.2.31 has no name that is a host name' 'ptr 192.0.2.31'
answers 'no address' 100 'fail 5.1.2 not an address' 'ptr mx1.one.test'
mx -t 1 ptr 192.0.2.32
is 'whether it has cannot be told' "$code $got" \
    '0 ptr host.quiet.test undecided'

# What fails now may work later.
mx -t 1 silent.test
is 'a silent server' "$code $got" '111 fail 4.4.3 MX of silent.test: timeout'
mx dead.test
like 'a dead server' "$code $got" '^111 fail 4\.4\.3 MX of dead\.test: '
mx -t 1 down.test
is 'MX whose address cannot be learnt' "$code $got" \
    '111 fail 4.4.3 addresses of down.test: timeout'
mx -t 1 half.test
is 'the other MX is used meanwhile' "$code $got" "0 mx 20 ${one#mx 10 }"
like '... with a line about it' "$(cat "$t/err")" \
    'mx-unused domain=half.test host=mx.silent.test err=lookup-failed'

# No DNS.
dnscache=$DNSCACHEIP
DNSCACHEIP=127.0.0.1@1
answers localhost 0 'mx 0 localhost insecure ::1 127.0.0.1' localhost
answers 'addresses of localhost' 0 'addr ::1 127.0.0.1' 'addr localhost'
answers 'name of localhost' 0 'ptr localhost confirmed' 'ptr 127.0.0.1'
answers 'below localhost' 0 'mx 0 a.localhost insecure ::1 127.0.0.1' a.Localhost
answers 'IPv4 literal' 0 'mx 0 [192.0.2.7] insecure 192.0.2.7' '[192.0.2.7]'
answers 'IPv6 literal' 0 'mx 0 [IPv6:2001:db8::7] insecure 2001:db8::7' \
    '[IPv6:2001:DB8::7]'
mx 192.0.2.7
like 'an address without brackets' "$code $got" '^100 fail 5\.1\.2 '
for d in '' . .. a..b -a.test 'a b' 'a/b' '[' '[]' '[1.2.3]x' \
    "$(printf 'a\nmx 1 h secure 1.2.3.4')" "$(printf '%0300d' 0).test" \
    "$(printf '%064d' 0).test"; do
	got=$(mx-lookup -t 3 -- "$d" 2>&1)
	is "no domain name: $(printf %.20s "$d" | tr '\n' ' ')" "$? $got" \
	    '100 fail 5.1.2 not a domain name'
done
mx "$(printf 'b\303\274cher.test')"
like 'a domain with U-labels' "$code $got" '^100 fail 5\.6\.7 .*xn--'
answers 'nobody resolves' 111 'fail 4.4.3 MX of one.test: no DNS server answers' \
    one.test
answers '... a name' 111 \
    'fail 4.4.3 name of 192.0.2.1: no DNS server answers' 'ptr 192.0.2.1'

# Resolvers that lie are no resolvers.
for lie in silent garbage wrong-id other-name loop cut refused; do
	liar $lie
	DNSCACHEIP=127.0.0.1@$liar_port
	mx -t 1 one.test
	unlike "a resolver that lies is not believed: $lie" "$got" '^mx|evil'
	# The record cut away, this one looks like an answer without records.
	[ $lie = other-name ] ||
	    like '... and what it says may change' "$code $got" '^111 fail 4\.4\.3 '
done
DNSCACHEIP="nonsense $dnscache"
answers 'a resolver that cannot be read is skipped' 0 "$one" one.test
like '... and named' "$(cat "$t/err")" 'dns-cacheip address=nonsense'
DNSCACHEIP=$dnscache

exits 'usage: nothing' 100 mx-lookup 2>/dev/null
exits 'usage: two domains' 100 mx-lookup a b 2>/dev/null
exits 'usage: a socket and more' 100 mx-lookup -s a b 2>/dev/null
exits 'usage: time' 100 mx-lookup -t 0 a 2>/dev/null
exits 'a key file that is not there' 100 mx-lookup -a "$t/none" a.test 2>/dev/null

# The client's module without a service, then with one.
is 'mx-ask without a service' "$(mx-ask 3000 one.test 2>/dev/null)" "0  
10 ${one#mx 10 }"
is '... null MX' "$(mx-ask 3000 null.test 2>/dev/null)" \
    '100 5.1.10 null.test takes no mail (null MX)'
is '... no program' "$(PC_PATH=/nonexistent mx-ask 3000 one.test 2>/dev/null)" \
    '111 4.3.0 mx-lookup cannot be started'
# The same for addresses and names.
asks_hosts() { # asks_hosts WHAT
	is "host-ask $1" "$(host-ask 3000 mx1.one.test 192.0.2.1 2001:db8::1 \
	    192.0.2.9 192.0.2.77 one.test a..b 2>/dev/null)" \
	    '0  0 2001:db8::1 192.0.2.1 
0 mx1.one.test 1 
0 mx1.one.test 1 
0 other.test 0 
100  0 192.0.2.77 has no name
100  0 host one.test has no address
100  0 not a domain name'
}
asks_hosts 'without a service'
is '... undecided' "$(host-ask 2500 192.0.2.32 2>/dev/null)" \
    "111 host.quiet.test 0 its name's addresses cannot be looked up"
is '... no program' "$(PC_PATH=/nonexistent host-ask 3000 192.0.2.1)" \
    '111  0 mx-lookup cannot be started'
mkdir "$t/fake"
fake() { printf '#!/bin/sh\n%s\n' "$1" >"$t/fake/mx-lookup"; chmod 755 "$t/fake/mx-lookup"; }
fake 'echo "mx 1 h.test secure 192.0.2.1"; kill -9 $$'
is '... that crashes' "$(PC_PATH=$t/fake mx-ask 3000 one.test)" \
    '111 4.4.3 mx-lookup failed'
fake 'exec sleep 30'
is '... that hangs' "$(PC_PATH=$t/fake mx-ask 200 one.test)" \
    '111 4.4.3 mx-lookup gave no answer'
is 'mx-ask: a newline is no second question' \
    "$(mx-ask 3000 "$(printf 'one.test\ntwo.test')")" '100 5.1.2 not a domain name'

sock=$t/var/run/postchaise/mx-lookup
serve() { # serve ARGS…: starts the service, $service its process
	rm -f "$t/serve.log"
	mx-lookup "$@" -s 2>"$t/serve.log" &
	service=$!
	started $service
	wait_for 5 grep -q ready "$t/serve.log"
}
ask() { unix-io "$sock"; }
serve -t 3
is 'socket mode' "$(stat -c %a "$sock")" 666
is 'several questions on one connection' \
    "$(printf 'one.test\nnull.test\r\nlocalhost\n' | ask)" "$one
.
fail 5.1.10 null.test takes no mail (null MX)
.
mx 0 localhost insecure ::1 127.0.0.1
."
is 'from memory' "$(printf 'ONE.test.\n' | ask)" "$one
."
PC_PATH=/nonexistent
is 'mx-ask, by the service' "$(mx-ask 3000 one.test)" "0  
10 ${one#mx 10 }"
asks_hosts 'by the service'
PC_PATH=$bin
is 'requests of all kinds' \
    "$(printf 'ptr 192.0.2.1\naddr mx1.one.test\n[mx1.one.test]\nptr\n' | ask)" \
    "ptr mx1.one.test confirmed
.
addr 2001:db8::1 192.0.2.1
.
mx 0 mx1.one.test insecure 2001:db8::1 192.0.2.1
.
fail 5.1.2 domain ptr does not exist
."
asked() { echo "$1" | ask | grep -q "$2"; }
ok 'a record of one second' asked brief.test 'mx 10 mx1'
sed 's/^brief .*/brief 1 MX 10 mx.v6/' "$(zone_file test.)" >"$t/zone"
mv "$t/zone" "$(zone_file test.)"
kill -HUP $nsd_pid
ok '... is not remembered longer' wait_for 10 asked brief.test 'mx 10 mx\.v6'
is 'no domain name' "$(printf '\n' | ask)" 'fail 5.1.2 not a domain name
.'
is 'a line that is too long ends it' \
    "$(printf '%0600d\none.test\n' 0 | ask)" ''
is 'a line without end is no question' "$(printf one.test | ask)" ''

# The good domain's answer comes although another is silent, and first.
: >"$t/order"
{ printf 'slow.test\n' | ask >"$t/slow1"; echo silent >>"$t/order"; } &
slow1=$!
{ printf 'slow.test\n' | ask >"$t/slow2"; } &
slow2=$!
{ printf 'two.test\n' | ask >"$t/good"; echo good >>"$t/order"; } &
wait $! $slow1 $slow2
is 'a silent domain holds up no other' "$(cat "$t/order")" 'good
silent'
is '... which gets its answer' "$(tail -n1 "$t/good")" .
is '... and the silent one its own' "$(cat "$t/slow1")" \
    'fail 4.4.3 MX of slow.test: timeout
.'
is '... all who asked' "$(cat "$t/slow2")" "$(cat "$t/slow1")"

# Clients that go away while they wait, and many at once.
i=0
while [ $((i += 1)) -le 50 ]; do
	echo x$i.silent.test | unix-io "$sock" >/dev/null &
	kill -9 $!
done 2>/dev/null
i=0
while [ $((i += 1)) -le 50 ]; do
	{ printf 'h%d.many.test\n' $i | ask >"$t/many.$i"; } &
	waiting="$waiting $!"
done
wait $waiting
is '50 clients at once' "$(cat "$t"/many.* | grep -c '^\.$')" 50
ok 'the service is still there' kill -0 $service

second=$(mx-lookup -s 2>&1)
is 'a second service does not take the socket' "$?" 111
like '... and says why' "$second" 'socket-open .*use'
echo text >"$t/file"
exits 'a file is not taken for a socket' 111 mx-lookup -s "$t/file" 2>/dev/null
is '... and is still there' "$(cat "$t/file")" text
kill -9 $service
wait $service 2>/dev/null
is 'mx-ask when the service was killed' "$(mx-ask 3000 one.test 2>/dev/null)" "0  
10 ${one#mx 10 }"
serve -t 3
is 'a new service takes the place of a killed one' \
    "$(printf 'one.test\n' | ask)" "$one
."
kill $service
wait $service 2>/dev/null
is 'TERM ends it' "$?" 143

# A client that went away costs nothing, not even while its question runs.
DNSCACHEIP=127.0.0.1@$(cat "$t/liar.silent")
serve -t 60
if [ -r /proc/net/unix ]; then
	# The listening socket is one, each accepted connection another.
	connections() { [ "$(grep -c "$sock\$" /proc/net/unix)" = "$1" ]; }
	for d in a b c; do
		echo $d.test | unix-io "$sock" >/dev/null &
		gone="$gone $!"
	done
	ok 'clients wait' wait_for 5 connections 4
	kill -9 $gone
	ok 'they go, and are forgotten' wait_for 5 connections 1
fi
done_testing
