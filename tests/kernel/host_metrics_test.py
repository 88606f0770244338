#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`halfopen host --metrics`: a host under traffic is scraped by the real Prometheus, whose numbers at a standstill are those of
`halfopen counters`; requests of every kind, most of them wrong, are answered or refused; nobody can keep the port busy.
Argument: the program halfopen. Runs in a network namespace of its own: root. FUZZ_REQUESTS=100000 in the environment looks longer
for trouble, FUZZ_SEED=N elsewhere."""
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

HOST, PORT, PROMETHEUS = "127.0.0.1", 9464, 9465
STACK = "198.18.0.2"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_SECONDS = 5
CLIENTS_MAX = 16
FUZZ_REQUESTS = int(os.environ.get("FUZZ_REQUESTS", 400))
FUZZ_SEED = int(os.environ.get("FUZZ_SEED", 7))
running = []


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def start(folder, name, command):
    out = open(folder / name, "w+")
    p = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder)
    running.append(p)
    return p


def until(what, seconds, holds):
    end = time.monotonic() + seconds
    while not (got := holds()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return got


def refused(halfopen, status, words, *arguments):
    p = subprocess.run([halfopen, "host", "--tun", "ho9", "--addr", "198.18.9.2/24", *arguments], text=True, timeout=10,
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


def only_there(folder):
    listening = [line.split()[1] for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
                 if line.split()[3] == "0A"]
    assert listening == ["0100007F:%04X" % PORT], listening
    assert len(pathlib.Path("/proc/net/tcp6").read_text().splitlines()) == 1
    tasks = os.listdir(f"/proc/{running[0].pid}/task")
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


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


def a_free_seat_is_taken():
    """As many clients as are served at once, and one more: he is answered as soon as one of them leaves."""
    seated = [socket.create_connection((HOST, PORT), 5) for _ in range(CLIENTS_MAX)]
    until("all have been seen", 2, lambda: len(os.listdir(f"/proc/{running[0].pid}/fd")) > CLIENTS_MAX)
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


# ---- Prometheus

def api(path, **query):
    url = f"http://127.0.0.1:{PROMETHEUS}/api/v1/{path}?" + urllib.parse.urlencode(query)
    with urllib.request.urlopen(url, timeout=5) as r:
        answer = json.load(r)
    assert answer["status"] == "success", answer
    return answer["data"]


def query(expression):
    return [(r["metric"], float(r["value"][1])) for r in api("query", query=expression)["result"]]


def answers(path):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{PROMETHEUS}{path}", timeout=5).status == 200
    except OSError:
        return False


def prometheus_start(folder):
    (folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [{pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'alerts.yml'}]
scrape_configs: [{{job_name: halfopen, static_configs: [{{targets: ['{HOST}:{PORT}']}}]}}]
""")
    start(folder, "prometheus", [shutil.which("prometheus"), f"--config.file={folder}/prometheus.yml",
                                 f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{PROMETHEUS}"])


def traffic():
    """Pages, and one client more than a program that never accepts has room for.  Gives what is to be kept."""
    for _ in range(20):
        with socket.create_connection((STACK, 80), 5) as c:
            c.sendall(b"GET /bytes/100000 HTTP/1.0\r\n\r\n")
            got = 0
            while piece := c.recv(1 << 16):
                got += len(piece)
            assert got > 100000
    kept = [socket.create_connection((STACK, 9000), 5) for _ in range(2)]
    time.sleep(0.1)  # the last ACK is there
    late = socket.socket()
    late.settimeout(0.3)
    try:
        late.connect((STACK, 9000))
        sys.exit("a third client got into a queue of two")
    except TimeoutError:
        late.close()
    return kept


def numbers(halfopen, *command):
    return json.loads(subprocess.run([halfopen, *command], capture_output=True, check=True, timeout=10).stdout)


def prometheus_agrees(halfopen):
    before = numbers(halfopen, "counters", "-az", "--json", "--at", "ho0")["kernel"]
    still = time.time()
    until("a scrape of the standstill", 5,
          lambda: all(v > still + 0.05 for _, v in query("timestamp(node_netstat_Tcp_InSegs)")) and query("up"))
    scraped = {m["__name__"].removeprefix("node_netstat_").replace("_", "", 1): v
               for m, v in query('{__name__=~"node_netstat_.+"}')}
    listeners = numbers(halfopen, "sockets", "--listen", "--json", "--at", "ho0")["listeners"]
    after = numbers(halfopen, "counters", "-az", "--json", "--at", "ho0")["kernel"]
    assert before == after, "the host does not stand still"
    assert scraped == {name: float(v) for name, v in after.items()}, \
        [(n, scraped.get(n), after.get(n)) for n in {*scraped, *after} if scraped.get(n) != after.get(n)]
    assert after["TcpExtListenOverflows"] >= 1 and after["TcpPassiveOpens"] == 22, after
    wanted = {("accept_queue_length", ""): lambda r: r["accept_queue"]["now"],
              ("accept_queue_limit", ""): lambda r: r["accept_queue"]["holds"],
              ("accept_queue_high_water", ""): lambda r: r["accept_queue"]["most"],
              ("syn_queue_length", ""): lambda r: r["syn_queue"]["now"],
              ("syn_queue_limit", ""): lambda r: r["syn_queue"]["holds"],
              ("backlog_asked", ""): lambda r: r["backlog"], ("backlog", ""): lambda r: r["limit"],
              ("accepted_total", ""): lambda r: r["accepted"], ("sk_drops_total", ""): lambda r: r["sk_drops"],
              **{("drops_total", cause): lambda r, cause=cause: r["drops"][cause] for cause in listeners[0]["drops"]}}
    seen = {(m["__name__"].removeprefix("halfopen_listener_"), m.get("cause", ""), f'{m["address"]}:{m["port"]}', m["fd"]): v
            for m, v in query('{__name__=~"halfopen_listener_.+"}')}
    for row in listeners:
        for (name, cause), value in wanted.items():
            assert seen[name, cause, row["local"], str(row["fd"])] == value(row), (name, cause, row)
    kinds = {name: what[0]["type"] for name, what in api("metadata").items()}
    assert kinds["node_netstat_TcpExt_ListenDrops"] == "unknown" and kinds["halfopen_listener_drops"] == "counter", kinds
    target = api("targets")["activeTargets"][0]
    assert target["health"] == "up" and target["lastError"] == "", target
    assert query("avg_over_time(up[20s])")[0][1] > 0.8, "scrapes fail"
    groups = api("rules")["groups"]
    assert groups and all(rule["health"] != "err" for g in groups for rule in g["rules"]), groups
    print(f"prometheus: {len(scraped)} counters and {len(seen)} numbers of listeners as the host's own commands say")


def alerts_are_raised():
    """Of what happened at port 9000: turned away, which has happened at once; nearly full, which must last."""
    overflow, full = (("HalfopenAcceptQueueOverflows", "9000", "firing"), ("HalfopenAcceptQueueNearLimit", "9000", "pending"))
    raised = set()

    def both():
        raised.clear()
        raised.update((a["labels"]["alertname"], a["labels"].get("port"), a["state"]) for a in api("alerts")["alerts"])
        return {overflow, full} <= raised

    until("alerts", 5, both)
    assert {a for a in raised if a[2] == "firing"} == {overflow}, raised
    print("alerts: the overflow fires, the full queue is pending, no other fires")


def dashboard_is_drawn():
    """Prometheus understands each expression of the dashboard, and each shows something."""
    board = json.loads((pathlib.Path(__file__).resolve().parents[2] / "docs" / "grafana-dashboard.json").read_text())
    drawn = 0
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*").replace("$port", ".*")
            assert query(expression), (panel["title"], expression)
            drawn += 1
    print(f"dashboard: {drawn} expressions, each shows something")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: host_metrics_test.py HALFOPEN")
    halfopen = pathlib.Path(sys.argv[1]).resolve()
    if os.geteuid() != 0:
        skip("needs root")
    if not os.path.exists("/dev/net/tun"):
        skip("there is no /dev/net/tun")
    if "HOST_METRICS_INSIDE" not in os.environ:
        if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode != 0:
            skip("network namespaces are not allowed here")
        os.environ["HOST_METRICS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, str(halfopen)])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        os.environ["HALFOPEN_RUN"] = str(folder)
        try:
            host = start(folder, "host", [halfopen, "host", "--tun", "ho0", "--addr", f"{STACK}/24", "--kernel-addr",
                                          "198.18.0.1/24", "--listen", "9000,backlog=1,app=noaccept", "--listen", "80,app=http",
                                          "--metrics", f"{HOST}:{PORT}"])
            until("the host is there", 5, lambda: (folder / "ho0.sock").exists() and (folder / "host").read_text().count("\n") > 3)
            only_there(folder)
            if shutil.which("prometheus") is not None:
                prometheus_start(folder)
            idle, used = Idle(), processor_seconds(host.pid)
            for words in ("9464", "127.0.0.1", "localhost:9464", "127.0.0.1:0", "127.0.0.1:99999"):
                refused(halfopen, 2, f"--metrics {words}: ", "--metrics", words)
            refused(halfopen, 2, "somebody listens there already", "--metrics", f"{HOST}:{PORT}")
            refused(halfopen, 2, "no address of this machine", "--metrics", "198.18.77.7:9464")
            print("a bad address, a busy port: said, exit status 2")
            http_is_right()
            wrong_requests_are_refused()
            random_requests_are_survived()
            if shutil.which("prometheus") is None:
                skip("prometheus is not installed (all before was fine)")
            until("prometheus is ready", 10, lambda: answers("/-/ready"))
            until("a first scrape", 10, lambda: query("up"))
            kept = traffic()
            prometheus_agrees(halfopen)
            alerts_are_raised()
            dashboard_is_drawn()
            for c in kept:
                c.close()
            idle.are_ended()
            running[1].terminate()
            running[1].wait(10)
            a_free_seat_is_taken()
            spent = processor_seconds(host.pid) - used
            assert spent < 1 + FUZZ_REQUESTS / 1000, f"{spent} s of a processor: does it wait, or ask and ask?"
            host.terminate()
            assert host.wait(5) == 0
        except BaseException:
            for log in ("host", "prometheus"):
                if (folder / log).exists():
                    print(f"-- {log}:\n" + (folder / log).read_text()[-3000:])
            raise
        finally:
            for p in running:
                if p.poll() is None:
                    p.terminate()
                    p.wait(10)


main()
