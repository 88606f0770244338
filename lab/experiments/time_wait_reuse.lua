-- Who may have the port of a TIME-WAIT bucket: connect() by tcp_tw_reuse 0, 1, 2 and tcp_tw_reuse_delay, with timestamps;
-- bind() by SO_REUSEADDR and SO_REUSEPORT of both; a new connection to where the old one waits.

experiment{settle = 0.02}

local port = 9000

local function spell(s, message, code) return s and 'ok' or code end

local from = 50000 -- A has one port to connect from

local function ports(n)
	from = n
	A:sysctl('net.ipv4.ip_local_port_range', ('%d %d'):format(n, n))
end

-- A socket of A's that connects; gives it, and how that went
local function connects(to, peer_port, from_port)
	local s = A:socket('tcp')
	s:set('SO_REUSEADDR', 1)
	if from_port then
		local r, message, code = s:bind(A.addr, from_port)
		if not r then
			s:close()
			return nil, message, code
		end
	end
	local r, message, code = s:connect(to, peer_port, 1)
	if not r then
		s:close()
		return nil, message, code
	end
	return s
end

-- A connection from A's only port that A closes first.  Gives the listener
local function waits(to)
	port = port + 1
	local h = to == B.addr and B or A
	local l = h:listen(port, 8)
	local c = connects(to, port)
	local s = l:accept(1)
	c:close()
	sleep(0.005)
	s:close()
	sleep(0.005)
	return l
end

local function syn_beyond(old)
	local syns = wire.packets(function(p) return p.dport == port and p.flags == 'S' end)
	if #syns < 2 then return 'no second SYN' end
	return (syns[#syns].seq - syns[1].seq) & 0xffffffff
end

local function tries(name, to, l, delay)
	phase(name, function(o)
		sleep(delay)
		local s, message, code = connects(to, port)
		o['connect()'] = spell(s, message, code)
		o['states'] = A:states{port = from}
		if to == B.addr then o['the new SYN is beyond the old one by'] = syn_beyond() end
		if s then
			s:linger(0)
			s:close()
			local t = l:accept(1)
			if t then t:close() end
		end
	end)
end

-- The bucket of the phase before is not to be in the way: a RST ends it
local function sweep()
	sleep(0.01)
	for _, row in ipairs(A:sockets{port = from}) do
		if row.state == 'TIME-WAIT' then
			local last = wire.find(function(p) return p.src == A.addr and p.sport == from and p.dport == row.peer_port and
				p:has('.') end, 0.1)
			if last then
				A:inject(tcp{src = B.addr, dst = A.addr, sport = row.peer_port, dport = from, seq = last.ack, flags = 'R'})
			end
		end
	end
	sleep(0.01)
end

ports(50000)
for reuse = 0, 2 do
	A:sysctl('net.ipv4.tcp_tw_reuse', reuse)
	local l = waits(B.addr)
	tries(('tcp_tw_reuse %d: at once'):format(reuse), B.addr, l, 0)
	tries(('tcp_tw_reuse %d: after more than a second'):format(reuse), B.addr, l, 1.1)
	sweep()
	l:close()
end

-- Loopback: 127.0.0.1 is no wire, so nothing is swept: ports of their own
for reuse = 0, 2 do
	ports(51000 + reuse)
	A:sysctl('net.ipv4.tcp_tw_reuse', reuse)
	local l = waits('127.0.0.1')
	tries(('tcp_tw_reuse %d, loopback: at once'):format(reuse), '127.0.0.1', l, 0)
	tries(('tcp_tw_reuse %d, loopback: after more than a second'):format(reuse), '127.0.0.1', l, 1.1)
	l:close()
end

ports(50000)
A:sysctl('net.ipv4.tcp_tw_reuse', 1)
for _, delay in ipairs{1, 300, 2500} do
	A:sysctl('net.ipv4.tcp_tw_reuse_delay', delay)
	local l = waits(B.addr)
	tries(('tcp_tw_reuse_delay %d ms: after 0.2 s'):format(delay), B.addr, l, 0.2)
	sweep()
	l:close()
end
A:sysctl('net.ipv4.tcp_tw_reuse_delay', 1000)

A:sysctl('net.ipv4.tcp_timestamps', 0)
local l = waits(B.addr)
tries('without timestamps', B.addr, l, 1.1)
phase('without timestamps, from a port of its own choice', function(o)
	o['connect()'] = spell(connects(B.addr, port, from))
end)
sweep()
l:close()
A:sysctl('net.ipv4.tcp_timestamps', 1)

l = waits(B.addr)
phase('from a port of its own choice: at once', function(o)
	local s, message, code = connects(B.addr, port, from)
	o['connect()'] = spell(s, message, code)
	o['the new SYN is beyond the old one by'] = syn_beyond()
	o['states'] = A:states{port = from}
	if s then
		s:linger(0)
		s:close()
	end
end)
l:close()

-- ---- the other end waits ----

ports(50100)
for timestamps = 1, 0, -1 do
	A:sysctl('net.ipv4.tcp_timestamps', timestamps)
	port = port + 1
	l = B:listen(port, 8)
	local c = connects(B.addr, port)
	l:accept(1):close()
	sleep(0.005)
	c:close()
	sleep(0.005)
	phase(('the server waits; the same port again, tcp_timestamps %d'):format(timestamps), function(o)
		o['before'] = B:states{port = port}
		local s, message, code = connects(B.addr, port)
		o['connect()'] = spell(s, message, code)
		o['after'] = B:states{port = port}
		local answers = wire.packets(function(p) return p.sport == port and p:has('S.') end)
		local fin = wire.find(function(p) return p.sport == port and p:has('F') end, 0.1)
		if #answers > 1 then o['the new SYN+ACK is beyond the FIN by'] = (answers[#answers].seq - fin.seq) & 0xffffffff end
		if s then
			s:linger(0)
			s:close()
		end
	end)
	l:close()
end
A:sysctl('net.ipv4.tcp_timestamps', 1)
A:sysctl('net.ipv4.ip_local_port_range', '40000 41000')

-- ---- bind() ----

local function socket(options, addr, p)
	local s = B:socket('tcp')
	for _, name in ipairs(options) do s:set(name, 1) end
	local r, message, code = s:bind(addr, p)
	if not r then
		s:close()
		return nil, message, code
	end
	return s
end

local KINDS <const> = {
	{name = 'nothing', options = {}},
	{name = 'SO_REUSEADDR', options = {'SO_REUSEADDR'}},
	{name = 'SO_REUSEPORT', options = {'SO_REUSEPORT'}},
	{name = 'both', options = {'SO_REUSEADDR', 'SO_REUSEPORT'}},
}

for _, had in ipairs(KINDS) do
	port = port + 1
	local s = socket(had.options, '0.0.0.0', port)
	s:listen(8)
	local c = connects(B.addr, port)
	s:accept(1):close()
	sleep(0.005)
	c:close()
	sleep(0.005)
	s:close()
	sleep(0.005)
	phase('bind(): the one that waits had ' .. had.name, function(o)
		o['states'] = B:states{port = port}
		for _, has in ipairs(KINDS) do
			for _, addr in ipairs{'0.0.0.0', B.addr, '127.0.0.1'} do
				local t, message, code = socket(has.options, addr, port)
				o[('bind() with %s to %s'):format(has.name, addr)] = spell(t, message, code)
				if t then
					o[('listen() with %s on %s'):format(has.name, addr)] = spell(t:listen(1))
					t:close()
				end
			end
		end
	end)
end

phase('bind() to any port: those that wait are not given', function(o)
	B:sysctl('net.ipv4.ip_local_port_range', ('%d %d'):format(port, port))
	o['both'] = spell(socket({'SO_REUSEADDR', 'SO_REUSEPORT'}, '0.0.0.0', 0))
	o['another address'] = spell(socket({}, '127.0.0.1', 0))
end)
