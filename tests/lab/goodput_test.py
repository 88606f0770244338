#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""goodput_test.py HALFOPEN GOODPUT.LUA              the stack's goodput in each cell of tests/data/goodput.json against Linux 6.18's
goodput_test.py HALFOPEN GOODPUT.LUA --record [CELL...]  measures those cells (all) on the running kernel, in real time; root

A cell is a wire (rate, round trip, loss ...) and the goodput of one transfer for each of several seeds.  The medians must
lie within 10 % of each other; where the cell says why not ("differs"), the median of the ratios seed by seed lies within
10 % of 1.  A seed loses the same packets in both worlds until they part, so medians of the same seeds are near each other even where single runs are not."""
import concurrent.futures, json, os, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, '..', 'data', 'goodput.json')
WITHIN = 0.10

def lua(value):
    if isinstance(value, dict): return '{%s}' % ', '.join('[%s] = %s' % (lua(k), lua(v)) for k, v in value.items())
    if isinstance(value, list): return '{%s}' % ', '.join(map(lua, value))
    return json.dumps(value)

def goodputs(halfopen, world, cell, seeds):
    """of seeds 1..seeds, in bits per second"""
    wire = {k: v for k, v in cell.items() if k not in ('kernel', 'differs')}
    wire.update(first_seed=1, last_seed=seeds)
    with open(sys.argv[2]) as f: body = f.read()
    with tempfile.NamedTemporaryFile('w', suffix='.lua') as f:
        f.write('local cells = %s\n%s' % (lua([wire]), body))
        f.flush()
        run = subprocess.run([halfopen, 'lab', 'run', f.name, '--on', world, '--json'], capture_output=True, text=True,
                             timeout=3000)
    if run.returncode: sys.exit('%s on %s: %s%s' % (cell['name'], world, run.stdout[-500:], run.stderr[-2000:]))
    return [round(p['observations']['bits per second']) for p in json.loads(run.stdout)['phases']]

def table_write(table):
    rows = (json.dumps(cell) for cell in table['cells'])
    with open(TABLE, 'w') as f:
        f.write('{"measured": %s, "cells": [\n%s\n]}\n' % (json.dumps(table['measured']), ',\n'.join(rows)))

def record(halfopen, table, names):
    cells = [cell for cell in table['cells'] if not names or cell['name'] in names]
    with concurrent.futures.ThreadPoolExecutor(2) as pool: # each measurement has namespaces of its own
        runs = {pool.submit(goodputs, halfopen, 'kernel', cell, len(cell['kernel'])): cell for cell in cells}
        for run in concurrent.futures.as_completed(runs):
            runs[run]['kernel'] = run.result()
            table_write(table)
            print('%-32s %s' % (runs[run]['name'], run.result()), flush=True)

def compare(halfopen, table):
    failed = 0
    print('%-34s %9s %9s %7s %7s   %s' % ('median Mbit/s', 'kernel', 'stack', 'ratio', 'by seed', 'spread of the kernel, of the stack'))
    for cell in table['cells']:
        kernel = cell['kernel']
        stack = goodputs(halfopen, 'stack', cell, len(kernel))
        want, have = statistics.median(kernel), statistics.median(stack)
        within = abs(have / want - 1) <= WITHIN
        seed_by_seed = statistics.median(h / k for h, k in zip(stack, kernel))
        failed += not within and ('differs' not in cell or abs(seed_by_seed - 1) > WITHIN)
        print('%-34s %9.3f %9.3f %7.3f %7.3f   %.3f..%.3f  %.3f..%.3f %s' % (
            cell['name'], want / 1e6, have / 1e6, have / want, seed_by_seed, min(kernel) / 1e6, max(kernel) / 1e6, min(stack) / 1e6,
            max(stack) / 1e6, '' if within else cell.get('differs', 'not within 10 %')), flush=True)
    return failed

def main():
    with open(TABLE) as f: table = json.load(f)
    if '--record' in sys.argv: return record(sys.argv[1], table, sys.argv[4:])
    sys.exit(1 if compare(sys.argv[1], table) else 0)

main()
