#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `halfopen host` behind a TUN device, used by the kernel's own TCP and by everyday programs, in a network namespace of its own:
# ping, curl, nc, a thousand connections, a listener that overflows.  Argument: the program halfopen.
# shellcheck source=tests/kernel/ground.sh
. "$(dirname "$0")/ground.sh"
ground_needs ip curl python3 ping nc sha256sum
ns=ho$$
ground_open $ns

inside() { timeout 60 ip netns exec $ns "$@"; }

# start NAME STACK KERNEL OPTION...: a host, ready when this returns
start() {
	local name=$1 stack=$2 kernel=$3
	shift 3
	ip netns exec $ns "$halfopen" host --tun "$name" --addr "$stack" --kernel-addr "$kernel" "$@" >"$dir/$name.out" 2>"$dir/$name.err" &
	pids+=($!)
	started "$name" "${pids[-1]}" || die "host $name did not start"
}

# stop NAME: the host started last ends well, and without a word
stop() {
	kill "${pids[-1]}"
	wait "${pids[-1]}" || die "host $1 ended with status $?"
	unset 'pids[-1]'
	[ ! -s "$dir/$1.err" ] || die "host $1 complained"
	[ ! -e "$dir/$1.sock" ] || die "host $1 left its socket behind"
}

# sum_of N: sha256 of the first N bytes of the pattern
sum_of() {
	python3 -c 'import hashlib, sys
n, p = int(sys.argv[1]), 65521
block = bytes((j ^ j >> 8) & 255 for j in range(p))
print(hashlib.sha256((block * (n // p + 1))[:n]).hexdigest())' "$1"
}

# fetch ADDRESS N: through curl, checked
fetch() {
	inside curl -sS --max-time 50 -o "$dir/body" -w '%{http_code}' "http://$1/bytes/$2" >"$dir/last" || die "curl $1 $2"
	[ "$(cat "$dir/last")" = 200 ] || die "curl $1 $2: not 200"
	[ "$(stat -c %s "$dir/body")" -eq "$2" ] || die "curl $1: $(stat -c %s "$dir/body") bytes, not $2"
	[ "$(sha256sum <"$dir/body" | cut -d' ' -f1)" = "$(sum_of "$2")" ] || die "curl $1: wrong bytes"
}

A=198.18.0.2
start ho0 $A/24 198.18.0.1/24 --listen 80,app=http --listen 7,app=echo --listen 9,app=discard --listen 19,app=chargen \
	--listen 9000,backlog=1,app=noaccept --listen 9001,app=hold

inside ping -q -c 3 -i 0.2 -W 2 $A >"$dir/last" || die "ping"
grep -q '3 received' "$dir/last" || die "ping"
inside ping -q -c 2 -i 0.2 -W 2 -s 1400 $A >"$dir/last" || die "large ping"
for bytes in 4000 65507; do
	inside ping -q -c 3 -i 0.2 -W 2 -s $bytes $A >"$dir/last" || die "ping of $bytes bytes, in fragments"
	grep -q '3 received' "$dir/last" || die "ping of $bytes bytes, in fragments"
done
inside ping -c 1 -W 2 -R $A >"$dir/last" || die "ping that records its route"
[ "$(grep -c "$A\$" "$dir/last")" -eq 2 ] || die "ping that records its route: not twice our address"
inside ping -c 1 -W 2 -T tsonly $A >"$dir/last" || die "ping that asks for times"
echo "ping: answered, in fragments and with options as well"

for bytes in 0 1 1448 65521 10485760; do
	fetch $A $bytes
done
echo "curl: 10 MiB, checksum right"

inside curl -sS --max-time 10 -w '%{num_connects} ' -o /dev/null http://$A/ -o /dev/null http://$A/bytes/5 >"$dir/last" || die "keep-alive"
[ "$(cat "$dir/last")" = "1 0 " ] || die "keep-alive: two connections"
inside curl -sS --max-time 10 http://$A/ >"$dir/last" || die "/"
grep -q 'TcpPassiveOpens' "$dir/last" || die "/: no counters"
inside curl -sS --max-time 10 -0 http://$A/bytes/100000 -o "$dir/body" || die "HTTP/1.0"
[ "$(stat -c %s "$dir/body")" -eq 100000 ] || die "HTTP/1.0: length"
inside curl -sS --max-time 10 -I http://$A/bytes/777 >"$dir/last" || die "HEAD"
grep -q 'Content-Length: 777' "$dir/last" || die "HEAD"
[ "$(inside curl -sS --max-time 10 -o /dev/null -w '%{http_code}' http://$A/nothing)" = 404 ] || die "404"
[ "$(inside curl -sS --max-time 10 -o /dev/null -w '%{http_code}' -d "$(head -c 100000 /dev/zero | tr '\0' x)" http://$A/)" = 405 ] || die "405"
echo "http: 1.0, 1.1, keep-alive, HEAD, 404, 405"

[ "$(printf 'hello\n' | inside nc -N -w 5 $A 7)" = hello ] || die "nc echo"
head -c 3000000 /dev/urandom >"$dir/random"
inside nc -N -w 20 $A 7 <"$dir/random" >"$dir/body" || die "nc echo of 3 MB"
cmp "$dir/random" "$dir/body" || die "nc echo of 3 MB"
inside nc -N -w 20 $A 9 <"$dir/random" >"$dir/body" || die "nc discard"
[ ! -s "$dir/body" ] || die "discard: it answered"
inside timeout 10 nc $A 19 </dev/null 2>/dev/null | head -c 740000 >"$dir/body" || true
[ "$(head -c 74 "$dir/body")" = "$(printf '%s\r' ' !"#$%&'\''()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefg')" ] || die "chargen"
echo "nc: echo, discard, chargen"

# a client that asks for much and reads nothing; another one meanwhile
cat >"$dir/clients.py" <<'PY'
import socket, sys, time

ADDR, WHAT = sys.argv[1], sys.argv[2]

def client(port, timeout=10.0):
    s = socket.socket()
    s.settimeout(timeout)
    s.connect((ADDR, port))
    return s

if WHAT == "slow":
    s = client(80)
    s.sendall(b"GET /bytes/100000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    hold = client(9001)
    hold.settimeout(0.5)
    try:
        while True:
            hold.send(bytes(65536))
    except TimeoutError:
        pass
    print("slow", flush=True)
    time.sleep(float(sys.argv[3]))
elif WHAT == "row":
    for i in range(int(sys.argv[3])):
        s = client(7)
        s.sendall(b"%d" % i)
        s.shutdown(socket.SHUT_WR)
        got = b""
        while (piece := s.recv(100)):
            got += piece
        assert got == b"%d" % i, got
        s.close()
elif WHAT == "overflow":
    kept = [client(9000), client(9000)]
    time.sleep(0.2)
    try:
        client(9000, 0.5)
        sys.exit("the third client got through")
    except TimeoutError:
        pass
    print("overflown", flush=True)
    time.sleep(float(sys.argv[3]))
PY

# in_background WORD PYTHON-ARGUMENT...: a client that says WORD when it is so far, and stays
in_background() {
	local word=$1 i
	shift
	ip netns exec $ns timeout 30 python3 "$dir/clients.py" "$@" >"$dir/client" 2>"$dir/last" &
	pids+=($!)
	for ((i = 0; i < 200; i++)); do
		! grep -q "$word" "$dir/client" || return 0
		kill -0 "${pids[-1]}" 2>/dev/null || break
		sleep 0.05
	done
	die "the client '$*' did not say $word"
}

in_background slow $A slow 20
fetch $A 1000000
echo "a client that does not read stops nobody"

time inside python3 "$dir/clients.py" $A row 1000 2>"$dir/last" || die "1000 connections in a row"
"$halfopen" counters -a TcpPassiveOpens >"$dir/last"
[ "$(awk '{ print $2 }' "$dir/last")" -ge 1000 ] || die "TcpPassiveOpens"
echo "1000 connections in a row"

"$halfopen" counters >/dev/null # from here on
in_background overflown $A overflow 20
"$halfopen" sockets >"$dir/last"
grep -Eq '^LISTEN +2 +1 +[0-9.*]+:9000 ' "$dir/last" || die "the listener on 9000 does not show Recv-Q 2, Send-Q 1"
"$halfopen" counters 'TcpExtListen*' >"$dir/last"
grep -Eq '^TcpExtListenOverflows +1$' "$dir/last" || die "TcpExtListenOverflows is not 1"
grep -Eq '^TcpExtListenDrops +1$' "$dir/last" || die "TcpExtListenDrops is not 1"
"$halfopen" sockets --json | python3 -c 'import json, sys; json.load(sys.stdin)' || die "sockets --json"
"$halfopen" counters -az --json | python3 -c 'import json, sys
assert json.load(sys.stdin)["kernel"]["TcpExtListenOverflows"] >= 1' || die "counters --json"
echo "the third client of a listener with backlog 1 is one overflow"

# a second host: without offload, with a capture
start ho1 198.18.1.2/24 198.18.1.1/24 --no-offload --pcap "$dir/ho1.pcapng" --sysctl net.ipv4.tcp_syncookies=0 --listen 80,app=http \
	--listen 9000,backlog=0,app=noaccept
fetch 198.18.1.2 3000000
inside python3 - <<'PY' || die "a client of ho1"
import socket
kept = socket.create_connection(("198.18.1.2", 9000), 5)
try:
    socket.create_connection(("198.18.1.2", 9000), 0.3)
    raise SystemExit("the second client got through")
except TimeoutError:
    pass
PY
status=0
"$halfopen" sockets >"$dir/last" 2>&1 || status=$?
{ [ $status -eq 2 ] && grep -q 'ho0, ho1' "$dir/last"; } || die "two hosts: which?"
"$halfopen" sockets --at ho1 >"$dir/last" || die "--at ho1"
status=0
"$halfopen" sockets --at ho7 >"$dir/last" 2>&1 || status=$?
{ [ $status -eq 2 ] && grep -q 'ho0, ho1' "$dir/last"; } || die "--at ho7"
stop ho1
if command -v tshark >/dev/null; then
	tshark -r "$dir/ho1.pcapng" -Y 'frame.comment contains "TcpExtListenOverflows +1" && tcp.flags.syn == 1 && tcp.dstport == 9000' \
		-T fields -e frame.number -e frame.comment >"$dir/last" 2>/dev/null || die "tshark"
	[ "$(wc -l <"$dir/last")" -eq 1 ] || die "tshark does not find the one SYN that overflowed"
	grep -qF "(frame $(cut -f1 "$dir/last") arrived)" "$dir/last" || die "the comment calls the frame by another number than the capture"
	echo "no offload, and the capture names the SYN that overflowed"
fi

# wrong words
wrong() { # WHAT-IT-SAYS ARGUMENT...
	local says=$1 status=0
	shift
	timeout 10 "$halfopen" "$@" >"$dir/last" 2>&1 || status=$?
	[ $status -eq 2 ] || die "halfopen $*: exit status $status, not 2"
	grep -q -- "$says" "$dir/last" || die "halfopen $*: does not say '$says'"
}
wrong 'there is no command' hosst
wrong '198.18.0.2/24' host --tun ho5 --addr 198.18.0.300/24
wrong 'is needed' host --addr 198.18.5.2/24
wrong 'echo, discard' host --tun ho5 --addr 198.18.5.2/24 --listen 80,app=nothing
wrong 'backlog' host --tun ho5 --addr 198.18.5.2/24 --listen 80,backlog=x
wrong 'help host' host --tun ho5 --addr 198.18.5.2/24 --what
wrong 'TcpExtListenOverflows' explain ListenOverflow
echo "wrong words: exit status 2 and what would be right"

# all clients go, then the first host
while [ ${#pids[@]} -gt 1 ]; do
	kill "${pids[-1]}" 2>/dev/null || true
	wait "${pids[-1]}" 2>/dev/null || true
	unset 'pids[-1]'
done
stop ho0
