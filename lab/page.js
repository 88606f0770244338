/* SPDX-License-Identifier: MIT
 * The page of one experiment: head, ladders with the panel beside them, charts, counters, text. */
'use strict';

class Page {
	constructor(doc) {
		this.doc = doc;
		this.views = doc.worlds.filter(w => w.ladder).map((w, i) => {
			w.key = w.on === 'kernel' ? 'kernel' : w.linux ? 'old' : 'stack';
			w.title = w.on === 'kernel' ? `on Linux ${release(w.kernel)}` : w.linux ? `on the stack, as Linux ${w.linux}` : 'on this stack';
			const ladder = new Ladder(w, (v, n, how) => this.select(v, n, how));
			return {world: w, ladder, charts: new Charts(ladder)};
		});
		for (const v of this.views) v.ladder.l.crowded = new Set(v.ladder.l.packets.filter(p => p.i === 6).map(p => v.ladder.label(p).sport)).size > 3;
		this.shown = this.views.slice(0, 1);
		this.held = false;
	}

	/* ---- head ---- */
	head() {
		const d = this.doc, first = d.worlds[0] || {}, stack = d.worlds.find(w => w.on === 'stack'), kernel = d.worlds.find(w => w.on === 'kernel');
		const compared = kernel || d.recorded, facts = [];
		const fact = (text, bold, kind) => facts.push(el('li', {class: kind || null}, el('b', {}, bold), text ? ' ' + text : ''));
		if (first.ladder) fact(first.ladder.seen === 1 ? 'packet' : 'packets', first.ladder.seen.toLocaleString('en'));
		if (first.seconds !== undefined) fact(stack ? 'of virtual time' : 'of real time', trim(first.seconds, 2) + ' s');
		fact(d.worlds[0] && d.worlds[0].phases.length === 1 ? 'phase' : 'phases', String(d.worlds[0] ? d.worlds[0].phases.length : 0));
		if (stack) fact('digest ' + stack.digest, 'seed ' + stack.seed);
		if (compared && stack && d.rows.length) fact(d.recorded && !kernel ? `with what Linux ${release(d.recorded.kernel)} did when it was recorded` : `with Linux ${release(kernel.kernel)}`, d.open ? count(d.open, 'counter') + ' differ' + (d.open === 1 ? 's' : '') : 'equal', d.open ? 'bad' : 'good');
		const alerts = d.worlds.flatMap(w => (w.failures || []).map(f => el('p', {class: 'alert'}, `On the ${w.on}: ${f}`)));
		if (d.not_on_kernel) alerts.push(el('p', {class: 'alert warn'}, 'Not run on the kernel: ' + d.not_on_kernel));
		return el('header', {}, el('p', {class: 'brand'}, d.index ? [el('a', {href: 'index.html'}, 'halfopen lab'), ' / experiment'] : 'halfopen lab / experiment'),
			el('h1', {}, d.experiment), el('p', {class: 'lede'}, d.summary), el('ul', {class: 'facts'}, facts), alerts);
	}

	/* ---- the ladders and what goes with them ---- */
	bar() {
		const bar = el('div', {class: 'bar', role: 'toolbar', 'aria-label': 'Ladder'});
		if (this.views.length > 1) {
			const choices = this.views.map(v => [v.world.key === 'kernel' ? 'Linux' : v.world.key === 'old' ? 'Linux ' + v.world.linux : 'Stack', [v]]);
			choices.push(['Side by side', this.views.slice(0, 2)]);
			bar.append(el('div', {class: 'group'}, this.choices = choices.map(([name, views]) => el('button', {'aria-pressed': 'false', onclick: () => this.showViews(views)}, name))));
			this.choice = choices.map(c => c[1]);
		}
		this.phaseSelect = el('select', {'aria-label': 'Go to a phase', onchange: e => this.toPhase(Number(e.target.value))});
		bar.append(this.phaseSelect, el('button', {onclick: () => this.step(-1), 'aria-label': 'Previous packet'}, '↑'), el('button', {onclick: () => this.step(1), 'aria-label': 'Next packet'}, '↓'));
		this.troubleButton = el('button', {onclick: () => this.trouble(1)}, 'Next drop');
		this.allButton = el('button', {'aria-pressed': 'false', onclick: () => this.toggleAll()}, 'Every counter');
		bar.append(this.troubleButton, this.allButton, el('span', {class: 'spring'}),
			el('span', {class: 'keys'}, el('kbd', {}, '↑'), ' ', el('kbd', {}, '↓'), ' or ', el('kbd', {}, 'k'), ' ', el('kbd', {}, 'j'), ' packets   ', el('kbd', {}, 'n'), ' drop   ', el('kbd', {}, '['), ' ', el('kbd', {}, ']'), ' phase   ', el('kbd', {}, 'esc'), ' let go'));
		return bar;
	}

	showViews(views) {
		this.shown = views;
		const at = this.active && views.includes(this.active) ? this.active : views[0];
		for (const v of this.views) v.ladder.pick(-1);
		this.ladders.replaceChildren(...views.map(v => v.box = v.box || v.ladder.build()));
		this.chartBox.replaceChildren(...views.map(v => [views.length > 1 ? el('h3', {}, v.world.title) : '', v.charts.box]).flat());
		(this.choices || []).forEach((b, i) => b.setAttribute('aria-pressed', this.choice[i].length === views.length && this.choice[i].every((v, k) => v === views[k])));
		this.active = at;
		this.phaseSelect.replaceChildren(el('option', {value: -1}, 'Phase …'), ...at.ladder.phases.map((p, i) => el('option', {value: i}, p.name)));
		this.phaseSelect.hidden = at.ladder.phases.length < 2;
		this.troubleButton.hidden = !at.ladder.rows.some(n => at.ladder.trouble(n));
		this.allButton.hidden = !at.ladder.l.packets.some(p => p.m);
		for (const v of views) { v.ladder.width = 0; v.ladder.resize(); }
		this.tell(at, -1);
	}

	toggleAll() {
		const all = this.allButton.getAttribute('aria-pressed') !== 'true';
		this.allButton.setAttribute('aria-pressed', all);
		for (const v of this.views) {
			v.ladder.all = all;
			v.ladder.layOut();
			if (v.box) { v.ladder.width = 0; v.ladder.resize(); }
		}
		if (this.active) this.tell(this.active, this.active.ladder.picked);
	}

	viewOf(ladder) { return this.views.find(v => v.ladder === ladder); }

	/* A click holds a packet; the mouse passing over one shows it, unless another is held. */
	select(ladder, n, how) {
		if (how === 'hover' && this.held) return;
		if (how === undefined) this.held = !(this.held && ladder.picked === n);
		const v = this.viewOf(ladder);
		for (const other of this.views) if (other !== v) this.echo(other, ladder, n);
		this.active = v;
		ladder.pick(n, how === 'keys');
		if (how === 'keys') this.held = true;
		v.charts.mark(n);
		this.tell(v, n);
	}
	/* Where the worlds have the same number of packets, the other's is marked, too. */
	echo(other, ladder, n) {
		const twin = this.shown.length > 1 && other.ladder.rows.length === ladder.rows.length ? ladder.rank[n] : -1;
		other.ladder.echo(twin);
		other.charts.mark(twin < 0 ? -1 : other.ladder.rows[twin]);
	}
	step(by) { const n = this.active.ladder.step(by); if (n >= 0) this.select(this.active.ladder, n, 'keys'); }
	trouble(by) {
		let n = this.active.ladder.nextTrouble(by);
		if (n < 0 && by > 0 && this.active.ladder.picked >= 0) { this.active.ladder.pick(-1); n = this.active.ladder.nextTrouble(by); }
		if (n >= 0) this.select(this.active.ladder, n, 'keys');
	}
	toPhase(i) {
		const l = this.active.ladder, p = l.phases[i];
		if (!p) return;
		const n = l.rows.find(k => l.place[k].y1 >= p.y);
		if (n !== undefined) this.select(l, n, 'keys');
		this.phaseSelect.value = i;
	}
	phaseStep(by) {
		const l = this.active.ladder, y = l.picked < 0 ? -1 : l.place[l.picked].y1;
		let at = -1;
		l.phases.forEach((p, i) => { if (p.y <= y) at = i; });
		this.toPhase(Math.max(0, Math.min(l.phases.length - 1, at + by)));
	}
	release() {
		this.held = false;
		for (const v of this.views) { v.ladder.pick(-1); v.charts.mark(-1); }
		this.tell(this.active, -1);
	}

	key(e) {
		if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) || !this.active) return;
		const arrows = e.target.closest('.ladder') || e.target === document.body || this.held;
		const rows = Math.max(1, Math.floor(innerHeight / ROW / 2));
		const does = {
			j: () => this.step(1), k: () => this.step(-1), n: () => this.trouble(1), N: () => this.trouble(-1), ']': () => this.phaseStep(1), '[': () => this.phaseStep(-1), Escape: () => this.release(),
			...arrows && {ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1), Home: () => this.step(-1e9), End: () => this.step(1e9), PageDown: () => this.step(rows), PageUp: () => this.step(-rows)},
			...this.shown.length > 1 && arrows && {ArrowLeft: () => this.across(-1), ArrowRight: () => this.across(1)},
		}[e.key];
		if (!does) return;
		e.preventDefault();
		does();
	}
	across(by) {
		const i = this.shown.indexOf(this.active) + by, to = this.shown[i];
		if (to && to.ladder.rows.length) this.select(to.ladder, to.ladder.rows[Math.min(to.ladder.rows.length - 1, Math.max(0, this.active.ladder.rank[this.active.ladder.picked] || 0))], 'keys');
	}

	/* ---- the panel ---- */
	tell(v, n) {
		this.panel.classList.toggle('empty', n < 0);
		this.panel.replaceChildren(...(n < 0 ? this.tellNothing(v) : this.tellPacket(v, n)).flat(9).filter(Boolean));
	}
	tellNothing(v) {
		const bad = v ? v.ladder.rows.filter(n => v.ladder.trouble(n)).length : 0, l = v && v.ladder.l, fills = v ? v.charts.fills(Infinity) : [];
		return [el('h2', {}, 'Packets'), el('p', {class: 'say'}, 'Point at one, or walk with the arrow keys. Left and right of the hosts stand the counters that it moved there; those that every packet moves are left out.'),
			v && v.world.on === 'kernel' && el('p', {class: 'say'}, 'The kernel does not tell which packet moved what: its counters are below, by phase.'),
			bad > 0 && el('p', {class: 'say fate'}, `${count(bad, 'packet')} lost or dropped.`),
			l && [el('h3', {}, 'Hosts'), el('dl', {}, l.hosts.map(h => [el('dt', {}, h.name), el('dd', {class: 'mono'}, h.addr)]))],
			fills.length > 0 && [el('h3', {}, 'Queues at the end'), fills]];
	}
	tellPacket(v, n) {
		const L = v.ladder, p = L.l.packets[n], a = L.label(p), sent = p.f < 0 ? 'forged' : L.hostName(p.f), fills = v.charts.fills(n);
		const ref = k => el('button', {class: 'link', onclick: () => this.select(L, k, 'keys')}, `packet ${k + 1}`);
		const phase = [...L.phases].reverse().find(q => L.place[n].y1 >= q.y);
		return [el('h2', {}, `${n + 1}  ${a.flags}`, el('small', {}, `${sent} → ${L.hostName(p.h)}`)),
			p.e !== undefined && el('p', {class: 'fate' + (p.l ? '' : ' forged')}, L.l.words[p.e].replace(/^./, c => c.toUpperCase()) + '.'),
			L.droppedAt(n) && !p.l && el('p', {class: 'fate'}, `Dropped by host ${L.hostName(p.h)}.`),
			el('p', {class: 'what'}, p.x),
			el('dl', {}, el('dt', {}, 'from'), el('dd', {class: 'mono'}, L.l.words[p.s] + (a.sport ? ':' + a.sport : '')), el('dt', {}, 'to'), el('dd', {class: 'mono'}, L.l.words[p.d] + (a.dport ? ':' + a.dport : '')),
				el('dt', {}, 'time'), el('dd', {}, `${clock(p.t - L.t0)} s`, p.a > 0 ? `, ${span(p.a)} on the wire` : ''), el('dt', {}, 'size'), el('dd', {}, `${p.n} bytes${a.data ? `, ${a.data} of data` : ''}`),
				p.c !== undefined && [el('dt', {}, 'sent by'), el('dd', {}, L.l.words[p.c])], p.in !== undefined && [el('dt', {}, 'answers'), el('dd', {}, ref(p.in))],
				phase && [el('dt', {}, 'phase'), el('dd', {}, phase.name)]),
			v.world.on === 'kernel' && el('p', {class: 'note', style: 'margin:10px 0 0'}, 'Which counters it moved the kernel does not tell.'),
			this.tellMoves(v, n, 0, p.f, 'sent'), this.tellMoves(v, n, 1, p.l ? -1 : p.h, 'received'),
			fills.length > 0 && [el('h3', {}, p.l ? 'Queues then' : 'Queues after it'), fills]];
	}
	tellMoves(v, n, side, host, verb) {
		const L = v.ladder, moves = L.moves(n, side);
		if (host < 0 || !moves.length) return null;
		const whys = ((L.l.packets[n].y || [])[side] || []).map(w => L.l.words[w]);
		const plain = moves.filter(([name]) => PLUMBING.test(name)), telling = moves.filter(([name]) => !PLUMBING.test(name));
		const item = ([name, d]) => {
			const why = whys.find(w => w.startsWith(shortName(name) + ' ') || w.startsWith(name + ' '));
			return el('li', {class: LOUD.test(name) ? 'loud' : null}, el('b', {}, `${name} ${signed(d)}`), el('span', {}, why ? why.replace(/^\S+ \S+ /, '') : this.doc.what[name] || ''));
		};
		return [el('h3', {}, `${L.hostName(host)} ${verb} it and moved`), el('ul', {}, telling.map(item)),
			plain.length > 0 && (L.all ? el('ul', {}, plain.map(item)) : el('p', {class: 'note', style: 'font-size:12.5px;margin:0'}, (telling.length ? 'and ' : '') + plain.map(([name, d]) => `${name} ${signed(d)}`).join(', ')))];
	}

	/* ---- counters ---- */
	counters() {
		const d = this.doc, by = new Map(), kernel = d.worlds.find(w => w.on === 'kernel'), old = d.worlds.find(w => w.linux && w.linux !== '6.18' && d.worlds.length > 1);
		for (const p of (d.worlds[0] || {phases: []}).phases) by.set(p.phase, {p, rows: []});
		for (const r of d.rows) if (by.has(r.phase)) by.get(r.phase).rows.push(r);
		const parts = [...by.values()], few = parts.length <= 6;
		const heads = ['host', 'counter', d.rows.some(r => 'stack' in r) && 'stack', d.rows.some(r => 'kernel' in r) && (kernel ? 'kernel' : 'kernel*'), old && `as ${old.linux}`, d.rows.some(r => 'document' in r) && 'document', 'why'].filter(Boolean);
		return [el('h2', {id: 'counters'}, 'Counters'), el('p', {class: 'note'}, 'What each phase moved. ', d.recorded && !kernel ? `kernel* is Linux ${release(d.recorded.kernel)}, recorded (${d.recorded.topology}). ` : '', 'A red row differs without a known reason; an amber one for a reason that stands in it, or from what the document says.'),
			parts.map((part, i) => this.phasePart(part, heads, few || i < 2))];
	}
	phasePart({p, rows}, heads, open) {
		const differs = rows.filter(r => r.mark === '!').length, telling = rows.filter(r => !PLUMBING.test(r.counter)).slice(0, 5).map(r => shortName(r.counter));
		const box = el('div', {class: 'inside'}), part = el('details', {class: 'part'}, el('summary', {}, p.phase, differs ? el('small', {class: 'bad'}, count(differs, 'counter') + ' differ') : el('small', {}, [...new Set(telling)].join(', '))), box);
		const fill = () => { if (!box.firstChild) box.append(rows.length ? this.table(p, rows, heads) : el('p', {class: 'note'}, 'Nothing moved.'), this.seen(p) || ''); };
		part.addEventListener('toggle', fill);
		if (open) { fill(); part.open = true; }
		return part;
	}
	table(p, rows, heads) {
		const whys = new Map((p.why || []).map(w => [w.host + ' ' + w.counter, w]));
		let host = null;
		const line = r => {
			const w = whys.get(r.host + ' ' + r.counter), loud = LOUD.test(r.counter), says = r.note || (w && (loud || !PLUMBING.test(r.counter)) ? w.said.replace(/^\S+ \S+ /, '') + (w.times > 1 ? ` (the first of ${w.times} times)` : '') : this.doc.what[r.counter] || '');
			const cells = heads.map(h => h === 'host' ? el('td', {class: 'host'}, r.host === host ? '' : r.host) : h === 'counter' ? el('td', {class: 'name'}, r.counter) : h === 'why' ? el('td', {class: 'say'}, says)
				: el('td', {class: 'num'}, String((h.startsWith('as ') ? r.old : h.startsWith('kernel') ? r.kernel : h === 'stack' ? r.stack : r.document) ?? '')));
			host = r.host;
			return el('tr', {class: r.mark === '!' ? 'differs' : r.mark === '~' ? 'known' : r.mark === 'd' ? 'doc' : null}, cells);
		};
		return el('table', {}, el('thead', {}, el('tr', {}, heads.map(h => el('th', {class: /host|counter|why/.test(h) ? null : 'num', scope: 'col'}, h)))), el('tbody', {}, rows.map(line)));
	}
	seen(p) {
		const list = [];
		for (const w of this.doc.worlds) {
			const there = p ? w.phases.find(q => q.phase === p.phase) : w;
			for (const [k, v] of Object.entries((there && there.observations) || {})) list.push(el('dt', {}, (this.doc.worlds.length > 1 ? `${w.on}: ` : '') + k), el('dd', {}, typeof v === 'string' ? v : JSON.stringify(v)));
		}
		return list.length ? el('dl', {class: 'seen'}, list) : null;
	}

	show() {
		const main = document.getElementById('page'), overall = this.seen(null);
		this.panel = el('aside', {class: 'panel', 'aria-live': 'polite', 'aria-label': 'The packet', tabindex: '0'});
		this.ladders = el('div', {class: 'ladders'});
		this.chartBox = el('div', {class: 'charts'});
		main.append(this.head());
		if (this.views.length) main.append(this.bar(), el('div', {class: 'stage'}, this.ladders, this.panel), el('h2', {}, 'Queues and sockets'), el('p', {class: 'note'}, 'Time goes as in the ladder, from left to right: long pauses, shaded, are cut short.'), this.chartBox);
		main.append(...this.counters().flat());
		if (overall) main.append(el('h2', {}, 'Seen'), overall);
		main.append(el('h2', {}, 'The experiment'), el('p', {class: 'note'}, 'This is all of it; the same text runs on the stack and on Linux.'),
			el('details', {class: 'part'}, el('summary', {}, this.doc.experiment + '.lua'), el('div', {class: 'inside'}, el('pre', {}, this.doc.text))),
			el('footer', {}, 'Made by halfopen lab run --html. This file needs no other.'));
		if (this.views.length) this.showViews(this.shown);
		document.addEventListener('keydown', e => this.key(e));
		document.documentElement.dataset.ready = 'yes';
	}
}

new Page(pageData()).show();
