#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The real nstat reads our snmp and netstat: each name with its value, nothing else; the lines of names are this kernel's.
# The real ss reads our tcp and sockstat.  Argument: the program procfs_dump.
set -euo pipefail
export LC_ALL=C

[ $# -eq 1 ] || { echo "usage: nstat_reads_us.sh PROCFS_DUMP" >&2; exit 2; }
command -v nstat >/dev/null || { echo "nstat (iproute2) is not installed"; exit 77; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1" "$dir"

# "IpInReceives 12" for each pair of lines "Ip: Name ..." "Ip: 12 ..."
names_and_values() {
	awk '{ group = substr($1, 1, length($1) - 1) }
		NR % 2 { split($0, name, " "); next }
		{ for (i = 2; i <= NF; i++) print group name[i], $i }' "$@"
}

# nstat never shows constants, nor the one level: they make no rate.
hidden='^(IpForwarding|IpDefaultTTL|TcpRtoAlgorithm|TcpRtoMin|TcpRtoMax|TcpMaxConn|TcpCurrEstab) '

names_and_values "$dir/net/snmp" "$dir/net/netstat" >"$dir/all"
grep -Ev "$hidden" "$dir/all" | sort >"$dir/expected"
PROC_ROOT=$dir NSTAT_HISTORY=$dir/history nstat -asz | awk '!/^#/ { print $1, $2 }' | sort >"$dir/shown"
diff "$dir/expected" "$dir/shown" || { echo "nstat shows other names or values than we wrote"; exit 1; }
grep -qx 'TcpActiveOpens 1' "$dir/shown" || { echo "the stack did not count its own connect()"; exit 1; }
echo "nstat shows $(wc -l <"$dir/shown") of our counters, each with its value"

# The first line of each group: its names.  MPTcpExt is none of ours; IcmpMsg depends on the traffic.
name_lines() {
	awk '$1 != "MPTcpExt:" && $1 != "IcmpMsg:" && !seen[$1]++' "$1"
}

case $(uname -r) in
6.18.*)
	for file in snmp netstat; do
		diff <(name_lines /proc/net/$file) <(name_lines "$dir/net/$file") ||
			{ echo "/proc/net/$file of this kernel has other names"; exit 1; }
	done
	echo "the names are those of Linux $(uname -r), in its order"
	;;
*) echo "the names are not compared: this is Linux $(uname -r), they are those of 6.18" ;;
esac

if command -v ss >/dev/null; then
	PROC_ROOT=$dir ss -Htln >"$dir/listeners"
	read -r state recv_q send_q local _ <"$dir/listeners"
	[ "$state $recv_q $send_q $local" = "LISTEN 1 511 0.0.0.0:8443" ] ||
		{ echo "ss -ltn shows:"; cat "$dir/listeners"; exit 1; }
	[ "$(PROC_ROOT=$dir ss -Htn state established | wc -l)" -eq 2 ] ||
		{ echo "ss does not show both ends of the connection"; cat "$dir/net/tcp"; exit 1; }
	echo "ss shows the listener with its queue, and the connection"
fi
