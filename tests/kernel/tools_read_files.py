#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's own tools look at a host with `halfopen with`, and each shows the numbers that the host says itself: nstat, ss,
netstat, sysctl, node_exporter; through published files and through FUSE.  Then who may look, and rubbish on the control socket
and in the files.  Argument: the program halfopen; root."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HALFOPEN = os.path.realpath(sys.argv[1])
NS = f"hofiles{os.getpid()}"
ADDR = "198.18.0.2"
IN_NS = ["nsenter", f"--net=/run/netns/{NS}"]  # ip netns exec would mount where nobody sees it


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def need(true, what, seen=""):
    if not true:
        print(f"FAILED: {what}\n{seen}")
        sys.exit(1)


def run(*words, status=0, **more):
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=30, **more)
    need(status is None or done.returncode == status, f"{' '.join(words)}: exit status {done.returncode}",
         done.stdout[-2000:] + done.stderr[-2000:])
    return done.stdout if status == 0 else done.stdout + done.stderr


def seen_with(*words):
    """What a tool prints that runs in the namespace and looks at the host."""
    done = subprocess.run([*IN_NS, HALFOPEN, "with", "ho0", "--", *words], capture_output=True, text=True, timeout=30)
    need(done.returncode == 0 and done.stderr == "", f"with ho0 -- {' '.join(words)}: {done.returncode}", done.stdout + done.stderr)
    return done.stdout


# ---- a host, and what happens to it

def host_start(*options):
    p = subprocess.Popen([*IN_NS, HALFOPEN, "host", "--tun", "ho0", "--addr", f"{ADDR}/24", "--kernel-addr", "198.18.0.1/24",
                          "--listen", "9000,backlog=1,app=noaccept", "--listen", "9001", "--listen", "9002,app=http", "--udp", "53",
                          "--publish-every", "100", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if not p.stdout.readline().startswith("host ho0: "):
        need(False, "the host did not start", p.stderr.read())
    return p


TRAFFIC = f"""
import socket, sys, time
def to(port):
    s = socket.socket(); s.settimeout(3); s.connect(("{ADDR}", port)); return s
full = [to(9000), to(9000)]
late = socket.socket(); late.setblocking(False); late.connect_ex(("{ADDR}", 9000))
time.sleep(0.3); late.close()
open_ = to(9001); open_.sendall(b"x" * 5000); n = 0
while n < 5000: n += len(open_.recv(65536))
http = to(9002); http.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
while http.recv(65536): pass
http.close()
try: to(9999)
except ConnectionRefusedError: pass
u = socket.socket(type=socket.SOCK_DGRAM); u.settimeout(3); u.connect(("{ADDR}", 53)); u.send(b"hello"); u.recv(100)
u.connect(("{ADDR}", 54)); u.send(b"nobody")
time.sleep(0.3)
print("done", flush=True); sys.stdin.read()
"""


def traffic_start():
    p = subprocess.Popen([*IN_NS, sys.executable, "-c", TRAFFIC], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    need(p.stdout.readline() == "done\n", "the traffic came to an end")
    return p


def counters():
    return json.loads(run(HALFOPEN, "counters", "-a", "-z", "--json"))["kernel"]


def standstill():
    now = counters()
    for _ in range(40):
        time.sleep(0.25)
        then, now = now, counters()
        if then == now:
            return now
    need(False, "the counters stand still")


# ---- what the tools show

CONSTANT = {"IpForwarding", "IpDefaultTTL", "TcpRtoAlgorithm", "TcpRtoMin", "TcpRtoMax", "TcpMaxConn", "TcpCurrEstab"}


def nstat_shows(truth, words, env=None):
    if env is None:
        shown = json.loads(seen_with(*words))["kernel"]
    else:
        shown = json.loads(run(*words, env={**os.environ, **env}))["kernel"]
    shown = {name: value for name, value in shown.items() if not name.startswith(("Ip6", "Icmp6", "Udp6", "UdpLite6"))}
    want = {name: value for name, value in truth.items() if name not in CONSTANT}
    need(shown == want, "nstat shows other numbers", str(sorted(set(shown.items()) ^ set(want.items()))))
    return len(shown)


def ss_rows(*words):
    """{(local, peer): (state, recv_q, send_q, rest)}"""
    rows = {}
    for line in seen_with("ss", "-H", *words).replace("\n\t", " ").splitlines():
        state, recv_q, send_q, local, peer, *rest = line.split()
        rows[local, peer.replace("0.0.0.0:*", "0.0.0.0:0")] = (state, int(recv_q), int(send_q), " ".join(rest))
    return rows


def tcp_sockets(states=None):
    rows = json.loads(run(HALFOPEN, "sockets", "--json"))["sockets"]
    return {(r["local"], r["peer"]): r for r in rows
            if r["type"] == "tcp" and r["state"] != "CLOSE" and (states is None or r["state"] in states)}


def ss_shows(truth):
    for words, states in ((("-ltn",), {"LISTEN"}), (("-tan",), None), (("-tn",), {"ESTAB", "CLOSE-WAIT", "FIN-WAIT-2"}),
                          (("-tn", "state", "time-wait"), {"TIME-WAIT"})):
        want = {k: (r["state"], r["recv_q"], r["send_q"]) for k, r in tcp_sockets(states).items()}
        if "state" in words:
            shown = seen_with("ss", "-H", *words).split()
            shown = {(local, peer): ("TIME-WAIT", int(r), int(s)) for r, s, local, peer in zip(*[iter(shown)] * 4)}
        else:
            shown = {k: row[:3] for k, row in ss_rows(*words).items()}
        need(shown == want and want, f"ss {' '.join(words)} shows {shown}, not {want}")

    rows, want = ss_rows("-tanmi"), tcp_sockets()
    need(rows.keys() == want.keys(), "ss -tanmi shows other sockets", str(rows.keys() ^ want.keys()))
    for key, row in want.items():
        if "skmem" not in row or row["state"] == "TIME-WAIT":
            continue
        m = row["skmem"]
        memory = f"skmem:(r{m['r']},rb{m['rb']},t{m['t']},tb{m['tb']},f{m['f']},w{m['w']},o0,bl0,d{m['d']})"
        need(memory in rows[key][3], f"ss -tanmi: {key} has {memory}", rows[key][3])
    echo = next(row[3] for (local, _), row in rows.items() if local == f"{ADDR}:9001" and row[0] == "ESTAB")
    for words in ("bytes_sent:5000", "bytes_acked:5000", "bytes_received:5000", "cubic", "wscale:", "snd_wnd:"):
        need(words in echo, f"ss -tanmi says {words}", echo)
    need(any("unacked:2" in row[3] for row in rows.values() if row[0] == "LISTEN"), "ss -i says how full the accept queue is")

    summary = seen_with("ss", "-s")
    states = [r["state"] for r in want.values()]
    udp = re.search(r"^UDP\s+(\d+)", summary, re.M)
    found = re.search(r"estab (\d+), closed (\d+), orphaned (\d+), timewait (\d+)", summary)
    need(found and int(found[1]) == truth["TcpCurrEstab"] and int(found[4]) == states.count("TIME-WAIT") and udp[1] == "1",
         "ss -s has the sums", summary)
    need(re.fullmatch(r"UNCONN 0 +0 +0.0.0.0:53 +0.0.0.0:\*\s*", seen_with("ss", "-Huan")), "ss -uan shows the UDP socket")


NETSTAT = {
    "total packets received": "IpInReceives", "incoming packets delivered": "IpInDelivers", "requests sent out": "IpOutRequests",
    "ICMP messages sent": "IcmpOutMsgs", "destination unreachable": "IcmpOutDestUnreachs",
    "passive connection openings": "TcpPassiveOpens", "connections established": "TcpCurrEstab",
    "segments received": "TcpInSegs", "segments sent out": "TcpOutSegs", "segments retransmitted": "TcpRetransSegs",
    "resets sent": "TcpOutRsts", "packets received": "UdpInDatagrams", "packets to unknown port received": "UdpNoPorts",
    "packets sent": "UdpOutDatagrams", "times the listen queue of a socket overflowed": "TcpExtListenOverflows",
    "SYNs to LISTEN sockets dropped": "TcpExtListenDrops", "TCP sockets finished time wait in fast timer": "TcpExtTW",
    "acknowledgments not containing data payload received": "TcpExtTCPPureAcks",
}


def netstat_shows(truth):
    shown = {m[2]: int(m[1]) for m in re.finditer(r"^ +(\d+) (.*)$", seen_with("netstat", "-s"), re.M)}
    shown |= {m[1]: int(m[2]) for m in re.finditer(r"^ +(.*): (\d+)$", seen_with("netstat", "-s"), re.M)}
    compared = 0
    for words, name in NETSTAT.items():
        if words in shown:
            need(shown[words] == truth[name], f"netstat -s: {words}: {shown[words]}, and {name} is {truth[name]}")
            compared += 1
    for words, value in shown.items():  # counters that netstat has no words for
        if "TcpExt" + words in truth:
            need(value == truth["TcpExt" + words], f"netstat -s: {words}: {value}")
            compared += 1
    need(compared >= 20, f"netstat -s shows the counters, not {compared} of them", str(shown))
    return compared


def sysctl_shows():
    mine = dict(line.split(" = ", 1) for line in run(HALFOPEN, "sysctl", "-a").splitlines())
    shown = dict(line.split(" = ", 1) for line in seen_with("sysctl", "-a").splitlines() if line.startswith("net.") and " = " in line)
    same = {name: value.split() for name, value in shown.items()}
    need(same == {name: value.split() for name, value in mine.items()}, "sysctl -a shows other values",
         str({n for n in shown.keys() | mine.keys() if same.get(n) != mine.get(n, "").split()}))
    seen_with("sysctl", "-w", "net.ipv4.tcp_syncookies=0")
    changed("net.ipv4.tcp_syncookies", "0")
    return len(shown)


def changed(name, value):
    until = time.monotonic() + 5
    while run(HALFOPEN, "sysctl", "-n", name) != value + "\n":
        need(time.monotonic() < until, f"{name} becomes {value}")
        time.sleep(0.02)


def node_exporter_shows(truth):
    p = subprocess.Popen([*IN_NS, HALFOPEN, "with", "ho0", "--", "prometheus-node-exporter", "--web.listen-address=127.0.0.1:9109",
                          "--collector.disable-defaults", "--collector.netstat", "--collector.netstat.fields=.*",
                          "--collector.sockstat"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    fetch = [*IN_NS, sys.executable, "-c", "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9109/metrics').read().decode())"]
    try:
        for _ in range(60):
            got = subprocess.run(fetch, capture_output=True, text=True, timeout=10)
            if got.returncode == 0:
                break
            time.sleep(0.1)
        need(got.returncode == 0, "node_exporter answers", got.stderr)
    finally:
        p.terminate()
        p.wait()
    shown = dict(re.findall(r"^node_netstat_(\w+) (\S+)$", got.stdout, re.M))
    shown = {name.replace("_", "", 1): float(value) for name, value in shown.items() if not re.match("(Ip|Icmp|Udp|UdpLite)6_", name)}
    want = {name: float(value) for name, value in truth.items()}
    need(shown == want, "node_exporter shows other numbers", str(sorted(set(shown.items()) ^ set(want.items()))))
    need("node_sockstat_TCP_tw 1\n" in got.stdout, "node_exporter shows sockstat")
    return len(shown)


# ---- who may look

def as_nobody(*words):
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words], capture_output=True, text=True,
                          timeout=10)


def nobody_may_look_unless_asked_for(published, run_dir):
    for path, _, names in os.walk(published):
        need(os.stat(path).st_mode & 0o077 == 0, f"{path} is ours alone")
        for name in set(names) - {".new"}:  # comes and goes
            need(os.stat(f"{path}/{name}").st_mode & 0o077 == 0, f"{path}/{name} is ours alone")
    need(os.stat(f"{run_dir}/ho0.sock").st_mode & 0o077 == 0, "the control socket is ours alone")
    for words in (["cat", f"{published}/net/snmp"], ["sh", "-c", f"echo 3 >{published}/sys/net/ipv4/tcp_syncookies"],
                  [HALFOPEN, "counters"]):
        need(as_nobody(*words).returncode != 0, f"another user may not {' '.join(words)}")


def readable_is_not_writable(published):
    need(as_nobody("cat", f"{published}/net/snmp").stdout.startswith("Ip: "), "another user may read what is readable")
    need(as_nobody("sh", "-c", f"echo 3 >{published}/sys/net/ipv4/tcp_syncookies").returncode != 0, "but not write")
    need(as_nobody("cat", f"{published}/sys/net/ipv4/tcp_fastopen_key").returncode != 0, "nor read keys")


# ---- rubbish

def control_says(run_dir, request):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(f"{run_dir}/ho0.sock")
    try:
        s.sendall(request)
        s.shutdown(socket.SHUT_WR)
        got = b""
        while more := s.recv(65536):
            got += more
    except (BrokenPipeError, ConnectionResetError):
        return None  # closed on us before all was said
    return got


def rubbish_is_refused(run_dir, published):
    for request in (b"\n", b"nothing\n", b"file ../../../etc/passwd\n", b"file net/snmp/\n", b"file /etc/passwd\n", b"file a b c\n",
                    b"publish now\n", b"sysctl set\n", b"sysctl set net.ipv4.x 1\n", b"\0\0\0\n", b"\xff\xfe" * 100 + b"\n",
                    b"counters " + b"a " * 400 + b"\n", b"x" * 5000, b"file sys/../net/snmp\n", b"sockets --json extra\n"):
        got = control_says(run_dir, request)
        need(got is None or got.startswith((b"usage ", b"error ")), f"{request[:40]!r} is refused", got)
    for got in (control_says(run_dir, b""), control_says(run_dir, b"file net/tcpdiag\n")):
        need(got is not None, "the host answers on")
    need(got.startswith(b"ok ") and len(got) > 500 and b"cubic\0" in got, "the control socket has the binary file, too", got[:100])
    for request, ok in ((b'{"ask":["counters","--json"]}', True), (b'{"ask":["file","net/snmp"]}', True), (b'{"ask":["ping","127.0.0.1"]}', False),
                        (b'{"ask":["nothing"]}', False), (b'{"ask":"counters"}', False), (b'{"ask":["counters"', False), (b"{}", False)):
        got = json.loads(control_says(run_dir, request + b"\n"))
        need(got["ok"] == ok and set(got) == ({"ok", "id", "json" if b"json" in request else "text"} if ok else {"ok", "usage", "error"}),
             f"{request} in JSON", got)
    for value in ("", "x", "9" * 400, "-1\n5", "\0\0"):
        with open(f"{published}/sys/net/ipv4/tcp_syn_retries", "w", encoding="latin-1") as f:
            f.write(value)
    until = time.monotonic() + 5
    while open(f"{published}/sys/net/ipv4/tcp_syn_retries", encoding="latin-1").read() != "6\n":
        need(time.monotonic() < until, "what holds is written back")
        time.sleep(0.02)
    need(run(HALFOPEN, "sysctl", "-n", "net.ipv4.tcp_syn_retries") == "6\n", "rubbish in a file sets nothing")


def fuse_shows(truth, mount):
    env = {"PROC_ROOT": mount, "NSTAT_HISTORY": f"{mount}.history"}
    nstat_shows(truth, ["nstat", "-aszj"], env)
    need(run("ss", "-Hltn", env={**os.environ, **env}).count("LISTEN") == 3, "ss -ltn reads through FUSE")
    for value, good in (("4", True), ("x", False), ("1000", False)):
        try:
            with open(f"{mount}/sys/net/ipv4/tcp_syncookies", "w", encoding="ascii") as f:
                f.write(value + "\n")
        except OSError:
            need(not good, f"{value} can be written through FUSE")
        else:
            need(good, f"{value} is refused by write()")
    need(run(HALFOPEN, "sysctl", "-n", "net.ipv4.tcp_syncookies") == "4\n", "a sysctl is set through FUSE")
    for path in ("net/nothing", "sys/net/ipv4", "halfopen/../etc"):
        try:
            with open(f"{mount}/{path}", "rb"):
                need(False, f"{path} can be opened")
        except OSError:
            pass
    need(as_nobody("ls", mount).returncode != 0, "another user may not look at the file system")


# ---- without root

UNPRIVILEGED = """
"$0" host --tun ho0 --addr 198.18.0.2/24 --kernel-addr 198.18.0.1/24 --listen 9000 >&2 & host=$!
for i in 1 2 3 4 5 6 7 8 9 10; do [ -S "$HALFOPEN_RUN/ho0.sock" ] || sleep 0.1; done
setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all sh -c '
	grep CapEff /proc/self/status; "$0" with -- id -u; "$0" with -- netstat -s; "$0" with -- sysctl net.ipv4.tcp_syncookies=2
	"$0" with -- ss -ltn; "$0" with -- nstat -asz; cat /proc/sys/net/ipv4/tcp_syncookies' "$0"
kill $host; wait $host
"""


def nobody_may_look_at_a_host_of_his_own(run_dir):
    """A host in nobody's user and network namespace, and who looks at it has no privilege at all."""
    mine = f"{run_dir}/nobody"
    os.mkdir(mine)
    os.chown(mine, 65534, 65534)
    run("mknod", f"{run_dir}/tun", "c", "10", "200")
    os.chmod(f"{run_dir}/tun", 0o666)
    got = subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$0" /dev/net/tun && exec "$@"', f"{run_dir}/tun",
                          "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                          "unshare", "-Un", "--map-current-user", "--keep-caps", "sh", "-c", UNPRIVILEGED, HALFOPEN],
                         capture_output=True, text=True, timeout=30, env={**os.environ, "HALFOPEN_RUN": mine})
    if "unshare failed" in got.stderr:
        print("user namespaces are not allowed here: not asked without root")
        return
    need(re.search(r"CapEff:\s0+$", got.stdout, re.M), "no privilege is left", got.stdout + got.stderr)
    for line in ("65534", "    0 total packets received", "net.ipv4.tcp_syncookies = 2", "TcpExtListenOverflows           0                  0.0"):
        need(line in got.stdout.splitlines(), f"without root one sees: {line}", got.stdout + got.stderr)
    need("LISTEN 0      128 " in got.stdout and got.stdout.endswith("\n1\n"), "the host's listener; the kernel's sysctl is as it was",
         got.stdout[-500:])
    print("without root, too")


# ---- beside the kernel's inet_diag

DIAG = """
import socket, struct, sys
def messages(data):
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("IH", data, at)
        if kind == 3: return
        body, attrs, a = data[at + 16:at + length], [], 72
        while a + 4 <= len(body):
            n, t = struct.unpack_from("HH", body, a)
            attrs.append((t, n - 4)); a += n + 3 & ~3
        yield body[1], attrs
        at += length + 3 & ~3
def kernel():
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
    s.send(struct.pack("IHHIIBBBBI48x", 72, 20, 0x301, 1, 0, 2, 6, 255, 0, 0xfff)); out = b""
    while True:
        got = s.recv(1 << 18); out += got
        if struct.unpack_from("H", got, len(got) - 16)[0] == 3 or struct.unpack_from("H", got, 4)[0] == 3: return out
data = kernel() if sys.argv[1] == "-" else open(sys.argv[1], "rb").read()
# no cgroup; what the algorithm says of itself, and its name's length, are its own
print(sorted({(state == 10, tuple((t, 0 if t == 4 else n) for t, n in attrs if t not in (16, 21))) for state, attrs in messages(data)
              if state in (1, 8, 10)}))
"""


def diag_is_built_as_the_kernels(published):
    listener = subprocess.Popen([*IN_NS, sys.executable, "-c", "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 9)); "
                                 "s.listen(); print(1, flush=True); sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    listener.stdout.readline()
    theirs = run(*IN_NS, sys.executable, "-c", DIAG, "-")
    mine = run(sys.executable, "-c", DIAG, f"{published}/net/tcpdiag")
    stop(listener, "kill")
    need(mine == theirs and mine.count("True") == 1 and mine.count("False") == 1, "inet_diag's attributes are the kernel's", mine + theirs)
    print("inet_diag replies have the kernel's attributes, in its order, of its lengths")


def stop(p, signal="terminate"):
    getattr(p, signal)()
    p.wait(timeout=10)


def main():
    if os.getuid() != 0:
        skip("needs root")
    if not os.path.exists("/dev/net/tun"):
        skip("there is no /dev/net/tun")
    for program in ("ip", "nsenter", "nstat", "ss", "netstat", "sysctl", "setpriv", "unshare"):
        if shutil.which(program) is None:
            skip(f"{program} is not installed")
    if subprocess.run(["ip", "netns", "add", NS], capture_output=True).returncode != 0:
        skip("network namespaces are not allowed here")
    run_dir = tempfile.mkdtemp()
    os.chmod(run_dir, 0o755)  # what keeps others out is the host's own doing
    os.environ["HALFOPEN_RUN"] = run_dir
    os.environ["LC_ALL"] = "C"
    host = traffic = None
    try:
        run(*IN_NS, "ip", "link", "set", "lo", "up")
        host = host_start()
        traffic = traffic_start()
        published = run(HALFOPEN, "with", "--env", "ho0", "--", "sh", "-c", "printf %s \"$PROC_ROOT\"")
        truth = standstill()
        need(truth["TcpExtListenOverflows"] > 0 and truth["IcmpOutDestUnreachs"] > 0, "something has happened", str(truth))
        print(f"nstat shows {nstat_shows(truth, ['nstat', '-aszj'])} counters as the host has them")
        ss_shows(truth)
        print(f"netstat shows {netstat_shows(truth)} numbers of it; ss all sockets, with their memory and tcp_info")
        if shutil.which("prometheus-node-exporter"):
            print(f"node_exporter shows {node_exporter_shows(truth)} counters")
        else:
            print("node_exporter is not installed: not asked")
        print(f"sysctl shows {sysctl_shows()} sysctls, and sets one")
        need(counters() == truth, "looking moves nothing")
        if os.uname().release.startswith("6.18."):
            diag_is_built_as_the_kernels(published)
        nobody_may_look_at_a_host_of_his_own(run_dir)
        nobody_may_look_unless_asked_for(published, run_dir)
        rubbish_is_refused(run_dir, published)
        need(host.poll() is None, "the host runs on")
        stop(traffic, "kill")
        stop(host)
        need(sorted(os.listdir(run_dir)) == ["nobody", "tun"], "the host leaves nothing behind", os.listdir(run_dir))

        mount = f"{run_dir}/mnt"
        published = f"{run_dir}/shown"
        has_fuse = os.path.exists("/dev/fuse") and "without libfuse3" not in run(
            HALFOPEN, "host", "--tun", "lo", "--addr", "198.18.0.2/24", "--fuse", "/dev/null", status=None)
        os.mkdir(mount)
        host = host_start("--publish", published, "--publish-readable", *(["--fuse", mount] if has_fuse else []))
        readable_is_not_writable(published)
        stop(host)
        if not has_fuse:
            print("no FUSE here: not asked")
            return
        host = host_start("--fuse", mount)
        traffic = traffic_start()
        fuse_shows(standstill(), mount)
        stop(host)
        need(os.listdir(mount) == [], "the file system is unmounted")
        print("through FUSE, too")
    finally:
        for p in (traffic, host):
            if p is not None and p.poll() is None:
                p.kill()
                p.wait()
        subprocess.run(["umount", "-l", f"{run_dir}/mnt"], capture_output=True)
        subprocess.run(["ip", "netns", "del", NS])
        shutil.rmtree(run_dir, ignore_errors=True)


main()
