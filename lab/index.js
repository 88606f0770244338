/* SPDX-License-Identifier: MIT
 * The index: a card an experiment, its first packets as a picture. */
'use strict';

function thumb(card) {
	const n = card.hosts.length, x = h => n === 1 ? 160 : 60 + 200 * h / (n - 1), svg = el('svg:svg', {viewBox: '0 0 320 128', preserveAspectRatio: 'xMidYMid slice', 'aria-hidden': 'true'});
	card.hosts.forEach((h, i) => svg.append(el('svg:line', {x1: x(i), x2: x(i), y1: 0, y2: 128, style: 'stroke:var(--faint);stroke-width:1.4;opacity:.6'})));
	card.thumb.forEach(([f, h, lost, other], i) => {
		const from = f < 0 ? (x(h) + x(other)) / 2 : x(f), to = h < 0 ? (x(f) + x(other)) / 2 : x(h), y = 10 + i * 10, end = lost ? from + (to - from) * 0.55 : to, tip = to > from ? -6 : 6;
		const color = lost ? 'var(--bad)' : f < 0 ? 'var(--warn)' : to >= from ? 'var(--there)' : 'var(--back)';
		svg.append(el('svg:path', {d: `M${from} ${y}L${end} ${y + 6}` + (lost ? `m-3 -3l6 6m0 -6l-6 6` : `m${tip} -3.6l${-tip} 3.6l${tip} 2.8`), style: `stroke:${color};stroke-width:1.6;fill:none`}));
	});
	return svg;
}

function card(c) {
	const failed = c.failures && c.failures.length;
	return el('li', {}, el('a', {href: c.name + '.html'}, thumb(c), el('div', {class: 'body'}, el('h3', {}, c.name), el('p', {}, c.summary),
		el('div', {class: 'nums'}, el('span', {}, count(c.seen, 'packet')), el('span', {}, count(c.phases, 'phase')), el('span', {}, trim(c.seconds, c.seconds < 1 ? 2 : 1) + ' s'),
			failed ? el('span', {class: 'bad'}, 'failed') : c.open ? el('span', {class: 'bad'}, c.open + ' differ') : c.kernel ? el('span', {class: 'good'}, '= Linux ' + release(c.kernel)) : null))));
}

function showIndex(cards) {
	const main = document.getElementById('page'), list = el('ul', {class: 'cards'}), found = el('span', {class: 'note', 'aria-live': 'polite'});
	const items = cards.map(c => ({li: card(c), text: [c.name, c.summary, ...c.counters].join(' ').toLowerCase()}));
	const filter = text => {
		const words = text.toLowerCase().split(/\s+/).filter(Boolean), hits = items.filter(i => words.every(w => i.text.includes(w)));
		list.replaceChildren(...hits.map(i => i.li));
		found.textContent = count(hits.length, 'experiment');
	};
	const kernels = new Set(cards.map(c => release(c.kernel)).filter(Boolean)), live = cards.some(c => c.live);
	main.append(el('header', {}, el('p', {class: 'brand'}, 'halfopen lab'), el('h1', {}, 'What TCP/IP does, packet by packet'),
		el('p', {class: 'lede'}, 'Each experiment makes hosts do something and reads their counters before and after. Open one to see every packet, the counters that it moved on each side, and how full the queues were.'),
		el('ul', {class: 'facts'}, el('li', {}, el('b', {}, cards.length), ' experiments'), el('li', {}, el('b', {}, cards.reduce((a, c) => a + c.seen, 0).toLocaleString('en')), ' packets'),
			kernels.size > 0 && el('li', {class: cards.some(c => c.open) ? 'bad' : 'good'}, el('b', {}, cards.filter(c => c.kernel && !c.open).length), ` equal to Linux ${[...kernels].join(', ')}${live ? '' : ', recorded'}`))),
		el('div', {class: 'find'}, el('input', {type: 'search', placeholder: 'A name, a word, a counter: ListenDrops', 'aria-label': 'Find experiments', oninput: e => filter(e.target.value)}), found), list,
		el('footer', {}, 'Made by halfopen lab run all --html.'));
	filter('');
	document.documentElement.dataset.ready = 'yes';
}

showIndex(pageData());
