#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/grafana-dashboard.json, docs/alerts.yml and docs/METRICS.md speak of metrics that are there, by labels that they have; each
alert has its tests, and promtool runs them. Arguments: the root of the source, the program procfs_dump."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1])
NAME = re.compile(r"\b(?:halfopen|node)_(?!exporter)[a-z]\w*")
SELECTOR = re.compile(r"\b((?:halfopen|node)_[a-z]\w*)\s*\{([^{}]*)\}")
BY_PROMETHEUS = {"instance", "job"}
wrong = []


def export():
    """The names and the labels of what a stack with a listener exports."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[2], folder], check=True, timeout=30)
        text = (pathlib.Path(folder) / "metrics.om").read_text()
    names = {}
    for m in re.finditer(r"^([a-z]\w*)(?:\{(.*)\})? \S+$", text, re.M):
        names.setdefault(m[1], set()).update(re.findall(r'(\w+)="', m[2] or ""))
    return names


def expression_check(where, expression):
    for name in NAME.findall(expression):
        if name not in names:
            wrong.append(f"{where}: nothing exports {name}")
    for name, selector in SELECTOR.findall(expression):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector):
            if label not in names.get(name, ()) and label not in BY_PROMETHEUS:
                wrong.append(f"{where}: {name} has no label {label}")


def dashboard_check():
    board = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    variables = {v["name"] for v in board["templating"]["list"]} | {"__rate_interval"}
    places, count = set(), 0
    for panel in board["panels"]:
        where = f"dashboard, {panel['title']}"
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if cells & places or at["x"] + at["w"] > 24:
            wrong.append(f"{where}: it covers another panel, or is too wide")
        places |= cells
        if panel["type"] != "row" and not panel["targets"]:
            wrong.append(f"{where}: it shows nothing")
        for target in panel.get("targets", ()):
            count += 1
            expression_check(where, target["expr"])
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                if not any(label in names.get(n, ()) for n in NAME.findall(target["expr"])) and label not in BY_PROMETHEUS:
                    wrong.append(f"{where}: {label} in its legend is no label of {target['expr']}")
            for variable in re.findall(r"\$\{?(\w+)", target["expr"]):
                if variable not in variables:
                    wrong.append(f"{where}: no variable ${variable}")
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            expression_check(f"dashboard, ${variable['name']}", variable["query"]["query"])
            if not re.search(r", (instance|port)\)$", variable["query"]["query"]):
                wrong.append(f"dashboard: ${variable['name']} asks for no label")
    ids = [p["id"] for p in board["panels"]]
    if len(set(ids)) != len(ids):
        wrong.append("dashboard: two panels with one id")
    return f"{count} expressions of the dashboard"


def alerts_check():
    rules = (ROOT / "docs" / "alerts.yml").read_text()
    tests = (ROOT / "tests" / "house" / "alerts_test.yml").read_text().split("\n  - name: ")
    alerts = re.findall(r"^ +- alert: (\w+)$", rules, re.M)
    for part in rules.split("- alert: ")[1:]:
        expression = re.search(r"expr: (.*?)\n +(?:for|labels):", part, re.S)[1]
        expression_check(f"alert {part.split()[0]}", expression)
    for alert in alerts:
        mine = [t for t in tests if t.startswith(alert + "\n")]
        fires = [t for t in mine if re.search(rf"alertname: {alert}\n +exp_alerts:", t)]
        silent = [t for t in mine if f"alertname: {alert}}}" in t]
        if not fires or not silent:
            wrong.append(f"alert {alert}: its tests must show it firing, and not firing")
    return f"{len(alerts)} alerts"


def manual_check():
    text = (ROOT / "docs" / "METRICS.md").read_text()
    said = {name.rstrip("_") for name in NAME.findall(text)}
    for name in sorted(said):
        if name not in names and not any(n.startswith(name + "_") for n in names):
            wrong.append(f"docs/METRICS.md: nothing exports {name}")
    for name in names:
        if name.startswith("halfopen_") and name not in said:
            wrong.append(f"docs/METRICS.md does not tell of {name}")


def promtool(*arguments):
    p = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)
    if p.returncode != 0:
        wrong.append(f"promtool {' '.join(map(str, arguments))}:\n{p.stdout}{p.stderr}")


names = export()
done = f"{dashboard_check()} and {alerts_check()} speak of what is there"
manual_check()
has_promtool = shutil.which("promtool") is not None
if has_promtool:
    promtool("check", "rules", ROOT / "docs" / "alerts.yml")
    promtool("test", "rules", ROOT / "tests" / "house" / "alerts_test.yml")
print("\n".join(wrong) if wrong else done)
if not wrong and not has_promtool:
    print("skipped: promtool (Debian: prometheus) is not installed, the alerts are not run")
    sys.exit(77)
sys.exit(1 if wrong else 0)
