#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `halfopen host --forward` between two TUN devices, the kernel's end of each in a network namespace of its own, used by the kernel's
# programs: ping, traceroute, dig, nc, iperf3, a TCP that has to learn the path's MTU.  Argument: the program halfopen.
#
#     namespace a       198.18.0.0/24          198.18.1.0/24       namespace b      198.18.2.0/24
#     kernel .1 -- hfa (1500) -- .2 halfopen .2 -- hfb (1400) -- .1 kernel .1 -- hfc -- .2 halfopen (DNS, echo)
# shellcheck source=tests/kernel/ground.sh
. "$(dirname "$0")/ground.sh"
a=hfa$$ b=hfb$$
ground_needs ip ss sysctl python3 ping nc dig traceroute iperf3 sha256sum
ground_open $a $b
hosts=() others=()
# shellcheck disable=SC2317 # called by ground.sh
ground_left() { ended "${others[@]}" "${hosts[@]}"; }

in_a() { timeout 30 ip netns exec $a "$@"; }
in_b() { timeout 30 ip netns exec $b "$@"; }
ask() { "$halfopen" "$1" --at hfa "${@:2}" >"$dir/last" 2>&1; }
counter() { "$halfopen" counters --at hfa -az "$1" | awk '{ print $2 }'; }
dropped() { ip -n $a -s -j link show hfa | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["stats64"]["tx"]["dropped"])'; }
receive_buffer_full() { ip netns exec $b nstat -asz UdpRcvbufErrors | awk '/Udp/ { print $2 }'; }

# start NAMESPACE NAME OPTION...: a host, ready when this returns
start() {
	local ns=$1 name=$2
	shift 2
	ip netns exec "$ns" "$halfopen" host --tun "$name" "$@" >"$dir/$name.out" 2>"$dir/$name.err" &
	hosts+=($!)
	started "$name" "${hosts[-1]}" || die "the host $name did not start"
}

# serve NAMESPACE PORT COMMAND...: a server of the kernel's, ready when this returns; its output is in served
serve() {
	local ns=$1 port=$2 i
	shift 2
	timeout 60 ip netns exec "$ns" "$@" >"$dir/served" 2>"$dir/served.err" </dev/fd/0 &
	others+=($!)
	for ((i = 0; i < 100; i++)); do
		[ -z "$(ip netns exec "$ns" ss -Htuln "sport = :$port")" ] || return 0
		kill -0 "${others[-1]}" 2>/dev/null || break
		sleep 0.05
	done
	die "$* did not start"
}

pings() { # NAMESPACE ADDRESS OPTION...
	timeout 30 ip netns exec "$1" ping -q -c 3 -i 0.05 -W 2 "${@:3}" "$2" >"$dir/last" || die "ping $*"
	grep -q ' 3 received' "$dir/last" || die "ping $*"
}

# hops ADDRESS OPTION...: the addresses on the way, in a line
hops() {
	in_a traceroute -n -q 1 -N 1 -m 5 -w 2 "${@:2}" "$1" >"$dir/last" || die "traceroute $*"
	awk 'NR > 1 { print $2 }' "$dir/last" | xargs
}

# sends NAMESPACE ADDRESS FILE PORT: by TCP from one namespace to the other, checked
sends() {
	local from=$1 to=$a want got
	[ "$from" != $a ] || to=$b
	serve $to "$4" nc -l "$4" </dev/null
	timeout 50 ip netns exec "$from" nc -N -w 20 "$2" "$4" <"$3" >"$dir/last" || die "nc to $2"
	wait "${others[-1]}" || die "nc -l: status $?"
	want=$(sha256sum <"$3") got=$(sha256sum <"$dir/served")
	[ "$want" = "$got" ] || die "TCP to $2: $(stat -c %s "$dir/served") bytes, and not those sent"
}

talks_udp() { # NAMESPACE ADDRESS
	local to=$a
	[ "$1" != $a ] || to=$b
	serve $to 7000 nc -u -l 7000 < <(echo answer; sleep 5)
	[ "$(echo question | timeout 10 ip netns exec "$1" nc -u -w 1 "$2" 7000)" = answer ] || die "nc -u to $2: no answer"
	ended "${others[-1]}"
	[ "$(cat "$dir/served")" = question ] || die "nc -u to $2: no question"
}

head -c 100000000 /dev/urandom >"$dir/large"
head -c 10000000 "$dir/large" >"$dir/small"
ip -n $a link set lo up
ip -n $b link set lo up
in_b sysctl -qw net.ipv4.ip_forward=1
in_b sysctl -qw net.ipv4.icmp_ratelimit=0

for offload in '' --no-offload; do
	# the kernel's end of hfb moves to the other namespace; its descriptor stays with the program
	# shellcheck disable=SC2086 # an option or none
	start $a hfa --addr 198.18.0.2/24 --kernel-addr 198.18.0.1/24 --tun hfb --addr 198.18.1.2/24 --mtu 1400 --txqueuelen 10000 \
		--route '198.18.2.0/24 via 198.18.1.1' --forward $offload --udp 53,app=dns,name=www.halfopen.test,addr=198.18.7.7
	ip -n $a link set hfb netns $b
	ip -n $b addr add 198.18.1.1/24 dev hfb
	ip -n $b link set hfb mtu 1500 up # the kernel there does not know how narrow the link is: its MSS does not say it
	start $b hfc --addr 198.18.2.2/24 --kernel-addr 198.18.2.1/24 --udp 53,app=dns,name=far.halfopen.test,addr=198.18.8.8 --udp 7
	ip -n $a route add 198.18.0.0/15 via 198.18.0.2
	ip -n $b route add 198.18.0.0/24 via 198.18.1.2

	for address in 198.18.0.2 198.18.1.2 198.18.1.1 198.18.2.2; do
		pings $a $address
	done
	pings $b 198.18.0.1
	pings $b 198.18.0.2
	pings $a 198.18.1.1 -s 4000
	pings $b 198.18.0.1 -s 4000
	pings $a 198.18.2.2 -s 20000
	[ "$(counter IpFragCreates)" -gt 0 ] || die "a fragment of 1500 bytes crossed a link of 1400 bytes"
	[ "$(counter IpReasmReqds)" -eq 0 ] || die "what is passed on was put together"
	echo "ping $offload: both its addresses, through it, in fragments"

	for how in -I -U -T; do
		[ "$(hops 198.18.1.1 $how)" = '198.18.0.2 198.18.1.1' ] || die "traceroute $how: two hops"
	done
	[ "$(hops 198.18.2.2 -I)" = '198.18.0.2 198.18.1.1 198.18.2.2' ] || die "traceroute -I: three hops"
	[ "$(hops 198.18.2.2 -U)" = '198.18.0.2 198.18.1.1 198.18.2.2' ] || die "traceroute -U: three hops"
	[ "$(counter IcmpOutTimeExcds)" -eq 5 ] || die "IcmpOutTimeExcds"
	echo "traceroute $offload: -I, -U, -T"

	talks_udp $a 198.18.1.1
	talks_udp $b 198.18.0.1
	[ "$(echo far | in_a nc -u -w 1 198.18.2.2 7)" = far ] || die "nc -u to a host behind the host"
	[ "$(in_a dig +short +tries=1 +time=3 @198.18.0.2 www.halfopen.test)" = 198.18.7.7 ] || die "dig at the host"
	[ "$(in_b dig +short +tries=1 +time=3 @198.18.1.2 www.halfopen.test)" = 198.18.7.7 ] || die "dig at the host's other address"
	[ "$(in_a dig +short +tries=1 +time=3 @198.18.2.2 far.halfopen.test)" = 198.18.8.8 ] || die "dig through the host"
	echo "nc -u, dig $offload: at the host, and through it both ways"

	[ "$(counter IcmpOutDestUnreachs)" -eq 0 ] || die "IcmpOutDestUnreachs before anything was too large"
	sends $a 198.18.1.1 "$dir/large" 7001
	[ "$(counter IcmpOutDestUnreachs)" -ge 1 ] || die "no ICMP 3/4 went out"
	[ "$(counter IpFragFails)" -ge 1 ] || die "IpFragFails"
	ip -n $a route get 198.18.1.1 >"$dir/last"
	grep -q 'mtu 1400' "$dir/last" || die "the sender did not learn the path's MTU"
	in_a ping -c 1 -W 1 -M 'do' -s 1450 198.18.2.2 >"$dir/last" 2>&1 && die "ping of 1478 bytes with DF came back"
	grep -q 'Frag needed and DF set (mtu = 1400)' "$dir/last" || die "ping does not say the MTU"
	sends $b 198.18.0.1 "$dir/small" 7002
	echo "TCP $offload: 100 MB through a narrow link, and 10 MB back"

	ask rule add FORWARD -p icmp -d 198.18.1.1 -j REJECT --reject-with icmp-admin-prohibited || die "rule add"
	in_a ping -c 1 -W 1 198.18.1.1 >"$dir/last" 2>&1 && die "ping passed a rule that rejects it"
	grep -q 'From 198.18.0.2 icmp_seq=1 Packet filtered' "$dir/last" || die "ping is not told of the rule"
	pings $a 198.18.1.2 # INPUT, not FORWARD
	pings $a 198.18.2.2 # not what the rule is of
	ask rule list -v || die "rule list"
	grep -qE '^-A FORWARD .*-p icmp .*-c 1 84 ' "$dir/last" || die "the rule has not counted one packet"
	ask rule flush || die "rule flush"
	pings $a 198.18.1.1
	echo "a FORWARD rule $offload: comes and goes"

	# What the receiver's socket has no room for while its program does not run is no loss of the host's.
	buffer=$(sysctl -n net.core.rmem_max)
	[ "$buffer" -le 4194304 ] || buffer=4194304
	before=$(counter IpForwDatagrams) full=$(receive_buffer_full) late=$(dropped)
	serve $b 5201 iperf3 -s -1 </dev/null
	in_a iperf3 -J -c 198.18.1.1 -u -b 200M -l 1300 -t 2 -w "$buffer" >"$dir/last" || die "iperf3"
	wait "${others[-1]}" || die "iperf3 -s: status $?"
	passed=$(($(counter IpForwDatagrams) - before)) full=$(($(receive_buffer_full) - full))
	late=$(($(dropped) - late))
	[ $late -eq 0 ] || die "the device dropped $late packets: the host was late"
	python3 - "$dir/last" $passed $full <<'PY' || die "iperf3"
import json, sys
sum = json.load(open(sys.argv[1]))["end"]["sum"]
passed, full = map(int, sys.argv[2:])
print(f"iperf3 -u: {sum['packets']} datagrams, {sum['lost_packets']} lost, {full} of them at the receiver's full buffer")
assert passed >= sum["packets"] > 30000, (passed, sum)
assert sum["lost_packets"] <= full, sum
PY

	[ "$(counter IpInHdrErrors)" -eq 5 ] || die "IpInHdrErrors: the five hops of traceroute"
	for name in IpInDiscards IpOutDiscards IpInAddrErrors IpOutNoRoutes IpReasmFails TcpInSegs; do
		[ "$(counter $name)" -eq 0 ] || die "$name: $(counter $name)"
	done
	ended "${others[@]}"
	others=()
	for pid in "${hosts[@]}"; do
		kill "$pid"
		wait "$pid" || die "a host ended with status $?"
	done
	hosts=()
	cat "$dir"/hf?.err >"$dir/last"
	[ ! -s "$dir/last" ] || die "a host complained"
done
