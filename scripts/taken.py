#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where an ordinary packet's way is not straight: the source lines whose branch is always taken.

  scripts/taken.py BUILD       a release build with -Ddebug=true; needs valgrind and binutils

One byte goes there and back under callgrind (halfopen-bench pingpong).  A branch that is always taken jumps over code that
never runs and lies in the middle of what does: it wants likely(), mostly(), rarely() or unlikely() (src/wire/likely.h).
Prints taken branches and jumps of a round trip, the 64-byte lines of code that it touches, and the lines to look at."""
import collections
import os
import re
import subprocess
import sys
import tempfile

ALWAYS = 0.95


def run(bench, out):
    subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=ping", "--collect-jumps=yes", "--dump-instr=yes",
                    "--callgrind-out-file=" + out, bench, "pingpong", "--rounds", "1", "--round-ms", "1"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def read(path):
    """Gives how often each address was executed, [(address, taken, executed)] of branches, unconditional jumps, and round trips."""
    names, address, pending, trips, cost_of_call = {}, 0, None, 0, False
    ran, branches, jumps = collections.Counter(), [], 0
    for line in open(path):
        called = re.match(r"cfn=\((\d+)\)(?: (.*))?", line) or re.match(r"fn=\((\d+)\)(?: (.*))?", line)
        if called:
            names.setdefault(called[1], (called[2] or "").strip())
            callee = names[called[1]]
            continue
        calls = re.match(r"calls=(\d+)", line)
        if calls:
            cost_of_call = True
            trips += int(calls[1]) if callee == "ping" else 0
            continue
        jump = re.match(r"(jcnd|jump)=(\d+)(?:/(\d+))?", line)
        if jump:
            pending = (jump[1], int(jump[2]), int(jump[3] or jump[2]))
            continue
        at = re.match(r"(0x[0-9a-f]+|[+-]\d+|\*) \S+(?: (\d+))?", line)
        if not at:
            continue
        if at[1].startswith("0x"):
            address = int(at[1], 16)
        elif at[1] != "*":
            address += int(at[1])
        if pending:
            if pending[0] == "jcnd":
                branches.append((address,) + pending[1:])
            else:
                jumps += pending[1]
            pending = None
        elif not cost_of_call:
            ran[address] += int(at[2] or 0)
        cost_of_call = False
    return ran, branches, jumps, trips


def places(bench, addresses):
    out = subprocess.run(["addr2line", "-e", bench], input="\n".join(hex(a) for a in addresses), capture_output=True,
                         text=True, check=True).stdout.split("\n")
    return [re.sub(r" \(.*", "", line) for line in out]


def main():
    if len(sys.argv) != 2 or not os.access(os.path.join(sys.argv[1], "bench/halfopen-bench"), os.X_OK):
        sys.exit(__doc__)
    bench = os.path.join(sys.argv[1], "bench/halfopen-bench")
    with tempfile.TemporaryDirectory() as scratch:
        run(bench, os.path.join(scratch, "out"))
        ran, branches, jumps, trips = read(os.path.join(scratch, "out"))
    trips = trips or 1000
    print(f"a round trip: {sum(b[1] for b in branches) / trips:.0f} branches taken, {jumps / trips:.0f} jumps,"
          f" {len({a // 64 for a, n in ran.items() if n >= 0.5 * trips})} lines of 64 bytes")
    always = [b for b in branches if b[1] >= ALWAYS * b[2] and b[1] >= 0.9 * trips]
    found = collections.Counter()
    for place, (_, taken, _) in zip(places(bench, [b[0] for b in always]), always):
        found[place] += taken
    for place, taken in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        path, _, number = place.partition(":")
        text = ""
        if os.path.exists(path) and number.isdigit():
            text = open(path).read().split("\n")[int(number) - 1].strip()
        print(f"{taken / trips:5.1f}  {os.path.relpath(path)}:{number}  {text}")


if __name__ == "__main__":
    main()
