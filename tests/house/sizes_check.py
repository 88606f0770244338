#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No file grows into the monster that every TCP has: at most 900 lines; every source says its licence; each room has a README
of at most 20 lines."""
import pathlib
import sys

ROOT = pathlib.Path(sys.argv[1])
LINES_MAX = 900
README_LINES_MAX = 20
SOURCE_ROOMS = ["include", "src", "tools", "lab", "tests", "fuzz", "bench"]

wrong = []
longest = (0, "")
for top in SOURCE_ROOMS:
    for path in sorted((ROOT / top).rglob("*.[ch]")):
        name = path.relative_to(ROOT)
        lines = path.read_text().splitlines()
        longest = max(longest, (len(lines), str(name)))
        if len(lines) > LINES_MAX:
            wrong.append(f"{name}: {len(lines)} lines, more than {LINES_MAX}: split it by event or noun")
        if not any("SPDX-License-Identifier: MIT" in line for line in lines[:2]):
            wrong.append(f"{name}: its first line does not say SPDX-License-Identifier: MIT")

rooms = [d for d in (ROOT / "src").iterdir() if any(d.glob("*.c"))] + [ROOT / d for d in SOURCE_ROOMS[2:]]
for room in sorted(rooms):
    readme = room / "README.md"
    if not readme.exists():
        wrong.append(f"{room.relative_to(ROOT)}: no README.md")
    elif len(readme.read_text().splitlines()) > README_LINES_MAX:
        wrong.append(f"{readme.relative_to(ROOT)}: more than {README_LINES_MAX} lines")

print("\n".join(wrong) if wrong else f"longest source: {longest[1]}, {longest[0]} of {LINES_MAX} lines")
sys.exit(1 if wrong else 0)
