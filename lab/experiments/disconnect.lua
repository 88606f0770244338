-- connect() to AF_UNSPEC takes a TCP socket apart and keeps it: in each state, what goes out, what is counted, what is left.

experiment{settle = 0.1, limit = 60}

local port = 9000

-- What of TCP_INFO does not depend on how busy the machine is
local fields <const> = {
	'state', 'ca_state', 'retransmits', 'probes', 'backoff', 'options', 'snd_wscale', 'rcv_wscale', 'rto', 'ato', 'snd_mss',
	'rcv_mss', 'unacked', 'sacked', 'lost', 'retrans', 'pmtu', 'rcv_ssthresh', 'rtt', 'rttvar', 'snd_ssthresh', 'snd_cwnd',
	'advmss', 'reordering', 'rcv_space', 'total_retrans', 'bytes_acked', 'bytes_received', 'segs_out', 'segs_in',
	'notsent_bytes', 'data_segs_in', 'data_segs_out', 'delivered', 'bytes_sent', 'bytes_retrans', 'dsack_dups', 'reord_seen',
	'rcv_ooopack', 'received_ce', 'received_e0_bytes', 'received_ce_bytes', 'delivered_ce', 'snd_wnd', 'rcv_wnd', 'rehash', 'total_rto', 'total_rto_recoveries', 'total_rto_time',
}

local function info_of(s)
	local i, out = s:info(), {}
	for _, f in ipairs(fields) do out[f] = i[f] end
	return out
end

local function said(value, message, code)
	if value == nil then return code end
	return value
end

local function endpoint(addr, number, code)
	if addr == nil then return code end
	return addr .. ':' .. (number >= 32768 and 'picked' or number)
end

-- What the socket says after it was taken apart, and what its peer got to see
local function taken_apart(o, s, peer)
	local known = #wire.packets()
	o['disconnect'] = said(s:disconnect())
	o['name'], o['peer'] = endpoint(s:name()), endpoint(s:peer())
	o['events'] = s:events()
	o['unread'], o['unacked'] = said(s:unread()), said(s:unacked())
	o['info'] = info_of(s)
	o['recv'] = said(s:recv_now(10))
	o['send'] = said(s:send_now('x'))
	o['error'] = said(s:error())
	o['events then'] = s:events()
	o['shutdown'] = said(s:shutdown('w'))
	sleep(0.05)
	local out = list()
	for i, p in ipairs(wire.packets()) do
		if i > known then out[#out + 1] = p.way .. ' ' .. p.flags end
	end
	o['on the wire'] = out
	if peer then o['the peer'] = {said(peer:recv_now(10)), said(peer:error())} end
end

local function bound(host, number, addr)
	local s = host:socket()
	s:set('SO_REUSEADDR', 1)
	s:bind(addr or '0.0.0.0', number)
	return s
end

local function apart(name, make)
	port = port + 1
	local s, peer = make(port)
	phase(name, function(o) taken_apart(o, s, peer) end)
	for _, x in ipairs{s, peer} do
		x:linger(0)
		x:close()
	end
	sleep(0.02)
end

apart('a new socket', function() return A:socket() end)
apart('bound', function(n) return bound(A, n) end)
apart('bound to an address', function(n) return bound(A, n, A.addr) end)
apart('listening', function(n)
	local l = bound(B, n)
	l:listen(5)
	local c = A:connect(n)
	sleep(0.05)
	return l, c
end)
apart('listening without bind()', function()
	local l = B:socket()
	l:listen(5)
	return l
end)

wire.rule(function(p) if p:has('S') and p.way == 'a>b' then return 'drop' end end)
apart('SYN sent', function(n)
	local c = A:socket()
	c:connect_start(B.addr, n)
	sleep(0.05)
	return c
end)
apart('SYN sent, from a port of its own', function(n)
	local c = bound(A, 1000 + n, A.addr)
	c:connect_start(B.addr, n)
	sleep(0.05)
	return c
end)
wire.rule(nil)

local function refused(n)
	local c = A:socket()
	c:connect(B.addr, n)
	sleep(0.05)
	return c
end
apart('refused', refused)

local function connection(n, how)
	local l = B:listen(n, 5)
	local c = (how and how.bound) and bound(A, 1000 + n) or A:socket()
	c:set('TCP_NODELAY', 1)
	if how and how.setup then how.setup(c, l) end
	c:connect(B.addr, n, 1)
	local s = l:accept(1)
	l:close()
	sleep(0.05)
	return c, s
end

apart('connected', connection)
apart('connected, from a port of its own', function(n) return connection(n, {bound = true}) end)
apart('accepted', function(n)
	local c, s = connection(n)
	return s, c
end)
apart('accepted, the listener has an address', function(n)
	local l = bound(B, n, B.addr)
	l:listen(5)
	local c = A:connect(n)
	local s = l:accept(1)
	l:close()
	sleep(0.05)
	return s, c
end)
apart('connected, with data both ways', function(n)
	local c, s = connection(n)
	for _ = 1, 20 do
		c:send(('x'):rep(1000))
		s:recv(1000, 1)
		s:send(('y'):rep(500))
		c:recv(500, 1)
	end
	s:send('unread')
	sleep(0.1)
	return c, s
end)
apart('nothing acknowledged', function(n)
	local c, s = connection(n)
	wire.rule(function(p) if p.dport == n and p.len > 0 then return 'drop' end end)
	c:send(('x'):rep(20000))
	sleep(1)
	return c, s
end)
wire.rule(nil)
apart('out of order', function(n)
	local c, s = connection(n)
	local lost
	wire.rule(function(p)
		if p.dport == n and p.len > 0 and not lost then
			lost = true
			return 'drop'
		end
		if p.sport == n or p:has('R') then return 'drop' end
	end)
	c:send(('x'):rep(100))
	c:send(('x'):rep(100))
	sleep(0.05)
	c:linger(0) -- it does not send them again
	c:close()
	sleep(0.02)
	return s
end)
wire.rule(nil)
apart('congestion was told', function(n)
	A:sysctl('net.ipv4.tcp_ecn', 1)
	local c, s = connection(n)
	wire.rule(function(p) -- as a router would mark it
		if p.len == 0 or p.sport ~= n then return end
		local raw = p.raw:sub(1, 1) .. string.char(3) .. p.raw:sub(3, 10) .. '\0\0' .. p.raw:sub(13)
		local sum = 0
		for i = 1, 20, 2 do sum = sum + (raw:byte(i) << 8 | raw:byte(i + 1)) end
		sum = (sum & 0xffff) + (sum >> 16)
		return {{0, raw:sub(1, 10) .. (('>I2'):pack(~((sum & 0xffff) + (sum >> 16)) & 0xffff)) .. raw:sub(13)}}
	end)
	s:send(('y'):rep(3000))
	c:recv(3000, 1)
	wire.rule(nil)
	c:send('x')
	s:recv(1, 1)
	sleep(0.05)
	A:sysctl('net.ipv4.tcp_ecn', 2)
	return c, s
end)
apart('the peer has closed', function(n)
	local c, s = connection(n)
	s:shutdown('w')
	sleep(0.05)
	return c, s
end)
apart('both have closed, the last FIN is on its way', function(n)
	local c, s = connection(n)
	s:shutdown('w')
	sleep(0.05)
	wire.rule(function(p) if p.dport == n and p:has('F') then return 'drop' end end)
	c:shutdown('w')
	sleep(0.05)
	return c, s
end)
wire.rule(nil)
apart('closed, the FIN is on its way', function(n)
	local c, s = connection(n)
	wire.rule(function(p) if p.dport == n and p:has('F') then return 'drop' end end)
	c:shutdown('w')
	sleep(0.05)
	return c, s
end)
wire.rule(nil)
apart('closed, the FIN is acknowledged', function(n)
	local c, s = connection(n)
	c:shutdown('w')
	sleep(0.05)
	return c, s
end)
apart('both closed at once', function(n)
	local c, s = connection(n)
	wire.rule(function(p) if p.dport == n and p:has('F') then return 'drop' end end)
	c:shutdown('w')
	s:shutdown('w')
	sleep(0.05)
	return c, s
end)
wire.rule(nil)
apart('closed on both sides', function(n)
	local c, s = connection(n)
	c:shutdown('w')
	sleep(0.05)
	s:shutdown('w')
	sleep(0.05)
	return c, s
end)
apart('reset by the peer', function(n)
	local c, s = connection(n)
	s:linger(0)
	s:close()
	sleep(0.05)
	return c
end)

-- ---- the same socket again ----
local function again(name, how)
	port = port + 1
	local n = port
	local l, to = B:listen(n, 5), B:listen(n + 100, 5)
	local c = A:socket()
	if how.setup then how.setup(c, l, to) end
	if how.before then how.before(c, n) end
	local isn
	for _, p in ipairs(wire.packets(function(p) return p.way == 'a>b' and p:has('S') and p.dport == n end)) do isn = p.seq end
	phase(name, function(o)
		o['disconnect'] = said(c:disconnect())
		local _, before = c:name()
		o['connect'] = said(c:connect_start(B.addr, n + 100))
		c:wait('out', 1)
		o['error'] = said(c:error())
		local s = to:accept(1)
		local syn = wire.find(function(p) return p.way == 'a>b' and p:has('S') and p.dport == n + 100 end, 1)
		sleep(0.1)
		o['SYN'] = {['options'] = syn.opts.mss, ['win'] = syn.win, ['isn'] = how.isn and how.isn(syn.seq, isn) or nil}
		o['options'] = {c:get('TCP_NODELAY'), c:get('TCP_MAXSEG'), c:get('TCP_SYNCNT'), c:get('SO_KEEPALIVE'),
			c:get('TCP_USER_TIMEOUT')}
		if s then
			c:send('hello')
			o['heard'] = said(s:recv(100, 1))
			s:send('ok')
			o['answer'] = said(c:recv(100, 1))
			sleep(0.1)
			local i = info_of(c)
			i.rtt, i.rttvar, i.rto = nil, nil, nil
			o['info'] = i
			s:close()
		end
		sleep(0.05)
	end)
	c:linger(0)
	for _, x in ipairs{c, l, to} do x:close() end
	sleep(0.02)
end

local function apart_by(first, now) return (now - first) & 0xffffffff end
again('connects after nothing', {isn = function(now) return now end})
again('connects again', {
	before = function(c, n)
		c:connect(B.addr, n, 1)
		c:send(('x'):rep(3000))
		sleep(0.1)
	end,
	isn = function(now, first) return apart_by(first, now) end,
})
again('connects again, with options', {
	setup = function(c)
		c:set('TCP_NODELAY', 1)
		c:set('TCP_MAXSEG', 1000)
		c:set('TCP_SYNCNT', 3)
		c:set('SO_KEEPALIVE', 1)
		c:set('TCP_USER_TIMEOUT', 5000)
	end,
	before = function(c, n)
		c:connect(B.addr, n, 1)
		sleep(0.1)
	end,
	isn = function(now, first) return apart_by(first, now) end,
})
again('connects after a SYN without an answer', {
	setup = function() wire.lose_to('198.18.0.77') end,
	before = function(c)
		c:connect_start('198.18.0.77', 7)
		sleep(1.2)
	end,
})

phase('a connection becomes a listener', function(o)
	local c, s = connection(9500)
	o['disconnect'] = said(s:disconnect())
	o['bind'] = said(s:bind('0.0.0.0', 9501))
	o['and again'] = said(s:bind('0.0.0.0', 9502))
	o['listen'] = said(s:listen(5))
	o['name'] = endpoint(s:name())
	o['events'] = s:events()
	local n = A:connect(9501)
	local a = s:accept(1)
	o['accepted'] = a and true
	for _, x in ipairs{c, s, n, a} do x:close() end
	sleep(0.05)
end)
phase('a listener connects', function(o)
	local l = bound(A, 9600)
	l:listen(5)
	o['connect'] = said(l:connect_start(B.addr, 9601))
	o['disconnect'] = said(l:disconnect())
	local to = B:listen(9601, 5)
	o['connect then'] = said(l:connect(B.addr, 9601, 1))
	o['name'] = endpoint(l:name())
	for _, x in ipairs{l, to} do x:close() end
	sleep(0.05)
end)
