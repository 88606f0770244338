#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `halfopen trace` of a host whose clients are the kernel's: the lines, filters and captures that it gives, with tshark as the
# reader of those; a reader that does not read; and the same states as the kernel's own tracepoint has for the same clients.
# Argument: the program halfopen.
# shellcheck source=tests/kernel/ground.sh
. "$(dirname "$0")/ground.sh"
ground_needs ip python3 tshark
ns=hotrace$$
ground_open $ns
export HOME=$dir # no preferences of anybody
# shellcheck disable=SC2317 # called by ground.sh
ground_left() {
	if mountpoint -q "$dir/tracing"; then
		rmdir "$dir/tracing/instances/$ns" 2>/dev/null || true
		umount "$dir/tracing"
	fi
}
inside() { timeout 60 ip netns exec $ns "$@"; }
# wait_for FILE TEXT: it stands there within five seconds
wait_for() {
	for ((i = 0; i < 100; i++)); do
		! grep -qsF -- "$2" "$1" || return 0
		sleep 0.05
	done
	head -c 3000 "$1"
	die "never said: $2"
}

A=198.18.0.2 ECHO=$((20000 + $$ % 10000)) HTTP=$((30000 + $$ % 10000)) # the kernel's tracepoint is of all namespaces
ip netns exec $ns "$halfopen" host --tun ho0 --addr $A/24 --kernel-addr 198.18.0.1/24 --listen 9000,backlog=1,app=noaccept \
	--listen $ECHO,app=echo --listen $HTTP,app=http >"$dir/out" 2>"$dir/ho0.err" &
pids+=($!)
started ho0 "${pids[0]}" || die "the host did not start"

# watch FILE WORDS...: what trace says, from now on; $! is the reader
watch() {
	local file=$1
	shift
	timeout 60 "$halfopen" trace ho0 "$@" >"$file" 2>"$file.err" &
	pids+=($!)
}
watching() { # N: so many readers are there
	for ((i = 0; i < 100; i++)); do
		[ "$(ss -xHn 2>/dev/null | grep -cF "$dir/ho0.sock")" -lt "$1" ] || return 0
		sleep 0.05
	done
}
watch "$dir/text" --event call,state,queue,retransmit,drop
watch "$dir/json" --json
watch "$dir/listen" --counter '*Listen*' -n 2
watch "$dir/states" --json --event state
watch "$dir/pcapng" --pcapng
watch "$dir/drops" --pcapng --event drop
watching 6
sleep 0.2

# ---- a queue that fills ----
cat >"$dir/fill.py" <<'PY'
import socket, sys

kept = [socket.create_connection((sys.argv[1], 9000), 5) for _ in range(2)]
late = socket.socket()
late.bind(("198.18.0.1", 41000))
late.settimeout(0.3)
try:
    late.connect((sys.argv[1], 9000))
    sys.exit("the third client got through")
except TimeoutError:
    pass
PY
inside python3 "$dir/fill.py" $A
wait_for "$dir/text" "drop       198.18.0.1:41000 to 0.0.0.0:9000: a SYN met a full accept queue (frame "
wait_for "$dir/text" " entered the accept queue of $A:9000: length 2 limit 1 (frame "
wait_for "$dir/text" ", the handshake is complete (frame "
! grep -q "counter" "$dir/text" || die "counters, and nobody asked for them"
wait_for "$dir/listen" "counter    ListenDrops +1: a SYN from 198.18.0.1:41000 met a full accept queue (2 connections, limit 1)"
[ "$(wc -l <"$dir/listen")" -eq 2 ] || die "-n 2 gave $(wc -l <"$dir/listen") lines"

# ---- the same clients, of a host and of the kernel: the states of every connection ----
cat >"$dir/clients.py" <<'PY'
import socket, struct, sys, time

ADDR, (ECHO, HTTP, OWN) = sys.argv[1], map(int, sys.argv[2:])

def connect(port, own):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("198.18.0.1", OWN + own))
    s.settimeout(5)
    s.connect((ADDR, port))
    return s

def to_the_end(s):
    while s.recv(65536):
        pass

s = connect(ECHO, 1)  # the client closes first
s.send(b"x")
s.recv(1)
s.close()
s = connect(HTTP, 2)  # the server does
s.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
to_the_end(s)
s.close()
s = connect(ECHO, 3)  # a RST
s.send(b"x")
s.recv(1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
time.sleep(0.2)
PY
cat >"$dir/server.py" <<'PY'
import socket, sys, threading

def serve(port, work):
    l = socket.create_server((sys.argv[1], port))
    def run():
        while True:
            s, _ = l.accept()
            try:
                work(s)
            except OSError:
                pass
            s.close()
    threading.Thread(target=run, daemon=True).start()

def echo(s):
    while data := s.recv(65536):
        s.send(data)

def http(s):
    s.recv(65536)
    s.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx")
    s.shutdown(socket.SHUT_WR)
    while s.recv(65536):
        pass

serve(int(sys.argv[2]), echo)
serve(int(sys.argv[3]), http)
print("ready", flush=True)
sys.stdin.read()
PY
cat >"$dir/states.py" <<'PY'
"""Per peer's port, the states one after the other: of trace's lines and of the kernel's tracepoint, which takes the end of a
socket for the end of its connection (no TIME-WAIT)."""
import json, re, sys

KERNEL = {"ESTAB": "ESTABLISHED", "CLOSED": "CLOSE", "FIN-WAIT-1": "FIN_WAIT1", "FIN-WAIT-2": "FIN_WAIT2"}
ours, theirs = {}, {}
for line in open(sys.argv[1]):
    e = json.loads(line)
    port = int(e["peer"].split(":")[1]) if "peer" in e else 0
    if 42001 <= port <= 42003 and e["from"] != "TIME-WAIT":
        to = "CLOSED" if e["to"] == "TIME-WAIT" else e["to"]
        step = tuple(KERNEL.get(s, s.replace("-", "_")) for s in (e["from"], to))
        ours.setdefault(port, []).append(step)
for line in open(sys.argv[2]):
    m = re.search(rf"sport=({sys.argv[3]}|{sys.argv[4]}) dport=(4200[123]) .*oldstate=TCP_(\w+) newstate=TCP_(\w+)", line)
    if m:
        theirs.setdefault(int(m[2]), []).append((m[3], m[4]))
if len(theirs) != 3 or ours != theirs:
    for port in sorted(ours.keys() | theirs.keys()):
        print(port, "host:  ", ours.get(port))
        print(port, "kernel:", theirs.get(port))
    sys.exit(1)
print("states as in the kernel:", *("/".join(o for o, _ in theirs[p]) for p in sorted(theirs)))
PY
inside python3 "$dir/clients.py" $A $ECHO $HTTP 42000
wait_for "$dir/states" '"from":"FIN-WAIT-2","to":"TIME-WAIT"'
mkdir "$dir/tracing"
if mount -t tracefs none "$dir/tracing" 2>/dev/null && mkdir "$dir/tracing/instances/$ns" 2>/dev/null; then
	event=$dir/tracing/instances/$ns/events/sock/inet_sock_set_state
	echo "sport == $ECHO || sport == $HTTP" >"$event/filter"
	echo 1 >"$event/enable"
	inside ip addr add 198.18.0.3/32 dev lo
	inside ip link set lo up
	inside ip addr add 198.18.0.1/32 dev lo
	mkfifo "$dir/end"
	inside python3 "$dir/server.py" 198.18.0.3 $ECHO $HTTP <"$dir/end" >"$dir/server" &
	pids+=($!)
	exec 9>"$dir/end"
	wait_for "$dir/server" ready
	inside python3 "$dir/clients.py" 198.18.0.3 $ECHO $HTTP 42000
	exec 9>&-
	echo 0 >"$event/enable"
	python3 "$dir/states.py" "$dir/states" "$dir/tracing/instances/$ns/trace" $ECHO $HTTP ||
		die "the kernel goes through other states"
else
	echo "no tracefs here: the states are not compared with the kernel's"
fi

# ---- captures, JSON ----
kill -INT "${pids[@]:1:6}" 2>/dev/null || true
for pid in "${pids[@]:1:6}"; do
	wait "$pid" || die "a reader ended with status $?"
done
python3 - "$dir/json" <<'PY' || die "the lines are not JSON"
import json, sys

kinds = {}
for line in open(sys.argv[1]):
    e = json.loads(line)
    kinds[e["event"]] = kinds.get(e["event"], 0) + 1
    assert e["event"] == "lost" or (e["time"] > 1e9 and e["number"] > 0)
missing = {"call", "state", "queue", "drop", "counter"} - kinds.keys()
sys.exit(f"none of {missing}" if missing else 0)
PY
# fields FILE: a packet a line: source port, flags, comments
fields() {
	timeout 60 tshark -r "$dir/$1" -T fields -e tcp.srcport -e tcp.flags.str -e frame.comment >"$dir/$1.txt" 2>"$dir/err" || true
	[ -s "$dir/$1.txt" ] || { cat "$dir/err"; die "tshark finds no packet in $1"; }
	! grep -qi 'malformed\|cut short\|damaged' "$dir/err" || { cat "$dir/err"; die "tshark has complaints about $1"; }
}
fields pcapng
fields drops
grep -qP '^41000\t[^\t]*S[^\t]*\t.*TcpExtListenOverflows \+1' "$dir/pcapng.txt" || die "no SYN's comment names ListenOverflows"
grep -qP '^42002\t[^\t]*F[^\t]*\t.*FIN-WAIT-2 -> TIME-WAIT' "$dir/pcapng.txt" || die "no FIN's comment tells of TIME-WAIT"
! grep -v "ho0: drop " "$dir/drops.txt" || die "a packet without a drop"
timeout 20 "$halfopen" trace ho0 --pcapng --port $HTTP -n 3 | timeout 20 tshark -r - >"$dir/live" 2>"$dir/err" &
reader=$!
sleep 0.3
inside python3 "$dir/clients.py" $A $ECHO $HTTP 44000
wait $reader || { cat "$dir/err"; die "tshark does not read from a pipe"; }
[ "$(grep -c "$HTTP" "$dir/live")" -eq 3 ] || { cat "$dir/live"; die "not three packets of port $HTTP"; }

# ---- a reader that does not read ----
cat >"$dir/slow.py" <<'PY'
import socket, sys

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.send(b"trace --event counter\n")
s.recv(5)
for _ in range(400):  # more than a hundred events each
    with socket.create_connection((sys.argv[2], int(sys.argv[3])), 5) as c:
        c.send(b"x")
        c.recv(1)
s.settimeout(2)
text = b""
try:
    while b" events: the reader is too slow" not in text:
        piece = s.recv(1 << 16)
        if not piece:
            sys.exit("the host has closed the connection")
        text += piece
except TimeoutError:
    sys.exit(f"{text.count(10)} lines, and nothing is said to be lost")
print("lost:", text[text.index(b" lost "):].split(b"\n")[0].decode())
PY
inside python3 "$dir/slow.py" "$dir/ho0.sock" $A $ECHO

! "$halfopen" trace ho0 --event nothing >"$dir/last" 2>&1 || die "an event that is none was taken"
! "$halfopen" trace nobody >"$dir/last" 2>&1 || die "a host that is none was found"
kill -0 "${pids[0]}" || die "the host is gone"
echo "trace tells what happens: $(wc -l <"$dir/text") lines, $(wc -l <"$dir/pcapng.txt") packets"
