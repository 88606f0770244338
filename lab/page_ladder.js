/* SPDX-License-Identifier: MIT
 * The ladder: hosts are lines from top to bottom, packets go between them.
 *
 * Lengths do not tell times: a moment that matters has its row, short times little room, and long ones a mark that says how
 * long.  The same rows are the horizontal axis of the charts (xOf).  What is not in sight is not in the document, if there is
 * much of it. */
'use strict';

const ROW = 28, GAP_NS = 40e6, ICMP = {0: 'echo reply', 3: 'unreachable', 4: 'source quench', 5: 'redirect', 8: 'echo request', 11: 'time exceeded', 12: 'parameter problem', 13: 'timestamp', 14: 'timestamp reply'},
	PROTOCOLS = {1: 'ICMP', 6: 'TCP', 17: 'UDP'}, VIRTUAL_FROM = 500, SLACK = 900;

class Ladder {
	constructor(world, select) {
		this.world = world;
		this.l = world.ladder;
		this.select = select;
		this.picked = -1;
		this.all = false;
		this.drawn = new Map();
		this.layOut();
	}

	/* ---- what happened, in order ---- */
	moments() {
		const list = [];
		this.l.packets.forEach((p, n) => {
			list.push({t: p.t, order: p.f < 0 || p.in !== undefined ? 1 : 4, n, k: p.k || 0, kind: 'sent'});
			list.push({t: p.t + p.a, order: 0, n, kind: 'arrived'});
		});
		this.l.events.forEach((e, n) => (this.all || e.y || this.pairs(this.l.sets[e.m]).some(([c]) => !PLUMBING.test(c))) && list.push({t: e.t, order: 3, n, kind: 'event'}));
		this.l.phases.forEach((p, n) => list.push({t: p.b, order: 2, n, kind: 'phase'}));
		list.forEach((m, i) => { m.i = i; });
		return list.sort((a, b) => a.t - b.t || a.order - b.order || (a.k || 0) - (b.k || 0) || a.i - b.i);
	}

	/* ---- where that is ---- */
	layOut() {
		const l = this.l, P = this.place = l.packets.map(() => ({})), knots = this.knots = [];
		let y = 18, row = -20, last = null, t0 = null, arrived = -20;
		this.bursts = new Map();

		const flights = l.packets.map(p => p.a).sort((a, b) => a - b);
		this.gap = Math.max(GAP_NS, 2.5 * (flights[flights.length >> 1] || 0));
		let flying = 0;
		this.gaps = [];
		this.rows = [];
		this.events = [];
		this.phases = [];
		for (const m of this.moments()) {
			if (t0 === null) t0 = m.t;
			const dt = last === null ? 0 : m.t - last;
			if (dt >= this.gap) {
				y = Math.max(y + 2, row + 8);
				this.gaps.push({y: y + 14, dt, crossed: flying > last});
				y += 28;
				row = y - 16;
			} else if (dt > 0) {
				y += Math.min(26, 4 + 4 * Math.log2(1 + dt / 20e3));
			}
			last = m.t;
			if (m.kind === 'arrived') {
				if (P[m.n].y1 === undefined) continue; /* at the instant at which it was sent */
				y = Math.max(y, P[m.n].y1 + 7);
				[P[m.n].y2, y] = this.landing(m.n, y);
				arrived = P[m.n].y2;
			} else if (m.kind === 'sent') {
				y = row = Math.max(y, row + ROW, arrived + 17);
				P[m.n].y1 = y;
				if (!l.packets[m.n].l) flying = Math.max(flying, m.t + l.packets[m.n].a);
				this.leave(m.n, y);
				this.rows.push(m.n);
				if (l.packets[m.n].a === 0) P[m.n].y2 = y + (l.packets[m.n].f < 0 ? 0 : 7);
			} else if (m.kind === 'event') {
				y = row = Math.max(y, row + ROW - 3);
				this.events.push({e: l.events[m.n], y});
			} else {
				y = Math.max(y + 6, row + 16);
				this.phases.push({name: l.phases[m.n].name, n: m.n, y, t: m.t});
				y += 27;
				row = y - 10;
			}
			if (!knots.length || y > knots[knots.length - 1][1]) knots.push([m.t, y]);
		}
		for (const p of P) if (p.y2 === undefined) p.y2 = p.y1 + 7;
		this.t0 = t0 === null ? 0 : t0;
		this.height = y + 34;
		this.rank = [];
		this.rows.forEach((n, i) => { this.rank[n] = i; });
	}

	/* Packets that left together stay apart: their lines are parallel. */
	leave(n, y) {
		const p = this.l.packets[n], key = `${p.t} ${p.a}`;
		if (p.l) return;
		if (!this.bursts.has(key)) this.bursts.set(key, {first: n, last: y});
		this.place[n].burst = this.bursts.get(key);
		this.place[n].burst.last = y;
	}
	landing(n, y) {
		const p = this.l.packets[n], place = this.place[n], burst = place.burst;
		if (!burst || burst.last === place.y1 && burst.first === n) return [y, y];
		if (p.a < this.gap) return [Math.max(place.y1 + 7, y - burst.last + place.y1), y];
		return n === burst.first ? [y, y] : [y + 8, y + 8];
	}

	yOf(t) {
		const k = this.knots;
		if (!k.length || t <= k[0][0]) return k.length ? k[0][1] : 0;
		let lo = 0, hi = k.length - 1;
		if (t >= k[hi][0]) return k[hi][1];
		while (hi - lo > 1) { const m = lo + hi >> 1; if (k[m][0] <= t) lo = m; else hi = m; }
		return k[lo][1] + (k[hi][1] - k[lo][1]) * (t - k[lo][0]) / Math.max(1, k[hi][0] - k[lo][0]);
	}
	/* The same, from 0 to 1. */
	xOf(t) { return this.height > 60 ? Math.max(0, Math.min(1, (this.yOf(t) - 18) / (this.height - 52))) : 0; }

	/* ---- what a packet is ---- */
	moves(n, side) {
		const p = this.l.packets[n], set = p.m && p.m[side] >= 0 ? this.l.sets[p.m[side]] : [];
		return this.pairs(set);
	}
	pairs(set) {
		const list = [];
		for (let i = 0; i < set.length; i += 2) list.push([this.l.names[set[i]], set[i + 1]]);
		return list;
	}
	droppedAt(n) { return this.moves(n, 1).some(([name]) => DROPPED.test(name)); }
	trouble(n) { return Boolean(this.l.packets[n].l) || this.droppedAt(n); }
	hostName(h) { return h < 0 ? 'nobody' : this.l.hosts[h].name; }
	/* Where a packet begins and ends: for those of nobody, the other end of the wire. */
	ends(p) {
		const w = this.l.wires[p.w] || [0, 0], over = h => w[0] === h ? w[1] : w[0], other = h => over(h) < 0 ? h : over(h);
		return [p.f >= 0 ? p.f : other(p.h), p.h >= 0 ? p.h : other(p.f), p.f < 0, p.h < 0];
	}
	label(p) {
		const tcp = /^(\d+)>(\d+) (\S+) (.*)$/.exec(p.x);
		if (p.i === 6 && tcp) {
			const names = {S: 'SYN', 'S.': 'SYN ACK', '.': 'ACK', 'P.': 'ACK', 'F.': 'FIN ACK', 'FP.': 'FIN ACK', R: 'RST', 'R.': 'RST ACK'};
			const data = /\((\d+)\)/.exec(tcp[4]);
			return {flags: (data && !/[SFRU]/.test(tcp[3]) ? 'DATA' : names[tcp[3]]) || tcp[3].replace('.', ' ACK').replace('S', 'SYN').replace('P', 'PSH').replace('F', 'FIN').replace('R', 'RST').replace('U', 'URG'), data: data && Number(data[1]), rest: tcp[4], ports: tcp[1] + '→' + tcp[2], sport: tcp[1], dport: tcp[2]};
		}
		const udp = /^udp (\d+)>(\d+) len (\d+)/.exec(p.x), icmp = /^icmp type (\d+) code (\d+) len (\d+)/.exec(p.x), frag = /^proto (\d+) frag off (\d+)(\+?) len (\d+)/.exec(p.x);
		if (udp) return {flags: 'UDP', rest: `${udp[1]}→${udp[2]}  ${udp[3]} B`, ports: '', sport: udp[1], dport: udp[2]};
		if (icmp) return {flags: 'ICMP', rest: `${ICMP[icmp[1]] || 'type ' + icmp[1]}${Number(icmp[2]) ? ', code ' + icmp[2] : ''}  ${icmp[3]} B`, ports: ''};
		if (frag) return {flags: 'FRAGMENT', rest: `${PROTOCOLS[frag[1]] || 'protocol ' + frag[1]}, ${frag[4]} B at ${frag[2]}${frag[3] ? ', more to come' : ''}`, ports: ''};
		return {flags: 'IP', rest: p.x, ports: ''};
	}
	say(n) {
		const p = this.l.packets[n], a = this.label(p), why = p.e !== undefined ? ', ' + this.l.words[p.e] : '';
		return `packet ${n + 1}, ${clock(p.t - this.t0)} s, ${p.f < 0 ? 'injected' : this.hostName(p.f)} to ${this.hostName(p.h)}: ${a.ports} ${a.flags} ${a.rest}${why}${this.droppedAt(n) ? ', dropped by host ' + this.hostName(p.h) : ''}`;
	}

	/* ---- drawing ---- */
	build() {
		this.long = this.rows.length + this.events.length > VIRTUAL_FROM;
		this.svg = el('svg:svg', {'aria-hidden': 'false', role: 'presentation'});
		this.rungs = el('div', {class: 'rungs'}, this.svg);
		this.heads = el('div', {class: 'heads'});
		const name = this.world.title;
		this.box = el('div', {class: 'ladder' + (this.long ? ' long' : ''), tabindex: '0', role: 'listbox', 'aria-label': `Packets ${name}; arrows, j and k go from one to the next`}, this.heads, this.rungs);
		if (this.l.seen > this.l.packets.length)
			this.box.append(el('div', {class: 'more'}, `These are the first ${this.l.packets.length.toLocaleString('en')} of ${count(this.l.seen, 'packet')}. All are in the capture: halfopen lab run … --pcap FILE`));
		if (!this.rows.length) this.box.append(el('div', {class: 'more'}, 'No packet went over a wire.'));
		(this.long ? this.box : window).addEventListener('scroll', () => this.show(), {passive: true});
		new ResizeObserver(() => requestAnimationFrame(() => this.resize())).observe(this.box);
		return this.box;
	}

	resize() {
		const w = this.box.clientWidth;
		if (!w || w === this.width) return;
		this.width = w;
		const n = this.l.hosts.length, side = this.l.events.length || this.l.packets.some(p => p.m);
		this.gutter = side && w >= 900 ? 246 : side && w >= 700 ? 190 : w >= 560 ? 96 : 30;
		this.times = w >= 560;
		const left = this.gutter + (this.times && this.gutter < 120 ? 0 : this.times ? 40 : 0), right = w - this.gutter;
		this.x = this.l.hosts.map((h, i) => n === 1 ? w / 2 : left + (right - left) * i / (n - 1));
		this.heads.replaceChildren(...this.l.hosts.map((h, i) => {
			const d = el('div', {style: `left:${w < 560 && i === 0 && n > 1 ? 52 : w < 560 && i === n - 1 ? w - 52 : this.x[i]}px`}, el('b', {}, h.name), n === 1 || (right - left) / (n - 1) >= 96 ? el('span', {title: h.addr}, h.addr) : null);
			return d;
		}));
		if (w > 640 || n === 2) this.heads.append(el('div', {class: 'world' + (w > 640 ? '' : ' mid')}, this.world.title));
		this.rungs.style.height = this.height + 'px';
		this.drawn.clear();
		this.svg.replaceChildren();
		this.show();
	}

	visible() {
		if (!this.long) return [0, this.height];
		return [this.box.scrollTop - SLACK, this.box.scrollTop + this.box.clientHeight + SLACK];
	}

	/* Draws what has come into sight and forgets what has left it. */
	show() {
		if (!this.width || (!this.long && this.svg.firstChild)) return;
		const [from, to] = this.visible();
		if (this.svg.firstChild && this.from !== undefined && from + SLACK / 2 > this.from && to - SLACK / 2 < this.to) return;
		this.from = Math.max(0, from - SLACK);
		this.to = Math.min(this.height, to + SLACK);
		const svg = this.svg, h = this.to - this.from;
		svg.style.top = this.from + 'px';
		svg.setAttribute('height', h);
		svg.setAttribute('viewBox', `0 ${this.from} ${this.width} ${h}`);
		svg.replaceChildren();
		this.drawn.clear();
		const near = y => y >= this.from - 40 && y <= this.to + 40;
		this.glow = svg.appendChild(el('svg:rect', {class: 'glow', x: 0, y: -99, width: this.width, height: ROW - 2, rx: 3}));
		for (const x of this.x) svg.append(el('svg:line', {class: 'life', x1: x, x2: x, y1: this.from, y2: this.to}));
		for (const p of this.phases) if (near(p.y)) svg.append(this.drawPhase(p));
		for (const g of this.gaps) if (near(g.y)) svg.append(this.drawGap(g));
		for (const e of this.events) if (near(e.y)) svg.append(this.drawEvent(e));
		for (let n = 0; n < this.place.length; n++) { /* in the order of the capture */
			const p = this.place[n];
			if (p.y1 <= this.to + 40 && p.y2 >= this.from - 40) {
				const g = this.drawPacket(n);
				this.drawn.set(n, g);
				svg.append(g);
			}
		}
		this.pick(this.picked);
	}

	drawPhase(p) {
		const room = Math.floor((this.width - 28) / 7.4), name = p.name.length > room ? p.name.slice(0, room - 1) + '…' : p.name;
		return el('svg:g', {class: 'phase', 'data-phase': p.n}, el('svg:rect', {x: 0, y: p.y, width: this.width, height: 25}),
			el('svg:text', {x: 14, y: p.y + 17}, name), el('svg:title', {}, p.name));
	}

	drawGap(g) {
		const text = span(g.dt), w = text.length * 7 + 16, mid = this.x.length > 1 ? (this.x[0] + this.x[this.x.length - 1]) / 2 : this.x[0] + 60;
		return el('svg:g', {class: 'gap', 'aria-label': text + ' pass'},
			this.x.map(x => [el('svg:line', {x1: x, x2: x, y1: g.y - 7, y2: g.y + 7}), el('svg:path', {d: `M${x - 6} ${g.y - 4}l12 -5M${x - 6} ${g.y + 9}l12 -5`})]),
			g.crossed ? this.times && el('svg:text', {x: 10, y: g.y + 4}, '+ ' + text) : [
				el('svg:path', {d: `M${this.x[0] + 14} ${g.y}H${this.x[this.x.length - 1] - 14}`, 'stroke-dasharray': '1 5'}),
				el('svg:rect', {x: mid - w / 2, y: g.y - 9, width: w, height: 18}), el('svg:text', {x: mid, y: g.y + 4, 'text-anchor': 'middle'}, text)]);
	}

	/* "ListenOverflows +1  ListenDrops +1": what fits */
	movesText(moves, room) {
		const list = moves.filter(([name]) => this.all || !PLUMBING.test(name)).sort((a, b) => LOUD.test(b[0]) - LOUD.test(a[0]));
		const spans = [];
		let used = 0;
		for (let i = 0; i < list.length; i++) {
			const text = shortName(list[i][0]) + ' ' + signed(list[i][1]), left = list.length - i - 1;
			if (used + text.length + (left ? 4 : 0) > room && (i || text.length > room)) {
				spans.push(el('svg:tspan', {class: 'others'}, (i ? '  +' : '+') + (left + 1)));
				break;
			}
			spans.push(el('svg:tspan', {class: LOUD.test(list[i][0]) ? 'loud' : ''}, (i ? '  ' : '') + text));
			used += text.length + 2;
		}
		return spans;
	}

	drawMoves(moves, host, y) {
		const first = host === 0, last = host === this.x.length - 1;
		if (this.gutter < 120 || !(first || last) || !moves.length) return null;
		const room = Math.floor((this.gutter - (first && this.times ? 36 : 14)) / 6.65), spans = this.movesText(moves, room);
		if (!spans.length) return null;
		return el('svg:text', {class: 'moved', x: this.x[host] + (first ? -10 : 10), y, 'text-anchor': first ? 'end' : 'start'}, spans);
	}

	drawEvent({e, y}) {
		const x = this.x[e.h], first = e.h === 0, cause = this.l.words[e.c], moves = this.pairs(this.l.sets[e.m]);
		const why = (e.y || []).map(w => this.l.words[w]).join('\n');
		return el('svg:g', {class: 'tick'}, el('svg:circle', {cx: x, cy: y, r: 4}),
			el('svg:text', {class: 'cause', x: x + (first ? 10 : -10), y: y + 4, 'text-anchor': first ? 'start' : 'end'}, cause),
			this.drawMoves(moves, e.h, y + 4), this.times && el('svg:text', {class: 'time', x: 10, y: y + 4}, clock(e.t - this.t0)),
			el('svg:title', {}, `${this.hostName(e.h)}, ${clock(e.t - this.t0)} s, ${cause}: ${moves.map(([n, d]) => n + ' ' + signed(d)).join(', ')}${why ? '\n' + why : ''}`));
	}

	drawPacket(n) {
		const p = this.l.packets[n], {y1, y2} = this.place[n], [a, b, noSender, noReceiver] = this.ends(p);
		let xa = this.x[a], xb = this.x[b];
		if (a === b) { /* a wire that leads nowhere */
			const outer = xa + (a === this.x.length - 1 && a > 0 ? -1 : 1) * Math.min(240, this.width / 2.5);
			if (noSender) xa = outer; else xb = outer;
		}
		const right = xb > xa, dir = right ? 1 : -1, part = f => [xa + (xb - xa) * f, y1 + (y2 - y1) * f];
		const [sx, sy] = noSender ? part(0.4) : [xa, y1], [ex, ey] = p.l ? part(0.6) : noReceiver || (a === b && !noSender) ? part(0.8) : [xb, y2];
		const forged = noSender || (p.e !== undefined && !p.l), dropped = !p.l && this.droppedAt(n);
		const g = el('svg:g', {
			class: `pkt ${p.f < 0 ? 'forged' : right ? 'there' : 'back'}${forged ? ' forged' : ''}${p.l ? ' lost' : ''}${n === this.picked ? ' picked' : ''}`,
			id: `${this.world.key}-${n + 1}`, 'data-n': n + 1, role: 'option', 'aria-selected': n === this.picked, 'aria-label': this.say(n),
			'aria-setsize': this.rows.length, 'aria-posinset': this.rank[n] + 1, onclick: () => this.select(this, n), onmouseenter: () => this.select(this, n, 'hover'),
		});
		g.append(el('svg:rect', {class: 'row', x: 0, y: y1 - 17, width: this.width, height: ROW - 2, rx: 3}));
		g.append(el('svg:line', {class: 'hit', x1: sx, y1: sy, x2: ex, y2: ey}));
		g.append(el('svg:line', {class: 'line', x1: sx, y1: sy, x2: ex, y2: ey}));
		this.drawEnd(g, p, ex, ey, Math.atan2(ey - sy, ex - sx), dropped, noReceiver);
		if (noSender) g.append(el('svg:circle', {class: 'head', cx: sx, cy: sy, r: 3.5}));
		this.drawLabel(g, p, n, {sx, sy, ex, ey, dir, right, dropped});
		if (p.f >= 0) g.append(this.drawMoves(this.moves(n, 0), p.f, y1 + 8) || '');
		if (p.h >= 0 && !p.l) g.append(this.drawMoves(this.moves(n, 1), p.h, y2 - 4 > y1 - 2 || p.f === p.h ? y2 - 4 : y1 - 4) || '');
		if (this.times) g.append(el('svg:text', {class: 'time', x: 10, y: y1 + 1}, clock(p.t - this.t0)));
		return g;
	}

	drawEnd(g, p, x, y, angle, dropped, gone) {
		if (p.l) {
			g.append(el('svg:path', {class: 'cross', d: `M${x - 6} ${y - 6}l12 12m0 -12l-12 12`}));
			return;
		}
		if (dropped) {
			g.append(el('svg:circle', {class: 'ring', cx: x, cy: y, r: 6}), el('svg:path', {class: 'cross', d: `M${x - 3} ${y - 3}l6 6m0 -6l-6 6`, style: 'stroke-width:1.8'}));
			return;
		}
		const at = (d, w) => `${x - d * Math.cos(angle) - w * Math.sin(angle)} ${y - d * Math.sin(angle) + w * Math.cos(angle)}`;
		g.append(el('svg:path', {class: 'head', d: `M${x} ${y}L${at(9, 4)}L${at(9, -4)}Z`, opacity: gone ? 0.5 : 1}));
	}

	drawLabel(g, p, n, {sx, sy, ex, ey, right, dropped}) {
		const a = this.label(p), narrow = Math.abs(ex - sx) < 330 || this.width < 620, slope = (ey - sy) / Math.max(1, Math.abs(ex - sx));
		const flat = slope < 0.13, x = sx + (right ? 14 : -14), y = sy + (flat ? slope * 14 : 0) - 5;
		const width = Math.abs(ex - sx) - 30, chars = Math.max(6, Math.floor(width / 7.3) - a.flags.length - 2);
		let rest = a.data ? `${a.data} B` : '';
		if (p.i !== 6) rest = a.rest;
		else if (narrow && !rest && a.ports.length <= chars) rest = a.ports;
		else if (!narrow) rest = a.rest.replace(/^(\d+)(:\d+\(\d+\))?/, m => a.data ? `seq ${m}` : `seq ${m}`).replace(/ <.*/, m => /mss|sack \d/.test(m) ? m : '');
		if (this.l.crowded && a.ports && !narrow && chars > 34) rest = a.ports + '  ' + rest;
		const rank = c => 2 * DROPPED.test(c.split(' ')[1]) + LOUD.test(c), moved = this.gutter < 120 ? [[p.f, 0], [p.l ? -1 : p.h, 1]].flatMap(([h, side]) => h < 0 ? [] : this.moves(n, side).filter(([c]) => !PLUMBING.test(c)).map(([c, d]) => `${this.hostName(h)} ${shortName(c)} ${signed(d)}`)) : [];
		if (moved.length) rest = (this.width > 420 && a.ports ? a.ports + '  ' : '') + moved.sort((u, v) => rank(v) - rank(u)).join(', ');
		if (rest.length > chars) rest = rest.slice(0, chars - 1) + '…';
		const angle = flat ? Math.atan(slope) * (right ? 1 : -1) * 180 / Math.PI : 0;
		g.append(el('svg:text', {class: flat ? '' : 'halo', x, y, 'text-anchor': right ? 'start' : 'end', transform: angle ? `rotate(${angle.toFixed(2)} ${x} ${y})` : null},
			el('svg:tspan', {class: 'flags'}, a.flags), el('svg:tspan', {class: 'rest' + (moved.length && LOUD.test(rest) ? ' loud' : '')}, rest ? '  ' + rest : '')));
		if (p.l && this.width >= 560) g.append(el('svg:text', {class: 'why halo', x: ex + (right ? 13 : -13), y: ey + 4, 'text-anchor': right ? 'start' : 'end'}, this.l.words[p.e].replace(/^lost: /, '').replace("the experiment's rule dropped it", 'dropped by rule')));
	}

	/* ---- picking ---- */
	pick(n, scroll) {
		const old = this.drawn.get(this.picked);
		if (old) { old.classList.remove('picked'); old.setAttribute('aria-selected', 'false'); }
		this.picked = n;
		if (this.glow) {
			this.glow.setAttribute('y', n < 0 ? -99 : this.place[n].y1 - 16);
			this.glow.classList.remove('twin');
		}
		if (n < 0) return;
		if (scroll) this.reveal(n);
		const g = this.drawn.get(n);
		if (!g) return;
		g.classList.add('picked');
		g.setAttribute('aria-selected', 'true');
		this.box.setAttribute('aria-activedescendant', g.id);
	}

	/* The packet of the same place in another world was picked. */
	echo(rank) {
		this.pick(-1);
		if (!this.glow || this.rows[rank] === undefined) return;
		this.glow.setAttribute('y', this.place[this.rows[rank]].y1 - 16);
		this.glow.classList.add('twin');
	}

	reveal(n) {
		const y = this.place[n].y1;
		if (this.long) {
			const top = this.box.scrollTop, h = this.box.clientHeight - 56;
			if (y < top + 40 || y > top + h - 60) this.box.scrollTop = Math.max(0, y - h / 2);
			this.show();
		} else {
			const r = this.rungs.getBoundingClientRect(), at = r.top + y, low = innerHeight * (matchMedia('(max-width: 940px)').matches ? 0.52 : 0.86);
			if (at < 90 || at > low) scrollBy(0, at - innerHeight * 0.4);
		}
	}

	/* The packet n rows further down, or the next that was lost or dropped. */
	step(by) {
		const i = this.picked < 0 ? (by > 0 ? -1 : this.rows.length) : this.rank[this.picked];
		const k = Math.max(0, Math.min(this.rows.length - 1, i + by));
		return this.rows.length ? this.rows[k] : -1;
	}
	nextTrouble(by) {
		for (let i = (this.picked < 0 ? -1 : this.rank[this.picked]) + by; i >= 0 && i < this.rows.length; i += by)
			if (this.trouble(this.rows[i])) return this.rows[i];
		return -1;
	}
}
