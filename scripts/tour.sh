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
finish() {
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$HALFOPEN_RUN"
}
trap finish EXIT

show() {
	printf '$ %s\n' "$1"
}

only() { # LINES: an awk condition; what it leaves out becomes one line of dots
	awk "$1"' { print; dots = 0; next } !dots { print "..."; dots = 1 }'
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
for ((i = 0; i < 50; i++)); do
	[ ! -S "$HALFOPEN_RUN/ho0.sock" ] || break
	sleep 0.1
done
show 'for i in 1 2 3; do nc -w 20 198.18.0.2 9000 </dev/null & sleep 0.2; done; sleep 3'
for i in 1 2 3; do
	nc -w 20 198.18.0.2 9000 </dev/null &
	pids+=($!)
	sleep 0.2
done
sleep 3
show 'sudo halfopen sockets --listen'
halfopen sockets --listen
show 'sudo halfopen why'
halfopen why
show "tshark -r o.pcapng -Y 'frame.comment contains \"ListenOverflows\"'"
tshark -r o.pcapng -Y 'frame.comment contains "ListenOverflows"' 2>/dev/null | only 'NR <= 2'
