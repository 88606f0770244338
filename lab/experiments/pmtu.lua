-- The path is narrower than the link: a router that says so (ICMP 3/4), one that lies, and a black hole with MTU probing.

experiment{settle = 0.1, limit = 120}

wire.set{delay = 0.01}
local ROUTER <const> = '198.18.0.254'

local function mtu_of(o, s)
	local i = s:info()
	o['IP_MTU'], o['tcpi_pmtu'], o['snd_mss'], o['snd_cwnd'] = s:get('IP_MTU'), i.pmtu, i.snd_mss, i.snd_cwnd
end

-- All of it at once; true when it has arrived within limit seconds
local function transfer(o, from, to, bytes, limit)
	local began = now()
	from:send(('x'):rep(bytes))
	while now() - began < limit and to:unread() < bytes do sleep(0.002) end
	o['delivered'] = to:unread() == bytes
	o['seconds'] = round(now() - began, 1)
	if to:unread() > 0 then to:recv(bytes) end
end

local function largest(way, from)
	local most = 0
	for i, p in ipairs(wire.packets()) do
		if i > from and p.way == way and #p.raw > most then most = #p.raw end
	end
	return most
end

local function forged(c, from, mtu, number)
	local _, sport = c:name()
	local _, dport = c:peer()
	local quoted = tcp{src = A.addr, dst = B.addr, sport = sport, dport = dport, seq = number & 0xffffffff, flags = '.'}
	A:inject(icmp{src = from, dst = A.addr, type = 3, code = 4, seq = mtu, data = quoted:sub(1, 28)})
end

-- B sends: of A nobody has told it anything
local port = 9100
local function probing(name, mode, mtu, bytes, limit, setup)
	port = port + 1
	wire.narrow{mtu = mtu}
	B:sysctl('net.ipv4.tcp_mtu_probing', mode)
	local la = A:listen(port, 5)
	local cb = B:connect(port)
	local sa = la:accept()
	phase(name, function(o)
		local from = #wire.packets()
		transfer(o, cb, sa, bytes, limit)
		mtu_of(o, cb)
		o['largest packet'] = largest('b>a', from)
	end)
	for _, x in ipairs{cb, sa} do
		x:linger(0)
		x:close()
	end
	la:close()
	sleep(0.1)
end

B:sysctl('net.ipv4.tcp_retries1', 1)
A:sysctl('net.ipv4.tcp_comp_sack_nr', 0)
probing('a black hole of 1200, no probing', 0, 1200, 1448, 2)
probing('a black hole of 1200, probing when it is one', 1, 1200, 1448, 4)
probing('probing from the beginning, 1500 get through', 2, 1500, 29908, 2)
probing('probing from the beginning, 1200 get through', 2, 1200, 29908, 2)
wire.narrow()

-- A's client, a second one that has been there as long, and what B's program has of them
local l, c, s = pair()
local c2 = A:connect(9000)
local s2 = l:accept()

phase('a lie about a number that is not in flight', {expect = {A = {TcpExtOutOfWindowIcmps = 2}}}, function(o)
	c:send('x')
	sleep(0.1)
	local p = wire.find(function(p) return p.way == 'a>b' and p.len == 1 end)
	forged(c, ROUTER, 600, p.seq - 1)
	forged(c, B.addr, 600, p.seq + 100000)
	sleep(0.05)
	mtu_of(o, c)
	s:recv(1)
end)

phase('a router says 1000 to 4 segments', function(o)
	wire.narrow{mtu = 1000, router = ROUTER}
	transfer(o, c, s, 4 * 1448, 3)
	mtu_of(o, c)
end)

phase('it says more', function(o)
	local p = wire.packets(function(p) return p.way == 'a>b' and p.len > 0 end)
	forged(c, ROUTER, 1400, p[#p].seq + p[#p].len)
	sleep(0.05)
	mtu_of(o, c)
end)

phase('a connection that was there before sends 3 segments', function(o)
	transfer(o, c2, s2, 3000, 3)
	mtu_of(o, c2)
end)

phase('a new connection', function(o)
	local from = #wire.packets()
	local c3 = A:connect(9000)
	local s3 = l:accept()
	local syns = wire.packets(function(p) return p:has('S') and p.way == 'a>b' and p.dport == 9000 end)
	o['MSS of its SYN'] = syns[#syns].opts.mss
	transfer(o, c3, s3, 4 * 948, 3)
	mtu_of(o, c3)
	o['largest packet'] = largest('a>b', from)
	c3:linger(0)
	c3:close()
end)

phase('IP_MTU_DISCOVER 0: the router fragments, or it would', function(o)
	local c4 = A:connect(9000)
	l:accept()
	c4:set('IP_MTU_DISCOVER', 0)
	local from = #wire.packets()
	c4:send('x')
	sleep(0.1)
	o["don't fragment"] = list()
	for i, p in ipairs(wire.packets()) do
		if i > from and p.way == 'a>b' then table.insert(o["don't fragment"], p.raw:byte(7) >> 6) end
	end
	c4:linger(0)
	c4:close()
end)
wire.narrow()
