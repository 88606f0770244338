#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`halfopen host --metrics`: requests of every kind, most of them wrong, are answered or refused; nobody can keep the port busy.
(That Prometheus is shown the right numbers: tools_agree.py.)  Argument: the program halfopen; root.  FUZZ_REQUESTS=100000 in the
environment looks longer for trouble, FUZZ_SEED=N elsewhere."""
import http.client
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

from host_lab import HALFOPEN, in_a_namespace_of_our_own, processor_seconds, until

HOST, PORT = "127.0.0.1", 9464
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_SECONDS = 5
CLIENTS_MAX = 16
FUZZ_REQUESTS = int(os.environ.get("FUZZ_REQUESTS", 400))
FUZZ_SEED = int(os.environ.get("FUZZ_SEED", 7))


def refused(status, words, *arguments):
    p = subprocess.run([HALFOPEN, "host", "--tun", "ho9", "--addr", "198.18.9.2/24", *arguments], text=True, timeout=10,
                       capture_output=True)
    assert p.returncode == status and words in p.stderr, (arguments, p.returncode, p.stderr)


# ---- HTTP as it should be

def ask(method, path, accept=None, body=None):
    c = http.client.HTTPConnection(HOST, PORT, timeout=5)
    c.request(method, path, body=body, headers={"Accept": accept} if accept else {})
    r = c.getresponse()
    return r.status, dict(r.getheaders()), r.read().decode()


def http_is_right():
    status, head, body = ask("GET", "/metrics")
    assert (status, head["Content-Type"], head["Vary"]) == (200, PLAIN, "Accept"), (status, head)
    assert int(head["Content-Length"]) == len(body) and not body.endswith("# EOF\n")
    for accept, kind in (("application/openmetrics-text", OPENMETRICS), ("*/*", PLAIN),
                         ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.5", PLAIN),
                         ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", OPENMETRICS)):
        status, head, body = ask("GET", "/metrics", accept)
        assert (status, head["Content-Type"], body.endswith("# EOF\n")) == (200, kind, kind == OPENMETRICS), (accept, head)
        bare = ask("HEAD", "/metrics", accept)
        assert (bare[0], bare[1]["Content-Type"], bare[2]) == (200, kind, ""), bare
        assert int(bare[1]["Content-Length"]) == len(body)
    assert ask("GET", "/metrics?collect[]=netstat")[0] == 200
    assert ask("GET", f"http://{HOST}:{PORT}/metrics")[0] == 200
    status, head, body = ask("GET", "/")
    assert (status, head["Content-Type"]) == (200, "text/html; charset=utf-8") and 'href="/metrics"' in body
    for path in ("/metric", "/metrics/", "/METRICS", "/../metrics", "//metrics", "http://x/y"):
        assert ask("GET", path)[0] == 404, path
        assert ask("HEAD", path)[0::2] == (404, ""), path
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"):
        status, head, _ = ask(method, "/metrics", body=None if method == "TRACE" else "a=b")
        assert (status, head.get("Allow")) == (405, "GET, HEAD"), (method, status, head)
    c = http.client.HTTPConnection(HOST, PORT, timeout=5)
    for _ in range(3):  # one connection
        c.request("GET", "/metrics")
        first = c.sock
        assert first is not None and c.getresponse().read()
        assert c.sock is first
    print("http: formats, HEAD, 404, 405, a connection kept")


def only_there(folder, host):
    listening = [line.split()[1] for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
                 if line.split()[3] == "0A"]
    assert listening == ["0100007F:%04X" % PORT], listening
    assert len(pathlib.Path("/proc/net/tcp6").read_text().splitlines()) == 1
    tasks = os.listdir(f"/proc/{host.pid}/task")
    assert len(tasks) == 1, tasks
    assert f"metrics on http://{HOST}:{PORT}/metrics" in (folder / "host").read_text()
    print("one address, one thread")


# ---- and as it should not

def raw(request):
    """What comes back until the end; the request's end is the end of what we say."""
    got = b""
    with socket.create_connection((HOST, PORT), REQUEST_SECONDS + 2) as s:
        try:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has been reset: what was answered before is there all the same
        try:
            while piece := s.recv(65536):
                got += piece
        except ConnectionError:
            pass
    return got


def wrong_requests_are_refused():
    get = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
    for request, status in ((b"GET /metrics\r\n\r\n", 400), (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
                            (b"GET /metrics HTTP/2.0\r\nHost: x\r\n\r\n", 505),
                            (get + b"Content-Length: -1\r\n\r\n", 400),
                            (get + b"Content-Length: 99999999999999999999999\r\n\r\n", 413),
                            (get + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400), (get + b"no colon\r\n\r\n", 400),
                            (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
                            (get + b"A: " + b"b" * 20000 + b"\r\n\r\n", 431), (get + b"A: b\r\n" * 5000 + b"\r\n", 431),
                            (b"GET /metr\0ics HTTP/1.1\r\nHost: x\r\n\r\n", 404)):
        answer = raw(request)
        assert answer.startswith(b"HTTP/1.1 %d " % status), (request[:80], answer[:200])
    for request in (b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", get):  # no request at all: no answer
        assert raw(request) == b"", request
    print("wrong requests: 400, 404, 413, 414, 431, 505")


def random_requests_are_survived():
    dice = random.Random(FUZZ_SEED)
    seeds = [b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n",
             b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
             b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
             b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
    kinds = {}
    for _ in range(FUZZ_REQUESTS):
        request = bytearray(dice.choice(seeds))
        for _ in range(dice.randrange(1, 8)):
            at = dice.randrange(len(request))
            match dice.randrange(4):
                case 0: request[at] = dice.randrange(256)
                case 1: del request[at:at + dice.randrange(1, 9)]
                case 2: request[at:at] = dice.choice((b"\r\n", b"\0", b";", b" ", b"\xff" * 5, b"q=1", b"9" * 30))
                case 3: request[at:at] = request[max(0, at - 20):at]
        # three line ends: what waits for more has no reason to, and the end of a connection that has said nothing is no request
        answer = raw(b"X" + bytes(request) + b"\r\n\r\n\r\n" if dice.random() < 0.1 else b"G" + bytes(request[1:]) + b"\r\n\r\n")
        kind = re.match(rb"HTTP/1\.[01] ([2345]\d\d) |$", answer)
        assert kind, (bytes(request), answer[:200])
        kinds[kind[1]] = kinds.get(kind[1], 0) + 1
    assert ask("GET", "/metrics")[0] == 200
    assert kinds.get(b"200") and kinds.get(b"400"), kinds
    print("random requests:", ", ".join(f"{n} of {k.decode() if k else 'no answer'}" for k, n in
                                        sorted(kinds.items(), key=lambda kv: kv[0] or b"")))


class Idle:
    """Clients that hold a connection and say nothing, or the half of a request."""

    SAY = (b"", b"\r\n", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")

    def __init__(self):
        self.lasted = []
        self.threads = [threading.Thread(target=self.wait, args=(words,), daemon=True) for words in self.SAY]
        for t in self.threads:
            t.start()

    def wait(self, words):
        since = time.monotonic()
        with socket.create_connection((HOST, PORT), 2 * REQUEST_SECONDS) as c:
            c.sendall(words)
            try:
                got = c.recv(100)
            except ConnectionResetError:
                got = b""
        self.lasted.append((time.monotonic() - since, got))

    def are_ended(self):
        for t in self.threads:
            t.join(REQUEST_SECONDS + 5)
        assert len(self.lasted) == len(self.SAY), self.lasted
        assert all(REQUEST_SECONDS - 1 < seconds < REQUEST_SECONDS + 3 and got == b"" for seconds, got in self.lasted), self.lasted
        print(f"who says nothing is cut off after {REQUEST_SECONDS} s")


def a_free_seat_is_taken(host):
    """As many clients as are served at once, and one more: he is answered as soon as one of them leaves."""
    seated = [socket.create_connection((HOST, PORT), 5) for _ in range(CLIENTS_MAX)]
    until("all have been seen", 2, lambda: len(os.listdir(f"/proc/{host.pid}/fd")) > CLIENTS_MAX)
    with socket.create_connection((HOST, PORT), REQUEST_SECONDS - 2) as c:
        c.sendall(b"HEAD /metrics HTTP/1.0\r\n\r\n")
        c.settimeout(0.2)
        try:
            sys.exit(f"{CLIENTS_MAX} clients are no limit: {c.recv(100)}")
        except TimeoutError:
            pass
        c.settimeout(REQUEST_SECONDS - 2)
        seated.pop().close()
        assert c.recv(100).startswith(b"HTTP/1.1 200 ")
    for c in seated:
        c.close()
    print(f"client {CLIENTS_MAX + 1} waits for a free seat, and takes it")


def main():
    in_a_namespace_of_our_own()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        os.environ["HALFOPEN_RUN"] = str(folder)
        with open(folder / "host", "w") as log:
            host = subprocess.Popen([HALFOPEN, "host", "--tun", "ho0", "--addr", "198.18.0.2/24", "--listen", "80,app=http",
                                     "--metrics", f"{HOST}:{PORT}"], stdout=log, stderr=log)
        try:
            until("the host is there", 5, lambda: (folder / "ho0.sock").exists() and (folder / "host").read_text().count("\n") > 2)
            only_there(folder, host)
            idle, used = Idle(), processor_seconds(host.pid)
            for words in ("9464", "127.0.0.1", "localhost:9464", "127.0.0.1:0", "127.0.0.1:99999"):
                refused(2, f"--metrics {words}: ", "--metrics", words)
            refused(2, "somebody listens there already", "--metrics", f"{HOST}:{PORT}")
            refused(2, "no address of this machine", "--metrics", "198.18.77.7:9464")
            print("a bad address, a busy port: said, exit status 2")
            http_is_right()
            wrong_requests_are_refused()
            random_requests_are_survived()
            idle.are_ended()
            a_free_seat_is_taken(host)
            spent = processor_seconds(host.pid) - used
            assert spent < 1 + FUZZ_REQUESTS / 1000, f"{spent} s of a processor: does it wait, or ask and ask?"
            host.terminate()
            assert host.wait(5) == 0
        except BaseException:
            print("-- host:\n" + (folder / "host").read_text()[-3000:])
            raise
        finally:
            if host.poll() is None:
                host.terminate()
                host.wait(10)


main()
