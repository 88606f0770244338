#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rooms include only what they may (docs/ARCHITECTURE.md): nothing of the system below the ports, nothing of a room above."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
SYSTEM_FORBIDDEN = re.compile(r"(time|stdio|pthread|threads|unistd|fcntl|signal|poll|locale)\.h$|(sys|net|netinet|arpa|linux|asm)/")
# What stdint and friends give is free for all; of halfopen, each room may see:
ROOMS = {
    "wire": {"wire"},
    "core": {"core", "wire"},
    "sim": {"sim"},
    "view": {"view", "wire", "core"},
    "port": {"port"},
    "preload": {"preload"},
    "packetdrill": {"packetdrill"},
}
NO_SYSTEM = {"wire", "core", "sim", "view"}
STDIO_MAY = {"view"}  # snprintf: pure formatting
PUBLIC_MAY = {
    "wire": set(),
    "core": {"halfopen", "types", "frame", "link", "rule", "stack", "sock", "counter", "diag", "tcp_info", "watch"},
    "sim": {"halfopen", "types", "frame", "link", "rule", "stack", "sock", "counter", "diag", "tcp_info", "watch", "sim"},
    "view": {"halfopen", "types", "frame", "link", "rule", "stack", "sock", "counter", "diag", "tcp_info", "watch", "view", "ss"},
    "port": {"halfopen", "types", "frame", "link", "rule", "stack", "sock", "counter", "diag", "tcp_info", "watch", "view", "port", "publish"},
    "packetdrill": {"halfopen", "types", "frame", "link", "rule", "stack", "sock", "counter", "diag", "tcp_info", "watch", "view"},
}

include = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
wrong = []
for room, rooms in ROOMS.items():
    folder = ROOT / "src" / room
    for path in sorted(folder.glob("*.[ch]")) + sorted(folder.glob("*.def")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            m = include.match(line)
            if not m:
                continue
            name = m.group(2)
            where = f"{path.relative_to(ROOT)}:{number}: {name}"
            public = re.match(r"(?:\.\./)*(?:include/)?halfopen/(\w+)\.h$", name)
            if public:
                if room in PUBLIC_MAY and public.group(1) not in PUBLIC_MAY[room]:
                    wrong.append(f"{where}: {room} may not see this header of the contract")
            elif m.group(1) == "<":
                if room in NO_SYSTEM and SYSTEM_FORBIDDEN.search(name) and not (room in STDIO_MAY and name == "stdio.h"):
                    wrong.append(f"{where}: {room} makes no system calls and reads no clock")
            elif "/" in name:
                other = name.removeprefix("../").removeprefix("src/").split("/")[0]
                if other not in rooms:
                    wrong.append(f"{where}: {room} may not include {other}")
            else:
                homes = [r for r in ROOMS if (ROOT / "src" / r / name).exists()]
                if homes and not rooms & set(homes):
                    wrong.append(f"{where}: {room} may not include {homes[0]}")

print("\n".join(wrong) if wrong else "every room includes only what it may")
sys.exit(1 if wrong else 0)
