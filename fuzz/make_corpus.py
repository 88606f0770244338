#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of the corpora; for fuzz_input small lives of connections, in the script format that fuzz_input.c reads.

Usage: make_corpus.py [DIRECTORY]    (default: corpus beside this file)"""
import pathlib
import struct
import sys

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
NOW, US, US300, MS, MS4, MS40, MS200, MS220, MS500, S1, S2, S5, S20, S70, M10, H2 = range(16)
OPEN, OPEN_OTHER, BIND, LISTEN, ACCEPT, CONNECT, SEND, SEND_MORE, SEND_REF, RECV, PEEK, SKIP, SHUTDOWN, CLOSE, OPTION, LOOK, SYSCTL, RULE, DATAGRAM = (
    0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19)
NONE, RAW, TS = b"\0", b"\1", b"\3"


def config(link=1, refuse=0, limits=0, sysctls=0, backlog=2, listener=1, fastopen=0):
    """The 8 bytes of birth: see fuzz_init."""
    return bytes([link, refuse, limits, sysctls, listener | backlog << 1, fastopen, 0, 0])


def syn_options(mss=1460):
    return bytes([2]) + struct.pack(">H", mss)


def fast(form):
    """A Fast Open option: 0 asks for a cookie, 1 has the one that was given, | 2 in the older form, | 4 spoilt."""
    return bytes([5, form])


def ts(step=1):
    return bytes([3, step])


def sack(left, hundreds, step=1):
    return bytes([4, step]) + struct.pack(">h", left) + bytes([hundreds])


def seg(conn, flags, seq=0, ack=0, options=NONE, amount=0, step=NOW, form=0, tos=0, window=0xFFFF):
    urgent = b"\1" if flags & URG else b""
    return (bytes([step << 3, conn, flags, form, tos]) + struct.pack(">hhH", seq, ack, window) + urgent + options
            + bytes([amount]))


def call(verb, slot=0, arg=0, extra=b"", step=NOW):
    return bytes([step << 3 | 3, verb, slot, arg]) + extra


def wait(step):
    return bytes([step << 3 | 7])


def raw(packet):
    return bytes([4, len(packet)]) + packet


def repaired(protocol, body, tos=0, ttl=64):
    return bytes([5, protocol, tos, ttl, len(body)]) + body


def icmp_error(kind, code, mtu=0, short=0, step=NOW):
    return bytes([step << 3 | 6, kind, code]) + struct.pack(">H", mtu) + bytes([short])


def handshake(conn=0, options=True):
    return seg(conn, SYN, options=syn_options() if options else NONE) + seg(conn, ACK, step=MS, options=ts() if options else NONE)


def data(conn=0, n=5, **more):
    return seg(conn, ACK | PSH, amount=n, **more)


PEER_9000, SELF_9000, LOOP_9000, ANY_9001 = 3, 1, 2, 4
connect = call(OPEN, 1) + call(CONNECT, 1, PEER_9000)

seeds = {
    "handshake": config() + handshake() + call(ACCEPT),
    "handshake_plain": config(sysctls=4 | 8 | 16) + handshake(options=False) + call(ACCEPT),
    "hello_world": config() + handshake() + call(ACCEPT, 0, 1) + data() + call(RECV, 1, 63) + data(step=MS40) + call(RECV, 1, 63)
    + call(SEND, 1, 40) + seg(0, ACK, options=ts()) + call(LOOK, 1),
    "peer_closes": config() + handshake() + call(ACCEPT, 0, 1) + seg(0, FIN | ACK) + wait(MS40) + call(CLOSE, 1) + seg(0, ACK)
    + wait(S70),
    "we_close": config() + handshake() + call(ACCEPT, 0, 1) + call(CLOSE, 1) + seg(0, ACK) + seg(0, FIN | ACK, step=MS) + wait(S70)
    + wait(S70),
    "both_close": config() + handshake() + call(ACCEPT, 0, 1) + call(CLOSE, 1) + seg(0, FIN | ACK, ack=-1) + seg(0, ACK) + wait(M10),
    "close_unread": config() + handshake() + call(ACCEPT, 0, 1) + data() + call(CLOSE, 1),
    "close_linger_zero": config() + handshake() + call(ACCEPT, 0, 1) + call(OPTION, 1, 0, bytes([12, 13, 0, 1, 0, 0])) + call(CLOSE, 1),
    "data_after_close": config() + handshake() + call(ACCEPT, 0, 1) + call(CLOSE, 1) + data(),
    "reset": config() + handshake() + call(ACCEPT, 0, 1) + seg(0, RST) + call(RECV, 1, 1),
    "reset_not_exact": config() + handshake() + call(ACCEPT, 0, 1) + seg(0, RST, seq=5) + seg(0, SYN) + call(RECV, 1, 1),
    "accept_queue_full": config(backlog=1) + b"".join(handshake(i) for i in range(4)) + seg(3, ACK, step=S1) + wait(S70) + wait(S70),
    "accept_queue_full_reset": config(backlog=0, sysctls=2) + seg(0, SYN) + seg(1, SYN) + seg(0, ACK) + seg(1, ACK),
    "syn_queue_full": config(backlog=1) + b"".join(seg(i, SYN, options=syn_options(536)) for i in range(4)) + wait(S1) * 3 + wait(S70),
    "cookies": config(backlog=1, sysctls=1) + b"".join(seg(i, SYN, options=syn_options(1460)) for i in range(4))
    + b"".join(seg(i, ACK, step=MS40, options=ts()) for i in (3, 0, 1, 2)) + call(ACCEPT, 0, 1) + data(3) + seg(2, ACK, ack=5) + wait(S70),
    "cookies_always": config(backlog=1, sysctls=32 | 4) + seg(0, SYN, options=syn_options(536)) + data(0, n=9) + seg(1, SYN) + wait(M10)
    + seg(1, ACK),
    "syn_twice": config() + seg(0, SYN) + seg(0, SYN, seq=-1) + seg(0, SYN, step=S1, seq=-1) + seg(0, ACK),
    "request_reset": config() + seg(0, SYN) + seg(0, RST) + seg(1, SYN) + seg(1, RST | ACK, seq=9),
    "bad_ack_to_request": config() + seg(0, SYN) + seg(0, ACK, ack=77) + seg(0, ACK, ack=-1) + seg(0, ACK),
    "listener_closes": config() + handshake(0) + seg(1, SYN) + call(CLOSE, 0) + seg(1, ACK) + wait(S70),
    "stray": config() + seg(4, ACK) + seg(5, SYN) + seg(0, SYN | FIN) + seg(0, 0) + seg(0, RST) + seg(0, FIN | PSH | URG),
    "bad_checksum": config() + seg(0, SYN, amount=0x80) + handshake() + data(n=0x85),
    "fastopen": config(fastopen=1) + seg(0, SYN, options=fast(0)) + seg(1, SYN, options=fast(1), amount=5) + call(ACCEPT, 0, 1) + call(RECV, 1, 60)
    + call(SEND, 1, 9) + seg(1, ACK, step=MS) + data(1) + call(CLOSE, 1) + seg(1, FIN | ACK) + wait(S70),
    "fastopen_old_form": config(fastopen=1) + seg(0, SYN, options=fast(2)) + seg(1, SYN, options=fast(3), amount=5)
    + seg(2, SYN, options=fast(7), amount=5) + seg(3, SYN, options=fast(1)) + wait(S1) * 3 + wait(S70) * 2,
    "fastopen_reset": config(fastopen=3) + seg(0, SYN, amount=5) + call(ACCEPT, 0, 1) + seg(0, RST) + seg(1, SYN, amount=5) + wait(S70)
    + seg(2, SYN, amount=5) + seg(2, SYN, seq=-6) + call(CLOSE, 0) + seg(2, ACK) + call(CLOSE, 1),
    "fastopen_closed_early": config(fastopen=15) + seg(0, SYN, amount=5) + call(ACCEPT, 0, 1) + call(RECV, 1, 60) + call(SEND, 1, 9) + call(CLOSE, 1)
    + wait(S1) + wait(S2) + seg(0, ACK) + wait(S70),
    "fastopen_connect": config(listener=0, fastopen=7) + call(OPEN, 1) + call(DATAGRAM, 1, 0xC3) + seg(1, SYN | ACK, options=fast(1), amount=4)
    + call(SEND, 1, 9) + call(CLOSE, 1) + wait(S70),
    "fastopen_connect_not_acked": config(listener=0, fastopen=23) + call(OPEN, 1) + call(DATAGRAM, 1, 0x93) + seg(1, SYN | ACK, ack=-19)
    + seg(1, FIN | ACK, seq=50) + seg(1, RST) + call(CLOSE, 1) + call(OPEN, 1) + call(OPTION, 1, 0, bytes([5, 30, 0, 1, 0, 0]))
    + call(CONNECT, 1, 3) + call(SEND, 1, 9) + wait(S1) * 4 + wait(S70) * 3,
    "fastopen_to_ourselves": config(listener=1, fastopen=7) + call(OPEN, 1) + call(DATAGRAM, 1, 0xC1) + call(ACCEPT, 0, 2) + call(RECV, 2, 0x7F)
    + call(CLOSE, 2) + call(CLOSE, 1) + wait(S70),
    "fastopen_no_memory": config(refuse=20, limits=1, fastopen=7) + seg(0, SYN, amount=5) + seg(1, SYN, amount=5) + call(OPEN, 1)
    + call(DATAGRAM, 1, 0x93) + wait(S1) + call(ACCEPT, 0, 2) + call(CLOSE, 0) + wait(S70),
    "connect": config(listener=0) + connect + seg(1, SYN | ACK, options=syn_options()) + call(SEND, 1, 0x50) + seg(1, ACK, options=ts())
    + call(CLOSE, 1) + seg(1, FIN | ACK, step=MS) + wait(S70),
    "connect_refused": config(listener=0) + connect + seg(1, RST | ACK) + call(SEND, 1, 1),
    "connect_times_out": config(listener=0) + connect + wait(S1) * 4 + wait(S70) * 3,
    "connect_unreachable": config(listener=0) + connect + icmp_error(3, 1) + icmp_error(3, 3) + wait(S70),
    "simultaneous_open": config(listener=0) + connect + seg(1, SYN, options=syn_options()) + seg(1, SYN | ACK, seq=-1) + seg(1, ACK),
    "to_ourselves": config(listener=1) + call(OPEN, 1) + call(CONNECT, 1, SELF_9000) + call(ACCEPT, 0, 2) + call(SEND, 1, 0x7F)
    + call(RECV, 2, 0x7F) + call(CLOSE, 2) + call(CLOSE, 1) + wait(S70),
    "loopback": config(listener=1) + call(OPEN, 1) + call(CONNECT, 1, LOOP_9000) + call(ACCEPT, 0, 2) + call(SEND_REF, 1, 0x7F)
    + call(PEEK, 2, 0x41) + call(SKIP, 2, 1) + call(LOOK, 2) + wait(H2),
    "out_of_order": config() + handshake() + call(ACCEPT, 0, 1) + b"".join(data(seq=s, n=0x21) for s in (2000, 500, 1000, 500)) + data(n=0x3F)
    + data(seq=-400, n=0x2F) + call(RECV, 1, 0x7F),
    "our_loss": config() + handshake() + call(ACCEPT, 0, 1) + call(SEND, 1, 0x7F) + seg(0, ACK, ack=-17000, options=sack(-15000, 14))
    + seg(0, ACK, ack=-17000, options=sack(-12000, 28)) + seg(0, ACK, ack=-17000, options=sack(-12000, 60)) + wait(MS220) + wait(S1)
    + seg(0, ACK, options=ts()),
    "our_loss_reno": config(sysctls=12) + handshake() + call(ACCEPT, 0, 1) + call(SEND, 1, 0x7F) + seg(0, ACK, ack=-17000) * 5 + wait(MS500)
    + seg(0, ACK),
    "peer_is_gone": config() + handshake() + call(ACCEPT, 0, 1) + call(SEND, 1, 10) + wait(MS220) + wait(MS500) + wait(S1) + wait(S2)
    + wait(S70) * 4 + wait(M10) * 3,
    "zero_window": config() + handshake() + call(ACCEPT, 0, 1) + seg(0, ACK, window=0) + call(SEND, 1, 0x7F) + wait(MS220) + wait(MS500) + wait(S5)
    + seg(0, ACK, window=9000),
    "keepalive": config() + handshake() + call(ACCEPT, 0, 1) + call(OPTION, 1, 0, bytes([12, 9, 0, 1, 0, 0])) + wait(H2) + wait(S70) * 12,
    "urgent": config() + handshake() + call(ACCEPT, 0, 1) + data(n=9) + seg(0, ACK | URG | PSH, amount=4) + call(RECV, 1, 0x81) + call(RECV, 1, 60)
    + call(SEND, 1, 0x85),
    "half_close": config() + handshake() + call(ACCEPT, 0, 1) + call(SHUTDOWN, 1, 1) + seg(0, ACK) + data() + call(RECV, 1, 60) + call(SHUTDOWN, 1, 2),
    "big_segments": config(link=1 | 7 << 3) + handshake() + call(ACCEPT, 0, 1) + data(n=0x3F, form=0x0C) + data(n=0x3F, form=0x0E)
    + data(n=0x2F, form=5) + call(RECV, 1, 0x7F) + call(SEND, 1, 0x7F) + seg(0, ACK) + call(LOOK, 1),
    "held_output": config(link=0x81) + handshake() + call(ACCEPT, 0, 1) + call(SEND, 1, 0x7F) + call(SEND_REF, 1, 0x7F) + seg(0, ACK) + call(CLOSE, 1),
    "no_memory": config(refuse=40, limits=1) + handshake() + call(ACCEPT, 0, 1) + data() + call(SEND, 1, 0x60) + connect,
    "one_refusal": config(refuse=33, limits=3) + handshake() + call(ACCEPT, 0, 1) + data() + call(SEND, 1, 0x60) + seg(0, ACK),
    "small_limits": config(limits=4 | 8 | 16 | 32) + handshake() + handshake(1) + call(ACCEPT, 0, 1) + call(ACCEPT, 0, 2) + call(SEND, 1, 0x7F)
    + call(LOOK, 1),
    "small_mtu": config(link=1 | 2 << 1) + handshake() + call(ACCEPT, 0, 1) + call(SEND, 1, 0x7F) + seg(0, ACK) + icmp_error(3, 4, 68),
    "mtu_shrinks": config() + handshake() + call(ACCEPT, 0, 1) + call(SEND, 1, 0x7F) + icmp_error(3, 4, 1000) + icmp_error(3, 4, 1, short=1) + wait(MS500),
    "ping": config() + repaired(1, bytes([8, 0, 0, 0, 0, 1, 0, 2]) + b"x" * 56) + repaired(1, bytes([13, 0, 0, 0, 0, 1, 0, 2]) + b"x" * 12)
    + repaired(1, b"\3\3\0\0\0\0\0\0") + repaired(1, b"\x7f\0\0\0\0\0\0\0"),
    "ping_socket": config() + call(OPEN_OTHER, 1, 1) + call(DATAGRAM, 1, 3) + call(OPEN_OTHER, 2, 2) + call(DATAGRAM, 2, 3)
    + repaired(1, bytes([0, 0, 0, 0, 0, 1, 0, 2]) + b"x" * 8) + call(DATAGRAM, 1, 3) + call(LOOK, 1),
    "other_protocol": config() + repaired(17, b"\0\1\0\2\0\x0c\0\0abcd") + repaired(132, b"1234") + repaired(6, b"short"),
    "ip_headers": config() + raw(b"\x45" + bytes(19)) + raw(b"\x46" + bytes(30)) + raw(b"\x44") + raw(b"\x60" + bytes(40)) + raw(b"\x4f" + bytes(60)),
    "rules": config() + call(RULE, 0, 0, bytes([6, 2])) + handshake() + call(RULE, 0, 0, bytes([0, 0])) + call(RULE, 0, 0, bytes([7, 16])) + handshake(),
    "sysctls": config() + b"".join(call(SYSCTL, 0, 0, bytes([i, 0, 1])) for i in range(50)) + handshake() + call(ACCEPT, 0, 1) + call(SEND, 1, 0x7F),
    "options": config() + handshake() + call(ACCEPT, 0, 1)
    + b"".join(call(OPTION, 1, 0, bytes([w, n, 0, 1, 0, 2])) for w in (5, 4, 6, 12, 2, 1, 0) for n in range(1, 45)) + call(SEND, 1, 0x7F) + wait(H2),
}

# fuzz_tcp_options: the options as they lie in a header.
options = {
    "linux_syn": b"\2\4\5\xb4\4\2\x08\x0a\0\0\0\1\0\0\0\0\1\3\3\7",
    "linux_data": b"\1\1\x08\x0a\0\0\0\1\0\0\0\2",
    "sack": b"\1\1\5\x1a" + bytes(range(24)) + b"\1\1\x08\x0a\0\0\0\1",
    "cut_short": b"\2\4\5",
    "length_0": b"\3\0\7\2\4\5\xb4",
    "wscale_15": b"\3\3\x0f\0",
    "fastopen": b"\2\4\5\xb4\x22\x0acookie88",
    "fastopen_old_form": b"\xfe\x0c\xf9\x89cookie88\x22\2\x22\3\0",
}

# fuzz_dgram: two bytes of birth, then operations.
def dcall(verb, slot, *args):
    return bytes([0x84, verb, slot, *args])


D_OPEN, D_BIND, D_CONNECT, D_DISCONNECT, D_SEND, D_SENDTO, D_RECV, D_OPTION, D_SHUTDOWN, D_MEM = range(10)
UDP0 = dcall(D_OPEN, 0, 0, 0) + dcall(D_BIND, 0, 0x08)  # any address, port 7001
TO_PORT = bytes([0x80, 0x02, 0x09, 5])  # a datagram for it
dgram = {
    "read": b"\1\0" + UDP0 + TO_PORT * 3 + dcall(D_RECV, 0, 0) * 4,
    "send": b"\3\0" + UDP0 + dcall(D_SENDTO, 0, 5, 0x0B) + dcall(D_CONNECT, 0, 0x0B) + dcall(D_SEND, 0, 0xC0) * 3,
    "full": b"\1\0" + UDP0 + dcall(D_OPTION, 0, 3, 1) + TO_PORT * 9 + dcall(D_RECV, 0, 0) * 4 + TO_PORT * 4,
    "all_of_udp": b"\1\0" + UDP0 + dcall(D_MEM, 0, 1) + TO_PORT * 12,
    "errors": b"\1\0" + UDP0 + dcall(D_OPTION, 0, 6, 1) + dcall(D_SENDTO, 0, 5, 0x0B) + b"\x82\0\3\0" * 3
              + dcall(D_RECV, 0, 0x40) * 4,
    "raw": b"\1\0" + dcall(D_OPEN, 0, 1, 7) + b"\x81\xc8\5hello" + dcall(D_RECV, 1, 0) + dcall(D_SENDTO, 1, 9, 3),
    "headers": b"\1\0" + dcall(D_OPEN, 0, 1, 6) + dcall(D_SENDTO, 1, 0x5C) + b"\x45" + bytes(23) + b"\3",
    "ping": b"\1\0" + dcall(D_OPEN, 0, 2, 3) + dcall(D_SENDTO, 2, 9, 3) + b"\x82\0\3\0" + dcall(D_SENDTO, 2, 9, 1),
    "to_ourselves": b"\1\0" + UDP0 + dcall(D_SENDTO, 0, 0x90, 0x0A) + dcall(D_RECV, 0, 0),
    "to_all": b"\1\0" + UDP0 + dcall(D_OPTION, 0, 2, 1) + dcall(D_SENDTO, 0, 5, 0x0C) + dcall(D_SENDTO, 0, 5, 0x0D),
    "damaged": b"\1\0" + UDP0 + bytes([0x80, 0x23, 0x09, 20]) * 2 + TO_PORT + dcall(D_RECV, 0, 0x10) + dcall(D_RECV, 0, 0),
    "no_memory": b"\1\x14" + UDP0 + TO_PORT * 3,
    "super_in": b"\1\0" + UDP0 + bytes([0x80, 0x83, 0x09, 200, 100]) + dcall(D_OPTION, 0, 14, 1)
                + bytes([0x80, 0x83, 0x09, 200, 100]) + dcall(D_RECV, 0, 0) * 18,
    "super_out": b"\1\0" + UDP0 + dcall(D_OPTION, 0, 13, 200) + dcall(D_SENDTO, 0, 0xC8, 0x0B) + dcall(D_SENDTO, 0, 0xC8, 0x0A),
    "super_out_whole": b"\x21\0" + UDP0 + dcall(D_OPTION, 0, 13, 200) + dcall(D_SENDTO, 0, 0xC8, 0x0B),
}

# fuzz_dns: a query.
dns_name = b"\3www\7example\0"
dns_head = b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0"
dns = {
    "a": dns_head + dns_name + b"\0\1\0\1",
    "aaaa": dns_head + dns_name + b"\0\x1c\0\1",
    "other": dns_head + b"\4www2\7example\0\0\1\0\1",
    "pointer": dns_head + b"\xc0\x0c\0\1\0\1",
    "cut": dns_head + b"\x3fww",
    "edns": dns_head[:10] + b"\0\1" + dns_name + b"\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\0",
    "update": b"\x12\x34\x29" + dns_head[3:] + dns_name + b"\0\1\0\1",
    "long": dns_head + (b"\x3f" + b"x" * 63) * 4 + b"\0\0\1\0\1",
}

# fuzz_accept: the header of a scrape.
accept = {
    "prometheus": b"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "browser": b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "quoted": b'application/openmetrics-text ; version="1.0.0" ; x="a\\",b" ; q=0.25 , text/*;q=0.2',
    "broken": b';,="q=1.0.0;q=,application/openmetrics-text;q=1.001, text/plain;version=0.0.4;q',
}

# fuzz_http: a request.
http = {
    "get": b"GET / HTTP/1.1\r\nHost: 198.18.0.2\r\nUser-Agent: curl\r\nAccept: */*\r\n\r\n",
    "get_bytes_1_0": b"GET /bytes/10 HTTP/1.0\r\n\r\n",
    "head_keep_alive": b"HEAD /a?b HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET",
    "post": b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "absolute": b"\r\nGET http://h:80/p HTTP/1.1\nHost: h\nConnection: close\n\n",
    "version_2": b"GET / HTTP/2.0\r\n\r\n",
}

# fuzz_trace: a record of 120 bytes (its kind, then zeros, ones or twos), then words.
def told(kind, fill, words):
    return bytes([kind]) + bytes([fill]) * 119 + words.encode()


trace = {
    "call": told(0, 1, "--event call --port 257"),
    "state": told(1, 0, "--json --event state,queue"),
    "queue": told(2, 2, "--peer 198.18.0.1:40000 -n 3"),
    "retransmit": told(3, 1, "--event retransmit,drop,counter --peer 1.1.1.1"),
    "drop": told(4, 2, "--pcapng --event drop"),
    "counter": told(5, 0, "--counter *Forward* --counter IpInReceives"),
    "wrong": told(5, 255, "--event dropped -n 0"),
}

# fuzz_wheel: the first tick, then operations of 4 bytes: what and scale, which timer, 16 bits of time.
ARM, CANCEL, PASS = 0, 2, 3
wheel = {
    "empty": b"\0\0\0\1",
    "arm_and_pass": b"\0\0\1\0" + bytes([ARM, 1, 0, 50, PASS, 0, 0, 49, PASS, 0, 0, 2]),
    "levels": b"\0\0\0\0" + b"".join(bytes([ARM | s << 5, i, 1, 1]) for s in range(8) for i in range(3))
    + b"".join(bytes([PASS | s << 5, 0, 1, 1]) for s in range(8)),
    "wrap": b"\xff\xff\xff\xf0" + bytes([ARM, 1, 0, 9, ARM, 2, 0, 40, CANCEL, 1, 0, 0, PASS, 0, 0, 30, PASS, 0, 0, 30]),
    "again": b"\0\0\0\0" + bytes([ARM, 1, 0, 9, ARM, 1, 0, 3, PASS, 0, 0, 5, ARM, 1, 0, 1, PASS, 0, 9, 0]),
}

# fuzz_listen: 4 bytes of birth (backlog | 128 bound to the address, syncookies | abort_on_overflow << 2, trace | charge << 1 | 3.10 << 2,
# which allocations fail), then decisions of 3 bytes: what, peer, argument.
(D_SYN, D_SYN_AGAIN, D_SYN_OTHER, D_RST, D_FINAL_ACK, D_BAD_ACK, D_DATA, D_FIN, D_ICMP, D_ACCEPT, D_CLOSE, D_OPEN, D_LISTEN_AGAIN,
 D_SHUTDOWN, D_TIME, D_SYSCTL, D_DEFER, D_CLOSE_CHILD, D_FLOOD, D_SYNACK, D_STRAY, D_RECV) = range(22)
SEC1, SEC5, SEC40, SEC130 = 4, 5, 6, 7


def birth(backlog=1, cookies=0, abort=0, more=3, refuse=0):
    return bytes([backlog, cookies | abort << 2, more, refuse])


def do(what, peer=0, arg=1):
    return bytes([what, peer, arg])


def comes(*peers):
    return b"".join(do(D_SYN, p) + do(D_FINAL_ACK, p) for p in peers)


listen = {
    "handshakes": birth(5) + comes(0, 1) + do(D_ACCEPT) + do(D_DATA, 0, 5) + do(D_RECV) + do(D_FIN, 0, 0) + do(D_CLOSE_CHILD) + do(D_TIME, 0, SEC130),
    "accept_queue_full": birth(0) + comes(0, 1, 2) + do(D_SYN, 3) + do(D_ACCEPT) + do(D_TIME, 0, SEC1) + do(D_FINAL_ACK, 1) + do(D_TIME, 0, SEC130),
    "acks_find_it_full": birth(1) + b"".join(do(D_SYN, p) for p in (0, 1)) + comes(2) + do(D_FINAL_ACK, 0) + do(D_FINAL_ACK, 1) + do(D_TIME, 0, SEC5),
    "abort_on_overflow": birth(0, abort=1) + do(D_SYN, 0) + comes(1) + do(D_FINAL_ACK, 0) + do(D_FINAL_ACK, 1) + do(D_TIME, 0, SEC5),
    "syn_queue_full": birth(1) + do(D_FLOOD, 9, 1) + do(D_TIME, 0, SEC1) + do(D_FLOOD, 3, 7) + do(D_TIME, 0, SEC130),
    "syn_queue_full_3_10": birth(1, more=7) + do(D_FLOOD, 20, 1) + do(D_TIME, 0, SEC1) + comes(0, 1, 2, 3) + do(D_TIME, 0, SEC130),
    "cookies": birth(1, cookies=1) + do(D_FLOOD, 9, 1) + comes(0, 1, 2, 3) + do(D_ACCEPT) * 2 + do(D_DATA, 0, 9) + do(D_TIME, 0, SEC130) + do(D_FINAL_ACK, 3),
    "cookie_and_request": birth(5, cookies=2) + do(D_SYN, 0) + do(D_SYSCTL, 0, 1) + do(D_TIME, 0, SEC1) + do(D_SYN_AGAIN, 0)
    + do(D_FINAL_ACK, 0, 0x81) + do(D_ACCEPT) + do(D_TIME, 0, SEC1),
    "duplicates": birth(5) + do(D_SYN, 0) + do(D_SYN_AGAIN, 0) * 2 + do(D_TIME, 0, SEC1) + do(D_SYN_AGAIN, 0) + do(D_SYN_OTHER, 0, 9) + do(D_FINAL_ACK, 0),
    "resets": birth(5) + do(D_SYN, 0) + do(D_RST, 0) + do(D_SYN, 1) + do(D_RST, 1, 0x90) + do(D_SYNACK, 1) + comes(2) + do(D_RST, 2) + do(D_ACCEPT),
    "bad_acks": birth(5) + do(D_SYN, 0) + do(D_BAD_ACK, 0, 7) + do(D_STRAY, 0, 0) + do(D_STRAY, 0, 1) + do(D_FINAL_ACK, 0) + do(D_BAD_ACK, 9),
    "icmp": birth(5) + do(D_SYN, 0) + do(D_ICMP, 0, 0x81) + do(D_ICMP, 0, 1) + do(D_SYN, 1) + do(D_CLOSE) + do(D_ICMP, 1, 1) + comes(2),
    "data_with_the_ack": birth(5) + do(D_SYN, 0) + do(D_DATA, 0, 30) + do(D_FIN, 0, 3) + do(D_ACCEPT) + do(D_RECV) + do(D_CLOSE_CHILD),
    "closes_with_both_queues": birth(5) + comes(0, 1) + do(D_SYN, 2) + do(D_CLOSE) + do(D_FINAL_ACK, 2) + do(D_OPEN, 3) + comes(3) + do(D_TIME, 0, SEC130),
    "shut_down_and_again": birth(5) + comes(0) + do(D_SYN, 1) + do(D_SHUTDOWN, 0, 0) + do(D_LISTEN_AGAIN, 2) + do(D_FINAL_ACK, 1) + do(D_ACCEPT),
    "limit_shrinks": birth(5) + comes(0, 1, 2, 3) + do(D_LISTEN_AGAIN, 0) + comes(4) + do(D_SYSCTL, 2, 2) + do(D_LISTEN_AGAIN, 9) + comes(5),
    "defer_accept": birth(5) + do(D_DEFER, 0, 3) + comes(0, 1) + do(D_DATA, 0, 5) + do(D_TIME, 0, SEC1) * 6 + do(D_FINAL_ACK, 1),
    "retries": birth(5) + do(D_SYSCTL, 4, 2) + do(D_FLOOD, 5, 1) + do(D_TIME, 0, SEC1) * 4 + do(D_TIME, 0, SEC5) * 3,
    "no_memory": birth(5, cookies=1, refuse=9) + do(D_FLOOD, 20, 1) + comes(0, 1, 2, 3, 4) + do(D_ACCEPT) * 3 + do(D_TIME, 0, SEC130),
}

# fuzz_sender: 4 bytes of birth (timestamps | link << 1 | short queue << 3, SACK | ECN << 2 | reno << 3, wide window, how wide), then
# decisions of 3 bytes: what, two arguments.
(S_SEND, S_SEND_SMALL, S_ACK, S_ACK_SEGS, S_SACK, S_SACK_SEGS, S_SACK_TWO, S_DSACK_OLD, S_DSACK_IN, S_DUPLICATE, S_ECE, S_WINDOW,
 S_OLD_ACK, S_TIME, S_TIME_LONG, S_HOLD, S_DATA, S_STALE_TS, S_OPTION, S_FUTURE) = range(20)


def born(ts=1, link=0, sack=1, more=0, wide=0):
    return bytes([ts | link << 1, sack | more, wide > 0, wide])


LOTS, MS10 = do(S_SEND, 255, 255), do(S_TIME, 10, 10)
sender = {
    "acks": born() + LOTS + (MS10 + do(S_ACK, 128) + MS10 + do(S_ACK_SEGS, 3, 0)) * 4,
    "a_hole": born() + LOTS + MS10 + do(S_SACK_SEGS, 1, 2) + do(S_SACK_SEGS, 1, 4) + MS10 + do(S_SACK_SEGS, 1, 8) + MS10 + do(S_ACK_SEGS, 9, 0),
    "many_holes": born(wide=60) + LOTS * 3 + MS10 + b"".join(do(S_SACK_TWO, n, n + 20) for n in range(2, 20, 2)) + MS10 + do(S_ACK, 255, 0),
    "small_segments": born(wide=200) + do(S_OPTION, 0, 1) + do(S_SEND_SMALL, 7, 1) * 12 + MS10 + do(S_SACK_SEGS, 2, 60) + do(S_SACK_SEGS, 5, 3)
    + do(S_SACK, 100, 1) + do(S_DSACK_IN, 4, 0) * 3 + do(S_SACK_SEGS, 1, 15) * 2 + MS10 + do(S_ACK, 60, 0) + do(S_TIME_LONG, 9, 0),
    "super_frames": born(link=3, wide=100) + LOTS * 4 + MS10 + do(S_SACK, 60, 40) + do(S_SACK, 90, 200) + do(S_SACK, 30, 255) + MS10 + do(S_ACK, 40, 0),
    "without_sack": born(sack=0) + LOTS + MS10 + do(S_DUPLICATE, 3, 0) * 2 + MS10 + do(S_ACK_SEGS, 1, 0) + do(S_ACK, 255, 0),
    "timeouts": born() + LOTS + do(S_TIME_LONG, 5, 0) * 3 + do(S_ACK_SEGS, 1, 0) + do(S_SACK_SEGS, 2, 1) + do(S_TIME_LONG, 30, 0) + do(S_ACK, 200, 0),
    "spurious_timeout": born() + LOTS + MS10 + do(S_TIME_LONG, 4, 0) + do(S_STALE_TS, 250, 0) + do(S_ACK_SEGS, 2, 0) + do(S_ACK_SEGS, 3, 0),
    "undo_by_dsack": born() + LOTS + MS10 + do(S_SACK_SEGS, 1, 5) + MS10 + do(S_ACK, 255, 0) + do(S_DSACK_OLD, 90, 90) * 3,
    "reneging": born(wide=40) + LOTS + MS10 + do(S_SACK_SEGS, 1, 9) + do(S_ACK_SEGS, 1, 0) + do(S_TIME_LONG, 2, 0) + do(S_ACK_SEGS, 4, 0),
    "ecn": born(more=4) + LOTS + MS10 + do(S_ECE, 2, 0) * 3 + MS10 + do(S_ACK, 200, 0),
    "windows": born() + LOTS + MS10 + do(S_WINDOW, 0, 0) + do(S_ACK, 255, 0) + do(S_TIME_LONG, 50, 0) + do(S_WINDOW, 1, 1) + do(S_TIME_LONG, 99, 0),
    "a_slow_link": born(more=8) + do(S_HOLD, 1, 0) + LOTS * 2 + do(S_TIME_LONG, 3, 0) + do(S_HOLD, 0, 0) + MS10 + do(S_SACK_SEGS, 2, 3) + MS10,
}

# fuzz_router: 4 bytes of birth (links, refused allocation, forwarding and filters, -), then decisions: see step().
A_OURS, B_OURS, E_OURS, A_PEER, B_PEER, E_PEER, E_OTHER, FAR_AWAY, FARTHER, NOWHERE = range(10)
DF = 1


def router_born(links=0, refuse=0, ways=0):
    return bytes([links, refuse, ways, 0])


def packet(link, source, destination, protocol=4, ttl=64, frag=0, size=4, form=0, options=b""):
    first = b"" if protocol & 1 else b"\x08" if size else b""
    return bytes([0, link | len(options) // 4 << 4, source | destination << 4, protocol, ttl, frag, size, form]) + options + first


def arp(op, sender, target, who=9, to_us=False):
    return bytes([2, op - 1 | (4 if to_us else 0), sender | target << 4, who])


def error(link, source, gateway, kind, code):
    return bytes([3, link, source | gateway << 4, kind, code])


def route(what, where, link=0):
    return bytes([4, what, where | link << 4])


def later(step):
    return bytes([5 | step << 3])


def setting(row, value):
    return bytes([6 | 8, row, value])


def connects(where):
    return bytes([6, where])


LOOK_AROUND = bytes([7])
E_ANSWERS = arp(2, E_PEER, E_OURS, to_us=True)
router = {
    "between_two_links": router_born() + packet(0, A_PEER, B_PEER) + packet(1, B_PEER, A_PEER, size=100) + packet(0, A_PEER, B_PEER, ttl=1),
    "to_a_neighbour": router_born() + packet(0, A_PEER, E_PEER) * 3 + E_ANSWERS + packet(0, A_PEER, E_PEER, size=90) + LOOK_AROUND
    + later(3) * 3 + packet(0, A_PEER, E_PEER) + later(3) + later(2) * 4,
    "nobody_answers": router_born() + packet(0, A_PEER, E_OTHER) * 3 + connects(E_OTHER) + later(2) * 4 + packet(0, A_PEER, E_OTHER) + LOOK_AROUND,
    "too_large": router_born(links=1) + packet(0, A_PEER, B_PEER, frag=DF, size=100) + packet(0, A_PEER, B_PEER, size=100),
    "super_frames": router_born(links=2 | 16) + b"".join(packet(link, A_PEER, to, protocol=1, frag=DF, size=200, form=form)
                                                         for form in (2 | 4 | 8 | 64, 1 | 8, 2 | 4 | 8 | 16 | 128)
                                                         for link, to in ((0, B_PEER), (0, E_PEER), (1, A_PEER))) + E_ANSWERS,
    "open_checksums": router_born() + packet(0, A_PEER, E_PEER, size=50, form=2) + E_ANSWERS + packet(0, A_PEER, B_PEER, size=3, form=2),
    "no_way": router_born() + packet(0, A_PEER, NOWHERE) * 3 + route(4, NOWHERE) + packet(0, A_PEER, NOWHERE) + route(2, NOWHERE) + route(8, NOWHERE)
    + packet(0, A_PEER, NOWHERE) + later(2) * 3 + packet(0, A_PEER, NOWHERE),
    "redirects_sent": router_born() + route(0x20, FAR_AWAY) + packet(0, A_PEER, FAR_AWAY) * 2 + later(1) + packet(0, A_PEER, FAR_AWAY) + later(4),
    "redirect_taken": router_born(ways=1) + route(0x20, FAR_AWAY) + connects(FAR_AWAY) + error(0, A_PEER, E_OTHER, 5, 1) + connects(FAR_AWAY) + later(5),
    "asked_for": router_born() + arp(1, E_PEER, E_OURS) + arp(1, E_PEER, A_OURS) + arp(1, 14, E_OURS) + arp(1, E_OURS, E_OURS) + arp(1, E_PEER, E_PEER)
    + arp(2, E_PEER, E_OURS) + LOOK_AROUND,
    "reverse_path": router_born(ways=2) + packet(1, A_PEER, B_OURS) + packet(0, NOWHERE, B_PEER) + setting(1, 2) + packet(1, A_PEER, B_OURS),
    "options": router_born() + packet(0, A_PEER, B_PEER, options=bytes([7, 7, 4, 0, 0, 0, 0, 0])) + packet(0, A_PEER, E_PEER, options=bytes([68, 8, 5, 0, 0, 0, 0, 0]))
    + packet(0, A_PEER, B_PEER, options=bytes([131, 7, 4, 198, 18, 1, 1, 0])),
    "full_table": router_born(ways=8) + setting(7, 1) + packet(0, A_PEER, E_PEER) + packet(0, A_PEER, E_OTHER) + later(3) + packet(0, A_PEER, E_OTHER),
    "no_memory": router_born(refuse=30) + packet(0, A_PEER, E_PEER, size=100) * 2 + packet(0, A_PEER, B_PEER, size=100) * 2 + E_ANSWERS,
    "routes_come_and_go": router_born() + b"".join(route(what, FAR_AWAY, 1) + packet(0, A_PEER, FAR_AWAY) for what in (0, 0x10, 1, 0x41, 2, 2, 3, 0x83)),
}

# fuzz_ip: 4 bytes of birth (MTU | checksums << 2 | refuse << 3, which allocation fails, short queue | source routes << 1 | rations << 2 |
# little memory << 3, 0), then operations: see fuzz_ip.c.
I_PACKET, I_FRAGMENT, I_PIECES, I_ERROR, I_CALL, I_TIME = 0, 2, 4, 5, 6, 7


def ip_born(mtu=0, csum=0, refuse=0, more=0):
    return bytes([mtu | csum << 2 | (8 if refuse else 0), refuse, more, 0])


def ip_packet(options=b"", data=b"\10\0\0\0\0\1\0\1data", kind=0x80, form=0):
    return bytes([I_PACKET, kind, form, len(options) // 4]) + options + bytes([len(data)]) + data


def ip_fragment(offset, length, more=1, which=0, marks=0, form=0, options=None):
    head = bytes([I_FRAGMENT, which, form, marks | more << 2 | (16 if options is not None else 0)])
    tail = b"" if options is None else bytes([len(options) // 4]) + options
    return head + struct.pack(">HH", offset // 8, length) + tail


def ip_pieces(length, pieces, which=0, backward=0, hole=0, form=0):
    return bytes([I_PIECES, which, form, (pieces - 1) | backward << 6 | hole << 7]) + struct.pack(">H", length)


def ip_error(type, code=0, how=1, rest=0, form=0, quoted=b""):
    return bytes([I_ERROR, type, code, how, form]) + struct.pack(">H", rest) + (b"" if how & 1 else bytes([len(quoted)]) + quoted)


def ip_call(verb, number):
    return bytes([I_CALL, verb]) + struct.pack(">H", number)


def ip_wait(step=3):
    return bytes([I_TIME, step])


RR, TS, TS_ADDR, LSRR = b"\7\13\4" + bytes(8) + b"\0", b"\x44\14\5\0" + bytes(8), b"\x44\14\5\1" + bytes(8), b"\x83\7\10\xc6\x12\0\7\0"
ip_scripts = {
    "options": ip_born() + ip_packet(RR) + ip_packet(TS) + ip_packet(TS_ADDR) + ip_packet(b"\x44\14\5\3\xc6\x12\0\2" + bytes(4)) + ip_packet(RR + TS),
    "bad_options": ip_born() + b"".join(ip_packet(o) for o in (b"\7\3\1\0", b"\7\2\4\0", b"\x44\10\t\xf0aaaa", b"\1\1\1\7", b"\x83\3\4\x83\3\4\0\0")),
    "source_routes": ip_born(more=2) + ip_packet(LSRR) + ip_packet(b"\x89\13\14\xc6\x12\0\7\xc6\x12\0\10\0") + ip_packet(b"\x83\7\4\xc6\x12\0\2\0"),
    "in_order": ip_born() + ip_pieces(3000, 3) + ip_pieces(60000, 50) + ip_pieces(9000, 9, backward=1, form=0x19),
    "many_slices": ip_born(mtu=3) + ip_pieces(8000, 8, form=0x39) + ip_pieces(2000, 2, form=0x3f),
    "with_holes": ip_born() + ip_pieces(3000, 3, hole=1) + ip_wait() + ip_pieces(3000, 3, hole=1, backward=1) + ip_fragment(1000, 1000) + ip_wait(),
    "overlaps": ip_born() + ip_fragment(0, 1024) + ip_fragment(512, 1024) + ip_fragment(1024, 1032, 0) + ip_fragment(0, 1024) + ip_fragment(0, 512),
    "marks": ip_born() + ip_fragment(0, 1024, marks=2) + ip_fragment(1024, 100, 0, marks=3) + ip_fragment(0, 1024, marks=10, which=1) + ip_fragment(1024, 100, 0, which=1),
    "with_options": ip_born(mtu=1) + ip_fragment(0, 1024, options=RR) + ip_fragment(1024, 100, 0, options=TS),
    "too_long": ip_born() + ip_fragment(65528, 1000, 0) + ip_pieces(65515, 17) + ip_fragment(65512, 4, 0, which=2) + ip_wait(),
    "little_memory": ip_born(more=8) + b"".join(ip_fragment(8, 400, which=(n % 8 | n << 4) & 255) for n in range(30)) + ip_wait() + ip_pieces(3000, 3),
    "pings": ip_born(mtu=1) + ip_call(0, 3000) + ip_call(1, 65000) + ip_call(8, 4000) + ip_call(3, 0) + ip_call(5, 2) + ip_call(0, 3000),
    "a_short_queue": ip_born(more=1) + ip_call(0, 9000) + ip_pieces(9000, 9),
    "the_smallest_link": ip_born(mtu=2, csum=1) + ip_call(0, 500) + ip_packet(RR + TS) + ip_pieces(400, 4),
    "errors": ip_born() + ip_call(0, 100) + b"".join(ip_error(t, c) for t in (3, 4, 5, 11, 12) for c in (0, 1, 4)) + ip_error(3, 1, 0, 0, 0, b"\x4f" + bytes(70))
    + ip_error(3, 1, 8, 0, 0, b"\x45" + bytes(27)),
    "no_memory": ip_born(refuse=7) + ip_pieces(30000, 30) + ip_packet(RR) + ip_call(0, 9000),
}

# fuzz_ss: a command line of ss
ss = {
    "options": b"-tanmieopHO",
    "datagrams": b"-uwa --json",
    "states": b"-t state established state time-wait exclude closing",
    "ports": b"-ltn sport = :9000",
    "compare": b"-a sport >= 80 sport<=0x2400 dport neq :1 sport lt 9001",
    "addresses": b"-a src 0.0.0.0/0:9000 dst != 198.18.0.0/24 or dst *",
    "joined": b"-tan ( dport = :9000 or sport = :9000 ) and not (src any | ! dst :5) && src 198.18",
    "glued": b"(sport=:9000||!dport=:1)&&src=0.0.0.0",
    "summary": b"-s",
    "wrong": b"-a ( sport = :9000 or",
}

# fuzz_rule: the text of a packet rule
rule = {
    "dport": b"INPUT -p tcp --dport 9000 -j DROP",
    "printed": b"-A FORWARD ! -s 198.18.0.0/24 -i eth0 -o tun+ -j REJECT --reject-with icmp-admin-prohibited",
    "reset": b"OUTPUT -p tcp --syn --sport 1024: -j REJECT --reject-with tcp-reset",
    "icmp": b"INPUT -p icmp ! --icmp-type 3/4 -f -j ACCEPT",
    "icmp_name": b"INPUT --protocol icmp --icmp-type echo-request --jump ACCEPT",
    "chance": b"INPUT -m statistic --mode random --probability 0.25 --every 3 --packet 1 --first 7 -j DROP",
    "flags": b"INPUT -p tcp ! --tcp-flags ALL SYN,ACK -m tcp -j DROP",
    "number": b"FORWARD ! -p 99 -d 0.0.0.0/0 -j DROP",
    "wrong": b"INPUT -p udp --dport :53 -j LOG",
}

# fuzz_control: lines on the control socket; a first byte of 0 to 3 says how the client behaves
control = {
    "looks": b"counters -z *Listen*\nsockets --json\nsockets --listen\nwhy 9000 --json\naddr --json\nneigh\nsysctl all --json\ncounters --json",
    "files": b"file\nfile net/snmp\nfile net/tcpdiag\nfile ../net/tcp\nfile sys/net/ipv4/tcp_syncookies\npublish\nfile net/snmp x",
    "rules": b"rule add INPUT -p tcp --dport 9000 -j DROP\nrule list\nrule del INPUT -p tcp --dport 9000 -j DROP\nrule flush",
    "routes": b"route add 198.18.7.0/24 via 198.18.0.1 metric 5\nroute get 198.18.7.1\nroute del 198.18.7.0/24\naddr add 198.18.0.3/24 dev eth0",
    "sysctls": b"sysctl set net.ipv4.tcp_syncookies 2\nsysctl get net/ipv4/tcp_mem\nsysctl set net.ipv4.tcp_mem 1 2 3\nsysctl set x",
    "pings": b"ping -c 1 -W 1 198.18.0.2\n\3ping 198.18.0.1\n\2ping -c 3 127.0.0.1\n\1ping -i 0.01 198.18.0.9",
    "rude": b"\2counters\n\3counters -z --json\n\1coun\n\1\n\2\n\n \t \nnothing of this",
    "json": b"""{"ask":["counters","--json"]}\n{"ask" : [ "sysctl" , "get", "net.core.rmem\\u005fmax" ] }\n{"ask":["file","net/tcpdiag"]}
{"ask":["ping","127.0.0.1"]}\n{"ask":[]}\n{"ask":["a\\"b\\\\c\\n",]}\n{}\n{"ask":["\\u00e9"]} x""",
    "long": b"rule " + b"x " * 300 + b"\n" + b"y" * 1500,
}

# fuzz_top: what a host answers to `halfopen top`, and keys
top_listener = b'{"local":"0.0.0.0:80","fd":3,"backlog":1,"somaxconn":4096,"accept_queue":{"now":2,"most":2,"holds":2,"clamp":"backlog"},"syn_queue":{"now":1,"most":9,"holds":0,"clamp":"somaxconn"},"accepted":5,"cookies":{"sent":1},"sk_drops":4,"drops":{"syn_accept_queue_full":4},"last_drop":{"cause":"syn_accept_queue_full","peer":"198.18.0.1:9","ms_ago":3},"last_accept_ms_ago":null}'
top_counters = b"TcpInSegs 5\nTcpExtListenDrops 7\nIcmpMsgInType8 1\nTcpMaxConn -1\n"
top = {
    "keys": b'{"listeners":[' + top_listener + b"]}\0" + top_counters + b"\0\t\x81\x80 IaI?x>\x81\r/8\r\\\\Listen\r\x87q",
    "two": b'{"listeners":[' + top_listener + b"," + top_listener.replace(b"80", b"81") + b"]}\0" + top_counters + b"\0\x81\r\x83q\x86q",
    "none": b'{"listeners":[]}\0TcpInSegs 1\n\0\x80\x81\r',
    "wrong": b'{"listeners":[{"local":7}]}\0\0q',
}

if __name__ == "__main__":
    corpus = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus"
    for target, scripts in (("input", seeds), ("listen", listen), ("tcp_options", options), ("http", http), ("accept", accept), ("dns", dns), ("dgram", dgram),
                            ("wheel", wheel), ("sender", sender), ("ip", ip_scripts), ("rule", rule), ("router", router), ("control", control),
                            ("ss", ss), ("top", top), ("trace", trace)):
        (corpus / target).mkdir(parents=True, exist_ok=True)
        for name, script in scripts.items():
            (corpus / target / f"seed_{name}").write_bytes(script)
        print(f"{len(scripts)} seeds in {corpus / target}")
