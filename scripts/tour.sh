#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the README's tour: runs its commands and shows them with what they print.  Root: the second half makes a TUN device, in a
# network namespace of its own.  Argument: the program halfopen.
set -euo pipefail

if [ "${2-}" != inside ]; then
	exec unshare --net "$0" "$(realpath "$1")" inside
fi
PATH=$(dirname "$1"):$PATH
HALFOPEN_RUN=$(mktemp -d)
export PATH HALFOPEN_RUN
pids=()
finish() {
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	rm -rf "$HALFOPEN_RUN"
}
trap finish EXIT

show() {
	printf '$ %s\n' "$1"
}

show 'time halfopen lab run listen_overflow      # 19 seconds of network; no root, no kernel, no waiting'
TIMEFORMAT='real %Rs'
{ time halfopen lab run listen_overflow >"$HALFOPEN_RUN/out"; } 2>"$HALFOPEN_RUN/time"
echo '...'
sed -n '/up to 0.5 s/,/^$/p' "$HALFOPEN_RUN/out" | grep -vE '^ +(A: |B: I|B: TcpIn|seen)'
grep . "$HALFOPEN_RUN/out" | tail -n 1
cat "$HALFOPEN_RUN/time"

printf '\n'
show 'halfopen explain ListenOverflows'
halfopen explain ListenOverflows

printf '\n'
show 'halfopen host --tun ho0 --addr 198.18.0.2/24 --kernel-addr 198.18.0.1/24 --listen 9000,backlog=1,app=noaccept &    # as root'
halfopen host --tun ho0 --addr 198.18.0.2/24 --kernel-addr 198.18.0.1/24 --listen 9000,backlog=1,app=noaccept &
pids+=($!)
for ((i = 0; i < 50; i++)); do
	[ ! -S "$HALFOPEN_RUN/ho0.sock" ] || break
	sleep 0.1
done
show 'for i in 1 2 3; do sleep 9 | nc 198.18.0.2 9000 & sleep 0.2; done; sleep 3'
for i in 1 2 3; do
	sleep 9 | nc 198.18.0.2 9000 &
	pids+=($!)
	sleep 0.2
done
sleep 3
show 'halfopen sockets'
halfopen sockets
show "halfopen counters '*listen*'"
halfopen counters '*listen*'
