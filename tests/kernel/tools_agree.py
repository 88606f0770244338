#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One host under traffic, and everybody who looks at it: at a standstill nstat, ss, netstat, sysctl, node_exporter, Prometheus (which
scrapes the host and that node_exporter) and tshark (the host's own capture) show the numbers of `halfopen counters --json`.  Then the
alert rules and the dashboard, in that Prometheus.  A program that is absent is named, and the test is skipped then: all others have
been compared.  Argument: the program halfopen; root."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from host_lab import (ADDR, HALFOPEN, counters, host_start, in_a_namespace_of_our_own, need, nstat_shows, run, skip, standstill, stop,
                      traffic_start, until)

METRICS, EXPORTER, PROMETHEUS = "127.0.0.1:9464", "127.0.0.1:9465", "127.0.0.1:9466"
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
NODE_EXPORTER = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter") or "prometheus-node-exporter"
running, absent = [], set()


def has(program):
    if shutil.which(program) is None:
        absent.add(program)
        return False
    return True


def seen_with(*words):
    """What a tool prints that looks at the host."""
    done = subprocess.run([HALFOPEN, "with", "ho0", "--", *words], capture_output=True, text=True, timeout=30)
    need(done.returncode == 0 and done.stderr == "", f"with ho0 -- {' '.join(words)}: {done.returncode}", done.stdout + done.stderr)
    return done.stdout


def start(folder, *command):
    log = open(folder / f"log{len(running)}", "w+")
    running.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))


def asked(url):
    with urllib.request.urlopen(f"http://{url}", timeout=5) as r:
        return r.read().decode()


def answers(url):
    try:
        return asked(url) or True
    except OSError:
        return False


# ---- ss

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


def ss_lists():
    for words, states in ((("-ltn",), {"LISTEN"}), (("-tan",), None), (("-tn",), {"ESTAB", "CLOSE-WAIT", "FIN-WAIT-2"}),
                          (("-tn", "state", "time-wait"), {"TIME-WAIT"})):
        want = {k: (r["state"], r["recv_q"], r["send_q"]) for k, r in tcp_sockets(states).items()}
        if "state" in words:
            shown = seen_with("ss", "-H", *words).split()
            shown = {(local, peer): ("TIME-WAIT", int(r), int(s)) for r, s, local, peer in zip(*[iter(shown)] * 4)}
        else:
            shown = {k: row[:3] for k, row in ss_rows(*words).items()}
        need(shown == want and want, f"ss {' '.join(words)} shows {shown}, not {want}")


def sum_in(rows, state, pattern):
    return sum(int(n) for row in rows.values() if row[0] == state for n in re.findall(pattern, row[3]))


def ss_shows(truth):
    ss_lists()
    rows, want = ss_rows("-tanmi"), tcp_sockets()
    need(rows.keys() == want.keys(), "ss -tanmi shows other sockets", str(rows.keys() ^ want.keys()))
    for key, row in want.items():
        if "skmem" not in row or row["state"] == "TIME-WAIT":
            continue
        m = row["skmem"]
        memory = f"skmem:(r{m['r']},rb{m['rb']},t{m['t']},tb{m['tb']},f{m['f']},w{m['w']},o0,bl0,d{m['d']})"
        need(memory in rows[key][3], f"ss -tanmi: {key} has {memory}", rows[key][3])
    echo = next(row[3] for (local, _), row in rows.items() if local == f"{ADDR}:9001" and row[0] == "ESTAB")
    again = 5 * truth["TcpRetransSegs"]  # what was lost is of 5 bytes
    for words in (f"bytes_sent:{5005 + again} ", f"bytes_retrans:{again} ", "bytes_acked:5005 ", "bytes_received:5005 ", "cubic", "wscale:", "snd_wnd:"):
        need(words in echo, f"ss -tanmi says {words}", echo)
    need(any("unacked:2" in row[3] for row in rows.values() if row[0] == "LISTEN"), "ss -i says how full the accept queue is")
    open_ = [row for row in rows.values() if row[0] in ("ESTAB", "CLOSE-WAIT")]
    for what, shown, name in (("open connections", len(open_), "TcpCurrEstab"),
                              ("drops of listeners", sum_in(rows, "LISTEN", r",d(\d+)\)"), "TcpExtListenDrops"),
                              ("retransmissions", sum_in(rows, "ESTAB", r"retrans:\d+/(\d+)"), "TcpRetransSegs")):
        need(shown == truth[name], f"ss -tanmi shows {shown} {what}, and {name} is {truth[name]}")

    summary = seen_with("ss", "-s")
    udp = re.search(r"^UDP\s+(\d+)", summary, re.M)
    found = re.search(r"estab (\d+), closed (\d+), orphaned (\d+), timewait (\d+)", summary)
    buckets = sum(r["state"] == "TIME-WAIT" for r in want.values())
    need(found and int(found[1]) == truth["TcpCurrEstab"] and int(found[4]) == buckets == 1 and udp[1] == "1",
         "ss -s has the sums", summary)
    need(re.fullmatch(r"UNCONN 0 +0 +0.0.0.0:53 +0.0.0.0:\*\s*", seen_with("ss", "-Huan")), "ss -uan shows the UDP socket")
    return len(rows)


# ---- netstat, sysctl

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
    text = seen_with("netstat", "-s")
    shown = {m[2]: int(m[1]) for m in re.finditer(r"^ +(\d+) (.*)$", text, re.M)}
    shown |= {m[1]: int(m[2]) for m in re.finditer(r"^ +(.*): (\d+)$", text, re.M)}
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
    return len(shown)


# ---- node_exporter, Prometheus

def node_exporter_start(folder):
    start(folder, HALFOPEN, "with", "ho0", "--", NODE_EXPORTER, f"--web.listen-address={EXPORTER}", "--collector.disable-defaults",
          "--collector.netstat", "--collector.netstat.fields=.*", "--collector.sockstat")


def of_counters(pairs):
    """{IpInReceives: value} of node_netstat_Ip_InReceives"""
    return {name.replace("_", "", 1): float(value) for name, value in pairs if not re.match("(Ip|Icmp|Udp|UdpLite)6_", name)}


def difference(shown, truth):
    want = {name: float(value) for name, value in truth.items()}
    return str(sorted(set(shown.items()) ^ set(want.items())))


def node_exporter_shows(truth):
    text = until("node_exporter answers", 10, lambda: answers(f"{EXPORTER}/metrics"))
    shown = of_counters(re.findall(r"^node_netstat_(\w+) (\S+)$", text, re.M))
    need(shown == truth, "node_exporter shows other numbers", difference(shown, truth))
    need("node_sockstat_TCP_tw 1\n" in text, "node_exporter shows sockstat")
    return len(shown)


def prometheus_start(folder):
    jobs = [("halfopen", METRICS)] + ([("node", EXPORTER)] if has(NODE_EXPORTER) else [])
    (folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 300ms, scrape_timeout: 300ms, evaluation_interval: 300ms}}
rule_files: [{DOCS / 'alerts.yml'}]
scrape_configs: [{', '.join(f"{{job_name: {job}, static_configs: [{{targets: ['{at}']}}]}}" for job, at in jobs)}]
""")
    start(folder, shutil.which("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
          f"--web.listen-address={PROMETHEUS}")
    until("prometheus is ready", 10, lambda: answers(f"{PROMETHEUS}/-/ready"))
    until("a first scrape", 10, lambda: query("node_netstat_Tcp_InSegs"))  # before anything happens: an alert is of a change
    return [job for job, _ in jobs]


def api(path, **question):
    answer = json.loads(asked(f"{PROMETHEUS}/api/v1/{path}?" + urllib.parse.urlencode(question)))
    need(answer["status"] == "success", f"prometheus answers {path}", str(answer))
    return answer["data"]


def query(expression):
    return [(r["metric"], float(r["value"][1])) for r in api("query", query=expression)["result"]]


def prometheus_shows(truth, jobs, still):
    until("each is scraped at the standstill", 10,
          lambda: sum(v > still + 0.05 for _, v in query("timestamp(node_netstat_Tcp_InSegs)")) == len(jobs))
    for job in jobs:
        shown = of_counters((m["__name__"].removeprefix("node_netstat_"), v)
                            for m, v in query(f'{{__name__=~"node_netstat_.+",job="{job}"}}'))
        need(shown == truth, f"Prometheus shows other numbers of {job}", difference(shown, truth))
    for target in api("targets")["activeTargets"]:
        need(target["health"] == "up" and target["lastError"] == "", "a target is up", str(target))
    need(query('avg_over_time(up{job="halfopen"}[20s])')[0][1] > 0.8, "scrapes do not fail")
    return len(truth) * len(jobs)


def prometheus_shows_listeners():
    listeners = json.loads(run(HALFOPEN, "sockets", "--listen", "--json"))["listeners"]
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
            shown = seen.get((name, cause, row["local"], str(row["fd"])))
            need(shown == value(row), f"Prometheus shows {name} {cause}: {shown}", str(row))
    kinds = {name: what[0]["type"] for name, what in api("metadata").items()}
    # node_exporter's type of the same name is untyped, which Prometheus calls unknown
    need(kinds["node_netstat_TcpExt_ListenDrops"] == "unknown" and kinds["halfopen_listener_drops"] == "counter", "types", str(kinds))
    return len(listeners) * len(wanted)


def alerts_are_raised():
    """Of what happened at port 9000: turned away, which has happened at once; nearly full, which must last."""
    overflow, full = (("HalfopenAcceptQueueOverflows", "9000", "firing"), ("HalfopenAcceptQueueNearLimit", "9000", "pending"))
    raised = set()

    def both():
        raised.clear()
        raised.update((a["labels"]["alertname"], a["labels"].get("port"), a["state"]) for a in api("alerts")["alerts"])
        return {overflow, full} <= raised

    until("alerts", 5, both)
    need({a for a in raised if a[2] == "firing"} == {overflow}, "no other alert fires", str(raised))
    groups = api("rules")["groups"]
    need(groups and all(rule["health"] != "err" for g in groups for rule in g["rules"]), "the rules are fine", str(groups))
    print("alerts: the overflow fires, the full queue is pending, no other fires")


def dashboard_is_drawn():
    """Prometheus understands each expression of the dashboard, and each shows something."""
    board = json.loads((DOCS / "grafana-dashboard.json").read_text())
    drawn = 0
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*").replace("$port", ".*")
            need(query(expression), f"{panel['title']}: {expression} shows something")
            drawn += 1
    print(f"dashboard: {drawn} expressions, each shows something")


# ---- tshark

FIELDS = ("ip.src", "ip.len", "ip.proto", "tcp.len", "tcp.flags.syn", "tcp.flags.reset", "tcp.analysis.retransmission", "tcp.dstport",
          "udp.dstport", "icmp.type", "frame.comment", "ip.checksum.status", "tcp.checksum.status", "_ws.malformed")
TCP, UDP, ICMP, MSS = "6", "17", "1", 1448


def packets_of(pcap, still):
    """What tshark tells of the packets before the standstill: rows by field, of the outer header."""
    words = [w for f in FIELDS for w in ("-e", f)]
    text = run("tshark", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "--disable-protocol", "dns", "-r", pcap, "-Y", f"ip && frame.time_epoch < {still:.6f}", "-T", "fields", *words, "-E", "occurrence=a",
               "-E", "separator=\x1f", "-E", "aggregator=\x1e", env={**os.environ, "HOME": os.path.dirname(pcap)})
    rows = [dict(zip(FIELDS, line.split("\x1f"))) for line in text.split("\n") if "\x1f" in line]
    for row in rows:
        row |= {field: row[field].split("\x1e")[0] for field in FIELDS if field != "frame.comment"}
    return rows


def segments(row):
    """A super-frame is several, each with timestamps."""
    return max(1, -(-int(row["tcp.len"]) // MSS))


def tshark_counts(rows):
    """{counter: number}, by the headers alone"""
    ours = [r for r in rows if r["ip.src"] == ADDR]
    theirs = [r for r in rows if r["ip.src"] != ADDR]
    out, into = [r for r in ours if r["ip.proto"] == TCP], [r for r in theirs if r["ip.proto"] == TCP]
    again = [r for r in out if r["tcp.analysis.retransmission"]]
    refused = [r for r in theirs if r["udp.dstport"] == "54"]
    return {"IpInReceives": len(theirs), "IpExtInOctets": sum(int(r["ip.len"]) for r in theirs),
            "IpOutTransmits": len(ours), "IpExtOutOctets": sum(int(r["ip.len"]) for r in ours),
            "TcpInSegs": len(into), "TcpOutSegs": sum(segments(r) for r in out if r not in again),
            "TcpRetransSegs": sum(segments(r) for r in again), "TcpOutRsts": sum(r["tcp.flags.reset"] in ("1", "True") for r in out),
            "UdpNoPorts": len(refused), "UdpInDatagrams": sum(r["ip.proto"] == UDP for r in theirs) - len(refused),
            "UdpOutDatagrams": sum(r["ip.proto"] == UDP for r in ours), "IcmpOutMsgs": sum(r["ip.proto"] == ICMP for r in ours),
            "IcmpOutDestUnreachs": sum(r["icmp.type"] == "3" for r in ours), "IcmpInEchos": sum(r["icmp.type"] == "8" for r in theirs)}


def connections(rows):
    """By the SYNs: each becomes a connection, is dropped, or is refused."""
    return sum(r["ip.src"] != ADDR and r["tcp.flags.syn"] in ("1", "True") for r in rows)


def comments_sum(rows, names):
    """What the comments say was counted, all of it together."""
    total = dict.fromkeys(names, 0)
    for row in rows:
        for name, moved in re.findall(r"\b(\w+) ([+-]\d+)", row["frame.comment"]):
            if name in total:
                total[name] += int(moved)
    return total


def tshark_shows(truth, pcap, still):
    rows = packets_of(pcap, still)
    for name, number in tshark_counts(rows).items():
        need(number == truth[name] and number > 0, f"tshark shows {number}, and {name} is {truth[name]}")
    need(connections(rows) == truth["TcpPassiveOpens"] + truth["TcpExtListenDrops"] + truth["TcpOutRsts"], "each SYN went somewhere")
    constant = {n for n in truth if n in ("IpForwarding", "IpDefaultTTL", "TcpRtoAlgorithm", "TcpRtoMin", "TcpRtoMax", "TcpMaxConn")}
    summed = comments_sum(rows, truth.keys() - constant)
    need(summed == {n: truth[n] for n in summed}, "the comments sum up to other numbers",
         str({n: (v, truth[n]) for n, v in summed.items() if v != truth[n]}))
    for row in rows:
        need(row["ip.checksum.status"] == "1" and row["tcp.checksum.status"] in ("", "1") and not row["_ws.malformed"],
             "nothing in the capture is wrong", str(row))
    return len(rows), len(summed)


# ---- all of them

def main():
    in_a_namespace_of_our_own()
    folder = pathlib.Path(tempfile.mkdtemp())
    os.environ["HALFOPEN_RUN"] = str(folder)
    try:
        pcap = str(folder / "host.pcapng")
        host = host_start("--metrics", METRICS, "--pcap", pcap)
        running.append(host)
        if has(NODE_EXPORTER):
            node_exporter_start(folder)
        jobs = prometheus_start(folder) if has("prometheus") else None
        running.append(traffic_start())
        truth, still = standstill(), time.time()
        need(truth["TcpExtListenOverflows"] > 0 and truth["IcmpOutDestUnreachs"] > 0 and truth["TcpRetransSegs"] > 0,
             "something has happened", str(truth))
        if has("nstat"):
            print(f"nstat shows {nstat_shows(truth, seen_with('nstat', '-aszj'))} counters as the host has them")
        if has("ss"):
            print(f"ss shows {ss_shows(truth)} sockets, with their memory and tcp_info, and the sums")
        if has("netstat"):
            print(f"netstat shows {netstat_shows(truth)} numbers")
        if has("sysctl"):
            print(f"sysctl shows {sysctl_shows()} sysctls")
        if has(NODE_EXPORTER):
            print(f"node_exporter shows {node_exporter_shows(truth)} counters")
        if jobs is not None:
            print(f"Prometheus shows {prometheus_shows(truth, jobs, still)} counters of {' and '.join(jobs)}, "
                  f"{prometheus_shows_listeners()} numbers of listeners")
            alerts_are_raised()
            dashboard_is_drawn()
        need(counters() == truth, "looking moves nothing")
        stop(host)  # what a capture has not written yet is written now
        if has("tshark"):
            print("tshark shows %d packets, and in their comments %d counters" % tshark_shows(truth, pcap, still))
        if absent:
            skip(f"not installed: {', '.join(sorted(absent))} (all others show the same numbers)")
    except BaseException as end:
        for log in sorted(folder.glob("log*")) if getattr(end, "code", None) != 77 else ():
            print(f"-- {log.name}:\n" + log.read_text()[-1500:])
        raise
    finally:
        for p in reversed(running):
            if p.poll() is None:
                stop(p, "kill" if p.stdin else "terminate")
        shutil.rmtree(folder, ignore_errors=True)


main()
