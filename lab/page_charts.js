/* SPDX-License-Identifier: MIT
 * Queues and sockets over time.  Their horizontal axis is the ladder from left to right. */
'use strict';

const LANES = 14, LANE_MAX = 200, QUEUES = 6;

class Charts {
	constructor(ladder) {
		this.ladder = ladder;
		this.l = ladder.l;
		this.cursors = [];
		this.box = el('div', {class: 'charts'});
		new ResizeObserver(() => requestAnimationFrame(() => this.draw())).observe(this.box);
	}

	/* A listener's rows: [[ns, accept, limit, syn, after], ...] */
	points(q, width) {
		const list = [];
		for (let i = 0; i < q.length; i += width) list.push(q.slice(i, i + width));
		return list;
	}
	/* What held right after a packet. */
	after(points, n) {
		let found = null;
		for (const p of points) { if (p[4] > 2 * (n + 1)) break; found = p; }
		return found;
	}

	draw() {
		const w = this.box.clientWidth;
		if (!w || w === this.width) return;
		this.width = w;
		this.cursors = [];
		this.box.replaceChildren(...this.queues(), ...this.lanes());
		this.mark(this.n === undefined ? -1 : this.n);
	}

	axis(svg, x, top, bottom) {
		for (const g of this.ladder.gaps) {
			const at = y => x(Math.max(0, Math.min(1, (y - 18) / (this.ladder.height - 52))));
			svg.append(el('svg:rect', {class: 'hush', x: at(g.y - 16), y: top, width: Math.max(1, at(g.y + 24) - at(g.y - 16)), height: bottom - top}));
		}
		let free = -1;
		for (const g of this.ladder.gaps) {
			const f = (g.y + 4 - 18) / (this.ladder.height - 52), text = span(g.dt), px = x(f), half = text.length * 3.4;
			if (px - half < free || px + half > this.width - 30) continue;
			svg.append(el('svg:text', {x: px, y: bottom + 14, 'text-anchor': 'middle'}, text));
			free = px + half + 8;
		}
	}

	cursor(svg, x, top, bottom) {
		const line = el('svg:line', {class: 'cursor', x1: -9, x2: -9, y1: top, y2: bottom});
		svg.append(line);
		this.cursors.push([line, x]);
	}

	steps(points, x, y, column, end) {
		let d = '', before = null;
		for (const p of points) {
			const px = x(this.ladder.xOf(p[0])), py = y(p[column] || 0);
			d += before === null ? `M${px} ${y(0)}V${py}` : `H${px}V${py}`;
			before = py;
		}
		return d + `H${x(1)}V${y(0)}Z`;
	}

	/* Those that ever held anything, first; of many, a few. */
	queues() {
		const used = q => this.points(q.q, 5).some(p => p[1] || p[3]), all = this.l.listeners, list = [...all.filter(used), ...all.filter(q => !used(q))];
		const shown = this.allQueues ? list : list.slice(0, QUEUES);
		return [...shown.map(q => this.queue(q)), list.length > shown.length && el('p', {style: 'margin:0'}, el('button', {onclick: () => { this.allQueues = true; this.width = 0; this.draw(); }}, `Show the other ${count(list.length - shown.length, 'listener')}`))].filter(Boolean);
	}

	queue(q) {
		const points = this.points(q.q, 5), limit = points.reduce((m, p) => Math.max(m, p[2]), 0), most = points.reduce((m, p) => Math.max(m, p[1], p[3]), 0);
		const far = limit + 1 > 4 * most + 8, top = (far ? most : Math.max(limit + 1, most)) * 1.12 || 1, w = this.width - 34, h = 120;
		const x = f => 30 + f * (w - 38), y = v => 12 + (h - 12) * (1 - v / top);
		const last = points.length ? points[points.length - 1] : [0, 0, 0, 0], name = `${this.l.hosts[q.h].name} ${q.l}`;
		const mostOf = c => points.reduce((m, p) => Math.max(m, p[c]), 0);
		const svg = el('svg:svg', {viewBox: `0 0 ${w} ${h + 22}`, height: h + 22, role: 'img', 'aria-label': `Queues of the listener ${name}: accept queue at most ${mostOf(1)}, SYN queue at most ${mostOf(3)}, limit ${limit}`});
		this.axis(svg, x, 12, h);
		for (const v of new Set([0, most])) svg.append(el('svg:line', {class: 'grid', x1: 30, x2: w - 8, y1: y(v), y2: y(v)}), el('svg:text', {x: 24, y: y(v) + 4, 'text-anchor': 'end'}, v));
		if (points.length) svg.append(el('svg:path', {class: 'syn', d: this.steps(points, x, y, 3)}), el('svg:path', {class: 'acc', d: this.steps(points, x, y, 1)}));
		if (!far) svg.append(el('svg:line', {class: 'limit', x1: 30, x2: w - 8, y1: y(limit + 1), y2: y(limit + 1)}), el('svg:text', {class: 'limitname', x: w - 10, y: y(limit + 1) - 4, 'text-anchor': 'end'}, `full: ${limit + 1}`));
		const port = q.l.split(':').pop();
		this.l.packets.forEach((p, n) => {
			if (p.h !== q.h || !this.ladder.moves(n, 1).some(([c]) => /Listen(Drops|Overflows)|ReqQFullDrop/.test(c)) || this.ladder.label(p).dport !== port) return;
			const px = x(this.ladder.xOf(p.t + p.a));
			svg.append(el('svg:path', {class: 'dropmark', d: `M${px - 4} 1h8l-4 8Z`}, el('svg:title', {}, `packet ${n + 1} was dropped`)));
		});
		this.cursor(svg, x, 10, h);
		return el('section', {class: 'chart'}, el('h3', {}, `Listener ${name}`,
			el('span', {class: 'key'}, el('i', {style: 'background:var(--there)'}), `accept queue, at most ${mostOf(1)}, ${last[1]} at the end`),
			el('span', {class: 'key'}, el('i', {style: 'background:var(--back)'}), `SYN queue, at most ${mostOf(3)}`),
			el('span', {}, far ? `limit ${limit}: far above` : `limit ${limit}: each holds one more`)), svg);
	}

	lanes() {
		const all = this.l.sockets;
		if (!all.length) return [];
		const shown = Math.min(all.length, this.unfolded ? LANE_MAX : LANES), narrow = this.width < 620, left = narrow ? 108 : 230, row = 18, h = shown * row + 6, w = this.width - 34;
		const x = f => left + f * (w - left - 8), used = new Set();
		const svg = el('svg:svg', {viewBox: `0 0 ${w} ${h + 22}`, height: h + 22, role: 'img', 'aria-label': `States of ${all.length} sockets over time`});
		this.axis(svg, x, 2, h);
		all.slice(0, shown).forEach((s, i) => svg.append(this.lane(s, i * row + 4, x, row, narrow, used)));
		this.cursor(svg, x, 0, h);
		return [el('section', {class: 'chart'}, el('h3', {}, 'Sockets', el('span', {}, `${shown} of ${all.length}${this.l.sockets_more ? ', and others that were not followed' : ''}`)),
			el('div', {class: 'legend'}, [...used].sort((a, b) => a - b).map(s => el('span', {class: 'key'}, el('i', {style: `background:var(${STATE_COLOR[s]});${s === 101 ? 'opacity:.5' : ''}`}), stateName(s)))),
			svg, all.length > shown && !this.unfolded && el('button', {onclick: () => { this.unfolded = true; this.width = 0; this.draw(); }}, `Show ${Math.min(all.length, LANE_MAX)}`))];
	}

	lane(s, y, x, row, narrow, used) {
		const points = this.points(s.s, 2), lp = s.l.split(':').pop(), pp = s.p.split(':').pop();
		const g = el('svg:g', {class: 'lane'}, el('svg:text', {x: 0, y: y + 11}, narrow ? `${this.l.hosts[s.h].name} ${lp}→${pp}` : `${this.l.hosts[s.h].name}  ${lp} → ${s.p}`));
		points.forEach(([t, state], i) => {
			if (state === 7 || !STATE_COLOR[state]) return;
			const a = x(this.ladder.xOf(t)), b = i + 1 < points.length ? x(this.ladder.xOf(points[i + 1][0])) : x(1), wide = Math.max(1.5, b - a), name = STATES[state % 100];
			used.add(state);
			g.append(el('svg:rect', {x: a, y, width: wide, height: row - 5, style: `fill:var(${STATE_COLOR[state]})`, opacity: state === 101 ? 0.5 : 1}, el('svg:title', {}, `${stateName(state)} from ${clock(t - this.ladder.t0)} s`)));
			if (wide > name.length * 6.6 + 8) g.append(el('svg:text', {class: 'in', x: a + 5, y: y + 10}, name));
		});
		return g;
	}

	/* The moment of a packet. */
	mark(n) {
		this.n = n;
		const f = n < 0 ? -1 : this.ladder.xOf(this.l.packets[n].t + this.l.packets[n].a);
		for (const [line, x] of this.cursors) {
			const px = n < 0 ? -9 : x(f);
			line.setAttribute('x1', px);
			line.setAttribute('x2', px);
		}
	}

	/* How full the queues were after a packet. */
	fills(n) {
		return this.l.listeners.slice(0, 4).map(q => {
			const p = this.after(this.points(q.q, 5), n);
			if (!p || (p[1] === 0 && p[2] === 0 && p[3] === 0)) return null;
			const bar = (name, v, kind) => [el('span', {class: 'lab'}, name), el('span', {class: `trough ${kind}${v > p[2] ? ' full' : ''}`}, el('i', {style: `width:${Math.min(100, 100 * v / (p[2] + 1))}%`})), el('span', {class: 'n'}, `${v} / ${p[2] + 1}`)];
			return el('div', {class: 'fill'}, el('span', {class: 'name'}, `${this.l.hosts[q.h].name} ${q.l}`), bar('accept', p[1], 'acc'), bar('SYN', p[3], 'syn'));
		}).filter(Boolean);
	}
}
