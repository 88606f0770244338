#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `halfopen nstat` beside the real nstat, on the same counters: look by look the same text, byte for byte.
# Arguments: the program halfopen, the program host_at_rest.
set -euo pipefail
export LC_ALL=C

[ $# -eq 2 ] || { echo "usage: host_nstat.sh HALFOPEN HOST_AT_REST" >&2; exit 2; }
halfopen=$(realpath "$1")
at_rest=$(realpath "$2")
command -v nstat >/dev/null || { echo "skipped: nstat (iproute2) is not installed"; exit 77; }

dir=$(mktemp -d)
export HALFOPEN_RUN=$dir/run
mkdir "$dir/run"
# shellcheck disable=SC2317 # by trap
trap 'rm -rf "$dir"' EXIT
die() {
	echo "FAILED: $*"
	exit 1
}

begin() { # ID
	coproc HOST { exec "$at_rest" rest "$1"; }
	# shellcheck disable=SC2153 # HOST_PID is coproc's
	host_in=${HOST[1]} host_out=${HOST[0]} host_pid=$HOST_PID
	do_ run 1 # it answers: its control socket is there
}
end() {
	exec {host_in}>&-
	wait "$host_pid" || die "the host ended badly"
}
do_() { # LINE: the number that its call gave is in $got
	echo "$*" >&"$host_in"
	read -r got <&"$host_out" || die "no answer to $*"
}
# same OPTION...: both look, and see the same
same() {
	do_ files "$dir/proc"
	PROC_ROOT=$dir/proc NSTAT_HISTORY=$dir/theirs nstat "$@" >"$dir/nstat" 2>"$dir/nstat.err"
	"$halfopen" nstat "$@" >"$dir/halfopen" 2>"$dir/halfopen.err" || die "halfopen nstat $*: $(cat "$dir/halfopen.err")"
	diff "$dir/nstat" "$dir/halfopen" || die "halfopen nstat $* is not what nstat $* is"
	looks=$((looks + 1))
}
# sees WORDS OPTION...: the same, and it is not empty
sees() {
	local words=$1
	shift
	same "$@"
	grep -qE -- "$words" "$dir/halfopen" || die "halfopen nstat $*: no $words"
}
fails() { # STATUS WORDS COMMAND...
	local status=0 want=$1 words=$2
	shift 2
	"$halfopen" "$@" >"$dir/last" 2>&1 || status=$?
	[ $status -eq "$want" ] || die "exit status $status of halfopen $*, not $want"
	grep -qF -- "$words" "$dir/last" || die "halfopen $*: not said: $words, but: $(head -3 "$dir/last")"
}
traffic() { # a connection of the far host, a few bytes, and a datagram that nobody wants
	do_ far socket tcp
	local fd=$got
	do_ far connect "$fd" 198.18.0.2 9000
	do_ run 5
	do_ far send "$fd" 300
	do_ run 50
	do_ far socket udp
	fd=$got
	do_ far connect "$fd" 198.18.0.2 9
	do_ far send "$fd" 10
	do_ run 5
}

looks=0
begin first
do_ socket tcp
do_ bind "$got" 0.0.0.0 9000
do_ listen 0 1
sees '^#kernel$'
traffic
sees '^TcpPassiveOpens +1 '
same
sees '^IpInDelivers +0 +0.0$' -z
traffic
sees '^IcmpMsgOutType3 +1 ' -s
sees '^TcpPassiveOpens +1 ' 'tcppassive*' 'Udp*'
same -n -s
sees '^TcpInSegs '
traffic
sees 'TcpExtListenOverflows":1' --json
traffic
same -n 'Tcp*'
sees '^UdpNoPorts +1 '
traffic
same -s -j -p
same -a -s
same -a -z -s 'TcpExt*'
same -j -z nosuch '[T]cpExtListen[DO]*'
same -a 'Udp*'
sees '^TcpInSegs ' 'Tcp*' 'Ip*'
traffic
same -r
traffic
same -n -r
same
traffic
same -r -s
same

# ---- what is ours alone
"$halfopen" nstat >/dev/null
traffic
"$halfopen" nstat 'TcpIn*' >/dev/null
"$halfopen" nstat >"$dir/last"
grep -q '^UdpNoPorts ' "$dir/last" || die "a counter that no pattern asked for was taken for seen"
! grep -q '^TcpInSegs ' "$dir/last" || die "what was seen is shown again"
do_ run 1
"$halfopen" nstat -z -d 0.05 --count 2 --json 'TcpIn*' >"$dir/last"
[ "$(wc -l <"$dir/last")" -eq 2 ] || die "two looks, two lines"
grep -qF '"kernel":{"TcpInSegs":0,"TcpInErrs":0,"TcpInCsumErrors":0},"seconds":0.000,"rate":{' "$dir/last" || die "time stood still"

# ---- a second host of its own history, a host that begins anew
mkfifo "$dir/fifo"
"$at_rest" other second <"$dir/fifo" >/dev/null &
other_pid=$!
exec {other_in}>"$dir/fifo"
for ((i = 0; i < 100; i++)); do
	[ ! -S "$dir/run/other.sock" ] || break
	sleep 0.02
done
fails 2 '2 hosts run, --at says which: other, rest' nstat
"$halfopen" nstat --at rest >/dev/null
"$halfopen" nstat --at other -z >"$dir/last"
grep -qE '^TcpInSegs +0 ' "$dir/last" || die "the other host has had no segment"
traffic
"$halfopen" nstat --at other >"$dir/last"
[ "$(cat "$dir/last")" = '#kernel' ] || die "what moved on one host is told of the other"
"$halfopen" nstat --at=rest >"$dir/last"
grep -qE '^UdpNoPorts +1 ' "$dir/last" || die "a look at the other host counted as one at this"
exec {other_in}>&-
wait "$other_pid"
end
begin anew
do_ socket tcp
do_ bind "$got" 0.0.0.0 9000
do_ listen 0 1
traffic
"$halfopen" nstat >"$dir/last" 2>"$dir/err"
grep -qE '^UdpNoPorts +1 ' "$dir/last" || die "a host that began anew is counted from its beginning"
grep -q 'rest has begun anew since the last look' "$dir/err" || die "it is not said that the host began anew"
! grep -q overflow "$dir/last" || die "counters of another run of the host were remembered"

# ---- what cannot be said
fails 2 "no option '-x'" nstat -x
fails 2 'seconds are wanted, 0.01 to 86400' nstat -d 0
fails 2 'without -a, -n, -r and -s' nstat -d 1 -a
fails 2 'how often -d SECONDS looks' nstat --count 3
fails 2 'give both' nstat -p
fails 2 'an empty word matches no name' nstat ''
fails 2 'no host named nobody runs' nstat --at nobody
end
echo "$looks looks are nstat's, byte for byte"
