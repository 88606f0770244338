#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `halfopen sockets --listen` and `halfopen why` of a host whose clients are the kernel's: a program that never accepts, a backlog
# that somaxconn cuts, a SYN queue that nobody empties.  Argument: the program halfopen.
# shellcheck source=tests/kernel/ground.sh
. "$(dirname "$0")/ground.sh"
ground_needs ip python3 curl
ns=howhy$$
ground_open $ns

A=198.18.0.2
ip netns exec $ns "$halfopen" host --tun ho0 --addr $A/24 --kernel-addr 198.18.0.1/24 --sysctl net.core.somaxconn=4 \
	--listen 9000,backlog=1,app=noaccept --listen 9001,backlog=100,app=noaccept --listen 80,app=http >"$dir/out" 2>"$dir/ho0.err" &
pids+=($!)
started ho0 "${pids[0]}" || die "the host did not start"

# said WORDS: the last answer, its line breaks aside, says them
said() { tr -s ' \n' ' ' <"$dir/last" | grep -qF -- "$1" || die "not said: $1"; }
silent() { ! tr -s ' \n' ' ' <"$dir/last" | grep -qF -- "$1" || die "said: $1"; }

"$halfopen" why >"$dir/last" || die "why"
said 'no listener has dropped anything'

cat >"$dir/clients.py" <<'PY'
import socket, sys, time

ADDR, kept = sys.argv[1], []
for port, fit in ((9000, 2), (9001, 5)):
    for i in range(fit):
        kept.append(socket.create_connection((ADDR, port), 5))
        time.sleep(0.05)  # the final ACK has arrived
    late = socket.socket()
    late.settimeout(0.4)
    late.bind(("198.18.0.1", 40000 + port - 9000))
    try:
        late.connect((ADDR, port))
        sys.exit(f"client {fit + 1} of port {port} got through")
    except TimeoutError:
        pass
    late.close()
print("full", flush=True)
time.sleep(20)
PY
ip netns exec $ns timeout 40 python3 "$dir/clients.py" $A >"$dir/client" 2>&1 &
pids+=($!)
for ((i = 0; i < 200; i++)); do
	! grep -q full "$dir/client" || break
	sleep 0.05
done
grep -q full "$dir/client" || { cat "$dir/client"; die "the clients"; }
ip netns exec $ns curl -sS --max-time 5 -o /dev/null http://$A/ || die "curl"

"$halfopen" sockets --listen >"$dir/last" || die "sockets --listen"
grep -Eq '^0\.0\.0\.0:9000 +2/2/2 +0/1/2 +1 +4 +0 +1 ' "$dir/last" || die "sockets --listen: 9000"
grep -Eq '^0\.0\.0\.0:9001 +5/5/5 +0/1/5 +100 +4 +0 +1 ' "$dir/last" || die "sockets --listen: 9001"
grep -Eq '^0\.0\.0\.0:80 +0/1/5 ' "$dir/last" || die "sockets --listen: 80"
[ "$(grep -c ' 1  a SYN met a full accept queue' "$dir/last")" -eq 2 ] || die "sockets --listen: drops"
"$halfopen" sockets -l --json >"$dir/last" || die "sockets -l --json"
python3 - "$dir/last" <<'PY' || die "sockets -l --json"
import json, sys
rows = {r["local"]: r for r in json.load(open(sys.argv[1]))["listeners"]}
r = rows["0.0.0.0:9001"]
assert (r["backlog"], r["limit"], r["somaxconn"], r["accept_queue"]["clamp"]) == (100, 4, 4, "somaxconn"), r
assert r["accept_queue"]["wanted_at_most"] == 6 and r["drops"]["syn_accept_queue_full"] == 1, r
assert r["last_drop"]["peer"] == "198.18.0.1:40001" and r["last_drop"]["frame"] > 0, r
assert rows["0.0.0.0:80"]["accepted"] == 1 and rows["0.0.0.0:80"]["last_drop"] is None
PY
echo "sockets --listen: queues, limits, drops"

"$halfopen" why --at ho0 >"$dir/last" || die "why"
said '0.0.0.0:9000, listen(1) dropped 1 SYN met a full accept queue'
said 'The last was a SYN of 198.18.0.1:40000,'
said 'The accept queue holds 2 (the limit and one more), held 2 at most and 2 now. The smallest limit is listen(1); net.core.somaxconn is 4.'
said 'The smallest limit is net.core.somaxconn, 4 when listen(100) was called.'
said 'and never taken a connection.'
said 'change The program: it does not call accept().'
silent '0.0.0.0:80,'
"$halfopen" why 80 >"$dir/last" || die "why 80"
said '0.0.0.0:80, listen(128) dropped Nothing.'
said 'It has taken 1 of 1 connection,'
"$halfopen" why TcpExtListenOverflows :9001 >"$dir/last" || die "why COUNTER LISTENER"
said 'where 1 on the listener below, 1 elsewhere'
silent ':9000'
"$halfopen" why --json >"$dir/last" || die "why --json"
python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]))["listeners"]
assert [r["accept_verdict"] for r in rows] == ["stalled", "stalled"] and all(r["said"]["change"] for r in rows)' "$dir/last" ||
	die "why --json"
"$halfopen" counters -a TcpExtListenOverflows >"$dir/last"
grep -Eq '^TcpExtListenOverflows +2$' "$dir/last" || die "the counter and the listeners disagree"
echo "why: limit, packet, program, change"

"$halfopen" explain --from ho0 >"$dir/last" || die "explain --from"
said '-- who dropped, and what to change 0.0.0.0:9000, listen(1) dropped 1 SYN met a full accept queue'
said 'TcpExtListenOverflows 2 counts a SYN or a final ACK met a full accept queue where listener 0.0.0.0:9000: 1, listener 0.0.0.0:9001: 1'
said '-- ordinary work IpInReceives'
"$halfopen" explain --from ho0 --json >"$dir/last" || die "explain --from --json"
python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))
overflows, = [m for m in r["moved"] if m["counter"] == "TcpExtListenOverflows"]
assert overflows["value"] == 2 and overflows["grade"] == "lost" and len(overflows["where"]) == len(r["dropped"]) == 2' "$dir/last" ||
	die "explain --from --json"
echo "explain --from: what moved, on which listeners; as JSON, too"

# ends STATUS WORDS ARGUMENT...
ends() {
	local expected=$1 words=$2 status=0
	shift 2
	timeout 10 "$halfopen" "$@" >"$dir/last" 2>&1 || status=$?
	[ $status -eq "$expected" ] || die "halfopen $*: exit status $status, not $expected"
	said "$words"
}
ends 2 'is no listener' why 70000
ends 2 'is no listener' why 198.18.0.300:80
ends 2 'is no listener' why ListenOverflow
ends 2 'the second one' why 80 81
ends 2 'one COUNTER at most' why ListenDrops ListenOverflows
ends 2 'help why' why --what
ends 2 'there is ho0' why --at ho7
ends 2 'is not wanted' sockets --listen 80
ends 1 'nobody listens there' why 81
ends 0 'usage: halfopen why' why --help
ends 0 '-l, --listen' sockets --help
ends 2 'no host named ho7' explain --from ho7
ends 2 'one of its options at most' explain --list --relations
ends 0 'listen-drops: ListenDrops without ListenOverflows' explain listen-drops
echo "wrong words: exit status 2"

kill "${pids[0]}"
wait "${pids[0]}" || die "the host ended with status $?"
unset 'pids[0]'
[ ! -s "$dir/ho0.err" ] || die "the host complained"
