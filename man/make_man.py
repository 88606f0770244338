#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the manual pages, in mdoc: man1 from what `halfopen help COMMAND` says, man3 from the comments of the public headers.
What those do not say (examples, files) stands in NAME.mdoc beside this script.  Nothing is written down twice.

Usage: make_man.py OUT_MAN1 OUT_MAN3 HALFOPEN INCLUDE_DIRECTORY"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import time

HERE = pathlib.Path(__file__).parent
DATE = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())))
NO_WORDS = "The header does not say."
LABEL = re.compile(r"(?:(Shape|Takes|Gives|Owns|Time|Work)  +|(Counts|Source|Differs) +)(?=\S)(.*)")


# ---- mdoc ----

def escaped(text):
    """Text as it is: no request, no macro, hyphens that are minus signs."""
    text = text.replace("\\", "\\e")
    text = re.sub(r"(?<![A-Za-z0-9])-(?=[-A-Za-z0-9.])|--", lambda m: m.group().replace("-", "\\-"), text)
    return "\\&" + text if text[:1] in ".'" else text


def said(text):
    """Lines of text: mdoc wants each sentence on a line of its own."""
    return [escaped(part) for part in re.split(r"(?<=[.!?])\s+(?=[A-Z])", text.strip())]


def argument(word):
    """A word as an argument of a macro: never a macro itself, never a delimiter."""
    word = escaped(word).replace('"', '\\(dq')
    if re.fullmatch(r"[A-Z%][a-zA-Z0-9]{1,2}", word) or word[:1] in "()[].,;:?!|":
        word = "\\&" + word
    return f'"{word}"' if " " in word else word


def literal(lines):
    return [".Bd -literal -compact", *[escaped(line.expandtabs()) if line.strip() else "" for line in lines], ".Ed"]


def in_order(lines):
    """Sections as mdoc(7) has them."""
    usual = ["LIBRARY", "SYNOPSIS", "DESCRIPTION", "", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES"]
    parts = re.split(r"(?m)^(?=\.Sh )", "\n".join(lines))
    title = lambda part: part.split("\n")[0][4:]
    return [p.rstrip("\n") for p in sorted(filter(None, parts), key=lambda p: usual.index(title(p) if title(p) in usual else ""))]


def page(name, section, what, body, seen):
    """what: of .Nd.  seen: of .Xr."""
    seen = sorted(seen, key=lambda x: (x[1], x[0]))
    others = [f".Xr {n} {s}" + (" ," if i + 1 < len(seen) else "") for i, (n, s) in enumerate(seen)]
    return "\n".join([f'.\\" Made by man/make_man.py: change what it reads.', f".Dd {DATE}", f".Dt {name.upper()} {section}", ".Os halfopen",
                      ".Sh NAME", what, *in_order(body), *([".Sh SEE ALSO"] + others if others else [])]) + "\n"


# ---- section 1 ----

def words_mdoc(text):
    """Words of a usage line: options, ARGUMENTS, words to be typed; brackets; what is joined stays joined."""
    out, joined, angle = [], False, re.compile(r"\[|\]|\{|\}|\||\.\.\.|--?[A-Za-z0-9][\w-]*|[^\s\[\]{}|]+?(?=\.\.\.)|[^\s\[\]{}|]+|\s+")
    for token in angle.findall(text):
        if token.isspace():
            joined = False
            continue
        if joined and out and token not in "|":
            out.append("Ns")
        if token == "[":
            out.append("Oo")
            joined = False
            continue
        if token == "]":
            if out and out[-1] == "Ns":
                out.pop()
            out.append("Oc")
        elif token == "|":
            out.append("|")
            joined = False
            continue
        elif token in "{}":
            if token == "}" and out and out[-1] == "Ns":
                out.pop()
            out += ["No", "\\&" + token]
            if token == "{":
                out.append("Ns")
                joined = False
                continue
        elif token.startswith("-") and len(token) > 1:
            out += ["Fl", token[1:].replace("-", "\\-")]
        elif re.search(r"[A-Z]", token) and "=" not in token:
            out += ["Ar", argument(token)]
        else:
            out += ["Cm" if re.match(r"[a-z]", token) else "No", argument(token)]
        joined = True
    return " ".join(out)


def groups(text):
    """A usage line cut where there is a blank outside of brackets."""
    depth, start, found = 0, 0, []
    for i, c in enumerate(text + " "):
        depth += (c in "[{") - (c in "]}")
        if c == " " and depth == 0:
            found.append(text[start:i])
            start = i + 1
    out = []
    for group in filter(None, found):
        if group == "|":
            out[-1] += " |"
        else:
            out.append(group)
    return out


def synopsis(name, lines):
    """The lines behind "usage: "; one that begins with halfopen is another way to call it."""
    ways = []
    for line in lines:
        line = line.strip()
        if line.startswith("halfopen "):
            ways.append(line[len("halfopen "):].split(" ", 1)[1:] or [""])
        else:
            ways[-1].append(line)
    out = []
    for way in ways:
        out.append(f".Nm halfopen {name}")
        out += ["." + words_mdoc(group) for group in groups(" ".join(way))]
    return out


def help_parts(text):
    """usage lines, the one line of what it does, the rest."""
    usage, what, *rest = text.split("\n\n", 2)
    lines = usage.splitlines()
    return [lines[0][len("usage: "):]] + lines[1:], what.strip(), rest[0].splitlines() if rest else []


def options_mdoc(lines):
    """Lines that are set in are options, and what stands deeper belongs to them; the rest is text."""
    out, status, listed = [], [], False
    into = out
    for line in lines:
        indent = len(line) - len(line.lstrip())
        item = re.match(r" {2}(\S.*?)(?: {2,}(\S.*))?$", line)
        item = item if item and indent == 2 else re.match(r"([A-Z]+) {2,}(\S.*)$", line)
        if item:
            if not listed:
                out.append(".Bl -tag -width Ds")
            listed, into = True, out
            out.append(".It " + words_mdoc(item.group(1)))
            for piece in re.split(r" {2,}", item.group(2) or ""):  # several options may share a line
                out += [".It " + words_mdoc(piece)] if re.match(r"--?[a-z]", piece) else said(piece) if piece else []
        elif indent > 2 and listed:
            out += said(line)
        else:
            told = line.startswith("Exit status: ")
            if listed:
                out.append(".El")
            if into is out and not told and (listed or not out or out[-1].endswith((".", ":"))):
                out.append(".Pp")
            listed = False
            if told:
                into, line = status, line[len("Exit status: "):]
            into += said(line)
    return out + [".El"] * listed, status


def more(name):
    path = HERE / f"{name}.mdoc"
    return [line for line in path.read_text().splitlines() if not line.startswith('.\\"')] if path.exists() else []


def command_page(name, text):
    usage, what, rest = help_parts(text)
    options, status = options_mdoc(rest)
    while options[:1] == [".Pp"]:
        options.pop(0)
    body = [".Sh SYNOPSIS", *synopsis(name, usage), ".Sh DESCRIPTION", escaped(what[0].upper() + what[1:] + ".")]
    body += ([".Pp"] if options and not options[0].startswith(".Bl") else []) + options
    body += [".Sh EXIT STATUS"] + (status or ["0 fine, 1 it was refused or did not work, 2 a wrong word on the command line."])
    body += more(name)
    return page(f"halfopen-{name}", 1, f".Nm halfopen-{name}\n.Nd {escaped(what)}", body, [("halfopen", 1)])


def main_page(text, names):
    body = [".Sh SYNOPSIS", ".Nm halfopen", ".Ar COMMAND ...", ".Nm halfopen", ".Cm help", ".Op Ar COMMAND", ".Nm halfopen", ".Cm version"]
    commands = [".Sh COMMANDS", ".Bl -tag -width Ds"]
    for name, what in re.findall(r"^  (\w+) +(.*)$", text, re.M):
        commands.append(f".It Cm {argument(name)}")
        commands.append(escaped(what) + ("" if name not in names else ":"))
        commands += [f".Xr halfopen-{name} 1"] if name in names else []
    extra = more("halfopen")
    body += extra[:extra.index(".Sh COMMANDS")] + commands + [".El"] + extra[extra.index(".Sh COMMANDS") + 1:]
    return page("halfopen", 1, ".Nm halfopen\n.Nd a TCP/IP stack that behaves and counts as Linux does", body,
                [(f"halfopen-{n}", 1) for n in names] + [("ho_stack", 3)])


def asked(program, *words):
    return subprocess.run([program, *words], stdout=subprocess.PIPE, check=True, timeout=20).stdout.decode()


def man1(program, out):
    text = asked(program, "help")
    names = [n for n in re.findall(r"^  (\w+) ", text, re.M) if n not in ("help", "version")]
    (out / "halfopen.1").write_text(main_page(text, names))
    for name in names:
        (out / f"halfopen-{name}.1").write_text(command_page(name, asked(program, "help", name)))


# ---- section 3 ----

def comment_lines(text):
    """Without its marks; the column that the lines of a comment share is taken off."""
    text = re.sub(r"/\* -{3,} .* -{3,} \*/", "", text)  # a heading among declarations
    lines = re.sub(r"^\s*/\*+ ?|\s*\*/$", "", text.strip()).split("\n")
    return [lines[0].strip()] + [re.sub(r"^\s*\* ?", "", line).rstrip() for line in lines[1:]]


def described(lines):
    """Labelled lines ("Gives  ...") as a list, the others as text."""
    out, listed = [], False
    for line in lines:
        label = LABEL.match(line)
        if label:
            out += ([] if listed else [".Bl -tag -width Differs"]) + [f".It Em {label.group(1) or label.group(2)}", *said(label.group(3))]
            listed = True
        elif listed and line.strip() and not line.startswith(" "):
            out += [".El", ".Pp", *said(line)]
            listed = False
        elif line.startswith("  ") and not listed:
            out.append(line)  # lines as they are: gathered below
        elif line.strip():
            out += said(line)
        elif not listed and out and out[-1] != ".Pp":
            out.append(".Pp")
    return examples_set(out + [".El"] * listed)


def examples_set(lines):
    out, held = [], []
    for line in lines + [None]:
        if line is not None and line.startswith("  "):
            held.append(line)
            continue
        if held:
            if out and out[-1] == ".Pp":
                out.pop()
            out += [".Bd -literal -offset indent", *[escaped(x) for x in textwrap.dedent("\n".join(held)).split("\n")], ".Ed"]
            held = []
            if line is not None and not line.startswith((".Pp", ".Bl")):
                out.append(".Pp")
        if line is not None:
            out.append(line)
    while out and out[-1] == ".Pp":
        out.pop()
    return out


def header_blocks(text):
    """(comment, code) in order: what a blank line ends; a declaration without a comment belongs to the one above it."""
    text = re.sub(r'(?ms)^#ifdef __cplusplus.*?^#endif\n', "", text)
    text = re.sub(r"(?m)^#(ifndef HALFOPEN_\w+|define HALFOPEN_\w+|include .*\.h.|endif)\n", "", text)
    for comment, code in re.findall(r"(/\*(?:(?!\*/).)*\*/\n)?((?:(?!\n[ \t]*\n|\n/\*).)+)\n", text, re.S):
        if code.strip():
            yield comment_lines(comment) if comment else [], code.strip("\n")


FUNCTION = re.compile(r"HO_API\s+((?:const |struct |enum |unsigned )*\w+ ?\**)\s*(ho_\w+)\(((?:[^()]|\([^()]*\))*)\);", re.S)


def parameters(text):
    """A comma inside of a callback's brackets does not part."""
    parts = re.split(r",\s*(?![^()]*\))", " ".join(text.split()))
    return " ".join('"' + p.replace("\\", "\\e") + '"' for p in parts)


def header_page(path, others):
    text = path.read_text()
    intro, rest = re.match(r"/\* SPDX[^\n]*\n((?:(?!\*/).)*)\*/\n(.*)", text, re.S).groups()
    title, *about = comment_lines("/*\n" + intro)[1:]
    title = re.sub(r"^halfopen: ", "", title).rstrip(".")
    name = "ho_" + path.stem
    functions, body, values = [], [], []
    for comment, code in header_blocks(rest):
        found = FUNCTION.findall(code)
        functions += found
        if found:
            body += [".Ss " + " , ".join(f[1] for f in found)]
            rest_of_code = FUNCTION.sub("", code).strip()
            behind = re.findall(r"\);[ \t]*/\*(.*?)\*/", code)
            body += described(comment) or [x for text in behind for x in said(text)] or [NO_WORDS]
            if re.search(r"^(struct|enum|#define) ", rest_of_code, re.M):
                body += literal(rest_of_code.split("\n"))
        else:
            values += ([".Pp"] if values else []) + described(comment) + literal(code.split("\n"))
    names = [name] + sorted({f[1] for f in functions})
    nm = "\n".join(f".Nm {n}" + (" ," if i + 1 < len(names) else "") for i, n in enumerate(names)) + f"\n.Nd {escaped(title)}"
    synopsis3 = [".Sh LIBRARY", "libhalfopen\\-port" if path.stem == "port" else "libhalfopen", ".Sh SYNOPSIS", f".In halfopen/{path.name}"]
    for kind, function, args in functions:
        synopsis3 += [f'.Ft "{" ".join(kind.split())}"', f".Fn {function} {parameters(args)}"]
    out = synopsis3 + [".Sh DESCRIPTION"] + (described(about) or [escaped(title + ".")]) + body
    if values:
        out += [".Sh TYPES AND CONSTANTS"] + values
    return name, page(name, 3, nm, out, [(o, 3) for o in others if o != name] + [("halfopen", 1)])


def man3(include, out):
    headers = sorted(p for p in include.glob("*.h") if p.name != "halfopen.h")
    others = ["ho_" + p.stem for p in headers]
    for path in headers:
        name, text = header_page(path, others)
        (out / f"{name}.3").write_text(text)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    out1, out3, program, include = sys.argv[1:]
    for out in (pathlib.Path(out1), pathlib.Path(out3)):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
    man1(os.path.realpath(program), pathlib.Path(out1))
    man3(pathlib.Path(include), pathlib.Path(out3))


if __name__ == "__main__":
    main()
