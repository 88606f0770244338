#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A field of a struct is used: its name stands somewhere behind a "." or a "->", or as an argument (container_of, offsetof).
What a caller alone looks at (include/) is not asked about."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
ROOMS = ("src", "lab", "tools")
FORM_ONLY = {  # fields of messages and of slots whose form is given from outside
    "lab/kernel_route.c: attributes", "src/packetdrill/link.c: tc", "src/packetdrill/link.c: rt", "src/view/diag.c: inode",
    "src/core/pool.h: pad", "src/core/wheel.h: pad",
}


def code(path):
    """Without comments, texts, directives and their continued lines."""
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', " ", path.read_text(), flags=re.S)
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", " ", text, flags=re.M)


def bodies(text):
    """What stands between the braces of each struct and union, those inside of it as nothing but their names."""
    for m in re.finditer(r"\b(?:struct|union)\b[^;{}()=]*\{", text):
        depth, at, own = 1, m.end(), []
        while depth > 0 and at < len(text):
            depth += (text[at] == "{") - (text[at] == "}")
            if depth == 1 and text[at] != "}":
                own.append(text[at])
            at += 1
        yield "".join(own)


def fields(body):
    for declaration in body.split(";"):
        declaration = re.sub(r"\[[^\]]*\]|__attribute__\s*\(\(.*?\)\)|_Alignas\s*\([^)]*\)|:\s*\w+", " ", declaration)
        called = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", declaration)
        if called:
            yield called[1]
            continue
        for declarator in declaration.split(","):
            name = re.search(r"(\w+)\s*$", declarator)
            if name and not name[1].isdigit() and name[1] not in ("struct", "union"):
                yield name[1]


texts = {p: code(p) for room in (*ROOMS, "tests", "bench", "fuzz") for p in sorted((ROOT / room).rglob("*.[ch]"))}
whole = "\n".join(texts.values()) + "\n".join(p.read_text() for p in (ROOT / "src").rglob("*.def"))
used = set(re.findall(r"(?:\.|->|\?)\s*([A-Za-z_]\w*)", whole)) | set(re.findall(r",\s*([A-Za-z_]\w*)\s*[,)]", whole))
count, wrong = 0, []
for path, text in texts.items():
    where = str(path.relative_to(ROOT))
    if not where.startswith(ROOMS):
        continue
    for body in bodies(text):
        for name in fields(body):
            count += 1
            if name not in used and f"{where}: {name}" not in FORM_ONLY:
                wrong.append(f"{where}: nobody uses the field {name}")
print("\n".join(wrong) or f"{count} fields, each used")
sys.exit(1 if wrong or count < 500 else 0)
