#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The real node_exporter reads a stack's /proc files: what it exports is, name by name, type by type and value by value, what
the stack exports itself. Both of the stack's formats are read by parsers that are not ours. Argument: the program procfs_dump."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

# Of the machine, not of a stack without IPv6 and MPTCP; or of node_exporter itself.
NOT_OURS = re.compile(r"node_(netstat_(\w+6_|MPTcpExt_)|sockstat_\w+6_|scrape_|exporter_)|(go|process|promhttp)_")
EXPORTER = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def parse(text):
    """A text of format 0.0.4 -> {name: type}, {series: value}"""
    types, values = {}, {}
    for line in text.splitlines():
        if m := re.match(r"# TYPE (\S+) (\S+)$", line):
            types[m[1]] = m[2]
        elif m := re.match(r"([a-zA-Z_]\w*(?:\{.*\})?) (\S+)$", line):
            assert m[1] not in values, f"{m[1]} twice"
            values[m[1]] = float(m[2])
        else:
            assert line.startswith("# HELP "), line
    return types, values


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def exported(folder, sysctls):
    port = free_port()
    include = [f"--collector.sysctl.include={name}" for name in sysctls]
    log = open(folder / "log", "w+")
    p = subprocess.Popen([EXPORTER, f"--path.procfs={folder}", f"--web.listen-address=127.0.0.1:{port}",
                          "--collector.disable-defaults", "--collector.netstat", "--collector.netstat.fields=.*",
                          "--collector.sockstat", "--collector.sysctl", *include], stdout=log, stderr=log)
    try:
        for _ in range(100):
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
            except OSError:
                assert p.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
        sys.exit("node_exporter does not answer: " + (folder / "log").read_text())
    finally:
        p.terminate()
        p.wait(10)


def same_as_node_exporter(folder, ours):
    types, values = parse(ours)
    sysctls = {}
    for series in values:
        if m := re.match(r'node_sysctl_(net_(?:core|ipv4))_(\w+)', series):
            sysctls.setdefault((m[1].replace("_", "."), m[2]), []).append(str(int(values[series])))
    for (group, name), numbers in sysctls.items():
        file = folder / "sys" / group.replace(".", "/") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\t".join(numbers) + "\n")
    their_types, their_values = parse(exported(folder, [f"{g}.{n}" for g, n in sysctls]))

    mine = {s: v for s, v in values.items() if s.startswith("node_")}
    theirs = {s: v for s, v in their_values.items() if not NOT_OURS.match(s)}
    wrong = [f"{s}: we say {mine.get(s)}, node_exporter {theirs.get(s)}" for s in sorted({*mine, *theirs})
             if mine.get(s) != theirs.get(s)]
    wrong += [f"{name}: we say {t}, node_exporter {their_types.get(name)}" for name, t in types.items()
              if name.startswith("node_") and their_types.get(name) != t]
    if wrong:
        sys.exit("\n".join(wrong))
    assert values["node_netstat_Tcp_PassiveOpens"] == 1 and len(mine) > 250, len(mine)
    print(f"node_exporter: the same {len(mine)} series, values and types")


def openmetrics_is_valid(text):
    sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, if this Python is another one
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        print("python3-prometheus-client is not installed: OpenMetrics is not parsed by it")
        return
    families = list(text_string_to_metric_families(text))
    types = {f.name: f.type for f in families}
    assert len(types) == len(families)
    assert types["halfopen_listener_drops"] == "counter" and types["halfopen_build"] == "info", types
    assert types["node_netstat_TcpExt_ListenDrops"] == "unknown", types
    samples = sum(len(f.samples) for f in families)
    print(f"prometheus_client: {len(families)} families, {samples} samples, all as OpenMetrics 1.0.0 wants them")


def prometheus_is_valid(text):
    """promtool parses, then complains of names that are none of ours to choose."""
    if shutil.which("promtool") is None:
        print("promtool is not installed: the text is not checked by it")
        return
    p = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=30)
    complaints = [line for line in p.stderr.splitlines() if not line.startswith("node_")]
    if complaints or p.returncode not in (0, 3):
        sys.exit(f"promtool check metrics: {p.returncode}\n" + "\n".join(complaints))
    print("promtool check metrics: nothing to say of our own names")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: node_exporter_test.py PROCFS_DUMP")
    dump = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([dump, folder], check=True, timeout=30)
        openmetrics_is_valid((folder / "metrics.om").read_text())
        prometheus_is_valid((folder / "metrics.prom").read_text())
        if EXPORTER is None:
            skip("node_exporter is not installed")
        same_as_node_exporter(folder, (folder / "metrics.prom").read_text())


os.environ["LC_ALL"] = "C"
main()
