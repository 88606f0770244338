#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_recorded.py HALFOPEN [--on stack|kernel] [--packets] [NAME...]

Runs `HALFOPEN lab run NAME --on stack --json` and holds every phase, every counter of both hosts and the observations
against the recording made from Linux 6.18 (tests/data/recorded/NAME.json).  Counters that were not the same in all
recorded runs, or that lab/differences.def names, are left out; times agree within 10 % + 0.1 s; ports of clients are
anybody's.  --packets also holds the
packets themselves (flags, sequence numbers, windows, options) against those of the first recorded run.
Prints each difference; exit status 1 if there is one, 77 where --on kernel is not possible."""
import fnmatch, json, os, re, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = os.path.join(HERE, '..', 'data', 'recorded')
# times, and whose unit is the second
TIMES = {'failed after', 'SYN times', 'SYN+ACK times', 'entry gone after', 'connected after', 'end', 'accept() possible after',
         'SYN-RECV gone after', 'later packets', 'socket gone after', 'gone after', 'FIN times', 'data times', 'close() took', 'seconds', 'last_data_sent', 'last_data_recv', 'last_ack_recv', 'total_rto_time',
         'busy_time', 'rwnd_limited', 'sndbuf_limited'}
# lists of [time, number...]
TIMED = {'answer', 'retransmissions after the reneging ACK (s, seq, len)'}
# of a chance outcome: what the recordings say of it differs from run to run
CHANCE = ('burst: 12 clients at once', '(b) 64 closed 20 ms apart')

# (experiment, phase, host, counter) for which the stack may differ: lab/differences.def, after its comment
with open(os.path.join(HERE, '..', '..', 'lab', 'differences.def')) as f:
    KNOWN = re.findall(r'D\("(.*?)",\s*"(.*?)",\s*"(.*?)",\s*"(.*?)",', f.read().split('*/')[1])

def known(name, phase, host, counter):
    return any(all(map(fnmatch.fnmatchcase, (name, phase, host, counter), row)) for row in KNOWN)

def anonymous(text):
    """client ports are ephemeral; ss pads its columns"""
    text = re.sub(r'198\.18\.0\.1:\d+', '198.18.0.1:port', text)
    return ' '.join(text.split())

def near(x, y): return abs(x - y) <= 0.1 * abs(y) + 0.1

def same(key, have, want):
    if isinstance(want, bool) or want is None: return have == want
    if isinstance(want, (int, float)) and isinstance(have, (int, float)):
        return near(have, want) if key in TIMES or key in TIMED and isinstance(want, float) else have == want
    if isinstance(want, str) and isinstance(have, str): return anonymous(have) == anonymous(want)
    if isinstance(want, list) and isinstance(have, list):
        if key == 'ss':
            clean = lambda rows: sorted(filter(None, map(anonymous, rows)))
            return clean(have) == clean(want)
        return len(have) == len(want) and all(same(key, h, w) for h, w in zip(have, want))
    if isinstance(want, dict) and isinstance(have, dict):
        return want.keys() == have.keys() and all(same(k, have[k], want[k]) for k in want)
    return have == want

def observations(where, have, want, vary):
    for k in want:
        options = [want[k]] + list(vary.get(k, []))
        if k not in have: yield '%s: observation %r is missing' % (where, k)
        elif not any(same(k, have[k], w) for w in options):
            yield '%s: observed %s = %s, recorded %s' % (where, k, json.dumps(have[k]), json.dumps(want[k]))
    for k in have:
        if k not in want: yield '%s: observation %r is not in the recording' % (where, k)

def phases(name, have, want):
    for i, w in enumerate(want):
        where = '%s: %s' % (name, w['phase'])
        if i >= len(have) or have[i]['phase'] != w['phase']:
            yield '%s: missing; there is %r' % (where, have[i]['phase'] if i < len(have) else None)
            return
        h = have[i]
        for host in [k for k in {**w, **h} if k.startswith('host ')]:
            loose = w.get('nondeterministic', {}).get(host, {})
            if host not in w or host not in h: yield '%s: %s is only %s' % (where, host, 'there' if host in h else 'recorded'); continue
            for c in list(w[host]) + [c for c in h[host] if c not in w[host]]:
                if c in loose or known(name, w['phase'], host[5:], c): continue
                x, y = h[host].get(c, 0), w[host].get(c, 0)
                if x != y: yield '%s: %s: %s is %d, recorded %d' % (where, host, c, x, y)
        if not w['phase'].startswith(CHANCE) and not known(name, w['phase'], '*', '*'):
            yield from observations(where, h['observations'], w['observations'], w.get('observations that vary', {}))
    if len(have) > len(want): yield '%s: %d phases more than recorded' % (name, len(have) - len(want))

def connections(lines):
    """{phase: [packets of each connection and direction, in the order of first packets]}, without times and clients' ports;
    which direction's came first is chance"""
    out, names, phase = {}, {}, ''
    for l in lines:
        if l.startswith('---'): phase = l[4:]; continue
        m = re.match(r'\s*[\d.]+ (...) (\d+)>(\d+) (.*)', l)
        if not m: out.setdefault(phase, {}).setdefault('icmp', []).append(l.split(None, 1)[1]); continue
        way, client, server = m[1], *((m[2], m[3]) if m[1] == 'A>B' else (m[3], m[2]))
        nth = names.setdefault((client, server), len(names))
        out.setdefault(phase, {}).setdefault((nth, server, way), []).append('%s %s' % (way, m[4]))
    return out

def packets(name, have, want):
    h, w = connections(have), connections(want)
    for phase in w:
        if phase.startswith(CHANCE): continue
        x, y = ([d[k] for k in sorted(d, key=str)] for d in (h.get(phase, {}), w[phase]))
        for i in range(max(len(x), len(y))):
            a, b = (x[i] if i < len(x) else []), (y[i] if i < len(y) else [])
            for k in range(max(len(a), len(b))):
                p, q = (a[k] if k < len(a) else None), (b[k] if k < len(b) else None)
                if p != q:
                    yield '%s: %s: connection %d, packet %d is %r, recorded %r' % (name, phase, i + 1, k + 1, p, q)
                    break

def main():
    args = sys.argv[1:]
    on, check_packets = 'stack', False
    if '--on' in args: i = args.index('--on'); on = args[i + 1]; del args[i:i + 2]
    if '--packets' in args: args.remove('--packets'); check_packets = True
    if not args: sys.exit(__doc__)
    if on == 'kernel' and os.geteuid() != 0: print('not root'); sys.exit(77)
    names = args[1:] or sorted(f[:-5] for f in os.listdir(RECORDED))
    bad = 0
    for n in names:
        want = json.load(open(os.path.join(RECORDED, n + '.json')))
        try: r = subprocess.run([args[0], 'lab', 'run', n, '--on', on, '--json'], capture_output=True, text=True, timeout=500)
        except subprocess.TimeoutExpired: print('%s: no end after 500 s' % n); bad += 1; continue
        diffs = []
        if r.returncode: diffs.append('%s: exit status %d: %s' % (n, r.returncode, r.stderr.strip()[-2000:]))
        try: have = json.loads(r.stdout)
        except ValueError: have = {'phases': []}
        diffs += phases(n, have.get('phases', []), want['phases'])
        diffs += observations(n, have.get('observations', {}), want.get('observations', {}), {})
        if check_packets: diffs += packets(n, have.get('trace', []), want['trace'])
        for d in diffs: print(d)
        print('%-24s %d phases, %s' % (n, len(want['phases']), '%d differences' % len(diffs) if diffs else 'equal'))
        bad += len(diffs)
    sys.exit(1 if bad else 0)

if __name__ == '__main__': main()
