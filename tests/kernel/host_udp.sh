#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `halfopen host --udp` behind a TUN device, used by the kernel's programs in a network namespace of its own: nc -u, dig, ping,
# a flood that the receive buffer does not hold.  Argument: the program halfopen.
# shellcheck source=tests/kernel/ground.sh
. "$(dirname "$0")/ground.sh"
ground_needs ip python3 ping nc dig
ns=hu$$
ground_open $ns
host=
# shellcheck disable=SC2317 # called by ground.sh
ground_left() { [ -z "$host" ] || ended "$host"; }

inside() { timeout 30 ip netns exec $ns "$@"; }

# start OPTION...: a host, ready when this returns
start() {
	ip netns exec $ns "$halfopen" host --tun hu0 --addr 198.18.0.2/24 --kernel-addr 198.18.0.1/24 "$@" >"$dir/host.out" 2>"$dir/host.err" &
	host=$!
	started hu0 "$host" || die "the host did not start"
}

stop() {
	kill "$host"
	wait "$host" || die "the host ended with status $?"
	host=
	[ ! -s "$dir/host.err" ] || die "the host complained"
}

counter() { "$halfopen" counters -az "$1" | awk '{ print $2 }'; }

A=198.18.0.2
for offload in '' --no-offload; do
	# shellcheck disable=SC2086 # an option or none
	start $offload --udp 7 --udp 9,app=discard --udp 53,app=dns,name=www.halfopen.test,addr=198.18.7.7

	# nc -u never ends by itself: the first line that comes back is enough
	got=$(printf 'hello\n' | inside nc -u -w 1 $A 7)
	[ "$got" = hello ] || die "nc -u: '$got'"
	printf 'hello\n' | inside nc -u -w 1 $A 9 >"$dir/last" || die "nc -u discard"
	[ ! -s "$dir/last" ] || die "discard answered"
	echo "nc -u $offload: echoed and discarded"

	[ "$(inside dig +short +tries=1 +time=3 @$A www.halfopen.test)" = 198.18.7.7 ] || die "dig: A"
	[ "$(inside dig +short +tries=1 +time=3 @$A WWW.HalfOpen.Test)" = 198.18.7.7 ] || die "dig: capitals"
	[ -z "$(inside dig +short +tries=1 +time=3 @$A www.halfopen.test TXT)" ] || die "dig: TXT"
	inside dig +tries=1 +time=3 @$A nothing.test >"$dir/last" || die "dig: another name"
	grep -q 'status: NXDOMAIN' "$dir/last" || die "dig: another name is not NXDOMAIN"
	inside dig +norecurse +tries=1 +time=3 @$A www.halfopen.test >"$dir/last"
	! grep -qi warning "$dir/last" || die "dig warns"
	echo "dig $offload: an address, no such name"

	inside python3 - <<'PY' || die "a client of its own"
import socket, time

def client(timeout=3.0):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(timeout)
    return s

s = client()
s.connect(("198.18.0.2", 7))
for n in (0, 1, 47, 48, 49, 76, 77, 1000, 1472):
    data = bytes(i * 7 & 255 for i in range(n))
    s.send(data)
    assert s.recv(2000) == data, n
c = client()
c.connect(("198.18.0.2", 4444))
c.send(b"nobody")
try:
    c.recv(1)
    raise SystemExit("nobody answered")
except ConnectionRefusedError:
    pass
b = client()
b.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
b.sendto(b"all", ("198.18.0.255", 7))
got, who = b.recvfrom(100)
assert (got, who) == (b"all", ("198.18.0.2", 7)), (got, who)
g = client()
g.setsockopt(socket.SOL_UDP if hasattr(socket, "SOL_UDP") else 17, 103, 1000)  # UDP_SEGMENT: the kernel may hand over one super-frame
g.sendto(bytes(range(250)) * 14, ("198.18.0.2", 7))
back = [g.recv(2000) for _ in range(4)]
assert [len(x) for x in back] == [1000, 1000, 1000, 500] and b"".join(back) == bytes(range(250)) * 14
z = client()
z.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
z.sendto(b"no checksum", ("198.18.0.2", 7))
assert z.recv(100) == b"no checksum"
PY
	[ "$(counter UdpNoPorts)" -eq 1 ] || die "UdpNoPorts"
	[ "$(counter UdpInDatagrams)" -ge 19 ] || die "UdpInDatagrams"
	[ "$(counter UdpInErrors)" -eq 0 ] || die "UdpInErrors"
	"$halfopen" sockets -u >"$dir/last" || die "sockets -u"
	grep -Eq '^udp +UNCONN +0 +0 +0\.0\.0\.0:53 ' "$dir/last" || die "sockets -u does not show port 53"
	"$halfopen" sockets --json | python3 -c 'import json, sys
assert [s for s in json.load(sys.stdin)["sockets"] if s["type"] == "udp"]' || die "sockets --json"
	inside ping -q -c 2 -i 0.2 -W 2 $A >/dev/null || die "ping"
	stop
	echo "sizes, a closed port, a broadcast, no checksum $offload"
done

wrong() { # WHAT-IT-SAYS ARGUMENT...
	local says=$1 status=0
	shift
	timeout 10 "$halfopen" host --tun hu5 --addr 198.18.5.2/24 "$@" >"$dir/last" 2>&1 || status=$?
	[ $status -eq 2 ] || die "$*: exit status $status, not 2"
	grep -q -- "$says" "$dir/last" || die "$*: does not say '$says'"
}
wrong 'app=echo' --udp 7,app=nothing
wrong 'no port' --udp 70000
wrong 'wants name=NAME' --udp 53,app=dns
wrong 'addr=A.B.C.D' --udp 53,app=dns,name=x,addr=198.18.0.300
echo "wrong words: exit status 2 and what would be right"
