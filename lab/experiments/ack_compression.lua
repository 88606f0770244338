-- TCPAckCompressed: duplicate ACKs after the third wait and go out as one, if there is SACK and the window grows no more.
-- The delay is a twentieth of the round trip, at most tcp_comp_sack_delay_ns; after tcp_comp_sack_nr of them one is sent at once.

experiment{settle = 0.3, limit = 60}

local MSS <const> = 1448
local port = 9000
wire.set{delay = 0.025, rate = 1e8}

-- The first of 40 segments comes 20 ms late, which is no loss yet; all others at once.
local function late_first(name, o)
	port = port + 1
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_sack', o.sack or 1)
		h:sysctl('net.ipv4.tcp_comp_sack_nr', o.nr or 44)
	end
	local l, c, s = pair(port, 1, function(x) if not o.grows then x:set('SO_RCVBUF', 200000) end end)
	c:set('TCP_NODELAY', 1)
	sleep(0.1)
	for _ = 1, o.before or 3 do -- the window opens, and both ends learn how long the way is
		c:send(('x'):rep(10 * MSS))
		sleep(0.15)
		s:recv(10 * MSS)
		sleep(0.1)
	end
	if not o.quick then s:set('TCP_QUICKACK', 0) end
	local first
	wire.rule(function(p)
		if p.way ~= 'a>b' or p.dport ~= port or p.len == 0 or first then return end
		first = p.seq
		return 0.02
	end)
	phase(name, function(seen)
		c:send(('x'):rep((o.segs or 20) * MSS))
		sleep(0.2)
		seen['delivered'] = s:unread()
	end)
	wire.rule(nil)
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.06)
end

late_first('SACK: the first of 20 segments is late', {})
late_first('SACK: the first of 8', {segs = 8})
late_first('SACK: the first of 4: three duplicate ACKs', {segs = 4})
late_first('SACK: the first of 5: four', {segs = 5})
late_first('tcp_comp_sack_nr 5', {nr = 5})
late_first('tcp_comp_sack_nr 0', {nr = 0})
late_first('Reno', {sack = 0})
late_first('a new connection: the first ACKs are quick', {before = 0, quick = true, grows = true, segs = 10})
