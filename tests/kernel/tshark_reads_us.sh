#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tshark reads our captures: the comment of a frame names the counters that it moved.  Argument: the program halfopen.
set -euo pipefail
export LC_ALL=C

[ $# -eq 1 ] || { echo "usage: tshark_reads_us.sh HALFOPEN" >&2; exit 2; }
command -v tshark >/dev/null || { echo "skipped: tshark is not installed"; exit 77; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export HOME=$dir # no preferences of anybody
timeout 60 "$1" lab run listen_overflow --on stack --pcap "$dir/f.pcapng" >"$dir/out" || [ $? -eq 1 ]

filter() { timeout 60 tshark -r "$dir/f.pcapng" -Y "$1" "${@:2}" 2>"$dir/err"; }

[ -n "$(filter 'ip')" ] || { echo "tshark finds no packet"; cat "$dir/err"; exit 1; }
[ ! -s "$dir/err" ] || ! grep -qi 'malformed\|cut short\|damaged' "$dir/err" || { cat "$dir/err"; exit 1; }
filter 'frame.comment contains "ListenOverflows"' -T fields -e frame.number -e tcp.flags.str -e frame.comment >"$dir/found"
[ -s "$dir/found" ] || { echo "no frame's comment names ListenOverflows"; exit 1; }
head -n 1 "$dir/found"
if filter 'frame.comment contains "ListenOverflows" && !(tcp.flags.syn == 1 || tcp.flags.ack == 1)' | grep -q .; then
	echo "ListenOverflows was moved by something that is neither a SYN nor an ACK"
	exit 1
fi
[ -z "$(filter 'ip.checksum.status == "Bad" || tcp.checksum.status == "Bad"' -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE)" ] ||
	{ echo "a checksum in the capture is wrong"; exit 1; }
echo "tshark shows $(wc -l <"$dir/found") frames whose comments name ListenOverflows"
