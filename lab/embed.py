#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""embed.py OUT.c prelude.lua experiment.lua... recording.json... page.html...: the lab's texts as C tables."""
import json, os, sys

def literal(text):
    out = []
    for line in text.splitlines(keepends=True):
        s = line.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n').replace('\t', '\\t').replace('??', '?\\?')
        for i in range(0, len(s), 2000):  # not inside an escape
            if i and s[i - 1] == '\\': sys.exit('embed.py: a line is too long')
            out.append('\t"%s"' % s[i:i + 2000])
    return '\n'.join(out) or '\t""'

def table(name, files):
    rows = ''.join('\t{"%s",\n%s},\n' % (n, literal(t)) for n, t in files)
    return 'const struct lab_file %s[] = {\n%s\t{NULL, NULL},\n};\n' % (name, rows)

def stem(path): return os.path.splitext(os.path.basename(path))[0]

def reduced(path):
    """what tables need of a recording"""
    r = json.load(open(path))
    def kept(k): return k in ('phase', 'nondeterministic') or k.startswith('host ')
    return json.dumps({'kernel': r['kernel'], 'topology': r['topology'],
                       'phases': [{k: p[k] for k in p if kept(k)} for p in r['phases']]}, indent=0)

out, prelude, *rest = sys.argv[1:]
lua = sorted(p for p in rest if p.endswith('.lua'))
recordings = sorted(p for p in rest if p.endswith('.json'))
pages = sorted(p for p in rest if p.endswith(('.html', '.css', '.js')))
with open(out, 'w') as f:
    f.write('/* made by lab/embed.py */\n#include "lab/inside.h"\n\nconst char lab_prelude[] =\n%s;\n'
            % literal(open(prelude).read()))
    f.write(table('lab_experiments', [(stem(p), open(p).read()) for p in lua]))
    f.write(table('lab_recordings', [(stem(p), reduced(p)) for p in recordings]))
    f.write(table('lab_page_files', [(os.path.basename(p), open(p).read()) for p in pages]))
