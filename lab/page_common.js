/* SPDX-License-Identifier: MIT
 * What all scripts of the pages share: elements, times, names of states. */
'use strict';

const SVG = 'http://www.w3.org/2000/svg';

/* An element; texts go in as text and never as markup. */
function el(name, attributes, ...inside) {
	const e = name.startsWith('svg:') ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
	for (const [k, v] of Object.entries(attributes || {})) {
		if (v === undefined || v === null || v === false) continue;
		if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
		else e.setAttribute(k, v === true ? '' : v);
	}
	for (const x of inside.flat(9)) if (x !== null && x !== undefined && x !== false) e.append(x);
	return e;
}

function pageData() {
	return JSON.parse(document.getElementById('data').textContent);
}

/* "1.05 s" of nanoseconds */
function span(ns) {
	const a = Math.abs(ns);
	if (a >= 1e9) return trim(ns / 1e9, a >= 1e11 ? 0 : a >= 1e10 ? 1 : 2) + ' s';
	if (a >= 1e6) return trim(ns / 1e6, a >= 1e8 ? 0 : a >= 1e7 ? 1 : 2) + ' ms';
	if (a >= 1e3) return trim(ns / 1e3, a >= 1e5 ? 0 : 1) + ' µs';
	return ns + ' ns';
}

function trim(x, digits) {
	return digits ? x.toFixed(digits).replace(/\.?0+$/, '') : x.toFixed(0);
}

/* The time in seconds, with as many digits as tell packets apart. */
function clock(ns) {
	return (ns / 1e9).toFixed(ns % 1e6 ? 5 : 3);
}

/* "6.18" of a kernel's release */
function release(text) {
	return (text || '').replace(/^(\d+\.\d+).*/, '$1');
}

function count(n, what) {
	return n.toLocaleString('en') + ' ' + what + (n === 1 ? '' : 's');
}

const STATES = ['', 'ESTABLISHED', 'SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT', 'closed', 'CLOSE-WAIT', 'LAST-ACK', 'LISTEN', 'CLOSING', 'SYN-RECV'];
const STATE_COLOR = {1: '--s1', 101: '--s1', 2: '--s2', 3: '--s2', 12: '--s2', 4: '--s3', 5: '--s3', 6: '--s6', 8: '--s8', 9: '--s5', 11: '--s4'};

function stateName(s) {
	return s > 100 ? STATES[s - 100] + ', waiting for accept()' : STATES[s] || 'state ' + s;
}

/* Counters that nearly every packet moves. */
const PLUMBING = /^(Ip(InReceives|InDelivers|OutRequests|OutTransmits)|IpExt(In|Out)Octets|IpExtIn\w+Pkts|Tcp(In|Out)Segs|TcpExtTCP(Delivered|PureAcks|OrigDataSent|HPHits|HPAcks)|Icmp(In|Out)Msgs|IcmpMsg\w+|Udp(In|Out)Datagrams)$/;
/* Counters of something lost, refused or late. */
const LOUD = /Drop|Overflow|Discard|Err|NoPorts|NoRoutes|Full|Fail|Timeouts|Retrans|Abort|Prune|OutRsts|EstabResets|AttemptFails|Lost|Reneg|SyncookiesFailed|Collapsed|ReasmFails|FragFails|Challenge|PAWS/;
/* Of those, at the receiver: the packet went no further. */
const DROPPED = /Drops?$|Overflows|Discards|InErr(or)?s|HdrErrors|AddrErrors|CsumErrors|NoPorts|NoRoutes|RcvbufErrors|UnknownProtos|InTruncated|PAWS\w*|SyncookiesFailed|TCPRcvQDrop/;

function shortName(counter) {
	return counter.replace(/^(TcpExt|IpExt|Tcp|IcmpMsg|Icmp|UdpLite|Udp|Ip)(?=[A-Z])/, '');
}

function signed(n) {
	return (n < 0 ? '−' : '+') + Math.abs(n);
}
