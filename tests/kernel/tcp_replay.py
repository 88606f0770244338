#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Asks the running kernel whether the deterministic TCP tests are right.

    tcp_replay.py [-k WORD] [-v] [--slow] [-j N] PROGRAM|LOG ...        as root; PROGRAM is build/tests/unit/tcp_..._test

A test of tests/unit/tcp_lab.h writes its steps to the file that TCP_LAB_LOG names: what the peer says, what it must hear and when,
the program's calls and their results, which counters move.  Here the same steps happen to Linux: each test in a network namespace
of its own, with a TUN device that has the host's address; sockets are opened there, segments are made from the same text.

    -k WORD   only tests with this word in their name
    -v        each step with the time at which it happened
    --slow    also the tests that take more than 8 seconds; nothing is virtual here
    -j N      so many tests at once (12)

A line a test: ok, differs (each step with both sides), skipped (why).  Exit status 1 if something differs that KNOWN does not name.
Times are compared as far as Linux keeps them: its timer wheel is late by up to an eighth.  What differs is tried again alone; a try
in which this program had to wait for a processor does not count.
"""
import argparse
import ctypes
import errno
import fcntl
import json
import os
import platform
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

# The tests that are known to differ from Linux 6.18: name, and why they may.
KNOWN = {
    "a_route_tells_the_mss_the_mtu_and_the_first_window": "the log has no routes",
    "the_longest_prefix_holds": "the log has no routes",
    "a_locked_mtu_lets_routers_cut": "the log has no routes",
    "a_route_changes_the_least_timeout_and_the_delay_of_acks": "the log has no routes",
    "probes_that_the_links_queue_refuses_come_twice_a_second": "the log does not close the link's queue",
    "a_rst_that_cannot_leave_is_counted": "a rule of the stack stops the RST; the log has no rules",
    "a_full_queue_delays_a_retransmission_by_half_a_second": "the link's queue here holds one packet",
    "a_rule_that_stops_a_retransmission_changes_no_timer": "the log has no rules",
    "a_cookie_that_comes_back_while_a_request_has_its_place_makes_no_connection": "the log knows one first number a peer, not two",
    "slow_start_ends_with_a_train_of_half_a_round_trip": "a train's ACKs are 1 ms apart, which this program cannot keep",
    "pacing_may_make_a_train_of_a_whole_round_trip": "a train's ACKs are 1 ms apart, which this program cannot keep",
    "small_writes_wait_while_the_links_queue_holds_one": "a TUN device takes each packet at once, its queue never holds one",
}

HOST, PEER, PORT = "198.18.0.2", "198.18.0.1", 9000
U32 = 0xFFFFFFFF
FLAGS = "FSRP.UEC"
FIN, SYN, RST, ACK, URG = 1, 2, 4, 16, 32
TCP_INFO, TCP_CONGESTION, SO_MEMINFO = 11, 13, 55
JIFFY_MS = 4
SLOW_MS = 8000
DIFFERENCES_MAX = 4
LATE_MS = 3  # some timers run for 4 to 8 ms
TRIES, TRIES_LATE = 4, 10
TIMED = ("at", "until", "due")


class Skip(Exception):
    pass


def stream(seq, length):
    return bytes(ord("a") + (seq + i) % 23 for i in range(length))


# ---- segments as text, as in tcp_lab.h ----


class Segment:
    """FLAGS [SEQ[:END]] [ack N] [win N] [urg N] [ecn N] [<options>]; what is not said is None."""

    def __init__(self, text):
        self.seq = self.end = self.ack = self.win = self.urg = self.ecn = self.options = None
        text, angle, options = text.partition("<")
        if angle:
            self.options = options.rstrip(">")
        words = text.split()
        self.flags = sum(1 << FLAGS.index(c) for c in words[0] if c != "-")
        rest = iter(words[1:])
        for word in rest:
            if word in ("ack", "win", "urg", "ecn"):
                setattr(self, word, int(next(rest)) & U32)
            else:
                seq, _, end = word.partition(":")
                self.seq = int(seq) & U32
                self.end = int(end or seq) & U32

    def matches(self, heard):
        """Whether a segment that was heard is the one that was asked for."""
        fields = ("ack", "win", "urg", "ecn", "options") + (("seq", "end") if self.seq is not None else ())
        return self.flags == heard.flags and all(
            getattr(self, f) is None or getattr(self, f) == getattr(heard, f) for f in fields
        )


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(protocol, payload, tos=0, src=socket.inet_aton(PEER), dst=socket.inet_aton(HOST)):
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 0, 0, 64, protocol, 0, src, dst
    )
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


class Peer:
    def __init__(self, number):
        self.number = number
        self.port = 40000 + number
        self.host_port = PORT
        self.isn = 1000000 * number
        self.host_isn = 0
        self.ts_base, self.ts_heard, self.ts_syn = 5000, 0, 0
        self.learns = ()

    def option(self, word, now_ms):
        name, *args = word.split()
        if name == "mss":
            return struct.pack("!BBH", 2, 4, int(args[0]))
        if name == "wscale":
            return struct.pack("!BBB", 3, 3, int(args[0]))
        if name == "sackOK":
            return b"\4\2"
        if name == "nop":
            return b"\1"
        if name in ("md5", "md5-short"):
            body = b"\xab" * (16 if name == "md5" else 15)
            return struct.pack("!BB", 19, 2 + len(body)) + body
        if name.endswith("fastopen"):
            body = (b"\xf9\x89" if name == "exp-fastopen" else b"") + bytes.fromhex("".join(args))
            return struct.pack("!BB", 254 if name == "exp-fastopen" else 34, 2 + len(body)) + body
        if name == "TS":  # TS [+-N of our clock] [e+-N of what was heard last | s+-N of what the host's first SYN had]
            ours = sum(int(a) for a in args if a[0] not in "es")
            echo = sum(int(a[1:]) for a in args if a[0] in "es")
            echo += self.ts_syn if any(a[0] == "s" for a in args) else self.ts_heard
            value = (self.ts_base + now_ms + ours) & U32
            return struct.pack("!BBII", 8, 10, value, echo & U32 if self.ts_heard else 0)
        if name == "sack":
            edges = [(self.host_isn + int(n)) & U32 for a in args for n in a.split(":")]
            return struct.pack(f"!BB{len(edges)}I", 5, 2 + 4 * len(edges), *edges)
        raise ValueError(f"no option {word}")

    def segment(self, s, now_ms, src=socket.inet_aton(PEER), dst=socket.inet_aton(HOST)):
        """The packet that a line of the log describes in full."""
        options = b"".join(self.option(w, now_ms) for w in (s.options or "").split(",") if w)
        options += b"\1" * (-len(options) % 4)
        head = struct.pack(
            "!HHIIBBHHH",
            self.port,
            self.host_port,
            (self.isn + s.seq) & U32,
            (self.host_isn + s.ack) & U32 if s.flags & ACK else 0,
            (20 + len(options)) // 4 << 4,
            s.flags,
            s.win,
            0,
            s.urg or 0,
        )
        tcp = head + options + stream(s.seq + bool(s.flags & SYN), (s.end - s.seq) & U32)
        pseudo = src + dst + struct.pack("!HH", 6, len(tcp))
        return ip_packet(6, tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:], s.ecn or 0, src, dst)

    def options_text(self, data):
        words = []
        while data and data[0] != 0:
            if data[0] == 1:
                data = data[1:]
                continue
            kind, size = data[0], max(2, data[1])
            body = data[2:size]
            if kind == 2:
                words.append(f"mss {struct.unpack('!H', body)[0]}")
            elif kind == 3:
                words.append(f"wscale {body[0]}")
            elif kind == 4:
                words.append("sackOK")
            elif kind in (34, 254):
                cookie = (body if kind == 34 else body[2:]).hex()
                words.append(("fastopen " if kind == 34 else "exp-fastopen ") [: None if cookie else -1] + cookie)
            elif kind == 8:
                words.append("TS")
                self.ts_heard = struct.unpack("!II", body)[0]
            elif kind == 5:
                edges = [(n - self.isn) & U32 for n in struct.unpack(f"!{len(body) // 4}I", body)]
                words.append("sack " + " ".join(f"{a}:{b}" for a, b in zip(edges[::2], edges[1::2])))
            data = data[size:]
        return ",".join(words)

    def heard(self, packet):
        """A packet in the words of the log.  Learns from it what the log says is to be learnt."""
        h = packet[20:]
        sport, dport, seq, ack, offset, flags, win, _, urg = struct.unpack("!HHIIBBHHH", h[:20])
        if packet[9] != 6 or packet[16:20] != socket.inet_aton(PEER) or dport != self.port:
            return f"a packet of protocol {packet[9]} to {socket.inet_ntoa(packet[16:20])}:{dport}"
        if "port" in self.learns:
            self.host_port = sport
        header = (offset >> 4) * 4
        if "isn" in self.learns and flags & SYN:
            self.host_isn = seq
            self.options_text(h[20:header])
            self.ts_syn = self.ts_heard
        self.learns = ()
        data = h[header:]
        seq = (seq - self.host_isn) & U32
        text = "".join(c for i, c in enumerate(FLAGS) if flags & 1 << i) or "-"
        text += f" {seq}" + (f":{(seq + len(data)) & U32}" if data else "")
        if flags & ACK:
            text += f" ack {(ack - self.isn) & U32}"
        text += f" win {win}" + (f" urg {urg}" if flags & URG else "") + f" ecn {packet[1] & 3} <{self.options_text(h[20:header])}>"
        if data != stream(seq + bool(flags & SYN), len(data)):
            text += " (and other bytes than the stream's)"
        return text


# ---- a namespace, its device, its counters ----


def ifreq(name, data=b""):
    return struct.pack("16s24s", name.encode(), data)


def sockaddr(addr):
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(addr))


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


class Host:
    """The kernel in a namespace of this process: its only way out is a TUN device with HOST's address."""

    def __init__(self, mtu, tso, default_route):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x40000000) != 0:
            raise Skip(f"no network namespace: {os.strerror(ctypes.get_errno())}")
        for name, value in (
            ("ipv6/conf/all/disable_ipv6", "1"),
            ("ipv6/conf/default/disable_ipv6", "1"),
            ("ipv4/tcp_rmem", "4096 131072 33554432"),  # these follow the machine's memory
            ("ipv4/tcp_wmem", "4096 16384 4194304"),
            ("ipv4/tcp_max_syn_backlog", "2048"),
        ):
            if os.path.exists("/proc/sys/net/" + name):
                write("/proc/sys/net/" + name, value)
        self.vnet_bytes = 10 if tso else 0
        self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        flags = 0x0001 | 0x1000 | (0x4000 if tso else 0)  # IFF_TUN, IFF_NO_PI, IFF_VNET_HDR
        fcntl.ioctl(self.tun, 0x400454CA, ifreq("ho0", struct.pack("=H", flags)))
        if tso:
            fcntl.ioctl(self.tun, 0x400454D0, 1 | 2)  # TUNSETOFFLOAD: TUN_F_CSUM, TUN_F_TSO4
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            fcntl.ioctl(s, 0x8916, ifreq("ho0", sockaddr(HOST)))
            fcntl.ioctl(s, 0x891C, ifreq("ho0", sockaddr("255.255.255.0")))
            fcntl.ioctl(s, 0x8922, ifreq("ho0", struct.pack("=i", mtu)))
            fcntl.ioctl(s, 0x8914, ifreq("ho0", struct.pack("=H", 0x41)))
            fcntl.ioctl(s, 0x8914, ifreq("lo", struct.pack("=H", 0x41)))
            if default_route:
                device = ctypes.create_string_buffer(b"ho0")
                zero = sockaddr("0.0.0.0")
                fcntl.ioctl(
                    s,
                    0x890B,
                    struct.pack("8x16s16s16sH2x4x8x8xh6xPQQH6x", zero, zero, zero, 1, 0, ctypes.addressof(device), 0, 0, 0),
                )

    def read(self, timeout_s):
        """The next packet, or None."""
        until = time.monotonic() + timeout_s
        while True:
            left = max(0.0, until - time.monotonic())
            if not select.select([self.tun], [], [], left)[0]:
                return None
            packet = os.read(self.tun, 70000)[self.vnet_bytes :]
            if packet[0] >> 4 == 4:
                return packet

    def write(self, packet):
        os.write(self.tun, b"\0" * self.vnet_bytes + packet)


def counters():
    """Under their full names."""
    values = {}
    for file in ("snmp", "netstat"):
        with open("/proc/self/net/" + file, encoding="ascii") as f:
            lines = f.read().splitlines()
        for names, numbers in zip(lines[::2], lines[1::2]):
            group, *names = names.split()
            if group in ("Ip:", "Tcp:", "TcpExt:"):
                values.update((group[:-1] + n, int(v)) for n, v in zip(names, numbers.split()[1:]))
    return values


def wheel_ms(delay_ms):
    """How late a timer may be that was set this long ago."""
    granule = JIFFY_MS
    while delay_ms >= 63 * granule:
        granule *= 8
    return granule


def waited_ms():
    """How long this process has waited for a processor."""
    with open("/proc/self/schedstat", encoding="ascii") as f:
        return int(f.read().split()[1]) / 1e6


# ---- a test ----


class Replay:
    def __init__(self, name, steps):
        self.name, self.steps = name, steps
        self.differences, self.transcript = [], []
        self.peers, self.socks, self.wrote, self.got = {}, {}, {}, {}
        self.heard_last = b""
        self.queue = []  # (when it came, packet)
        self.at_ms = 0  # the test's time
        self.due_ms = None
        self.timed = False  # whether what comes out now is timers' doing
        self.threads, self.closing = [], {}
        self.late_ms = 0.0  # the most that this process waited for a processor between two steps that wait anyway

    def run(self):
        words = self.steps[0].split()
        options = dict(zip(words[2::2], words[3::2]))
        if int(options.get("profile", 0)) not in (0, 0x612):
            raise Skip("it is about an older kernel")
        self.host = Host(int(options["mtu"]), options["tso"] == "1", options.get("route") != "0")
        self.mark = counters()
        self.begin = time.monotonic()
        waited_before = waited_ms()
        for number, step in enumerate(self.steps[1:], 1):
            verb, _, rest = step.partition(" ")
            self.note(step)
            self.timed = verb in TIMED or (self.timed and verb in ("hears", "learns"))
            is_, want = getattr(self, "on_" + verb)(rest) or (None, None)
            waited = waited_ms()
            self.late_ms = max(self.late_ms, waited - waited_before)
            if verb in TIMED:
                waited_before = waited
            if is_ != want:
                self.note(f"        the kernel: {is_}")
                self.differences.append(f"step {number}: {step}\n        the test: {want}\n        the kernel: {is_}")
                if len(self.differences) >= DIFFERENCES_MAX or verb in ("hears", "accept"):
                    break  # what follows would follow from it

    def note(self, text):
        self.transcript.append(f"{self.now_ms():9.1f} {text}")

    # ---- time ----

    def now_ms(self):
        return (time.monotonic() - self.begin) * 1000 if hasattr(self, "begin") else 0.0

    def pump(self, until_ms):
        """Takes what the kernel sends until then."""
        while True:
            left = (until_ms - self.now_ms()) / 1000
            packet = self.host.read(max(0.0, left))
            if packet is None:
                return
            self.queue.append((self.now_ms(), packet))

    def slack_ms(self):
        """How long to wait for what should be so by now."""
        return 20 + (wheel_ms(self.at_ms) if self.at_ms > 0 else 0)

    def slips(self, began_ms):
        """The time that the kernel was late by does not count."""
        self.begin += max(0.0, self.now_ms() - began_ms) / 1000

    def settles(self, look, want):
        """What look() gives, once it is what was wanted, or when the patience is at its end."""
        began = self.now_ms()
        while True:
            is_ = look()
            if is_ == want or self.now_ms() - began > self.slack_ms():
                if is_ == want and self.at_ms > 0:
                    self.slips(began)
                return is_, want
            self.pump(self.now_ms() + 1)

    def on_at(self, rest):
        self.at_ms = int(rest)
        self.pump(self.at_ms)

    def on_until(self, rest):
        self.at_ms = int(rest)
        self.pump(self.at_ms - 2)

    def on_due(self, rest):
        self.at_ms = self.due_ms = int(rest)

    # ---- the wire ----

    def on_peer(self, rest):
        self.peers[int(rest)] = Peer(int(rest))

    def on_says(self, rest):
        number, text = rest.split(" ", 1)
        self.host.write(self.peers[int(number)].segment(Segment(text), int(self.now_ms())))
        self.pump(0)

    def on_says_between(self, rest):
        number, src, dst, port, text = rest.split(" ", 4)
        peer = self.peers[int(number)]
        peer.host_port = int(port)
        between = struct.pack("!I", int(src)), struct.pack("!I", int(dst))
        self.host.write(peer.segment(Segment(text), int(self.now_ms()), *between))
        self.pump(0)

    def on_icmp(self, rest):
        _, kind, code, what = (int(w) for w in rest.split())
        icmp = struct.pack("!BBHI", kind, code, 0, what) + self.heard_last[:28]
        self.host.write(ip_packet(1, icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]))
        self.pump(0)

    def on_icmp_about(self, rest):
        number, kind, code, what, seq = (int(w) for w in rest.split())
        peer = self.peers[number]
        quoted = struct.pack("!BBHIBBH4s4s", 0x45, 0, 1500, 0, 0, 6, 0, socket.inet_aton(HOST), socket.inet_aton(PEER))
        quoted += struct.pack("!HHI", peer.host_port, peer.port, (peer.host_isn + seq) & U32)
        icmp = struct.pack("!BBHI", kind, code, 0, what) + quoted
        self.host.write(ip_packet(1, icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]))
        self.pump(0)

    def on_df(self, rest):
        return self.heard_last[6] >> 6 & 1, int(rest)

    def on_learns(self, rest):
        number, *what = rest.split()
        self.peers[int(number)].learns = what

    def first_for(self, peer):
        """Which packet is the peer's: the first, but timers set one after the other expire in any order within a tick of the wheel."""
        for i, (came, packet) in enumerate(self.queue if self.timed else self.queue[:1]):
            if came - self.queue[0][0] <= wheel_ms(self.at_ms) and struct.unpack("!H", packet[22:24])[0] == peer.port:
                return i
        return None

    def on_hears(self, rest):
        number, text = rest.split(" ", 1)
        due, self.due_ms = self.due_ms, None
        slack = self.slack_ms() + (10 if due is not None else 0)
        deadline = (due if due is not None else self.now_ms()) + slack
        peer = self.peers[int(number)]
        self.pump(self.now_ms())
        while self.first_for(peer) is None and (self.timed or not self.queue) and self.now_ms() < deadline:
            self.pump(min(deadline, self.now_ms() + 1))
        if not self.queue:
            return "nothing", text
        came, self.heard_last = self.queue.pop(self.first_for(peer) or 0)
        heard = peer.heard(self.heard_last)
        self.note(f"        {heard}")
        if not heard.startswith("a packet") and " (and " not in heard and Segment(text).matches(Segment(heard)):
            heard = text
        if due is not None:
            if not -10 <= came - due <= slack:
                return f"{heard} at {came:.0f} ms", f"{text} at {due} ms"
            self.begin += (came - due) / 1000
        return heard, text

    def on_quiet(self, _):
        self.pump(self.now_ms() + 1)
        if not self.queue:
            return None
        came, packet = self.queue.pop(0)
        port = struct.unpack("!H", packet[22:24])[0]
        peer = next((p for p in self.peers.values() if p.port == port), Peer(port - 40000))
        return f"{peer.heard(packet)} at {came:.0f} ms", "nothing"

    # ---- the program ----

    def call(self, function, *args):
        """What a call gives, a failure as the negative errno."""
        try:
            return function(*args)
        except OSError as e:
            return -e.errno

    def on_unreachable(self, rest):
        """A route that says so comes, or goes."""
        addr, gone = rest.split()
        subprocess.run(["ip", "route", "add" if gone == "1" else "del", "unreachable", addr + "/32"], check=True)

    def on_sysctl(self, rest):
        name, value = rest.split(" ", 1)
        path = "/proc/sys/" + name.replace(".", "/")
        if not os.path.exists(path):
            raise Skip(f"{name} is the whole machine's")
        write(path, value)

    def adopt(self, fd, s):
        s.setblocking(False)
        self.socks[fd] = s
        self.wrote[fd] = self.got[fd] = 1

    def on_socket(self, rest):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, b"cubic")
        self.adopt(int(rest), s)

    def on_setopt(self, rest):
        fd, level, name, value = (int(w) for w in rest.split())
        return self.call(self.socks[fd].setsockopt, level, name, value), None

    def on_setopt_gives(self, rest):
        fd, level, name, value, want = (int(w) for w in rest.split())
        return self.call(self.socks[fd].setsockopt, level, name, value) or 0, want

    def on_fastopen_key(self, rest):
        fd, key, want = rest.split()
        return self.call(self.socks[int(fd)].setsockopt, socket.IPPROTO_TCP, 33, bytes.fromhex(key)) or 0, int(want)

    def on_getopt(self, rest):
        fd, level, name, want = (int(w) for w in rest.split())
        if (level, name) != (socket.SOL_SOCKET, socket.SO_ERROR):
            return self.settles(lambda: self.socks[fd].getsockopt(level, name), want)
        if want != 0:  # what was looked at is gone
            self.settles(lambda: self.polls(fd) & select.POLLERR, select.POLLERR)
        return self.socks[fd].getsockopt(level, name), want

    def on_linger(self, rest):
        fd, seconds = (int(w) for w in rest.split())
        self.socks[fd].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))

    def on_bind(self, rest):
        fd, port = (int(w) for w in rest.split())
        return self.call(self.socks[fd].bind, ("0.0.0.0", port)), None

    def on_listen(self, rest):
        fd, backlog = (int(w) for w in rest.split())
        libc = ctypes.CDLL(None, use_errno=True)  # Python makes 0 of a negative backlog
        return -ctypes.get_errno() if libc.listen(self.socks[fd].fileno(), backlog) != 0 else 0, 0

    def on_accept(self, rest):
        lfd, want = (int(w) for w in rest.split())

        def accept():
            s = self.call(lambda: self.socks[lfd].accept()[0])
            if isinstance(s, int):
                return s
            self.adopt(want, s)
            return want

        return self.settles(accept, want)

    def on_connect(self, rest):
        fd, number, want = (int(w) for w in rest.split())
        return self.connect(fd, PEER, self.peers[number].port, want)

    def on_connect_to(self, rest):
        fd, addr, port, want = (int(w) for w in rest.split())
        return self.connect(fd, socket.inet_ntoa(struct.pack("!I", addr)), port, want)

    def connect(self, fd, addr, port, want):
        return self.call(self.socks[fd].connect, (addr, port)) or 0, want

    def on_send(self, rest):
        fd, length, flags, want = (int(w) for w in rest.split())
        n = self.call(self.socks[fd].send, stream(self.wrote[fd], length), flags | socket.MSG_NOSIGNAL)
        self.wrote[fd] += max(0, n)
        return n, want

    def on_sendto(self, rest):
        fd, number, length, want = (int(w) for w in rest.split())
        to = (PEER, self.peers[number].port)
        n = self.call(self.socks[fd].sendto, stream(self.wrote[fd], length), 0x20000000 | socket.MSG_NOSIGNAL, to)
        self.wrote[fd] += max(0, n)
        return n, want

    def on_recv(self, rest):
        fd, length, flags, want = (int(w) for w in rest.split())

        def recv():
            got = self.call(self.socks[fd].recvmsg, length, 0, flags)  # recv(0) would not ask the kernel
            if isinstance(got, int):
                return got
            data = got[0]
            if flags & socket.MSG_OOB == 0 and data != stream(self.got[fd], len(data)):
                return f"other bytes than the stream's: {data[:40]!r}"
            if not flags & (socket.MSG_PEEK | socket.MSG_OOB):
                self.got[fd] += len(data)
            return len(data)

        if want in (-errno.EAGAIN, -errno.ENOTCONN) or length == 0:
            return recv(), want
        return self.settles(lambda: -errno.EAGAIN if not select.select([self.socks[fd]], [], [], 0)[0] else recv(), want) \
            if flags == 0 else (recv(), want)

    def on_recv_inq(self, rest):
        fd, length, flags, *want = (int(w) for w in rest.split())

        def recv():
            got = self.call(self.socks[fd].recvmsg, length, 64, flags)
            if isinstance(got, int):
                return [got, -1]
            if not flags & (socket.MSG_PEEK | socket.MSG_OOB):
                self.got[fd] += len(got[0])
            return [len(got[0])] + [struct.unpack("i", data)[0] for _, _, data in got[1]] + [-1] * (not got[1])

        return self.settles(lambda: recv() if select.select([self.socks[fd]], [], [], 0)[0] else None, want) \
            if flags == 0 else (recv(), want)

    def on_outqs(self, rest):
        fd, *want = (int(w) for w in rest.split())

        def queue(request):
            try:
                return struct.unpack("i", fcntl.ioctl(self.socks[fd], request, b"\0" * 4))[0]
            except OSError as e:
                return -e.errno

        return self.settles(lambda: [queue(request) for request in (0x5411, 0x894B)], want)

    def on_urgent(self, rest):
        fd, seq = (int(w) for w in rest.split())
        return self.call(self.socks[fd].recv, 1, socket.MSG_OOB), stream(seq, 1)

    def on_misses(self, rest):
        fd, count = (int(w) for w in rest.split())
        self.got[fd] += count

    def on_at_mark(self, rest):
        fd, *want = (int(w) for w in rest.split())
        return [struct.unpack("i", fcntl.ioctl(self.socks[fd], n, b"\0" * 4))[0] for n in (0x8905, 0x541B)], want

    def on_close(self, rest):
        s = self.socks.pop(int(rest))
        linger, seconds = struct.unpack("ii", s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
        if linger and seconds != 0:  # Linux waits in close() even if nothing else may block
            thread = threading.Thread(target=s.close, daemon=True)
            thread.start()
            self.threads.append(thread)
            self.closing[int(rest)] = thread
            self.pump(self.now_ms() + 2)
        else:
            s.close()

    def on_lingers(self, rest):
        if int(rest) in self.socks:
            self.on_close(rest)
        return self.closing[int(rest)].is_alive(), True

    def on_lingered(self, rest):
        if int(rest) in self.socks:
            self.on_close(rest)
        thread = self.closing.pop(int(rest), None)
        return self.settles(thread.is_alive, False) if thread is not None else (False, False)

    def on_disconnect(self, rest):
        libc = ctypes.CDLL(None, use_errno=True)  # Python knows no AF_UNSPEC here
        gave = libc.connect(self.socks[int(rest)].fileno(), b"\0" * 16, 16)
        return -ctypes.get_errno() if gave != 0 else 0, 0

    def on_streams_begin(self, rest):
        self.wrote[int(rest)] = self.got[int(rest)] = 1

    def on_shutdown(self, rest):
        fd, how, want = (int(w) for w in rest.split())
        return self.call(self.socks[fd].shutdown, how) or 0, want

    def polls(self, fd):
        poll = select.poll()
        poll.register(self.socks[fd], select.POLLIN | select.POLLPRI | select.POLLOUT | select.POLLRDHUP)
        return sum(events for _, events in poll.poll(0))

    def on_poll(self, rest):
        fd, want = (int(w) for w in rest.split())
        is_, want = self.settles(lambda: self.polls(fd), want)
        return f"{is_:#x}", f"{want:#x}"

    def info(self, fd):
        return self.socks[fd].getsockopt(socket.IPPROTO_TCP, TCP_INFO, 512)

    def on_state(self, rest):
        fd, want = (int(w) for w in rest.split())
        return self.settles(lambda: self.info(fd)[0], want)

    def on_limit(self, rest):
        fd, want = (int(w) for w in rest.split())
        return struct.unpack_from("=I", self.info(fd), 28)[0], want

    def on_info(self, rest):
        fd, field, offset, size, want = rest.split()
        offset, size, want = int(offset), int(size), int(want)
        is_ = int.from_bytes(self.info(int(fd))[offset : offset + size], sys.byteorder)
        ms = 1 if re.search(r"_last_", field) else 1000
        if re.search(r"rtt|_rto$|_ato$|_last_|_time$|_limited$", field) and abs(is_ - want) <= (20 + wheel_ms(want // ms)) * ms:
            is_ = want
        return is_, want

    def on_drops(self, rest):
        fd, want = (int(w) for w in rest.split())
        return self.settles(lambda: struct.unpack("=9I", self.socks[fd].getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))[8], want)

    def on_queues(self, rest):
        lfd, requests, waiting = (int(w) for w in rest.split())

        def queues():
            port = self.socks[lfd].getsockname()[1]
            with open("/proc/self/net/tcp", encoding="ascii") as f:
                rows = [line.split()[1:4] for line in f][1:]
            half_open = sum(local.endswith(f":{port:04X}") and state == "03" for local, _, state in rows)
            return half_open, struct.unpack_from("=I", self.info(lfd), 24)[0]

        return self.settles(queues, (requests, waiting))

    def on_mark(self, _):
        self.mark = counters()

    def on_counted(self, rest):
        words = rest.split()
        want = {}
        for name, n in zip(words[::2], words[1::2]):
            full = name if name in self.mark else "TcpExt" + name
            if full not in self.mark:
                return f"no counter {name}", name
            want[full] = int(n)

        def moved():
            now = counters()
            return {n: now[n] - v for n, v in self.mark.items() if now[n] != v and (n.startswith("Tcp") or n in want)}

        is_, want = self.settles(moved, {n: v for n, v in want.items() if v != 0})
        self.mark = counters()
        if is_ == want:
            return None
        both = [n for n in self.mark if is_.get(n) != want.get(n)]
        return tuple(" ".join(f"{n} {side.get(n, 0)}" for n in both) for side in (is_, want))

    def on_end(self, _):
        return None


# ---- the tests of a log ----


def length_ms(steps):
    return max((int(s.split()[1]) for s in steps if s.split()[0] in TIMED), default=0)


def tests_of(lines):
    """(name, its steps), in the order of the log.  A test that opens several labs has as many parts."""
    tests, seen = [], {}
    for line in lines:
        if line.startswith("test "):
            name = line.split()[1]
            seen[name] = seen.get(name, 0) + 1
            tests.append((name if seen[name] == 1 else f"{name}#{seen[name]}", [line]))
        elif tests:
            tests[-1][1].append(line)
    return tests


def log_of(path):
    if not os.access(path, os.X_OK):
        with open(path, encoding="utf-8") as f:
            return f.read().splitlines()
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        subprocess.run(
            [os.path.abspath(path)], env=dict(os.environ, TCP_LAB_LOG=log, TCP_LAB_SOFT="1"), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=60, check=False,
        )
        if not os.path.exists(log):
            return []  # a test of something else
        with open(log, encoding="utf-8") as f:
            return f.read().splitlines()


def child(name, steps, out):
    """Runs a test; its outcome goes into a pipe."""
    replay = Replay(name, steps)
    result = {"verdict": "ok", "text": ""}
    try:
        replay.run()
        if replay.differences:
            result = {"verdict": "differs", "text": "\n    ".join(replay.differences)}
    except Skip as e:
        result = {"verdict": "skipped", "text": str(e)}
    except Exception as e:  # pylint: disable=broad-except
        last = replay.transcript[-1].strip() if replay.transcript else "the beginning"
        result = {"verdict": "differs", "text": f"{type(e).__name__}: {e}, at {last}"}
    result["transcript"] = replay.transcript
    result["late"] = replay.late_ms > LATE_MS
    with os.fdopen(out, "w") as f:
        json.dump(result, f)


class Running:
    def __init__(self, name, steps):
        self.name, self.steps, self.text = name, steps, b""
        self.deadline = time.monotonic() + length_ms(steps) / 1000 * 1.3 + 20
        self.fd, out = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            try:
                child(name, steps, out)
            finally:
                os._exit(0)
        os.close(out)

    def end(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)
        return json.loads(self.text) if self.text else {"verdict": "differs", "text": "no answer in time", "transcript": []}


def run_all(tests, at_once):
    """name -> outcome, of tests that run in processes of their own."""
    waiting, running, results = list(tests), [], {}
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(Running(*waiting.pop(0)))
        ready = select.select([r.fd for r in running], [], [], 0.5)[0]
        for r in list(running):
            more = os.read(r.fd, 1 << 20) if r.fd in ready else None
            if more:
                r.text += more
            elif more == b"" or time.monotonic() > r.deadline:
                if more is None:
                    os.kill(r.pid, signal.SIGKILL)
                running.remove(r)
                results[r.name] = r.end()
    return results


def run_until_sure(tests, at_first):
    """The same; what differs is run again, until it differed often enough while this program was in time."""
    results, in_time = {}, {name: 0 for name, _ in tests}
    for at_once in (at_first, 2, *[1] * (TRIES_LATE - 2)):
        tried = run_all(tests, at_once)
        results.update(tried)
        for name, result in tried.items():
            in_time[name] += not result.get("late")
        tests = [t for t in tests if results[t[0]]["verdict"] == "differs" and in_time[t[0]] < TRIES and
                 t[0].partition("#")[0] not in KNOWN]
    for name, _ in tests:
        results[name]["text"] += f"\n    (in {in_time[name]} of {TRIES_LATE} tries this program was in time)"
    return results


def show(name, result, verbose):
    reason = KNOWN.get(name.partition("#")[0])
    verdict = result["verdict"]
    if verdict == "differs" and reason is not None:
        verdict = "known"
    print(f"{verdict:8}{name}" + (f": {result['text']}" if verdict == "skipped" else f": {reason}" if verdict == "known" else ""))
    if result["verdict"] == "differs" and (verdict == "differs" or verbose):
        print("    " + result["text"])
    if verbose:
        print("\n".join(result.get("transcript", [])))
    return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-k", metavar="WORD", default="")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("-j", type=int, default=12)
    parser.add_argument("paths", nargs="+")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("only root may make a network namespace")
        return 77
    if not os.path.exists("/dev/net/tun"):
        print("there is no /dev/net/tun")
        return 77
    if not platform.release().startswith("6.18."):
        print(f"this is Linux {platform.release()}, the tests are about 6.18")
        return 77

    count = {}
    tests = [t for t in tests_of(line for path in args.paths for line in log_of(path)) if args.k in t[0]]
    results = {}
    for name, steps in tests:
        if length_ms(steps) > SLOW_MS and not args.slow:
            results[name] = {"verdict": "skipped", "text": f"it takes {length_ms(steps) / 1000:.0f} s (--slow)"}
    to_run = sorted((t for t in tests if t[0] not in results), key=lambda t: -length_ms(t[1]))
    results.update(run_until_sure(to_run, args.j))
    for name, _ in sorted(tests, key=lambda t: results[t[0]]["verdict"] == "differs"):  # what differs comes last
        verdict = show(name, results[name], args.v)
        count[verdict] = count.get(verdict, 0) + 1
    print(", ".join(f"{n} {verdict}" for verdict, n in sorted(count.items())), f"on Linux {platform.release()}")
    return 1 if count.get("differs") else 0


if __name__ == "__main__":
    sys.exit(main())
