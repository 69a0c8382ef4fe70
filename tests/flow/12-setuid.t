#!/bin/sh
# What the receiver's user, broken into, can make of the programs that are
# set-uid for it (tls-serve, auth-check, check-rate): nothing but their answers.
# In a scratch root.
. "$(dirname "$0")/../lib.sh"

if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || skip_all 'needs root'
	mkdir "$t/root"
	export top
	scratch=$top/tests/tools/scratch-root
	$scratch "$t/root" true 2>"$t/why" ||
	    skip_all "no scratch root: $(tail -n 1 "$t/why")"
	mkdir "$t/root2"
	$scratch "$t/root2" sh /src/tests/flow/12-setuid.t inside
	exit
fi

cd "$top" || exit 1
unset PC_PREFIX PC_PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
libexec=/usr/local/libexec/postchaise
rm -rf /etc/aliases /etc/virtual /etc/postchaise
{ bin/add-users && make -s install; } >/dev/null 2>&1 || exit 1
tls=/etc/postchaise/tls tables=/etc/postchaise/tables
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 2 -subj /CN=x -keyout /root/key.pem -out $tls/cert.pem 2>/dev/null
install -o pct -g pct -m 600 /root/key.pem $tls/key.pem
mkdir -p /etc/virtual/one.test
echo root:one.test:1:x >/etc/virtual/domains.cf
echo "alice:$(openssl passwd -6 right)" >/etc/virtual/one.test/passwd
chmod -R go-rwx /etc/virtual
echo hostname=mx.one.test >>/etc/postchaise/postchaise.conf
echo 'postmaster: alice@one.test' >/etc/aliases
/usr/local/sbin/alias-compile 2>/dev/null || exit 1

mkdir -m 777 "$t/w"
cd "$t/w" || exit 1
pcd() { setuidgid pcd "$@"; }
# auth PASSWORD [COMMAND…]: auth-check as pcd, the command in front of it.
auth() { printf 'alice@one.test\0%s\0now\0' "$1" >in; chmod 644 in; shift
	pcd "$@" $libexec/auth-check 3<in 2>>said; }
rate() { pcd env TCPREMOTEIP=192.0.2.1 "$@" 2>>said; }
secrets() { cat $tls/key.pem $tables/auth.cdb $tables/mail.cdb | cksum; }
before=$(secrets)
exits 'the right password' 0 auth right
exits 'a wrong one' 1 auth wrong
exits 'a try is counted' 0 rate $libexec/check-rate login

# The environment.
mkdir -p evil/etc/postchaise evil/etc/virtual/one.test
cp /etc/virtual/domains.cf evil/etc/virtual/
echo "alice:$(openssl passwd -6 evil)" >evil/etc/virtual/one.test/passwd
cp /etc/aliases evil/etc/
echo 'hostname=evil.test' >evil/etc/postchaise/postchaise.conf
PC_PREFIX=$PWD/evil $libexec/alias-compile 2>/dev/null
chmod -R a+rX evil; chmod 644 evil/etc/postchaise/tables/auth.cdb
is 'the forged table is one' "$(printf 'alice@one.test\0evil\0now\0' >in
    env PC_PREFIX="$PWD/evil" "$top/bin/auth-check" 3<in 2>&1; echo $?)" 0
exits 'PC_PREFIX cannot bring it in' 1 auth evil env PC_PREFIX="$PWD/evil"
mkdir -p evil/var/lib/postchaise/rate
chmod 777 evil/var/lib/postchaise/rate
rate env PC_PREFIX="$PWD/evil" $libexec/check-rate login
is 'nor another database' "$(ls evil/var/lib/postchaise/rate)" ''
cat >spy.c <<'END'
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void
f(void)
{
	if (geteuid() != getuid())
		close(open("spied", O_CREAT | O_WRONLY, 0666));
}
int bind_engine(void) { f(); return 0; }
int OSSL_provider_init(void) { f(); return 0; }
END
cc -shared -fPIC -o spy.so spy.c
cat >spy.cnf <<END
openssl_conf = a
[a]
engines = b
providers = c
[b]
e = d
[d]
dynamic_path = $PWD/spy.so
init = 1
[c]
p = d
[d]
module = $PWD/spy.so
activate = 1
END
for v in LD_PRELOAD=$PWD/spy.so LD_AUDIT=$PWD/spy.so OPENSSL_CONF=$PWD/spy.cnf \
    LD_LIBRARY_PATH=$PWD OPENSSL_MODULES=$PWD OPENSSL_ENGINES=$PWD; do
	auth right env "$v"
	rate env "$v" $libexec/check-rate good
	pcd env "$v" $libexec/tls-serve true </dev/null >/dev/null 2>&1
done
ok 'the environment loads no code' test ! -e spied

# Descriptors, limits, signals, input.
for fds in '<&-' '>&-' '2>&-' '<&- >&-' '<&- >&- 2>&-' '<&- >&- 2>&- 3>&- 4>&-'; do
	pcd sh -c "$libexec/auth-check $fds"
	pcd sh -c "TCPREMOTEIP=192.0.2.1 $libexec/check-rate login $fds"
	pcd sh -c "$libexec/tls-serve true $fds"
	pcd sh -c "$libexec/tls-serve $fds"
done >said 2>&1 </dev/null
# With these a sanitizer does not begin.
small='v:3000 s:8'
[ -z "${PC_SANITIZE:-}" ] || small=
for l in f:0 n:3 n:5 $small d:10 t:0 l:0 c:unlimited; do
	pcd sh -c "ulimit -${l%:*} ${l#*:}; TCPREMOTEIP=192.0.2.1 $libexec/check-rate login
	    printf 'alice@one.test\0wrong\0now\0' | $libexec/auth-check 3<&0 && echo bad
	    $libexec/tls-serve true </dev/null"
done >said 2>&1
unlike 'no limit of resources makes a wrong password right' "$(cat said)" '^bad'
i=0
while [ $i -lt 30 ]; do
	rate $libexec/check-rate login &
	p=$!
	[ $((i % 3)) = 0 ] || sleep 0.00$((i % 7))
	kill -9 $p 2>/dev/null
	wait $p
	i=$((i + 1))
done >/dev/null 2>&1
printf 'alice@one.test\0right\0' >in
head -c 10000000 /dev/zero >>in
exits 'too much input is wrong' 1 pcd $libexec/auth-check 3<in 2>/dev/null
long=$(head -c 100000 /dev/zero | tr '\0' a)
for v in TCPREMOTEIP TCPREMOTEHOST AUTH_USER RECIPIENTS; do
	pcd env TCPREMOTEIP=192.0.2.1 "$v=$long" $libexec/check-rate message
	pcd env "$v=$long" $libexec/check-rate login
	auth wrong env "$v=$long"
done >said 2>&1
head -c 100000 /dev/urandom | pcd timeout 20 $libexec/tls-serve true >/dev/null 2>&1
is 'garbage is no handshake' $? 111
ok 'no core is left' test -z "$(find / -xdev \( -name core -o -name 'core.[0-9]*' \) \
    -type f -newer spy.c 2>/dev/null)"
is 'key, hashes and routes are what they were' "$(secrets)" "$before"
ok 'the database is whole' sh -c "$libexec/check-rate list >said 2>&1"
flock /var/lib/postchaise/rate/lock sleep 3 &
sleep 0.5
$libexec/check-rate list >said 2>&1 &
p=$!
sleep 1
is 'the database is read by pcs alone, for root too' "$(sed -n 's/^Uid:\t//p' /proc/$p/status | xargs)" \
    "$(id -u pcs) $(id -u pcs) $(id -u pcs) $(id -u pcs)"
wait
exits 'the right password is right' 0 auth right
exits 'and the wrong one wrong' 1 auth wrong

# What they start has no more than pcd had.
cat >show <<'END'
#!/bin/sh
# Ids, rights and descriptors, and whether the secrets can be read.
awk '/^[UG]id:/ { print $1, $2 == $3 && $3 == $4 && $4 == $5 }
    /^Cap(Prm|Eff):/ { print $1, $2 }' /proc/self/status
id -un
ls -l /proc/$$/fd | grep -E 'pem|cdb|rate|mdb'
cat /etc/postchaise/tls/key.pem /etc/postchaise/tables/auth.cdb 2>/dev/null
exit 0
END
chmod 755 show
want='Uid: 1
Gid: 1
CapPrm: 0000000000000000
CapEff: 0000000000000000
pcd'
printf 'alice@one.test\0right\0now\0' >in
is 'the program behind auth-check' "$(pcd $libexec/auth-check ./show 3<in 2>&1)" "$want"
port=$(free_port)
tcpserver -RHl0 -u "$(id -u pcd)" -g "$(id -g pcd)" 127.0.0.1 "$port" \
    $libexec/tls-serve sh -c './show; sleep 30' 2>/dev/null &
started $!
wait_for 10 tcpclient -qRHl0 127.0.0.1 "$port" true
(sleep 20) | openssl s_client -quiet -connect "127.0.0.1:$port" >out 2>/dev/null &
started $!
wait_for 10 grep -q '^pcd' out
is 'the program behind tls-serve' "$(cat out)" "$want"
p=$(ps -eo pid=,user=,comm= | awk '$2 == "pct" && $3 == "tls-serve" { print $1 }' | head -n 1)
ok 'tls-serve runs as pct' test -n "$p"
for f in mem maps environ fd; do
	ok "its $f is closed to pcd" pcd sh -c "! ls /proc/$p/$f/ >/dev/null 2>&1 &&
		! head -c 1 /proc/$p/$f >/dev/null 2>&1"
done

# The gate's directory is pcd's; root comes there by route-explain.
gate=/var/lib/postchaise/gate
echo root >victim; chmod 600 victim
rm -f $gate/sessions
pcd ln -s "$PWD/victim" $gate/sessions
TCPREMOTEIP=192.0.2.1 $libexec/conn-gate true 2>said
like 'root follows no link in it' "$(cat said)" 'sessions-open'
is 'and gives nothing away' "$(stat -c '%U %a' victim)" 'root 600'
rm $gate/sessions
TCPREMOTEIP=192.0.2.1 $libexec/conn-gate true 2>said
is 'what root makes there is pcd'\''s' "$(stat -c '%U %a' $gate/sessions)" 'pcd 600'
done_testing
