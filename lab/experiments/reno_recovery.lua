-- Loss recovery without SACK (RFC 6582): one duplicate ACK a segment is all that the sender learns.  Partial ACKs, holes in a
-- row, what comes late, retransmissions that are lost, too few duplicates.  The server reads nothing.

experiment{settle = 0.6, limit = 100}

local MSS <const> = 1448
local port = 9000

-- Sends nseg full segments at once; drop['n:k'] loses the k-th transmission of the n-th, late['n:k'] delays it.
local function run(name, drop, o)
	o = o or {}
	local nseg, late = o.nseg or 10, o.late or {}
	port = port + 1
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_sack', 0)
		h:sysctl('net.ipv4.tcp_timestamps', o.ts or 1)
		h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
	end
	local mss = o.ts == 0 and MSS + 12 or MSS
	local l, c, s = pair(port)
	c:set('TCP_NODELAY', 1)
	wire.set{delay = o.delay or 0}
	local first, sent = nil, {}
	wire.rule(function(p)
		if p.way ~= 'a>b' or p.dport ~= port or p.len == 0 then return end
		first = first or p.seq
		local n = (p.seq - first & 0xffffffff) // mss + 1
		sent[n] = (sent[n] or 0) + 1
		local key = n .. ':' .. sent[n]
		if drop[key] then return 'drop' end
		if late[key] then return {{late[key], p.raw}} end
	end)
	phase(name, {settle = o.settle}, function(seen)
		local began = now()
		c:send(('x'):rep(nseg * mss))
		while now() - began < 8 and s:unread() < nseg * mss do sleep(0.002) end
		seen['delivered'] = s:unread() == nseg * mss
		seen['seconds'] = round(now() - began, 1)
		sleep(0.2)
		seen['retransmitted'] = c:info().total_retrans
	end)
	wire.rule(nil)
	wire.set{delay = 0}
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.05)
end

local function set(...)
	local t = {}
	for _, n in ipairs{...} do t[n .. ':1'] = true end
	return t
end

run('no loss', {})
run('1st of 10 lost', set(1))
run('3rd of 10 lost', set(3))
run('2nd and 3rd of 10 lost (one partial ACK)', set(2, 3))
run('2nd, 4th and 6th of 10 lost (two partial ACKs)', set(2, 4, 6), {settle = 1.2})
run('first half of 10 lost', set(1, 2, 3, 4, 5), {settle = 1.2})
run('7th of 10 lost (three duplicate ACKs)', set(7))
run('8th of 10 lost (two duplicate ACKs)', set(8))
run('3rd lost, and its retransmission', {['3:1'] = true, ['3:2'] = true}, {settle = 1.2})
run('3rd and 5th lost, and the retransmission of the 5th', {['3:1'] = true, ['5:1'] = true, ['5:2'] = true}, {settle = 1.2})
run('3rd of 10 lost, no timestamps', set(3), {ts = 0})
run('3rd late by 40 ms: what went again was needless', {}, {late = {['3:1'] = 0.04}, delay = 0.02})
run('3rd late by 40 ms, no timestamps', {}, {late = {['3:1'] = 0.04}, delay = 0.02, ts = 0})
