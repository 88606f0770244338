#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The second half of ./demo, in a network namespace of its own: a stack behind a TUN device serves a page to the kernel's curl.
# Everything it makes ends with it.  Argument: the program halfopen.
set -euo pipefail

halfopen=$1
HALFOPEN_RUN=$(mktemp -d)
export HALFOPEN_RUN
host=
finish() {
	if [ -n "$host" ]; then
		kill "$host" 2>/dev/null || true
		wait "$host" 2>/dev/null || true
	fi
	rm -rf "$HALFOPEN_RUN"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

"$halfopen" host --tun ho0 --addr 198.18.0.2/24 --kernel-addr 198.18.0.1/24 --listen 80,app=http &
host=$!
for ((i = 0; i < 50; i++)); do
	[ ! -S "$HALFOPEN_RUN/ho0.sock" ] || break
	kill -0 "$host" 2>/dev/null || { echo "the host did not start" >&2; exit 1; }
	sleep 0.1
done

printf '$ curl -i http://198.18.0.2/\n'
curl -sS -i --noproxy '*' --max-time 10 http://198.18.0.2/
printf '\n$ halfopen sockets --at ho0\n'
timeout 10 "$halfopen" sockets --at ho0
printf '\n$ halfopen counters --at ho0\n'
timeout 10 "$halfopen" counters --at ho0
