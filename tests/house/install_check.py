#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `meson install` brings is whole: every command of the program has a page and is completed, with each of its options; every
public function has a page; pages are clean under mandoc; the documents are there; a stranger's program is built by pkg-config, with
the outside world's library, too, and runs; debian/control names what the build needs.  Arguments: the build directory, the source directory."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

BUILD, SOURCE = (pathlib.Path(a) for a in sys.argv[1:])
PROGRAM = BUILD / "tools" / "halfopen"
wrong = []


def run(*words, **more):
    return subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, **more)


def commands():
    """Name to long options, out of the rows of the source: what help and pages are made of is not asked here."""
    found = {}
    for path in (SOURCE / "tools").glob("*.c"):
        text = path.read_text()
        for name in re.findall(r"^const struct command cmd_\w+ = \{\s*\.name = \"(\w+)\"", text, re.M):
            found[name] = set()
        options = re.findall(r'\{"([a-z][a-z-]*)", (?:no|required|optional)_argument', text)
        if path.stem.startswith("cmd_") and path.stem[4:] in found:
            found[path.stem[4:]] |= set(options)
    return found


def functions():
    for path in sorted((SOURCE / "include" / "halfopen").glob("*.h")):
        for name in re.findall(r"^HO_API [^;(]*?(ho_\w+)\(", path.read_text(), re.M):
            yield name


def expect(holds, words):
    if not holds:
        wrong.append(words)


def every_command_has_a_page(share, rows):
    listed = set(re.findall(r"^  (\w+) ", run(PROGRAM, "help").stdout.decode(), re.M)) - {"help", "version"}
    expect(listed == set(rows), f"`halfopen help` and the rows of the source differ: {listed ^ set(rows)}")
    for name, options in rows.items():
        path = share / "man" / "man1" / f"halfopen-{name}.1"
        if not path.exists():
            wrong.append(f"{name}: no page {path.name}")
            continue
        text = path.read_text().replace("\\-", "-")
        for option in options:
            expect(f"Fl -{option}" in text, f"{path.name} lacks --{option}: `halfopen help {name}` does not say it")
        expect(f".Xr halfopen-{name} 1" in (share / "man/man1/halfopen.1").read_text(), f"halfopen.1 lacks {name}")


def every_function_has_a_page(share):
    names = list(functions())
    expect(len(names) > 80, f"only {len(names)} functions in the headers?")
    for name in names:
        path = share / "man" / "man3" / f"{name}.3"
        expect(path.exists() and f".Fn {name} " in path.read_text(), f"{name}: no page that has it")
    for page in (share / "man" / "man3").glob("*.3"):
        for which in re.findall(r"^\.Ss (.*)\nThe header does not say", page.read_text(), re.M):
            wrong.append(f"{which}: its header says nothing about it")


def pages_are_clean(share):
    if not shutil.which("mandoc"):
        print("mandoc is not installed: pages are not looked at")
        return
    pages = [p for p in sorted((share / "man").glob("man*/*")) if not p.is_symlink()]
    said = run("mandoc", "-Tlint", "-W", "warning", *pages).stdout.decode()
    expect(said == "", said)
    for page in pages: # what a reader sees has nothing of the language left in it
        seen = re.sub(r".\x08", "", run("mandoc", "-Tascii", page).stdout.decode())
        expect(len(seen) > 200 and not re.search(r"^ *\.[A-Z][a-z]\b|\\[-&e]", seen, re.M), f"{page.name}: looks wrong")


def completed(script, run_dir, *words):
    """What bash offers for the last word."""
    line = f'''. "{script}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_halfopen "$PROGRAM" "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"; printf '%s\\n' "${{COMPREPLY[@]}}"'''
    out = run("bash", "-uec", line, "bash", "halfopen", *words, env=dict(os.environ, PROGRAM=str(PROGRAM), HALFOPEN_RUN=str(run_dir)))
    if out.returncode != 0:
        wrong.append(f"completion of {words}: {out.stdout.decode()}")
    return set(out.stdout.decode().split())


def completion_knows_it_all(script, rows, run_dir):
    expect(completed(script, run_dir, "") == set(rows) | {"help", "version"}, "completion of commands")
    expect("why" in completed(script, run_dir, "help", "w"), "completion of help")
    for name, options in rows.items():
        offered = completed(script, run_dir, name, "--")
        expect({f"--{o}" for o in options} <= offered, f"completion of {name} lacks {sorted(options - {o[2:] for o in offered})}")
    experiments = {line.split()[0] for line in run(PROGRAM, "lab", "list").stdout.decode().splitlines()}
    expect(len(experiments) > 50 and experiments <= completed(script, run_dir, "lab", "run", ""), "completion of experiments")
    expect(completed(script, run_dir, "lab", "run", "ping", "--on", "") == {"stack", "kernel", "both"}, "completion of --on")
    expect(completed(script, run_dir, "lab", "") >= {"list", "run"}, "completion of lab")
    expect(completed(script, run_dir, "rule", "") >= {"list", "add", "insert", "delete", "flush", "zero", "policy"}, "completion of rule")
    expect(completed(script, run_dir, "why", "--at", "") == set(), "completion of hosts: none runs")
    with socket.socket(socket.AF_UNIX) as host, socket.socket(socket.AF_UNIX) as gone:
        host.bind(str(run_dir / "here.sock"))
        host.listen()
        gone.bind(str(run_dir / "gone.sock"))
        expect(completed(script, run_dir, "why", "--at", "") == {"here"}, "completion of hosts: one runs, one is gone")
        expect("here" in completed(script, run_dir, "top", "h"), "completion of top")


def a_strangers_program_is_built(root, prefix):
    pc = next(root.rglob("halfopen.pc")).parent
    lib = next(root.rglob("libhalfopen.so")).parent
    env = dict(os.environ, PKG_CONFIG_LIBDIR=f"{pc}:{system_pc()}", PKG_CONFIG_PATH="", LD_LIBRARY_PATH=str(lib))
    program = root / "stranger.c"
    program.write_text('#include <halfopen/port.h>\n#include <halfopen/view.h>\n#include <stdio.h>\n'
                       'int main(void)\n{\n\tchar text[64];\n\tif (ho_clock_now() == 0)\n\t\treturn 1;\n'
                       '\tputs(ho_view_endpoint((struct ho_endpoint){HO_ADDR_LOOPBACK, 80}, text));\n\treturn 0;\n}\n')
    flags = run("pkg-config", f"--define-variable=prefix={root}{prefix}", "--cflags", "--libs", "halfopen-port", env=env)
    out = run("cc", "-std=c11", "-o", root / "stranger", program, *flags.stdout.decode().split())
    expect(flags.returncode == 0 and out.returncode == 0, f"the stranger's program: {flags.stdout.decode()}{out.stdout.decode()}")
    if out.returncode == 0:
        expect(run(root / "stranger", env=env).stdout == b"127.0.0.1:80\n", "the stranger's program does not run")


def packages_that_build_it_are_in_debian_control():
    wanted = re.search(r"^packages_demo=\((.*?)\)", (SOURCE / "scripts" / "packages.sh").read_text(), re.M | re.S).group(1).split()
    control = re.search(r"^Build-Depends: (.*)$", (SOURCE / "debian" / "control").read_text(), re.M).group(1)
    for package in wanted:
        expect(not package.endswith("-dev") or package in control.split(", "), f"debian/control: Build-Depends lacks {package}")


def system_pc():
    return run("pkg-config", "--variable", "pc_path", "pkg-config").stdout.decode().strip()


def main():
    with tempfile.TemporaryDirectory() as where:
        root = pathlib.Path(where)
        out = run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root)
        if out.returncode != 0:
            sys.exit(out.stdout.decode())
        program = next(root.rglob("bin/halfopen"))
        prefix = str(program.parent.parent)[len(str(root)):]
        share = program.parent.parent / "share"
        expect(run(program, "version").stdout.startswith(b"halfopen "), "the installed program does not run")
        rows = commands()
        every_command_has_a_page(share, rows)
        every_function_has_a_page(share)
        pages_are_clean(share)
        (root / "run").mkdir()
        completion_knows_it_all(share / "bash-completion" / "completions" / "halfopen", rows, root / "run")
        for path in [*(SOURCE / "docs").glob("*.md"), SOURCE / "README.md", SOURCE / "CHANGELOG.md"]:
            expect((share / "doc" / "halfopen" / path.name).exists(), f"{path.name} is not installed")
        a_strangers_program_is_built(root, prefix)
        packages_that_build_it_are_in_debian_control()
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(rows)} commands and {len(list(functions()))} functions: pages, completion, documents, pkg-config")


main()
