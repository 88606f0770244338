#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `halfopen ss` beside the real ss (iproute2 6.1), on the same sockets as inet_diag replies: the same text, byte for byte.
# Arguments: the program halfopen, the program host_at_rest, the program ss_rows.
set -euo pipefail
export LC_ALL=C

[ $# -eq 3 ] || { echo "usage: host_ss.sh HALFOPEN HOST_AT_REST SS_ROWS" >&2; exit 2; }
halfopen=$(realpath "$1")
at_rest=$(realpath "$2")
rows=$(realpath "$3")
command -v ss >/dev/null || { echo "skipped: ss (iproute2) is not installed"; exit 77; }
case $(ss -V) in
*iproute2-6.1.*) ;;
*) echo "skipped: this is $(ss -V); the format is that of iproute2 6.1"; exit 77 ;;
esac

dir=$(mktemp -d)
export HALFOPEN_RUN=$dir/run
mkdir "$dir/run"
trap 'rm -rf "$dir"' EXIT
die() {
	echo "FAILED: $*"
	exit 1
}
do_() { # LINE: the number that its call gave is in $got
	echo "$*" >&"$host_in"
	read -r got <&"$host_out" || die "no answer to $*"
}
all_() { # lines on standard input
	local line
	while read -r line; do
		# shellcheck disable=SC2086
		do_ $line
		[ "$got" -ge 0 ] || [ "$got" -eq -115 ] || die "$line: $got" # EINPROGRESS
	done
}
looks=0
# same WORD...: both are asked in these words
same() {
	PROC_ROOT=$dir/proc TCPDIAG_FILE=$dir/proc/net/tcpdiag ss "$@" >"$dir/theirs" 2>&1 || die "ss $*: $(head -1 "$dir/theirs")"
	"$halfopen" ss "$@" >"$dir/ours" 2>&1 || die "halfopen ss $*: $(head -1 "$dir/ours")"
	diff "$dir/theirs" "$dir/ours" || die "halfopen ss $* is not what ss $* is"
	looks=$((looks + 1))
}
# sees COUNT WORD...: the same, and it has so many lines
sees() {
	local lines=$1
	shift
	same "$@"
	[ "$(wc -l <"$dir/ours")" -eq "$lines" ] || die "ss $* has $(wc -l <"$dir/ours") lines, not $lines"
}
fails() { # STATUS WORDS COMMAND...
	local status=0 want=$1 words=$2
	shift 2
	"$halfopen" "$@" >"$dir/last" 2>&1 || status=$?
	[ $status -eq "$want" ] || die "exit status $status of halfopen $*, not $want"
	grep -qF -- "$words" "$dir/last" || die "halfopen $*: not said: $words, but: $(head -3 "$dir/last")"
}

coproc HOST { exec "$at_rest" rest first; }
# shellcheck disable=SC2153 # HOST_PID is coproc's
host_in=${HOST[1]} host_out=${HOST[0]} host_pid=$HOST_PID

# ---- nothing, listeners
do_ files "$dir/proc"
sees 1 -tan
sees 0 -Htan
all_ <<'STEPS'
socket tcp
bind 0 0.0.0.0 9000
listen 0 2
socket tcp
bind 1 198.18.0.2 9080
listen 1 511
STEPS
do_ files "$dir/proc"
sees 3 -ltn
same -Hltn
same -ltnemi

# ---- connections in many states: unread and unacknowledged bytes, lost packets, each end closed first
all_ <<'STEPS'
far socket tcp
far connect 0 198.18.0.2 9000
run 5
accept 0
far send 0 5000
run 100
recv 2 1000
send 2 300000
run 30
far socket tcp
far connect 1 198.18.0.2 9000
run 5
far send 1 10
run 5
far socket tcp
far connect 2 198.18.0.2 9080
run 5
accept 1
close 3
run 5
far socket tcp
far bind 3 198.18.0.1 81
far listen 3 5
socket tcp
connect 3 198.18.0.1 81
run 5
far accept 3
shutdown 3 1
run 5
far close 4
run 10
socket tcp
congestion 4 bbr
connect 4 198.18.0.1 81
run 5
send 4 100000
run 300
socket udp
bind 5 0.0.0.0 53
socket udp
connect 6 198.18.0.1 53
send 6 10
socket raw
set 2 1 9 1
run 1
send 2 10
far socket tcp
far connect 4 198.18.0.2 9080
run 5
far shutdown 4 1
run 5
lose 1
socket tcp
connect 8 198.18.0.1 82
far socket tcp
far connect 5 198.18.0.2 9080
run 1300
STEPS
do_ files "$dir/proc"
for words in -tan -Htan -tn -tano -tane -tanoe -tanmi -tami -tanmeoi -tanOmi -tanmiOe -HtanmieoO -4tan '-t -a -n' '--tcp --all --numeric --info --memory'; do
	# shellcheck disable=SC2086
	case $words in
	-tn) do_ files "$dir/proc" 0xb37 ;; # ss does not filter a file by state
	*) do_ files "$dir/proc" ;;
	esac
	# shellcheck disable=SC2086
	same $words
done
same -s
for words in -uan -uln -un -wan -wln -wn -an -Han -lnuw -anuw '-uan state established' '-Huan state unconnected' '-uan sport = :53' \
	'-wan sport = :1' '-an not dst 198.18.0.1' '-wuan dst 198.18.0.1:53'; do
	# shellcheck disable=SC2086
	same $words
done

# ---- filters: the real parser decides what an expression means
do_ files "$dir/proc"
set -f # a star is a word of filters
while read -r words; do
	# shellcheck disable=SC2086
	same -tan $words
done <<'FILTERS'
sport = :9000
sport :9080
sport 9000
sport == 0x2328
dport = :81
dport != :81
dport ne 81
dport < :82
dport le 82
dport lt 82
dport >= :82
dport geq 82
dport > 82
dport gt 81
sport = :9999
( sport = :9000 or dport = :81 )
( dport = :9000 or sport = :9000 )
sport :9080 or sport :9000 dport = :81
sport :9080 or sport :9000 and dport = :81
dport = :81 sport :9080 or sport :9000
dport = :81 and ( sport :9080 or sport :9000 )
sport :9000 or not sport :9080 dport :81
not sport :9080 and sport :9000
! ( sport :9080 or sport :9000 )
not not sport :9080
sport :9000 ! dport :81
sport :9080 | sport :9000 & src 198.18.0.2
sport :9080 || sport :9000 && src 198.18.0.0/16
dst 198.18.0.1
dst = 198.18.0.1:81
dst == 198.18.0.0/24
dst 198.18.0.0/31:82
dst 198.18.0.1/32
src 0.0.0.0
src any
src *:9000
dst *
dst :82
dst 198.18/15
dst 198
src 0.0.0.0/0
src 198.18.0.2:9000 or dst 198.18.0.1:81
( ( ( sport = :9000 ) ) )
FILTERS
set +f
[ "$looks" -gt 55 ] || die "$looks looks are too few"

# ---- states: ss does not filter a file by them, so the file has no others
state() { # STATES WORDS...
	do_ files "$dir/proc" "$1"
	shift
	same -tan "$@"
}
state 0x400 state listening
state 0x002 state established
state 0x402 state established state listening
state 0xffd exclude established
state 0xbfd exclude established exclude listening
state 0x040 state time-wait
state 0x008 state syn-recv
state 0x048 state bucket
state 0xb7f state connected
state 0xb7b state synchronized
state 0xfb7 state big
state 0xfff state all
state 0x100 state CLOSE-WAIT
state 0x020 state fin-wait-2 sport :9080
state 0x002 state established '( sport = :9000 )' and dst 198.18.0.1

# ---- what is ours alone
"$halfopen" ss -tanp 'sport = :9000' >"$dir/last"
grep -qE "198.18.0.2:9000 .*users:\(\(\"host_at_rest\",pid=$host_pid,fd=2\)\)" "$dir/last" || die "-p"
"$halfopen" ss -uan >"$dir/last"
grep -qE '^UNCONN 0 +0 +0.0.0.0:53 +0.0.0.0:\* ' "$dir/last" || die "-u: the bound socket: $(cat "$dir/last")"
grep -qE '^ESTAB +0 +[0-9]+ +198.18.0.2:[0-9]+ +198.18.0.1:53 ' "$dir/last" || die "-u: the connected one: $(cat "$dir/last")"
"$halfopen" ss -a >"$dir/last"
[ "$(cut -d' ' -f1 "$dir/last" | uniq | tr '\n' ' ')" = 'Netid raw udp tcp ' ] || die "-a: $(cat "$dir/last")"
"$halfopen" ss -a --json | python3 -c '
import json, sys
sockets = json.load(sys.stdin)["sockets"]
assert {s["netid"] for s in sockets} == {"raw", "udp", "tcp"}, sockets
one = [s for s in sockets if s["state"] == "ESTAB" and s["local"]["port"] == 9000 and s["recv_q"] == 4000][0]
assert one["tcp_info"]["bytes_received"] == 5000 and one["congestion"] == "cubic" and one["fd"] == 2, one
assert [s for s in sockets if s["state"] == "SYN-RECV" and "skmem" not in s], sockets
' || die "--json"
"$halfopen" ss -s --json | python3 -c 'import json, sys; n = json.load(sys.stdin); assert n["tcp"]["timewait"] == 2 and n["tcp"]["established"] == 4 and n["udp"] == 2, n' || die "-s --json"

# ---- what cannot be said
fails 2 "no option '-y'" ss -tany
fails 2 'a host has no UNIX sockets' ss -x
fails 2 "there is no state 'listen'" ss state listen
fails 2 "sport: ':http' is no port" ss sport = :http
fails 2 "a '(' is not closed" ss '( sport = :80'
fails 2 "a ')' without its '('" ss 'sport = :80 )'
fails 2 'the filter ends too early' ss sport = :80 or
fails 2 "dst: '198.18.0.1/33' is no address" ss dst 198.18.0.1/33
fails 2 "'nonsense' is not wanted here" ss -tan nonsense
fails 2 'an address is = or != another' ss 'dst > 198.18.0.1'
fails 2 'no host named nobody runs' ss --at nobody

exec {host_in}>&-
wait "$host_pid" || die "the host ended badly"

# ---- any values: what stands in the columns, spaces aside
squeezed() { sed 's/  */ /g; s/ $//' "$@"; }
for seed in 1 2 3 4 5; do
	"$rows" "$dir/rows" $seed
	for file in "$dir"/rows/*.diag; do
		options=$(basename "$file" .diag)
		TCPDIAG_FILE=$file PROC_ROOT=$dir/proc ss "$options" | squeezed >"$dir/theirs"
		squeezed "${file%.diag}.ours" >"$dir/ours"
		[ "$(wc -l <"$dir/ours")" -eq 400 ] || die "not all rows"
		diff "$dir/theirs" "$dir/ours" >"$dir/last" || die "seed $seed, ss $options: $(head -c 3000 "$dir/last")"
		looks=$((looks + 1))
	done
done
echo "$looks looks are ss's, byte for byte"
