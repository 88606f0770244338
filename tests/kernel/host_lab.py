# SPDX-License-Identifier: MIT
"""What tests of a running host share: a network namespace of one's own, a host with a bit of everything, what happens to it, and
what it says of itself."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

HALFOPEN = os.path.realpath(sys.argv[1])
ADDR = "198.18.0.2"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def need(true, what, seen=""):
    if not true:
        print(f"FAILED: {what}\n{seen}")
        sys.exit(1)


def until(what, seconds, holds):
    end = time.monotonic() + seconds
    while not (got := holds()):
        need(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return got


def run(*words, status=0, **more):
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=30, **more)
    need(status is None or done.returncode == status, f"{' '.join(map(str, words))}: exit status {done.returncode}",
         done.stdout[-2000:] + done.stderr[-2000:])
    return done.stdout if status == 0 else done.stdout + done.stderr


def stop(p, signal="terminate"):
    getattr(p, signal)()
    p.wait(timeout=10)


def in_a_namespace_of_our_own(*programs):
    """The test begins again there, if it can; no program but those named is needed for it."""
    if os.getuid() != 0:
        skip("needs root")
    if not os.path.exists("/dev/net/tun"):
        skip("there is no /dev/net/tun")
    for program in ("ip", "unshare", *programs):
        if shutil.which(program) is None:
            skip(f"{program} is not installed")
    if "HOST_LAB_INSIDE" not in os.environ:
        if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode != 0:
            skip("network namespaces are not allowed here")
        os.environ["HOST_LAB_INSIDE"] = "1"
        os.environ["LC_ALL"] = "C"
        os.execvp("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv])
    run("ip", "link", "set", "lo", "up")


# ---- a host, and what happens to it

def host_start(*options):
    """Echoes at 9001, pages at 9002, a program that never accepts at 9000, UDP at 53."""
    p = subprocess.Popen([HALFOPEN, "host", "--tun", "ho0", "--addr", f"{ADDR}/24", "--kernel-addr", "198.18.0.1/24",
                          "--listen", "9000,backlog=1,app=noaccept", "--listen", "9001", "--listen", "9002,app=http", "--udp", "53",
                          "--publish-every", "100", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if not p.stdout.readline().startswith("host ho0: "):
        need(False, "the host did not start", p.stderr.read())
    return p


# A full accept queue; 5000 bytes there and back; an answer that is lost, by a filter of the client's socket; a page; a closed port;
# datagrams; a ping, last, so that what a capture tells of what happened before a packet is in it.
TRAFFIC = f"""
import ctypes, socket, struct, subprocess, sys, time
ATTACH, DETACH = 26, 27
def to(port):
    s = socket.socket(); s.settimeout(3); s.connect(("{ADDR}", port)); return s
def read(s, n):
    while n > 0: n -= len(s.recv(65536))
full = [to(9000), to(9000)]
time.sleep(0.1)
late = socket.socket(); late.setblocking(False); late.connect_ex(("{ADDR}", 9000))
time.sleep(0.3); late.close()
open_ = to(9001); open_.sendall(b"x" * 5000); read(open_, 5000)
nothing = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
open_.setsockopt(socket.SOL_SOCKET, ATTACH, struct.pack("HxxxxxxP", 1, ctypes.addressof(nothing)))
open_.sendall(b"again"); time.sleep(0.05)
open_.setsockopt(socket.SOL_SOCKET, DETACH, 0)
read(open_, 5)
http = to(9002); http.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
while http.recv(65536): pass
http.close()
try: to(9999)
except ConnectionRefusedError: pass
u = socket.socket(type=socket.SOCK_DGRAM); u.settimeout(3); u.connect(("{ADDR}", 53)); u.send(b"hello"); u.recv(100)
u.connect(("{ADDR}", 54)); u.send(b"nobody")
time.sleep(0.3)
p = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); p.settimeout(3)
p.sendto(struct.pack("!BBHHH", 8, 0, 0xf7ff, 0, 0), ("{ADDR}", 0)); p.recv(100)
print("done", flush=True); sys.stdin.read()
"""


def traffic_start():
    p = subprocess.Popen([sys.executable, "-c", TRAFFIC], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- nstat, by whichever door

CONSTANT = {"IpForwarding", "IpDefaultTTL", "TcpRtoAlgorithm", "TcpRtoMin", "TcpRtoMax", "TcpMaxConn", "TcpCurrEstab"}


def nstat_shows(truth, shown):
    shown = {name: value for name, value in json.loads(shown)["kernel"].items()
             if not name.startswith(("Ip6", "Icmp6", "Udp6", "UdpLite6"))}
    want = {name: value for name, value in truth.items() if name not in CONSTANT}
    need(shown == want, "nstat shows other numbers", str(sorted(set(shown.items()) ^ set(want.items()))))
    return len(shown)
