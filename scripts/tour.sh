#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the README's tour: runs its commands and shows them with what they print.  Root: it makes network namespaces and a TUN device
# in one of its own.  Argument: the program halfopen.  `...` stands for lines left out, nothing else is changed.
set -euo pipefail

if [ "${2-}" != inside ]; then
	exec unshare --net "$0" "$(realpath "$1")" inside
fi
PATH=$(dirname "$1"):$PATH
HALFOPEN_RUN=$(mktemp -d)
export PATH HALFOPEN_RUN
cd "$HALFOPEN_RUN"
pids=()
far=
finish() {
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	[ -z "$far" ] || ip netns del "$far"
	rm -rf "$HALFOPEN_RUN"
}
trap finish EXIT

show() {
	printf '$ %s\n' "$1"
}

await() { # HOST: until it can be asked
	for ((i = 0; i < 50; i++)); do
		[ ! -S "$HALFOPEN_RUN/$1.sock" ] || break
		sleep 0.1
	done
}

only() { # LINES: an awk condition; what it leaves out, blank lines aside, becomes one line of dots
	awk "$1"' { print; dots = 0; next } /./ && !dots { print "..."; dots = 1 }'
}

# Of listen_overflow: one phase, the server's rows of interest, and the last line.
rows='/up to 0.5 s$/ { in_phase = 1 } /^$/ { in_phase = 0 }
	in_phase && /up to 0.5 s$|host B|^  Tcp(InSegs|ExtListen)/ || /every counter/'
words='in_phase && /^    B: TcpExtListenOverflows/'

show 'time halfopen lab run listen_overflow     # no root, no waiting'
TIMEFORMAT='real %Rs'
{ time halfopen lab run listen_overflow >out; } 2>took
only "$rows || $words" <out
cat took

printf '\n'
show 'sudo halfopen lab run listen_overflow --on both'
halfopen lab run listen_overflow --on both >out
only "$rows" <out

printf '\n'
show 'halfopen explain ListenOverflows'
halfopen explain ListenOverflows

printf '\n'
command='halfopen host --tun ho0 --addr 198.18.0.2/24 --kernel-addr 198.18.0.1/24 --listen 9000,backlog=1,app=noaccept --pcap o.pcapng'
show "sudo $command &"
$command &
pids+=($!)
await ho0
show 'sudo halfopen trace --event queue,drop -n 7 &'
halfopen trace --event queue,drop -n 7 >trace.out &
pids+=($!)
sleep 0.2
show 'for i in 1 2 3; do nc -w 20 198.18.0.2 9000 </dev/null & sleep 0.2; done; sleep 3'
for i in 1 2 3; do
	nc -w 20 198.18.0.2 9000 </dev/null &
	pids+=($!)
	sleep 0.2
done
sleep 3
cat trace.out
show 'sudo halfopen sockets --listen'
halfopen sockets --listen
show 'sudo halfopen why'
halfopen why
show 'sudo halfopen top --once'
COLUMNS=112 LC_ALL=C.UTF-8 halfopen top --once | only 'NR <= 9'
show "tshark -r o.pcapng -Y 'frame.comment contains \"ListenOverflows\"'"
tshark -r o.pcapng -Y 'frame.comment contains "ListenOverflows"' 2>/dev/null | only 'NR <= 2'

printf '\n'
as_root() { # a line as it is shown, its words without quotes
	show "sudo $1"
	$1
}
as_root 'ip netns add far'
far=far
command='halfopen host --forward --tun ho1 --addr 198.18.1.2/24 --kernel-addr 198.18.1.1/24 --tun ho2 --addr 198.18.2.2/24'
show "sudo $command &"
$command &
pids+=($!)
await ho1
as_root 'ip link set ho2 netns far'
as_root 'ip -n far addr add 198.18.2.1/24 dev ho2'
as_root 'ip -n far link set ho2 up'
as_root 'ip -n far route add default via 198.18.2.2'
as_root 'ip route add 198.18.2.0/24 via 198.18.1.2'
as_root 'traceroute -I -n -q 1 198.18.2.1'
as_root 'halfopen rule --at ho1 add FORWARD -p icmp -d 198.18.2.1 -j REJECT --reject-with icmp-admin-prohibited'
show 'ping -c 1 198.18.2.1'
ping -c 1 198.18.2.1 | only '/^(PING|From)/' || true
show "sudo halfopen counters --at ho1 'Ip*'"
halfopen counters --at ho1 'Ip*'
