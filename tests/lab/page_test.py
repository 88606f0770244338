#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""page_test.py HALFOPEN files|browser|kernel: the pages of `lab run --html`.

files: what is in them, no browser.  browser: as Chromium shows them; without it skipped, 77.  kernel: the pages of --on both,
in the browser where there is one; root, else 77."""
import html, json, os, re, struct, subprocess, sys, tempfile, unittest

import browser

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = sorted(f[:-4] for f in os.listdir(os.path.join(HERE, '..', '..', 'lab', 'experiments')) if f.endswith('.lua'))
HALFOPEN, TMP, BROWSER = None, None, None
OVERFLOW = '''-- One client too many.
phase('three clients', function()
	B:listen(9000, 1)
	for _ = 1, 3 do A:connect_start(9000); sleep(0.05) end
end)
'''
ONE = '''network{links = {{'A', net = '198.18.0.0/24'}}}
phase('to nobody', function()
	A:socket('udp'):sendto('x', '198.18.0.9', 99)
	A:inject(udp{src = '198.18.0.9', dst = A.addr, sport = 1, dport = 2, data = 'hello'})
end)
'''
FIVE = '''network{links = {{'A', 'R1'}, {'R1', 'R2'}, {'R2', 'R3'}, {'R3', 'B'}}, forward = {'R1', 'R2', 'R3'}}
phase('through all', function()
	B:listen(9000)
	A:connect(9000, {to = B.addr}):send('hello')
end)
'''
LOTS = '''experiment{settle = 0}
local l, there, here = B:listen(9000, 4), {}, {}
local function rows(h, list)
	for _, r in ipairs(h:sockets()) do
		list[#list + 1] = r.state == 'LISTEN' and ('%s LISTEN %d %d %s:%d'):format(h.name, r.recv_q, r.send_q, r.addr, r.port)
			or ('%s %s %s:%d %s:%d'):format(h.name, r.state, r.addr, r.port, r.peer_addr, r.peer_port)
	end
end
for k = 1, 12 do
	phase('round ' .. k, function(o)
		sleep(0.05) -- so that what follows is later than the last phase's end
		for _ = 1, 6 do
			local what, s = math.random(4)
			if what <= 2 then here[#here + 1] = A:connect_start(9000)
			elseif what == 3 and #here > 0 then table.remove(here, math.random(#here)):close()
			elseif #there > 2 then table.remove(there, math.random(#there)):close()
			else s = l:accept(0); if s then there[#there + 1] = s end end
		end
		sleep(0.4)
		o.rows = {}
		rows(A, o.rows)
		rows(B, o.rows)
	end)
end
'''
NAMES = ['', 'ESTAB', 'SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT', 'UNCONN', 'CLOSE-WAIT', 'LAST-ACK', 'LISTEN', 'CLOSING', 'SYN-RECV']
HOSTILE = '''-- </script><script>document.title = "gone"</script> <b>"bold" & 'so on'</b>
phase('</script><img src=x onerror="document.title=1"> & "it" <!--', function(o)
	local l = B:listen(9000)
	A:connect(9000)
	o['<b>seen</b>'] = '</script><h1>no</h1>'
end)
'''

def lab(*args, timeout=120): return subprocess.run([HALFOPEN, 'lab', 'run', *args], capture_output=True, text=True, timeout=timeout)
def at(name): return os.path.join(TMP, name)
def read(path):
    with open(path) as f: return f.read()

def data(path):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', read(path), re.S).group(1))

def page(*args):
    path = at('page.html')
    r = lab(*args, '--html', path)
    assert r.returncode == 0, r.stderr
    return path

def blocks(path):
    """the packets of a pcapng: (interface, bytes, comments)"""
    with open(path, 'rb') as f: raw = f.read()
    i = 0
    while i < len(raw):
        kind, size = struct.unpack_from('<II', raw, i)
        if kind == 6:
            interface, _, _, kept, _ = struct.unpack_from('<IIIII', raw, i + 8)
            k, comments = i + 28 + (kept + 3) // 4 * 4, []
            while k < i + size - 4:
                option, length = struct.unpack_from('<HH', raw, k)
                if option == 1: comments.append(raw[k + 4:k + 4 + length].decode())
                k += 4 + (length + 3) // 4 * 4
            yield interface, raw[i + 28:i + 28 + kept], comments
        i += size

def captured(path): return [(interface, bytes) for interface, bytes, _ in blocks(path)]

def commented(comments):
    """{host: {counter: how much}} of "A: IpOutRequests+1 TcpOutSegs+1; why" """
    moved = {}
    for c in comments:
        m = re.match(r'([A-Z]\w*): (\w+[+-]\d+[^;]*)', c)
        for name, n in re.findall(r'(\w+)([+-]\d+)', m.group(2)) if m else ():
            of = moved.setdefault(m.group(1), {})
            of[name] = of.get(name, 0) + int(n)
    return moved

def dotted(b): return '.'.join(str(x) for x in b)

class Files(unittest.TestCase):
    def test_the_page_has_every_packet_of_the_capture_in_its_order(self):
        for name in ('listen_overflow', 'forwarding', 'ip_fragments', 'synq_limit', 'reordering', 'ip_options'):
            path, pcap = at('p.html'), at('p.pcapng')
            self.assertEqual(lab(name, '--html', path, '--pcap', pcap).returncode, 0)
            ladder = data(path)['worlds'][0]['ladder']
            have = [(ladder['words'][p['s']], ladder['words'][p['d']], p['n']) for p in ladder['packets']]
            want = [(dotted(b[12:16]), dotted(b[16:20]), len(b)) for _, b in captured(pcap)]
            self.assertEqual(have, want, name)
            self.assertEqual(ladder['seen'], len(have))

    def test_a_packet_moved_what_its_comments_say(self):
        """in the capture, which finds that out in another way; a packet that passes the beginning of a phase has fewer"""
        compared = 0
        for name in ('listen_overflow', 'tcp_traffic', 'forwarding', 'cookies', 'reordering', 'sack_recovery', 'tcp_errors'):
            pcap = at('c.pcapng')
            l = data(page(name, '--pcap', pcap))['worlds'][0]['ladder']
            for n, (p, (_, _, comments)) in enumerate(zip(l['packets'], blocks(pcap))):
                if 'e' in p and 'duplicate' in l['words'][p['e']]: continue # its first has what the sender moved
                for host, moved in commented(comments).items():
                    side = int(p['f'] < 0 or l['hosts'][p['f']]['name'] != host)
                    set = l['sets'][p['m'][side]]
                    have = {l['names'][set[i]]: set[i + 1] for i in range(0, len(set), 2)}
                    self.assertEqual(have, moved, '%s, packet %d, host %s' % (name, n + 1, host))
                    compared += 1
        self.assertGreater(compared, 1500)

    def test_what_packets_and_events_moved_is_what_the_phases_counted(self):
        """in an experiment whose phases leave nothing out"""
        d = data(page('tcp_handshake'))
        ladder, sums = d['worlds'][0]['ladder'], {}
        def add(host, n):
            for i in range(0, len(ladder['sets'][n]) if n >= 0 else 0, 2):
                key = ladder['hosts'][host]['name'], ladder['names'][ladder['sets'][n][i]]
                sums[key] = sums.get(key, 0) + ladder['sets'][n][i + 1]
        for p in ladder['packets']: add(p['f'], p['m'][0]), add(p['h'], p['m'][1])
        for e in ladder['events']: add(e['h'], e['m'])
        counted = {}
        for r in d['rows']: counted[r['host'], r['counter']] = counted.get((r['host'], r['counter']), 0) + r['stack']
        self.assertEqual({k: v for k, v in sums.items() if v}, {k: v for k, v in counted.items() if v})

    def test_a_dropped_packet_says_where_and_why(self):
        d = data(page('listen_overflow'))
        l = d['worlds'][0]['ladder']
        moved = lambda n: {l['names'][l['sets'][n][i]] for i in range(0, len(l['sets'][n]), 2)} if n >= 0 else set()
        dropped = [p for p in l['packets'] if 'TcpExtListenOverflows' in moved(p['m'][1])]
        self.assertEqual(len(dropped), sum(r['stack'] for r in d['rows'] if r['counter'] == 'TcpExtListenOverflows'))
        self.assertTrue(all('met a full accept queue' in l['words'][p['y'][1][0]] for p in dropped))
        lost = [p for p in data(page('abort_on_tcp_mem'))['worlds'][0]['ladder']['packets'] if 'l' in p]
        self.assertTrue(lost and all('e' in p for p in lost))

    def test_queues_fill_and_empty_as_ss_saw_them(self):
        q, = data(page('listen_overflow'))['worlds'][0]['ladder']['listeners']
        points = [tuple(q['q'][i + 1:i + 4]) for i in range(0, len(q['q']), 5)]
        self.assertEqual((q['l'], points[0], points[-1], max(points)[0]), ('0.0.0.0:9000', (0, 1, 0), (2, 1, 0), 2))
        self.assertEqual(max(p[2] for p in points), 1)

    def test_sockets_and_queues_are_where_ss_finds_them_at_each_phases_end(self):
        """what happens is drawn by lot; the experiment asks for the rows itself"""
        with open(at('lots.lua'), 'w') as f: f.write(LOTS)
        for seed in ('1', '2', '3'):
            d = data(page(at('lots.lua'), '--seed', seed))
            w = d['worlds'][0]
            l, checked = w['ladder'], 0
            def last(points, width, t): return [points[i:i + width] for i in range(0, len(points), width) if points[i] <= t][-1:]
            for phase, told in zip(l['phases'], w['phases']):
                have = set()
                for q in l['listeners']:
                    have |= {'%s LISTEN %d %d %s' % (l['hosts'][q['h']]['name'], p[1], p[2], q['l']) for p in last(q['q'], 5, phase['e']) if p[2]}
                for s in l['sockets']:
                    have |= {'%s %s %s %s' % (l['hosts'][s['h']]['name'], NAMES[p[1] % 100], s['l'], s['p']) for p in last(s['s'], 2, phase['e']) if p[1] != 7}
                self.assertEqual(have, set(told['observations']['rows']), (seed, phase['name']))
                checked += len(have)
            self.assertGreater(checked, 80)

    def test_the_same_bytes_twice_and_json_as_without(self):
        a, b = read(page('tcp_traffic')), read(page('tcp_traffic'))
        self.assertEqual(a, b)
        self.assertEqual(lab('ping', '--json', '--html', at('x.html')).stdout, lab('ping', '--json').stdout)
        self.assertEqual(lab('ping', '--html', at('x.html')).stdout, lab('ping').stdout)

    def test_no_text_of_an_experiment_is_markup(self):
        name = at('a<b>&"c.lua')
        with open(name, 'w') as f: f.write(HOSTILE)
        path = page(name)
        text, d = read(path), data(path)
        self.assertEqual((d['experiment'], d['text']), (name, HOSTILE))
        self.assertIn('<title>%s · halfopen</title>' % html.escape(name, quote=True), text)
        self.assertEqual((text.count('</script'), text.count('<script'), text.count('<img')), (2, 2, 0))

    def test_bad_paths_are_told_and_exit_2(self):
        for args, word in ((('ping', '--html', '/nonexistent/x.html'), 'No such file'), (('ping', '--html', TMP), 'Is a directory'),
                           (('all', '--html', '/nonexistent/dir'), 'No such file'), (('all', '--html', __file__), 'Not a directory'),
                           (('sizing', '--html', at('x.html')), '--html')):
            r = lab(*args)
            self.assertEqual((r.returncode, r.stdout), (2, ''), args)
            self.assertIn(word, r.stderr)
        with open(at('bad.lua'), 'w') as f: f.write('x = = 1')
        self.assertEqual(lab(at('bad.lua'), '--html', at('none.html')).returncode, 2)
        self.assertFalse(os.path.exists(at('none.html')))

    def test_a_full_disk_is_told(self):
        r = lab('ping', '--html', '/dev/full')
        self.assertEqual((r.returncode, 'No space left' in r.stderr), (1, True), r.stderr)

    def test_a_network_of_one_host_and_no_packet(self):
        with open(at('quiet.lua'), 'w') as f: f.write("phase('nothing', function() end)")
        l = data(page(at('quiet.lua')))['worlds'][0]['ladder']
        self.assertEqual((l['packets'], l['seen'], [p['name'] for p in l['phases']]), ([], 0, ['nothing']))

class Browser(unittest.TestCase):
    def setUp(self): BROWSER.look(1440, 900)

    def fine(self, path):
        BROWSER.open(path)
        self.assertEqual(BROWSER.evaluate('document.documentElement.dataset.ready'), 'yes', BROWSER.errors)
        self.calm()

    def calm(self):
        BROWSER.settle()
        self.assertEqual(BROWSER.errors, [])
        self.assertEqual([u for u in BROWSER.urls if not u.startswith(('file:', 'data:'))], [])

    def drawn(self): return BROWSER.evaluate("[...document.querySelectorAll('.ladder .pkt')].map(g => Number(g.dataset.n))")
    def picked(self):
        return BROWSER.evaluate("[...document.querySelectorAll('.pkt.picked')].map(g => Number(g.dataset.n))")

    def test_the_ladder_shows_every_packet_in_the_order_of_the_capture(self):
        for name in ('listen_overflow', 'forwarding', 'cookies'):
            pcap = at('b.pcapng')
            path = page(name, '--pcap', pcap)
            self.fine(path)
            self.assertEqual(self.drawn(), list(range(1, len(captured(pcap)) + 1)), name)
            said = BROWSER.evaluate("[...document.querySelectorAll('.pkt')].map(g => g.getAttribute('aria-label'))")
            ladder = data(path)['worlds'][0]['ladder']
            for p, text in zip(ladder['packets'], said):
                self.assertIn('injected' if p['f'] < 0 else ladder['hosts'][p['f']]['name'], text)

    def test_keys_walk_from_packet_to_packet(self):
        self.fine(page('listen_overflow'))
        walked = []
        for k in ('j', 'j', 'ArrowDown', 'k', 'ArrowUp', 'End', 'k', 'Home', 'n', 'n', 'N', ']', '['):
            BROWSER.key(k)
            walked += self.picked()
        self.assertEqual(walked, [1, 2, 3, 2, 1, 20, 19, 1, 10, 11, 10, 11, 10])
        self.assertEqual(BROWSER.evaluate("document.querySelector('.ladder').getAttribute('aria-activedescendant')"), 'stack-10')
        panel = BROWSER.evaluate("document.querySelector('.panel').textContent")
        for word in ('10  SYN', 'Dropped by host B', 'TcpExtListenOverflows +1', 'met a full accept queue', '2 / 2'): self.assertIn(word, panel)
        seen = BROWSER.evaluate("(() => { const r = document.querySelector('.pkt.picked').getBoundingClientRect(); return r.top > 0 && r.bottom < innerHeight; })()")
        self.assertTrue(seen)
        BROWSER.key('Escape')
        self.assertEqual(self.picked(), [])
        self.calm()

    def test_the_mouse_shows_and_holds(self):
        self.fine(page('listen_overflow'))
        over = "document.querySelector('#stack-%d').dispatchEvent(new MouseEvent('%s', {bubbles: true}))"
        picked = []
        for n, what in ((4, 'mouseenter'), (5, 'click'), (6, 'mouseenter')):
            BROWSER.evaluate(over % (n, what))
            picked += self.picked()
        self.assertEqual(picked, [4, 5, 5])

    def test_of_a_long_one_what_is_in_sight_is_drawn_and_all_can_be_reached(self):
        self.fine(page('abort_on_memory'))
        count = len(data(at('page.html'))['worlds'][0]['ladder']['packets'])
        self.assertGreater(count, 1500)
        seen, most = set(), 0
        for _ in range(200):
            now = self.drawn()
            seen.update(now)
            most = max(most, len(now))
            if BROWSER.evaluate("(b => { const t = b.scrollTop; b.scrollTop += 3000; return b.scrollTop === t; })(document.querySelector('.ladder'))"): break
            BROWSER.settle()
        self.assertEqual(seen, set(range(1, count + 1)))
        self.assertLess(most, 300)
        BROWSER.key('End')
        self.assertEqual(len(self.picked()), 1)
        BROWSER.key('Home')
        self.assertEqual(self.picked(), [1])
        self.calm()

    def test_more_packets_than_a_page_takes_are_told(self):
        self.fine(page('bbr'))
        self.assertIn('first 20,000 of 23,088 packets', BROWSER.evaluate("document.querySelector('.ladder .more').textContent"))
        BROWSER.key('End')
        self.assertEqual(len(self.picked()), 1)
        self.calm()

    def test_small_large_dark_and_light(self):
        path, colours = page('listen_overflow'), []
        for width, height, dark in ((390, 844, False), (390, 844, True), (820, 1100, False), (1440, 900, True)):
            BROWSER.look(width, height, dark)
            self.fine(path)
            self.assertLessEqual(BROWSER.evaluate('document.scrollingElement.scrollWidth'), width)
            self.assertEqual(len(self.drawn()), 20)
            outside = BROWSER.evaluate("[...document.querySelectorAll('.pkt text')].filter(t => { const r = t.getBoundingClientRect(), b = t.closest('.ladder').getBoundingClientRect(); return r.left < b.left - 1 || r.right > b.right + 1; }).map(t => t.textContent)")
            self.assertEqual(outside, [], width)
            colours.append(BROWSER.evaluate('getComputedStyle(document.body).backgroundColor'))
        self.assertEqual(colours[1], colours[3])
        self.assertEqual(colours[0], colours[2])
        self.assertNotEqual(colours[0], colours[1])

    def test_no_text_of_an_experiment_is_markup(self):
        name = at('a<b>&"c.lua')
        with open(name, 'w') as f: f.write(HOSTILE)
        self.fine(page(name))
        self.assertEqual(BROWSER.evaluate('[document.title, document.querySelectorAll("img, main script, main b b").length]'), [name + ' · halfopen', 0])
        text = BROWSER.evaluate("document.querySelector('main').textContent")
        for word in ('</script><img src=x onerror="document.title=1"> & "it" <!--', '<b>seen</b>', '</script><h1>no</h1>'): self.assertIn(word, text)

    def test_one_host_and_five(self):
        for name, text, names in (('one.lua', ONE, ['A']), ('five.lua', FIVE, ['A', 'R1', 'R2', 'R3', 'B'])):
            with open(at(name), 'w') as f: f.write(text)
            path = page(at(name))
            for width in (1440, 390):
                BROWSER.look(width, 900)
                self.fine(path)
                self.assertEqual(BROWSER.evaluate("[...document.querySelectorAll('.heads b')].map(b => b.textContent)"), names)
                self.assertEqual(self.drawn(), list(range(1, len(data(path)['worlds'][0]['ladder']['packets']) + 1)))
                self.assertLessEqual(BROWSER.evaluate('document.scrollingElement.scrollWidth'), width)

    def test_the_index_leads_to_all(self):
        directory = at('all')
        r = lab('all', '--html', directory)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.fine(os.path.join(directory, 'index.html'))
        links = BROWSER.evaluate("[...document.querySelectorAll('.cards a')].map(a => a.getAttribute('href'))")
        self.assertEqual(links, [name + '.html' for name in SHIPPED])
        self.assertEqual(sorted(os.listdir(directory)), sorted(links + ['index.html']))
        found = BROWSER.evaluate("(i => { i.value = 'ListenOverflows'; i.dispatchEvent(new Event('input')); return [...document.querySelectorAll('.cards h3')].map(h => h.textContent); })(document.querySelector('input'))")
        self.assertIn('listen_overflow', found)
        self.assertNotIn('ping', found)
        for name in ('ping_fragments', 'time_wait', 'udp_counters', 'orphan_approximation', 'ip_hdr_errors'): self.fine(os.path.join(directory, name + '.html'))

class Kernel(unittest.TestCase):
    def test_stack_and_kernel_stand_side_by_side(self):
        pcap = at('k.pcapng')
        with open(at('own.lua'), 'w') as f: f.write(OVERFLOW)
        path = page(at('own.lua'), '--on', 'both', '--pcap', pcap)
        d = data(path)
        self.assertEqual([w['on'] for w in d['worlds']], ['stack', 'kernel'])
        frames = captured(pcap)
        for i, w in enumerate(d['worlds']):
            self.assertEqual([p['n'] for p in w['ladder']['packets']], [len(b) for n, b in frames if n == i], w['on'])
        self.assertEqual([r for r in d['rows'] if r['mark'] == '!'], [])
        q, = d['worlds'][1]['ladder']['listeners']
        self.assertEqual((q['l'], max(q['q'][1::5])), ('0.0.0.0:9000', 2))
        if BROWSER is None: return
        BROWSER.look(1440, 900)
        BROWSER.open(path)
        BROWSER.evaluate("[...document.querySelectorAll('button')].find(b => b.textContent === 'Side by side').click()")
        BROWSER.settle()
        self.assertEqual(BROWSER.evaluate("[...document.querySelectorAll('.ladder')].map(l => l.querySelectorAll('.pkt').length)"),
                         [len(w['ladder']['packets']) for w in d['worlds']])
        for k in ('j', 'j', 'ArrowRight'): BROWSER.key(k)
        self.assertEqual(BROWSER.evaluate("document.querySelector('.pkt.picked').id"), 'kernel-2')
        self.assertEqual(BROWSER.evaluate("[...document.querySelectorAll('.glow.twin')].map(g => g.closest('.ladder').querySelector('.world').textContent)"), ['on this stack'])
        self.assertEqual(BROWSER.errors, [])

    def test_a_row_that_differs_is_marked(self):
        with open(at('differs.lua'), 'w') as f: f.write("phase('p', function() B:listen(9000) if world == 'kernel' then A:connect(9000) end end)")
        path = at('differs.html')
        self.assertEqual(lab(at('differs.lua'), '--on', 'both', '--html', path).returncode, 1)
        d = data(path)
        self.assertEqual({(r['stack'], r['kernel']) for r in d['rows'] if r['counter'] == 'TcpActiveOpens' and r['mark'] == '!'}, {(0, 1)})
        if BROWSER is None: return
        BROWSER.open(path)
        marked = BROWSER.evaluate("[...document.querySelectorAll('tr.differs .name')].map(n => n.textContent)")
        self.assertEqual(marked, [r['counter'] for r in d['rows'] if r['mark'] == '!'])
        self.assertIn('%d counters differ' % d['open'], BROWSER.evaluate("document.querySelector('.facts').textContent"))

    def test_the_kernel_alone_has_a_page(self):
        d = data(page('tcp_handshake', '--on', 'kernel'))
        self.assertEqual(len(d['worlds']), 1)
        self.assertGreater(len(d['worlds'][0]['ladder']['packets']), 5)

if __name__ == '__main__':
    HALFOPEN, on = os.path.abspath(sys.argv[1]), sys.argv[2]
    if on == 'kernel' and os.geteuid() != 0: print('not root'); sys.exit(77)
    if on == 'browser' and not browser.chromium(): print('no chromium here: the pages are not looked at'); sys.exit(77)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase({'files': Files, 'browser': Browser, 'kernel': Kernel}[on])
    with tempfile.TemporaryDirectory() as TMP:
        if on != 'files' and browser.chromium():
            with browser.Browser() as BROWSER: ok = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
        else:
            ok = unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful()
    sys.exit(0 if ok else 1)
