#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""counters.def tells the truth: a LIVE or LEVEL row is moved by a line of core and named by a test or an experiment; a row of any
other kind is moved by nothing."""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
ROW = re.compile(r'^C\((\w+),\s*(\w+),\s*(LIVE|LEVEL|FIXED|LATER|NEVER)\s*,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
COUNT_CALL = re.compile(r"\bcount(?:_\w+)?\s*\(")


def count_calls(text):
    """The argument text of every call of count(), count_add() ..., parentheses balanced."""
    for m in COUNT_CALL.finditer(text):
        depth = 1
        end = m.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield text[m.end() : end]


wrong = []
table = COMMENT.sub(" ", (ROOT / "src/core/counters.def").read_text())
rows = [(g, n, k, "".join(TEXT.findall(t))) for g, n, k, t in ROW.findall(table)]
if len(rows) != len(re.findall(r"^C\(", table, re.M)):
    wrong.append("counters.def: not every C(...) is a row of group, name, kind and text")
if not rows:
    wrong.append("counters.def: no rows")

core = "\n".join(COMMENT.sub(" ", p.read_text()) for p in sorted((ROOT / "src/core").glob("*.[ch]")))
in_core = set(re.findall(r"\bHO_(\w+)", core))
in_calls = set(re.findall(r"\bHO_(\w+)", "\n".join(count_calls(core))))

tests = collections.Counter()
for top in ("tests", "lab/experiments"):
    for path in (ROOT / top).rglob("*"):
        if path.is_file() and path.suffix in (".c", ".h", ".sh", ".py", ".lua", ".json") and "house" not in path.parts:
            tests.update(set(re.findall(r"\w+", path.read_text(errors="replace"))))

bare = collections.Counter(name for _, name, _, _ in rows)
kinds = collections.Counter()
for group, name, kind, text in rows:
    full = group + name
    kinds[kind] += 1
    if kind in ("LIVE", "LEVEL"):
        if full not in in_core:
            wrong.append(f"{full}: {kind}, but no line of src/core names HO_{full}")
        # HO_TcpInSegs in C; TcpInSegs in an experiment, or TCPTimeouts where only one group has that name
        spellings = [full, "HO_" + full] + ([name] if bare[name] == 1 else [])
        if not any(tests[s] for s in spellings):
            wrong.append(f"{full}: {kind}, but no test and no experiment names it")
    elif full in in_calls or (kind != "FIXED" and full in in_core):
        wrong.append(f"{full}: {kind}, but src/core names HO_{full}")
    if kind == "NEVER" and len(text) < 10:
        wrong.append(f"{full}: NEVER needs a reason")

print("\n".join(wrong) if wrong else ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
sys.exit(1 if wrong else 0)
