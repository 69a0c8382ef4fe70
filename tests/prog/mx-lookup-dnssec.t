#!/bin/sh
# mx-lookup as a validator: a signed root, and below it domains that are
# signed, unsigned, and wrongly signed (nsd, ldns-signzone).
. "$(dirname "$0")/../lib.sh"
. "$top/tests/tools/dns.sh"
command -v ldns-signzone >/dev/null || skip_all 'no ldns-signzone'

# sign ZONE [OPTIONS…]: signs it in place with a new key; its DS and DNSKEY in
# $dns/ZONE.ds and .key.
sign() {
	_z=$1; shift
	_k=$(cd "$dns" && ldns-keygen -k -a ECDSAP256SHA256 -r /dev/urandom \
	    "$_z") || exit 1
	ldns-signzone -n "$@" -f "$dns/signed" "$(zone_file "$_z")" "$dns/$_k" ||
	    exit 1
	mv "$dns/signed" "$(zone_file "$_z")"
	mv "$dns/$_k.ds" "$dns/$_z.ds"
	mv "$dns/$_k.key" "$dns/$_z.key"
}

hosts() { # the same domain everywhere: MX with both families
	cat <<-'Z'
	@     MX 10 mx
	mx    A 192.0.2.1
	mx    AAAA 2001:db8::1
	Z
}

{
	hosts
	echo 'mixed MX 10 mx
mixed MX 20 mx.plain.example.
mixed MX 30 mx.broken.example.
badmx MX 10 mx.broken.example.
host  A 192.0.2.9
null  MX 0 .
alias CNAME plain.example.
c     MX 10 calias
calias CNAME mx.plain.example.'
} | zone secure.example.
hosts | zone plain.example.
hosts | zone broken.example.
hosts | zone stale.example.
hosts | zone stripped.example.
hosts | zone corp.
sign secure.example.
sign broken.example.
# An address changed after it was signed.
sed 's/192\.0\.2\.1$/192.0.2.66/; s/2001:db8::1$/2001:db8::66/' \
    "$(zone_file broken.example.)" >"$dns/new"
mv "$dns/new" "$(zone_file broken.example.)"
sign stale.example. -i 20200101000000 -e 20200201000000
# The parent says that it is signed; it is not.
cp "$(zone_file stripped.example.)" "$dns/unsigned"
sign stripped.example.
cp "$dns/unsigned" "$(zone_file stripped.example.)"
{
	for z in secure plain broken stale stripped; do
		echo "$z.example. NS ns.invalid."
		[ $z = plain ] || cat "$dns/$z.example..ds"
	done
} | zone .
sign .
dns_start
key=$dns/..key

mx() { got=$(mx-lookup -t 8 -a "$key" "$@" 2>"$t/err"); code=$?; }
answers() {
	mx "$4"
	is "$1" "$code $got" "$2 $3"
}
a6='2001:db8::1 192.0.2.1'

answers 'signed' 0 "mx 10 mx.secure.example secure $a6" secure.example
answers 'not signed' 0 "mx 10 mx.plain.example insecure $a6" plain.example
answers 'no MX, and that is proven' 0 \
    'mx 0 host.secure.example secure 192.0.2.9' host.secure.example
answers 'null MX' 100 \
    'fail 5.1.10 null.secure.example takes no mail (null MX)' null.secure.example
answers 'no such domain, proven' 100 \
    'fail 5.1.2 domain nx.secure.example does not exist' nx.secure.example
answers 'CNAME from a signed to an unsigned domain' 0 \
    "mx 10 mx.plain.example insecure $a6" alias.secure.example
answers 'MX whose name leads out of the signed domain' 0 \
    "mx 10 calias.secure.example insecure $a6" c.secure.example
answers 'each host has its own state, a bogus one is left out' 0 \
    "mx 10 mx.secure.example secure $a6
mx 20 mx.plain.example insecure $a6" mixed.secure.example
answers '[host]' 0 "mx 0 mx.secure.example secure $a6" '[mx.secure.example]'
for z in stale stripped; do
	mx $z.example
	like "bogus: $z" "$code $got" \
	    "^111 fail 4\.4\.3 MX of $z\.example: DNSSEC: "
done
for z in broken.example badmx.secure.example; do
	mx $z
	like "bogus addresses: $z" "$code $got" \
	    "^111 fail 4\.4\.3 addresses of $z: DNSSEC: "
	unlike '... are not given out' "$got" '^mx'
done
answers 'a private name that the root knows nothing of' 0 \
    "mx 10 mx.corp insecure $a6" corp

# Behind a resolver that has no signatures of the root: here one whose root
# has another key.
(cd "$dns" && ldns-keygen -k -a ECDSAP256SHA256 -r /dev/urandom other. >name)
other=$dns/other.key
sed 's/^other\././' "$dns/$(cat "$dns/name").key" >"$other"
key=$other
answers 'no chain from the root: insecure' 0 \
    "mx 10 mx.secure.example insecure $a6" secure.example
like '... and a line says so' "$(cat "$t/err")" 'warn: dnssec-off'
mx -D secure.example
like '... with -D a failure' "$code $got" '^111 fail 4\.4\.3 .*DNSSEC'
key=$dns/..key
mx -D secure.example
is '-D with the chain' "$code $got" "0 mx 10 mx.secure.example secure $a6"

# Resident, many clients for one question.
mx-lookup -a "$key" -s "$t/sock" 2>"$t/serve.log" &
started $!
wait_for 5 test -S "$t/sock"
n=0 waiting=
while [ $((n += 1)) -le 20 ]; do
	{ echo secure.example | unix-io "$t/sock" >"$t/got.$n"; } &
	waiting="$waiting $!"
done
wait $waiting
is 'resident: all get the same' "$(sort -u "$t"/got.*)" ".
mx 10 mx.secure.example secure $a6"
done_testing
