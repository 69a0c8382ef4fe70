# A private DNS for tests.  Sourced after lib.sh.  nsd has the zones and an
# unbound in front of it is the resolver; both on 127.0.0.1, high ports, as
# the invoking user, everything in $t/dns.
#   zone NAME          a zone file from descriptor 0 (SOA and NS are added)
#   stub NAME PORT     the resolver asks that port for the zone NAME
#   dns_start          starts both; sets and exports DNSCACHEIP, sets nsd_pid
PATH=$PATH:/usr/sbin:/usr/local/sbin
command -v nsd >/dev/null || skip_all 'no nsd'
command -v unbound >/dev/null || skip_all 'no unbound'
command -v drill >/dev/null || skip_all 'no drill'
dns=$t/dns
mkdir -p "$dns"
nsd_port=$(free_port)
: >"$dns/zones"
: >"$dns/stubs"

# nsd writes to its directory when it ends: wait for that before it is removed.
cleanup() {
	for p in $tap_pids; do kill "$p" 2>/dev/null; done
	wait
	cd / && rm -rf "$t"
}

zone_file() { echo "$dns/$1.zone"; }

zone() {
	{
		printf '$ORIGIN %s\n$TTL 300\n' "$1"
		echo '@ SOA ns.invalid. root.invalid. 1 3600 600 86400 60'
		echo '@ NS ns.invalid.'
		cat
	} >"$(zone_file "$1")"
	echo "$1" >>"$dns/zones"
	stub "$1" "$nsd_port"
}

stub() {
	cat >>"$dns/stubs" <<-STUB
	stub-zone:
	  name: "$1"
	  stub-addr: 127.0.0.1@$2
	STUB
}

nsd_conf() {
	cat <<-CONF
	server:
	  ip-address: 127.0.0.1@$nsd_port
	  username: ""
	  chroot: ""
	  zonesdir: "$dns"
	  database: ""
	  pidfile: ""
	  zonelistfile: "$dns/zone.list"
	  xfrdfile: "$dns/xfrd.state"
	  xfrdir: "$dns"
	  server-count: 1
	  rrl-ratelimit: 0
	  logfile: "$dns/nsd.log"
	remote-control:
	  control-enable: no
	CONF
	while read -r z; do
		printf 'zone:\n  name: "%s"\n  zonefile: "%s"\n' \
		    "$z" "$(zone_file "$z")"
	done <"$dns/zones"
}

unbound_conf() {
	cat <<-CONF
	server:
	  interface: 127.0.0.1@$1
	  username: ""
	  chroot: ""
	  directory: "$dns"
	  pidfile: ""
	  use-syslog: no
	  logfile: "$dns/unbound.log"
	  do-daemonize: no
	  do-ip6: no
	  do-not-query-localhost: no
	  num-threads: 1
	  module-config: "iterator"
	  unblock-lan-zones: yes
	  local-zone: "test." nodefault
	  local-zone: "invalid." nodefault
	remote-control:
	  control-enable: no
	CONF
	cat "$dns/stubs"
}

dns_start() {
	_port=$(free_port)
	nsd_conf >"$dns/nsd.conf"
	unbound_conf "$_port" >"$dns/unbound.conf"
	nsd -d -c "$dns/nsd.conf" 2>"$dns/nsd.err" &
	nsd_pid=$!
	started $nsd_pid
	unbound -d -c "$dns/unbound.conf" 2>"$dns/unbound.err" &
	started $!
	export DNSCACHEIP="127.0.0.1@$_port"
	wait_for 10 dns_up && return
	sed 's/^/# /' "$dns"/*.err "$dns"/*.log
	echo 'Bail out! the test DNS does not start'
	exit 1
}

# The root is served, by way of both.
dns_up() { drill -p "${DNSCACHEIP##*@}" @127.0.0.1 . NS | grep -q ns.invalid; }
