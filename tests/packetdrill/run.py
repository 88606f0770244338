#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs packetdrill scripts on halfopen, on the running kernel, or on both, each script in a network namespace of its own.

    PACKETDRILL=/path/to/packetdrill run.py --so libhalfopen-packetdrill.so --on both tests/packetdrill/*.pkt

Without PACKETDRILL, or without root, which packetdrill needs, everything is skipped (exit 77).  docs/PACKETDRILL.md."""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys

SKIPPED = 77
ADDRESSES = {
    "local_ip": "192.168.0.1",
    "gateway_ip": "192.168.0.1",
    "netmask_ip": "255.255.0.0",
    "remote_ip": "192.0.2.1",
}


def script_options(script):
    """The --name=value lines with which a script may begin."""
    return dict(re.findall(r"^--(\w+)=(\S+)", script.read_text(errors="replace"), re.M))


def command(args, script, side):
    own = script_options(script)
    words = [args.packetdrill, "--ip_version=ipv4"]
    words += [f"--{name}={value}" for name, value in ADDRESSES.items() if name not in own]
    words += args.arg
    prepare = ["ip link set lo up"]
    if side == "stack":
        flags = [own.get("local_ip", ADDRESSES["local_ip"]) + "/16"]
        flags += [f"{name}={own[name]}" for name in ("mtu", "mss") if name in own]
        words += [f"--so_filename={args.so}", f"--so_flags={' '.join(flags)}"]
        # for the commands of scripts that speak of it
        local, gateway = (own.get(name, ADDRESSES[name]) for name in ("local_ip", "gateway_ip"))
        prepare += ["ip tuntap add tun0 mode tun", "ip link set tun0 up"]
        if "." in local:
            remote = own.get("remote_ip", ADDRESSES["remote_ip"])
            via = re.sub(r"\d+$", lambda last: str(int(last.group()) + 1), gateway)
            prepare += [f"ip addr add {local}/16 dev tun0", f"{{ ip route add {remote} dev tun0 via {via} || true; }}"]
    elif args.preload:
        words = ["env", f"LD_PRELOAD={args.preload}"] + words
    if args.bash:
        prepare += ["mount --bind /bin/bash /bin/sh"]
    shell = " && ".join(prepare) + " && exec " + shlex.join(words + [script.name])
    return ["unshare", "-n", "-m", "bash", "-c", shell]


def run(args, script, side):
    """Passed or not, and what packetdrill said."""
    said = ""
    for _ in range(args.tries if side == "kernel" else 1):
        try:
            done = subprocess.run(command(args, script, side), cwd=script.parent, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, errors="replace", timeout=args.timeout)
        except subprocess.TimeoutExpired:
            said = f"still running after {args.timeout} s"
            continue
        said = (done.stdout + done.stderr).strip()
        if done.returncode == 0:
            return True, said
    return False, said


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--so", help="libhalfopen-packetdrill.so")
    p.add_argument("--on", choices=["stack", "kernel", "both"], default="stack")
    p.add_argument("--packetdrill", default=os.environ.get("PACKETDRILL"))
    p.add_argument("--arg", action="append", default=[], help="one more argument for packetdrill, as --arg=-DA=B")
    p.add_argument("--preload", help="a library for packetdrill on the kernel")
    p.add_argument("--bash", action="store_true", help="bash is /bin/sh: some scripts' commands need it")
    p.add_argument("--tries", type=int, default=3, help="on the kernel, which has real time")
    p.add_argument("--timeout", type=int, default=60, help="seconds of real time for a script")
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("--table", action="store_true", help="a row a script: name | kernel | halfopen | what it said")
    p.add_argument("scripts", nargs="+", type=pathlib.Path)
    return p.parse_args()


def skip_reason(args):
    if not args.packetdrill:
        return "PACKETDRILL is not set: no packetdrill to run"
    if not os.access(args.packetdrill, os.X_OK):
        return f"{args.packetdrill}: no program"
    if os.geteuid() != 0:
        return "packetdrill needs root"
    return None


def short(said):
    lines = [line for line in said.splitlines() if line.strip()]
    return " / ".join(lines[:3])[:300].replace("|", "\\|")


def main():
    args = parse()
    reason = skip_reason(args)
    if reason:
        print(f"skipped: {reason}")
        return SKIPPED
    args.packetdrill = os.path.abspath(args.packetdrill)
    args.so = os.path.abspath(args.so) if args.so else None
    sides = ["kernel", "stack"] if args.on == "both" else [args.on]
    failures = 0
    scripts = sorted(s.resolve() for s in args.scripts)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = {(script, side): pool.submit(run, args, script, side) for script in scripts for side in sides}
        for script in scripts:
            results = {side: jobs[script, side].result() for side in sides}
            failures += sum(not passed for passed, _ in results.values())
            words = {side: "passes" if passed else "fails" for side, (passed, _) in results.items()}
            why = "; ".join(short(said) for passed, said in results.values() if not passed)
            name = f"{script.parent.name}/{script.name}"
            if args.table:
                print(f"| {name} | {words.get('kernel', '')} | {words.get('stack', '')} | {why} |", flush=True)
            else:
                print(f"{name}: " + ", ".join(f"{side} {word}" for side, word in words.items()), flush=True)
                for side, (passed, said) in results.items():
                    if not passed:
                        print(f"  {side}: " + said.replace("\n", "\n    "))
    print(f"{len(scripts)} scripts, {failures} failures", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
