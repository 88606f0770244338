#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up meson's test logs.  Arguments: FILE...: testlog.json files, or lines `result<TAB>name<TAB>output` with --extra FILE.

Prints the output of what failed, the reason of what was skipped, and last the line `N passed, N failed, N skipped`.
Exit status 1 if anything failed, or if there was nothing to count."""
import argparse
import json
import pathlib
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
OUTPUT_LINES_MAX = 60


def reason(text):
    """The last line a test said."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no reason given"


def tail(text):
    lines = text.splitlines()
    cut = len(lines) - OUTPUT_LINES_MAX
    return "\n".join(([f"... {cut} lines before"] if cut > 0 else []) + lines[-OUTPUT_LINES_MAX:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--failed", action="append", default=[], help="a step outside meson that failed")
    parser.add_argument("logs", nargs="*")
    args = parser.parse_args()

    passed = skipped = failed = 0
    for path in map(pathlib.Path, args.logs):
        build = path.parent.parent.name
        for line in path.read_text().splitlines():
            test = json.loads(line)
            text = (test.get("stdout") or "") + (test.get("stderr") or "")
            name = f"{build}: {test['name']}"
            if test["result"] in PASSED:
                passed += 1
            elif test["result"] == "SKIP":
                skipped += 1
                print(f"skipped  {name}: {reason(text)}")
            else:
                failed += 1
                print(f"FAILED   {name} ({test['result']}, {test['duration']:.1f} s)\n{tail(text)}\n")
    for step in args.failed:
        failed += 1
        print(f"FAILED   {step}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
