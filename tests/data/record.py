#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""record.py HALFOPEN NAME...: what the running kernel does in an experiment, three times, into recorded/NAME.json.

For experiments that were written for the lab; reduce_recordings.py takes the others from recordings made elsewhere.  Root."""
import json, os, subprocess, sys

RUNS = 3
HERE = os.path.dirname(os.path.abspath(__file__))

def kept(phases):
    """one phase of several runs: what was equal in all, and apart from it what was not"""
    first = phases[0]
    out, vary = {'phase': first['phase']}, {}
    for host in (k for k in first if k.startswith('host ')):
        out[host] = {}
        for c in sorted(set().union(*(p[host] for p in phases)), key=lambda c: (c not in first[host], list(first[host]).index(c) if c in first[host] else c)):
            values = [p[host].get(c, 0) for p in phases]
            if len(set(values)) == 1: out[host][c] = values[0]
            else: vary.setdefault(host, {})[c] = values
    if vary: out['nondeterministic'] = vary
    seen = [p['observations'] for p in phases]
    out['observations'] = seen[0]
    others = {k: [s.get(k) for s in seen] for k in seen[0] if any(s.get(k) != seen[0][k] for s in seen)}
    if others: out['observations that vary'] = others
    return out

def record(halfopen, name):
    job = [subprocess.Popen([halfopen, 'lab', 'run', name, '--on', 'kernel', '--json'], stdout=subprocess.PIPE, text=True)
           for _ in range(RUNS)]
    runs = [json.loads(j.communicate(timeout=500)[0]) for j in job]
    if any(j.returncode for j in job): sys.exit('%s failed' % name)
    out = {'experiment': name, 'kernel': os.uname().release, 'runs': RUNS, 'topology': 'tun',
           'phases': [kept(phases) for phases in zip(*(r['phases'] for r in runs))]}
    if 'observations' in runs[0]: out['observations'] = runs[0]['observations']
    with open(os.path.join(HERE, 'recorded', name + '.json'), 'w') as f:
        json.dump(out, f, indent=1)
        f.write('\n')

if __name__ == '__main__':
    if len(sys.argv) < 3: sys.exit(__doc__)
    for n in sys.argv[2:]: record(sys.argv[1], n)
