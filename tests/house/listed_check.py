#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A test that nobody runs is none: every *_test.c, script and seed folder of tests/ and fuzz/ is named by its meson.build."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
TESTS = re.compile(r"_(test|check)\.(c|py|sh)$|_us\.sh$|\.lua$")

wrong = []
count = 0
for room in ("unit", "sim", "lab", "kernel", "house"):
    folder = ROOT / "tests" / room
    words = set(re.findall(r"\w+", "".join((ROOT / "tests" / r / "meson.build").read_text() for r in (room, "kernel"))))
    for path in sorted(folder.iterdir()):
        if not (TESTS.search(path.name) or (room == "kernel" and path.suffix == ".sh")):
            continue
        count += 1
        noun = re.sub(r"_(test|check)$", "", path.stem)
        if path.stem not in words and noun not in words:
            wrong.append(f"{path.relative_to(ROOT)}: no meson.build names it, so nobody runs it")

fuzz = (ROOT / "fuzz" / "meson.build").read_text()
for path in sorted((ROOT / "fuzz").glob("fuzz_*.c")):
    count += 1
    target = path.stem.removeprefix("fuzz_")
    if f"'{target}'" not in fuzz:
        wrong.append(f"fuzz/{path.name}: fuzz/meson.build does not name it")
    if not any((ROOT / "fuzz" / "corpus" / target).glob("*")):
        wrong.append(f"fuzz/corpus/{target}: no seeds")

print("\n".join(wrong) if wrong else f"{count} tests are all named")
sys.exit(1 if wrong else 0)
