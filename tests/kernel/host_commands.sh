#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `halfopen ping`, `route`, `addr`, `neigh`, `sysctl` and `rule` of a running host with two links, whose other ends are the kernel's: what they
# print is what ip, sysctl and ping print of the same setup, and what they change is felt.  Argument: the program halfopen.
# shellcheck source=tests/kernel/ground.sh
. "$(dirname "$0")/ground.sh"
ground_needs ip ping python3 sysctl
ns=hocmd$$
ground_open $ns
in_ns() { ip netns exec $ns "$@"; }
ask() { "$halfopen" "$@" >"$dir/last" 2>&1; }
# fails STATUS WORDS COMMAND...: with this status, and in these words
fails() {
	local status=0 want=$1 words=$2
	shift 2
	ask "$@" || status=$?
	[ $status -eq "$want" ] || die "exit status $status of halfopen $*, not $want"
	grep -qF -- "$words" "$dir/last" || die "halfopen $*: not said: $words"
}

in_ns ip link set lo up
ip netns exec $ns "$halfopen" host --tun ho0 --addr 198.18.0.2/24 --kernel-addr 198.18.0.1/24 \
	--tun ho1 --addr 198.18.1.2/24 --addr 198.18.1.3/24 --kernel-addr 198.18.1.1/24 --mtu 1400 --route 'default via 198.18.0.1' \
	--rule 'INPUT -p tcp --dport 9001 -j REJECT --reject-with tcp-reset' --listen 9000 --listen 9001 >"$dir/out" 2>"$dir/ho0.err" &
pids+=($!)
started ho0 "${pids[0]}" || die "the host did not start"

# ---- ping, both ways
ask ping -c 3 -i 0.05 198.18.0.1 || die "ping"
grep -q '^PING 198.18.0.1 (198.18.0.1) 56(84) bytes of data.$' "$dir/last" || die "the head of ping"
[ "$(grep -cE '^64 bytes from 198.18.0.1: icmp_seq=[123] ttl=64 time=[0-9.]+ ms$' "$dir/last")" -eq 3 ] || die "three answers"
grep -qE '^3 packets transmitted, 3 received, 0% packet loss, time [0-9]+ms$' "$dir/last" || die "the sum"
grep -qE '^rtt min/avg/max/mdev = [0-9.]+/[0-9.]+/[0-9.]+/[0-9.]+ ms$' "$dir/last" || die "the times"
ask ping -c 1 198.18.1.1 || die "ping over the second link"
in_ns ping -c 1 -W 2 198.18.1.3 >"$dir/last" || die "the kernel pings the second link"
# what ping's lines look like but for the numbers is what the system's ping prints
shape() { sed -E 's/[0-9]+\.[0-9]+(\.[0-9]+\.[0-9]+)/A/g; s/[0-9.]+/N/g'; }
in_ns ping -c 2 -i 0.2 198.18.0.2 | shape | sort -u >"$dir/theirs"
"$halfopen" ping -c 2 -i 0.2 198.18.0.1 | shape | sort -u >"$dir/ours"
diff "$dir/theirs" "$dir/ours" >"$dir/last" || die "ping does not print what ping prints"
in_ns ip route add unreachable 198.18.44.0/24
in_ns sysctl -qw net.ipv4.ip_forward=1
fails 1 'From 198.18.0.1 icmp_seq=1 Destination Host Unreachable' ping -c 1 -W 1 198.18.44.1
fails 1 '100% packet loss' ping -c 1 -W 0.2 198.18.0.77
fails 2 'seconds are wanted' ping -i x 198.18.0.1

# ---- routes and addresses, beside the same ones of the kernel
ask route add 198.18.7.0/24 via 198.18.0.1 metric 5 mtu 1300 || die "route add"
ask route add 198.18.8.1 via 198.18.1.1 src 198.18.1.3 || die "route add with a source"
ask route add blackhole 198.18.9.0/24 || die "route add blackhole"
ask route add 198.18.10.0/24 dev ho1 || die "route add dev"
ip netns add "${ns}k"
# shellcheck disable=SC2317
kernel_twin() {
	ip -n "${ns}k" link add ho0 type veth peer name far0
	ip -n "${ns}k" link add ho1 mtu 1400 type veth peer name far1
	ip -n "${ns}k" link set far0 up
	ip -n "${ns}k" link set far1 up
	ip -n "${ns}k" addr add 198.18.0.2/24 dev ho0
	ip -n "${ns}k" addr add 198.18.1.2/24 dev ho1
	ip -n "${ns}k" addr add 198.18.1.3/24 dev ho1
	ip -n "${ns}k" link set ho0 up
	ip -n "${ns}k" link set ho1 up
	ip -n "${ns}k" route add default via 198.18.0.1
	ip -n "${ns}k" route add 198.18.7.0/24 via 198.18.0.1 metric 5 mtu 1300
	ip -n "${ns}k" route add 198.18.8.1 via 198.18.1.1 src 198.18.1.3
	ip -n "${ns}k" route add blackhole 198.18.9.0/24
	ip -n "${ns}k" route add 198.18.10.0/24 dev ho1
	ip -n "${ns}k" route | sed 's/ *$//' >"$dir/theirs"
	ip -n "${ns}k" -4 addr | grep inet | grep -v 127.0.0.1 >"$dir/addrs"
	ip -n "${ns}k" -j route | python3 -c 'import json, sys; print(*sorted(map(str, json.load(sys.stdin))), sep="\n")' >"$dir/json"
	ip -n "${ns}k" route get 198.18.7.9 | sed 's/ uid 0//; s/ *$//' >"$dir/got"
}
twin=0
kernel_twin || twin=$?
ip netns del "${ns}k"
[ $twin -eq 0 ] || skip "the kernel does not take the same routes"
ask route || die "route"
diff "$dir/theirs" "$dir/last" || die "route does not print what ip route prints"
ask addr || die "addr"
grep inet "$dir/last" | grep -v 127.0.0.1 | diff "$dir/addrs" - || die "addr does not print what ip addr prints"
ask route get 198.18.7.9 || die "route get"
diff "$dir/got" "$dir/last" || die "route get does not print what ip route get prints"
"$halfopen" route show --json | python3 -c 'import json, sys; print(*sorted(map(str, json.load(sys.stdin))), sep="\n")' >"$dir/last"
diff "$dir/json" "$dir/last" || die "route --json is not ip's"
fails 1 'RTNETLINK answers: File exists' route add 198.18.9.0/24 via 198.18.0.1
fails 2 'Cannot find device' route add 198.18.11.0/24 dev eth7
fails 1 'Invalid argument' ping -c 1 198.18.9.1
ask addr add 198.18.0.5/24 dev ho0 || die "addr add"
in_ns ping -c 1 -W 2 198.18.0.5 >"$dir/last" || die "an address added at run time does not answer"
ask addr del 198.18.0.5/24 dev ho0 || die "addr del"
! in_ns ping -c 1 -W 0.3 198.18.0.5 >"$dir/last" || die "an address that is gone answers"

# ---- sysctl
in_ns ping -c 1 -W 2 198.18.0.2 >"$dir/last" || die "no echo before icmp_echo_ignore_all"
ask sysctl net.ipv4.icmp_echo_ignore_all=1 || die "sysctl"
grep -qx 'net.ipv4.icmp_echo_ignore_all = 1' "$dir/last" || die "what sysctl says"
! in_ns ping -c 1 -W 0.3 198.18.0.2 >"$dir/last" || die "icmp_echo_ignore_all changes nothing"
ask sysctl -w net.ipv4.icmp_echo_ignore_all=0 || die "sysctl -w"
[ "$("$halfopen" sysctl -n net.ipv4.icmp_echo_ignore_all)" = 0 ] || die "sysctl -n"
in_ns ping -c 1 -W 2 198.18.0.2 >"$dir/last" || die "no echo after icmp_echo_ignore_all"
in_ns sysctl net.ipv4.tcp_rmem | sed 's/\t/ /g; s/ [0-9]*$//' >"$dir/theirs"
"$halfopen" sysctl net.ipv4.tcp_rmem | sed 's/\t/ /g; s/ [0-9]*$//' | diff "$dir/theirs" - || die "sysctl prints otherwise than sysctl"
fails 2 'net.ipv4.tcp_syncookies' sysctl net.ipv4.tcp_syncookie
fails 2 'out of range' sysctl net.ipv4.tcp_syncookies=many
ask sysctl net.ipv4.tcp_fastopen=-1 || die "a negative value"
grep -qx 'net.ipv4.tcp_fastopen = -1' "$dir/last" || die "a negative value is printed otherwise"

# ---- rules
cat >"$dir/connect.py" <<'PY'
import errno, socket, sys
s = socket.socket()
s.settimeout(float(sys.argv[2]))
try:
    s.connect(('198.18.0.2', int(sys.argv[1])))
    print('connected')
except socket.timeout:
    print('timed out')
except OSError as e:
    print(errno.errorcode[e.errno])
PY
connects() {
	local got
	got=$(in_ns python3 "$dir/connect.py" "$1" "$2")
	[ "$got" = "$3" ] || die "port $1: $got, not $3"
}
connects 9000 5 connected
connects 9001 5 ECONNREFUSED
ask rule add INPUT -p tcp --dport 9000 -j DROP || die "rule add"
connects 9000 0.3 'timed out'
ask rule list -v || die "rule list"
grep -qE '^-A INPUT -p tcp -m tcp --dport 9000 -c [1-9][0-9]* [0-9]+ -j DROP$' "$dir/last" || die "the rule has counted nothing"
ask rule insert INPUT -s 198.18.0.1 -p tcp -j ACCEPT || die "rule insert"
connects 9000 5 connected
connects 9001 5 connected
ask rule delete INPUT 1 || die "rule delete"
connects 9001 5 ECONNREFUSED
ask rule flush || die "rule flush"
connects 9001 5 connected
ask rule policy OUTPUT DROP || die "rule policy"
fails 1 'ping: sendmsg: Operation not permitted' ping -c 1 -W 0.1 198.18.0.1
ask rule policy OUTPUT ACCEPT || die "rule policy"
fails 2 '-p tcp or -p udp' rule add INPUT --dport 9000 -j DROP
fails 1 'there is no such rule' rule delete INPUT 1
fails 2 'no host named' rule --at nobody list
# --at before the verb and behind it
for words in 'rule --at ho0 list' 'rule list --at=ho0' 'route show --at ho0' 'addr --at ho0' 'sysctl net.ipv4.tcp_sack --at ho0' \
	'sysctl --at=ho0 -n net.ipv4.tcp_sack' 'ping -c 1 --at ho0 198.18.0.1' 'neigh --at ho0'; do
	# shellcheck disable=SC2086
	ask $words || die "halfopen $words"
done
[ ! -s "$dir/last" ] || die "a TUN device has no neighbours"

# ---- an Ethernet: what each side knows of the other
ip netns exec $ns "$halfopen" host --tap ho8 --addr 198.18.8.2/24 --kernel-addr 198.18.8.1/24 >"$dir/out8" 2>"$dir/ho8.err" &
pids+=($!)
started ho8 "${pids[-1]}" || die "the host ho8 did not start"
in_ns ping -c 1 -W 2 198.18.8.2 >"$dir/last" || die "no echo over a TAP device"
in_ns ip neigh show 198.18.8.2 | grep -q 'lladdr 02:00:c6:12:08:02' || die "the stack's station"
mac=$(in_ns cat /sys/class/net/ho8/address)
ask neigh --at ho8 || die "neigh"
grep -qE "^198.18.8.1 dev ho8 lladdr $mac (REACHABLE|STALE|DELAY)$" "$dir/last" || die "neigh does not know the kernel's station"
fails 1 '100% packet loss' ping --at ho8 -c 1 -W 0.2 198.18.8.77
ask neigh list --at ho8 --json || die "neigh --json"
python3 - "$dir/last" "$mac" <<'PY' || die "neigh --json"
import json, sys
seen = {n['dst']: n for n in json.load(open(sys.argv[1]))}
assert seen['198.18.8.1']['lladdr'] == sys.argv[2], seen
assert seen['198.18.8.77']['state'] == ['INCOMPLETE'] and 'lladdr' not in seen['198.18.8.77'], seen
PY
fails 2 'not with --tap' host --tap ho9 --addr 198.18.9.2/24 --pcap "$dir/no.pcapng"

# ---- what cannot be said
for wrong in "--rule INPUT" "--route 1.2.3.4.5" "--tun ho7 --tun ho7"; do
	# shellcheck disable=SC2086
	fails 2 'halfopen host: ' host --tun ho5 --addr 198.18.5.2/24 --name other $wrong
done
echo "ping, route, addr, neigh, sysctl and rule do what they say"
