#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_worlds.py HALFOPEN NAME...: what an experiment saw on the stack against what it saw on the running kernel.

Runs `HALFOPEN lab run NAME --on both --json`: no counter of any phase may differ without a reason, no observation at all
(times agree within 10 % + 0.1 s, as with recordings).  The kernel runs in real time, so what differs gets two more tries:
on a busy machine a timer may fire a phase too late.  Exit status 1 if something differs, 77 where it needs root."""
import json, os, subprocess, sys

from compare_recorded import known, observations

def differences(name, r):
    for d in r['differences']:
        if d['reason'] is None:
            yield '%s: %s: host %s: %s is %d, on the kernel %d' % (name, d['phase'], d['host'], d['counter'], d['stack'], d['kernel'])
    stack, kernel = r['stack'], r['kernel']
    for side in (stack, kernel): yield from ('%s on the %s: %s' % (name, side['on'], f) for f in side.get('failures', []))
    there = {p['phase']: p for p in kernel['phases']}
    for s in stack['phases']:
        k = there.get(s['phase'])
        if k is None: yield '%s: %s: no such phase on the kernel' % (name, s['phase']); continue
        if known(name, s['phase'], '*', '*'): continue
        yield from observations('%s: %s' % (name, s['phase']), s['observations'], k['observations'], {})
    yield from observations(name, stack.get('observations', {}), kernel.get('observations', {}), {})

def once(halfopen, name):
    r = subprocess.run([halfopen, 'lab', 'run', name, '--on', 'both', '--json'], capture_output=True, text=True, timeout=500)
    try: return list(differences(name, json.loads(r.stdout)))
    except ValueError: return ['%s: exit status %d: %s' % (name, r.returncode, r.stderr.strip()[-2000:])]

def main():
    if len(sys.argv) < 3: sys.exit(__doc__)
    if os.geteuid() != 0: print('not root'); sys.exit(77)
    bad = 0
    for name in sys.argv[2:]:
        for _ in range(3):
            found = once(sys.argv[1], name)
            if not found: break
        for d in found: print(d.replace('recorded', 'on the kernel'))
        print('%-40s %s' % (name, '%d differences' % len(found) if found else 'equal'))
        bad += len(found)
    sys.exit(1 if bad else 0)

if __name__ == '__main__': main()
