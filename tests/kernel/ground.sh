# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the tests of running hosts begin with.  It is sourced, with the test's name and its arguments:
#
#     . "$(dirname "$0")/ground.sh"
#     ground_needs ip curl               $halfopen is the first argument; exit 77 where root, TUN or a program is missing
#     ground_open NAME...                namespaces of these names; a directory $dir, which is HALFOPEN_RUN
#     command & pids+=($!)               what ends at the end, with the namespaces and the directory
#     ground_left() { ...; }             what else is to be undone before those go
#     started NAME PID || die ...        the host of that name answers
#     die WORDS                          FAILED, with what is in $dir/last
set -euo pipefail
export LC_ALL=C

[ $# -eq 1 ] || { echo "usage: $(basename "$0") HALFOPEN" >&2; exit 2; }
# shellcheck disable=SC2034 # who sources this uses it
halfopen=$(realpath "$1")
pids=() spaces=() dir=

skip() {
	echo "skipped: $*"
	exit 77
}

die() {
	echo "FAILED: $*"
	! compgen -G "$dir/*.err" >/dev/null || cat "$dir"/*.err
	[ ! -f "$dir/last" ] || head -c 4000 "$dir/last"
	exit 1
}

ground_needs() { # PROGRAM...
	local program
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	[ -c /dev/net/tun ] || skip "there is no /dev/net/tun"
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

ended() { # PID...
	local pid
	for pid in "$@"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

ground_left() { :; }

ground_clean() {
	local space
	ended "${pids[@]}"
	ground_left
	for space in "${spaces[@]}"; do
		ip netns del "$space"
	done
	rm -rf "$dir"
}

ground_open() { # NAME...
	local name
	dir=$(mktemp -d)
	export HALFOPEN_RUN=$dir
	trap ground_clean EXIT
	for name in "$@"; do
		ip netns add "$name" 2>/dev/null || skip "network namespaces are not allowed here"
		spaces+=("$name")
	done
}

# started NAME [PID]: its control socket is there within five seconds
started() {
	local i
	for ((i = 0; i < 100; i++)); do
		[ ! -S "$dir/$1.sock" ] || return 0
		[ $# -eq 1 ] || kill -0 "$2" 2>/dev/null || break
		sleep 0.05
	done
	return 1
}
