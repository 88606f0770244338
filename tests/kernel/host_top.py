#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`halfopen top` in a terminal of 80x24, of a host whose clients are the kernel's: a program that never accepts, a queue with room,
clients that are turned away.  pyte is the terminal.  Argument: the program halfopen."""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time

try:
    import pyte
except ImportError:
    if not os.environ.get("HOST_TOP_AGAIN") and os.path.exists("/usr/bin/python3"):  # Debian's own, which has Debian's modules
        os.environ["HOST_TOP_AGAIN"] = "1"
        os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)
    print("skipped: python3-pyte is not installed")
    sys.exit(77)

HALFOPEN = os.path.realpath(sys.argv[1])
NS = f"hotop{os.getpid()}"
ADDR = "198.18.0.2"
UP, DOWN, F1, F4, F6, F10 = b"\x1bOA", b"\x1bOB", b"\x1bOP", b"\x1bOS", b"\x1b[17~", b"\x1b[21~"


def skip(why):
    print("skipped:", why)
    sys.exit(77)


class Terminal:
    """A program in a pseudo-terminal, and what its screen shows."""

    def __init__(self, args, rows=24, cols=80, locale="C.UTF-8", term="xterm-256color"):
        self.screen = pyte.Screen(cols, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM=term, LC_ALL=locale)
            for name in ("NO_COLOR", "COLUMNS", "LINES"):
                os.environ.pop(name, None)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.execv(HALFOPEN, [HALFOPEN, "top"] + args)

    def read(self, seconds):
        """Gives  False once the program has let go of the terminal."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.raw += data
        # pyte 0.8 does not know a sequence of xterm's for the keyboard, and would print a part of it.
        self.stream.feed(re.sub(rb"\x1b\[>[0-9;]*[a-zA-Z]", b"", data))
        return data != b""

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def see(self, what, seconds=10):
        """Waits until the screen shows it: a pattern, or a function of the lines."""
        test = what if callable(what) else lambda lines: re.search(what, "\n".join(lines), re.M)
        until = time.monotonic() + seconds
        while not (found := test(self.lines())):
            left = until - time.monotonic()
            assert left > 0, f"not seen: {what}\n{self.text()}"
            assert self.read(left), f"ended before it showed: {what}\n{self.text()}"
        return found

    def type(self, keys):
        os.write(self.fd, keys)

    def resize(self, rows, cols):
        self.screen.resize(rows, cols)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def ends(self, seconds=5):
        """Gives  the exit status."""
        until = time.monotonic() + seconds
        while self.read(max(until - time.monotonic(), 0)):
            assert time.monotonic() < until, f"does not end\n{self.text()}"
        pid, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def bar(line, number=0):
    """The number-th bar of a line: filled columns, its width, now, limit."""
    inside, now, limit = re.findall(r"\[(.*?) +(\d+)/(\d+)\]", line)[number]
    whole = len(re.search(r"\[.*?\]", line).group())
    filled = sum(c in "|█▉▊▋▌▍▎▏" for c in inside)
    return filled, whole, int(now), int(limit)


def line_of(terminal, word):
    lines = [line for line in terminal.lines() if word in line]
    assert lines, f"no line of {word}\n{terminal.text()}"
    return lines[0]


def first_listener(lines):
    return next((line[1:] for line in lines if line[1:].startswith("0.0.0.0:") and "[" in line), "")


def clients():
    """In the namespace: 2 of 4 clients get into the queue of 9000, 5 into that of 9001; the rest knock again and again."""
    return subprocess.Popen(["ip", "netns", "exec", NS, sys.executable, "-c", f"""
import socket, time
kept = []
for port, count in ((9000, 4), (9001, 5)):
    for i in range(count):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("{ADDR}", port))
        kept.append(s)
        time.sleep(0.02)
print("there", flush=True)
while True:
    s = socket.create_connection(("{ADDR}", 80), 5)
    s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    while s.recv(4096):
        pass
    s.close()
    time.sleep(0.05)
"""], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def the_screen_of_80x24_has_bars_drops_and_counters(t):
    t.see(r"full \(limit: listen\(1\)\): the program has never accepted")
    t.see(r"^ +\d+ +\d+\.\d/s  a SYN met a full accept queue")
    full, part, idle = (line_of(t, f"0.0.0.0:{port} ") for port in (9000, 9001, 80))
    filled, whole, now, limit = bar(full)
    assert (now, limit) == (2, 2) and filled == whole - 3 - len("0/129"), full
    filled, whole, now, limit = bar(part)
    assert (now, limit) == (5, 11) and 2 <= filled < (whole - 2) * 0.6, part
    assert bar(idle)[0] == 0 and bar(idle)[3] == 129, idle
    assert bar(full, 1)[3] == 2, full
    t.see(r"^.TcpInSegs +\d+ +[1-9]\d*\.\d  \w+")
    t.see(r"^.TcpExtListenDrops +\d+ ")
    t.see(r"^.0\.0\.0\.0:80 .* [1-9]\d*\.\d +0\.0 +0$")  # accepted, a second
    assert all(len(line) <= 80 for line in t.lines())
    assert re.search(r"F1Help .*F10Quit", t.lines()[23]), t.lines()[23]
    assert b"\x1b[31" in t.raw or b";31" in t.raw, "no red"


def keys_do_what_those_of_htop_do(t):
    assert line_of(t, "0.0.0.0:80 ")[0] == ">", t.text()
    t.type(DOWN)
    t.see(r"^>0\.0\.0\.0:9000 ")
    t.type(UP)
    t.see(r"^>0\.0\.0\.0:80 ")
    t.type(F6)
    t.see(r"Sort by")
    t.type(DOWN * 5 + b"\r")
    t.see(lambda lines: first_listener(lines).startswith("0.0.0.0:9000 "))
    t.type(b"I")
    t.see(lambda lines: first_listener(lines).startswith(("0.0.0.0:80 ", "0.0.0.0:9001 ")))
    t.type(b"I\\Listen\r")
    t.see(r"filter: Listen")
    t.see(lambda lines: any("TcpExtListenDrops" in l for l in lines) and not any("TcpInSegs" in l for l in lines))
    t.type(b"\x1b")
    t.see(r"TcpInSegs")
    t.type(F1)
    t.see(r"halfopen top: keys")
    t.type(b"x")
    t.see(r"^.0\.0\.0\.0:9001 ")
    t.type(b"/9000\r")
    t.see(r"^>0\.0\.0\.0:9000 ")
    t.type(b"\r")
    t.see(r"never taken a connection")  # halfopen why
    t.type(b"q")
    t.see(r"^>0\.0\.0\.0:9000 ")
    t.type(b"\t/TcpInSegs\r")
    t.see(r"^>TcpInSegs ")
    t.type(b"\r")
    t.see(r"halfopen explain TcpInSegs")
    t.type(b"\x1b")
    t.see(r"^>TcpInSegs ")
    t.type(b"\t")


def a_pause_holds_the_numbers(t):
    t.type(b" ")
    t.see(r"PAUSED")
    held = line_of(t, "TcpInSegs")
    until = time.monotonic() + 0.8
    while time.monotonic() < until:
        t.read(0.1)
    assert line_of(t, "TcpInSegs") == held
    t.type(b" ")
    t.see(lambda lines: "PAUSED" not in lines[0] and not any(held in l for l in lines))


def every_size_fits(t):
    for rows, cols in ((50, 160), (10, 40), (3, 12), (1, 1), (24, 80)):
        t.resize(rows, cols)
        if rows >= 10:
            t.see(lambda lines: len(lines) == rows and "halfopen top" in lines[0] and "0.0.0.0:9000" in "\n".join(lines))
            t.see(lambda lines: "F1Help" in lines[-1])
        else:
            t.read(0.2)
    wide = bar(line_of(t, "0.0.0.0:9001 "))
    assert wide[2:] == (5, 11), wide


def without_colour_and_utf8_it_is_all_there(run):
    t = run(["-C", "-d", "0.2"], locale="C", term="vt100")
    t.see(r"^.0\.0\.0\.0:9000 \[\|+ +2/2\]")
    t.see(r"^.0\.0\.0\.0:9001 \[\|+ +5/11\]")
    assert not re.search(rb"\x1b\[[0-9;]*3[1-7]m", t.raw), "colour"
    assert max(t.raw) < 128, "not ASCII"
    t.type(b"q")
    assert t.ends() == 0


def once_prints_a_screen_for_scripts(run):
    out = subprocess.run([HALFOPEN, "top", "--once", "-d", "0.3", "--filter", "9000"], stdout=subprocess.PIPE, check=True,
                         env=dict(os.environ, COLUMNS="100", LC_ALL="C"), timeout=10).stdout.decode("ascii")
    assert re.search(r"^ 0\.0\.0\.0:9000 \[\|+ +2/2\] \[.* +\d/2\]", out, re.M), out
    assert "0.0.0.0:80 " not in out and "\x1b" not in out and not out.endswith("\n\n"), out
    for args, status, words in ((["--sort", "x"], 2, "--sort x"), (["-d", "0"], 2, "-d 0"), (["ho7"], 2, "ho7"), ([], 2, "--once"),
                                (["-n", "2"], 2, "--batch"), (["ho0", "ho1"], 2, "one host")):
        p = subprocess.run([HALFOPEN, "top"] + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=10)
        assert p.returncode == status and words in p.stderr.decode(), (args, p)


def a_host_that_does_not_answer_keeps_nobody_waiting(run, pid):
    t = run(["-d", "0.2"])
    t.see(r"0\.0\.0\.0:9001")
    os.kill(pid, signal.SIGSTOP)
    try:
        t.see(r"the host has not answered for \d s")
        t.type(DOWN)
        t.see(r"^>0\.0\.0\.0:9000 ", 3)
    finally:
        os.kill(pid, signal.SIGCONT)
    t.see(r"^F1Help")
    os.kill(pid, signal.SIGSTOP)
    try:
        t.see(r"the host has not answered for \d s")
        t.type(b"q")
        assert t.ends(3) == 0
    finally:
        os.kill(pid, signal.SIGCONT)


def a_signal_leaves_the_terminal_as_it_was(run):
    t = run([])
    t.see(r"0\.0\.0\.0:9001")
    os.kill(t.pid, signal.SIGTERM)
    assert t.ends() == 0
    assert b"\x1b[?1049l" in t.raw


def the_host_ends_and_it_says_so(t, batch, host):
    host.terminate()
    assert host.wait(5) == 0
    assert t.ends() == 0
    assert "halfopen top: ho0 has ended" in t.text(), t.text()
    assert b"\x1b[?1049l" in t.raw, "the terminal is as it was"
    assert batch.wait(5) == 1 and b"has ended" in batch.stderr.read()


def wait_for(path):
    until = time.monotonic() + 10
    while not os.path.exists(path):
        assert time.monotonic() < until, f"there is no {path}"
        time.sleep(0.05)


def main():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("ip"):
        skip("needs root, /dev/net/tun and ip")
    if subprocess.run(["ip", "netns", "add", NS], stderr=subprocess.DEVNULL).returncode:
        skip("network namespaces are not allowed here")
    run_dir = os.environ["HALFOPEN_RUN"] = tempfile.mkdtemp()
    started, terminals = [], []

    def run(args, **more):
        terminals.append(Terminal(args, **more))
        return terminals[-1]

    try:
        host = subprocess.Popen(["ip", "netns", "exec", NS, HALFOPEN, "host", "--tun", "ho0", "--addr", f"{ADDR}/24",
                                 "--kernel-addr", "198.18.0.1/24", "--listen", "9000,backlog=1,app=noaccept", "--listen",
                                 "9001,backlog=10,app=noaccept", "--listen", "80,app=http"], stdout=subprocess.DEVNULL)
        started.append(host)
        wait_for(f"{run_dir}/ho0.sock")
        started.append(clients())
        assert started[-1].stdout.readline() == b"there\n"
        t = run(["-d", "0.3"])
        the_screen_of_80x24_has_bars_drops_and_counters(t)
        keys_do_what_those_of_htop_do(t)
        a_pause_holds_the_numbers(t)
        every_size_fits(t)
        t.type(F10)
        assert t.ends() == 0
        without_colour_and_utf8_it_is_all_there(run)
        once_prints_a_screen_for_scripts(run)
        a_host_that_does_not_answer_keeps_nobody_waiting(run, host.pid)
        a_signal_leaves_the_terminal_as_it_was(run)
        batch = subprocess.Popen([HALFOPEN, "top", "-b", "-n", "1000", "-d", "0.2"], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        started.append(batch)
        t = run(["-d", "0.2"])
        t.see(r"0\.0\.0\.0:9001")
        the_host_ends_and_it_says_so(t, batch, host)
    finally:
        for t in terminals:
            t.kill()
        for p in reversed(started):
            p.kill()
            p.wait()
        subprocess.run(["ip", "netns", "del", NS])
        shutil.rmtree(run_dir)
    print("bars, keys, sizes, colours, text, the end of the host: as expected")


main()
