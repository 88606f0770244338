-- Segments overtake each other, are late, come twice: TCPTSReorder, TCPSACKReorder, TCPRenoReorder and what they undo.

experiment{settle = 0.5, limit = 100}

local MSS <const>, RTT <const> = 1448, 0.1
local port = 9000

-- Sends nseg segments at once.  The wire keeps them until it has all, then lets them go in the given order, 3 ms apart; one that
-- is named twice comes twice, {seconds} is a pause.  What is sent again passes, unless o.lose[n].
local function run(name, order, nseg, o)
	o = o or {}
	local mss, lose = o.ts == 0 and MSS + 12 or MSS, o.lose or {}
	port = port + 1
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_sack', o.sack or 1)
		h:sysctl('net.ipv4.tcp_timestamps', o.ts or 1)
		h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
	end
	wire.set{delay = RTT / 2}
	local l, c, s = pair(port)
	sleep(RTT)
	c:set('TCP_NODELAY', 1)
	for _ = 1, 2 do -- round trip samples
		c:send('w')
		s:recv(1, 2)
		sleep(0.06 + RTT)
	end
	local first, kept, kept_count = nil, {}, 0
	wire.rule(function(p)
		if p.way ~= 'a>b' or p.dport ~= port or p.len == 0 then return end
		first = first or p.seq
		local n = (p.seq - first & 0xffffffff) // mss + 1
		if n > nseg then return end
		if kept[n] then return lose[n] and 'drop' or nil end
		kept[n] = p.raw
		kept_count = kept_count + 1
		if kept_count < nseg then return {} end
		local late, out = 0, {}
		for _, k in ipairs(order) do
			if type(k) == 'table' then
				late = late + k[1]
			else
				out[#out + 1] = {late, kept[k]}
				late = late + 0.003
			end
		end
		return out
	end)
	phase(name, function(seen)
		c:send(('x'):rep(nseg * mss))
		local got = 0
		while got < nseg * mss do got = got + #expect(s:recv(65536, 4), 'everything arrives') end
		sleep(0.2 + RTT)
		seen['sender reordering'] = c:info().reordering
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

run('document: 1,2,4,5,3 (hole filled, not retransmitted)', {1, 2, 4, 5, 3}, 5)
run('document: SACK of 2 and 5, then 4: 2,5,4,1,3', {2, 5, 4, 1, 3}, 5)
run('6 late by 3: 1..5,7,8,9,6,10', {1, 2, 3, 4, 5, 7, 8, 9, 6, 10}, 10)
run('fully reversed 5,4,3,2,1', {5, 4, 3, 2, 1}, 5)
run('2 very late (retransmitted, then the original arrives: DSACK)', {1, 3, 4, 5, 6, 7, 8, 9, 10, {0.25}, 2}, 10)
run('document (1): DSACK of an out-of-order segment: 3 retransmitted, then its original, 2 still missing',
	{1, 4, 5, 6, 7, 8, 9, 10, {0.14}, 3, {0.03}, 2}, 10, {lose = {[2] = true}})
run('no timestamps: 1,2,4,5,3', {1, 2, 4, 5, 3}, 5, {ts = 0})
run('Reno: 1,2,4,5,3', {1, 2, 4, 5, 3}, 5, {sack = 0})
run('Reno: 2,3,4,5,1 (one more duplicate ACK than the threshold)', {2, 3, 4, 5, 1}, 5, {sack = 0})
run('Reno: 2,2,3,3,4,4,5,5,1 (duplicates: more duplicate ACKs than segments)', {2, 2, 3, 3, 4, 4, 5, 5, 1}, 5, {sack = 0})
run('Reno: 2 very late, original after its retransmission', {1, 3, 4, 5, 6, 7, 8, 9, 10, {0.25}, 2}, 10, {sack = 0})
run('Reno: 4,5,6,7,8,9,10,1,2,3', {4, 5, 6, 7, 8, 9, 10, 1, 2, 3}, 10, {sack = 0})
