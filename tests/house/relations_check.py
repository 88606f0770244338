#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What relations.def says to hold of every Linux holds in every recording of one, at the end of every phase."""
import collections
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
STRINGS = r'(?:"(?:[^"\\]|\\.)*"\s*)+'
ROW = re.compile(r"^R\(\s*" + r",\s*".join(f"({STRINGS})" for _ in range(5)) + r"\)$", re.M)
TERM = r"[A-Z]\w+"
CLAIM = re.compile(rf"({TERM}(?: \+ {TERM})*) (>=|==) ({TERM}(?: \+ {TERM})*)")
ALL_TYPES = ("IcmpMsgInType", "IcmpMsgOutType")
RECORDINGS_MIN = 2  # that must have something to say to a claim


def text(strings):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', strings))


def total(side, counters):
    return sum(
        sum(value for name, value in counters.items() if name == term or (term in ALL_TYPES and name.startswith(term)))
        for term in side.split(" + ")
    )


def phases():
    """Of every host at the end of every phase: where, recording, counters since its beginning, and those not the same in all runs."""
    for path in sorted((ROOT / "tests/data/recorded").glob("*.json")):
        hosts, varied = collections.defaultdict(collections.Counter), collections.defaultdict(set)
        for phase in json.loads(path.read_text())["phases"]:
            for host in (key for key in phase if key.startswith("host ")):
                hosts[host].update({name: delta for name, delta in phase[host].items() if isinstance(delta, int)})
                varied[host] |= {name for name, delta in phase[host].items() if not isinstance(delta, int)}
                yield f"{path.stem}, {phase['phase']}, {host}", path.stem, hosts[host], varied[host]


wrong = []
source = (ROOT / "src/view/relations.def").read_text()
rows = [[text(field) for field in row] for row in ROW.findall(source)]
if len(rows) != len(re.findall(r"^R\(", source, re.M)) or not rows:
    wrong.append("relations.def: not every R(...) is a row of five texts")
claims = [(row[0], claim) for row in rows for claim in row[3].split("; ") if claim]
seen = collections.defaultdict(set)
for where, recording, counters, varied in phases():
    for word, claim in claims:
        m = CLAIM.fullmatch(claim)
        if m is None:
            wrong.append(f"{word}: '{claim}' is no comparison of sums")
            continue
        if varied & set(re.findall(TERM, claim)):
            continue
        left, right = total(m[1], counters), total(m[3], counters)
        if left or right:
            seen[claim].add(recording)
        if not (left >= right if m[2] == ">=" else left == right):
            wrong.append(f"{word}: {claim}: {left} and {right} in {where}")
wrong += [f"{word}: {claim}: only {len(seen[claim])} recordings speak of it" for word, claim in claims if len(seen[claim]) < RECORDINGS_MIN]

print("\n".join(wrong[:20]) if wrong else f"{len(claims)} claims hold in {len({r for s in seen.values() for r in s})} recordings")
sys.exit(1 if wrong else 0)
