#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A host's published files: sysctls set by writing, inet_diag's replies beside the kernel's, who may look, rubbish on the control
socket and in the files, and the same through FUSE.  (What the tools show: tools_agree.py.)  Argument: the program halfopen; root."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from host_lab import HALFOPEN, host_start, in_a_namespace_of_our_own, need, nstat_shows, run, standstill, stop, traffic_start, until

# ---- a sysctl is written

def a_sysctl_can_be_written():
    run(HALFOPEN, "with", "ho0", "--", "sysctl", "-w", "net.ipv4.tcp_syncookies=0")
    until("tcp_syncookies becomes 0", 5, lambda: run(HALFOPEN, "sysctl", "-n", "net.ipv4.tcp_syncookies") == "0\n")


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
    until("what holds is written back", 5,
          lambda: open(f"{published}/sys/net/ipv4/tcp_syn_retries", encoding="latin-1").read() == "6\n")
    need(run(HALFOPEN, "sysctl", "-n", "net.ipv4.tcp_syn_retries") == "6\n", "rubbish in a file sets nothing")


def nothing_runs_where_the_files_are_not_seen(mount):
    """Another mount namespace, as `ip netns exec` makes one: the command would look at the machine."""
    for how in ((), ("--env",)):
        done = subprocess.run(["unshare", "-m", "sh", "-c", 'umount -l "$1"; shift; exec "$@"', "sh", mount, HALFOPEN, "with", *how,
                               "ho0", "--", "echo", "it runs"], capture_output=True, text=True, timeout=30)
        need(done.returncode == 1 and done.stdout == "" and "mount namespace" in done.stderr, "with refuses",
             (done.returncode, done.stdout, done.stderr))


def fuse_shows(truth, mount):
    env = {"PROC_ROOT": mount, "NSTAT_HISTORY": f"{mount}.history"}
    nstat_shows(truth, run("nstat", "-aszj", env={**os.environ, **env}))
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
    listener = subprocess.Popen([sys.executable, "-c", "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 9)); "
                                 "s.listen(); print(1, flush=True); sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    listener.stdout.readline()
    theirs = run(sys.executable, "-c", DIAG, "-")
    mine = run(sys.executable, "-c", DIAG, f"{published}/net/tcpdiag")
    stop(listener, "kill")
    need(mine == theirs and mine.count("True") == 1 and mine.count("False") == 1, "inet_diag's attributes are the kernel's", mine + theirs)
    print("inet_diag replies have the kernel's attributes, in its order, of its lengths")


def main():
    in_a_namespace_of_our_own("nstat", "ss", "netstat", "sysctl", "setpriv")
    run_dir = tempfile.mkdtemp()
    os.chmod(run_dir, 0o755)  # what keeps others out is the host's own doing
    os.environ["HALFOPEN_RUN"] = run_dir
    host = traffic = None
    try:
        host = host_start()
        traffic = traffic_start()
        published = run(HALFOPEN, "with", "--env", "ho0", "--", "sh", "-c", "printf %s \"$PROC_ROOT\"")
        a_sysctl_can_be_written()
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
        nothing_runs_where_the_files_are_not_seen(mount)
        stop(host)
        need(os.listdir(mount) == [], "the file system is unmounted")
        print("through FUSE, too")
    finally:
        for p in (traffic, host):
            if p is not None and p.poll() is None:
                p.kill()
                p.wait()
        subprocess.run(["umount", "-l", f"{run_dir}/mnt"], capture_output=True)
        shutil.rmtree(run_dir, ignore_errors=True)


main()
