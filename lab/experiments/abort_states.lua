-- Closing from each state, with SO_LINGER 0, with one that waits, with TCP_LINGER2 above 60 s; and what comes meanwhile: data, a FIN,
-- a RST, an ICMP error. Who is reset, who times out, and what it counts as.

experiment{settle = 0.15, limit = 200}

local port = 9000

local function start(o)
	port = port + 1
	o = o or {}
	return pair(port, nil, o.listener, o.client)
end

local function finish(...)
	A:drop_clear()
	B:drop_clear()
	for _, s in ipairs{...} do
		if s.fd >= 0 then s:linger(0) end
		s:close()
	end
	sleep(0.15)
end

local function rows(of)
	local out = list()
	for _, r in ipairs(of) do
		if r.state ~= 'LISTEN' then out[#out + 1] = ('%s %d %d'):format(r.state, r.recv_q, r.send_q) end
	end
	return out
end

local function look(o)
	o['client ss'] = rows(A:sockets{peer_port = port})
	o['server ss'] = rows(B:sockets{port = port})
end

local function linger2(seconds)
	return {client = function(x) x:set('TCP_LINGER2', seconds) end}
end

local function lingering(seconds, seconds2)
	return {client = function(x)
		x:linger(seconds)
		if seconds2 then x:set('TCP_LINGER2', seconds2) end
	end}
end

local function deaf() B:drop{dport = port} end

local function close(o, c)
	local began = now()
	c:close()
	o['close() took'] = round(now() - began, 1)
	sleep(0.05)
	look(o)
end

-- The newest segment of the client for which fn says true did not arrive, says a router
local function complain(code, fn)
	local sent = wire.packets(function(p) return p.dport == port and fn(p) end)
	A:inject(icmp{src = '198.18.0.77', dst = A.addr, type = 3, code = code, seq = 0, data = sent[#sent].raw:sub(1, 28)})
end

-- ---- FIN-WAIT-2 beyond 60 s is a socket first, then a bucket ----
local l, c, s = start(linger2(61))
phase('TCP_LINGER2 61: data for FIN-WAIT-2', function(o)
	c:close()
	sleep(0.2)
	look(o)
	s:send('late')
	sleep(0.1)
	o['then'] = rows(A:sockets{peer_port = port})
	o['send'] = repr(s:send('x'))
end)
finish(l, s)

l, c, s = start(linger2(61))
phase('TCP_LINGER2 61: data for its bucket', function(o)
	c:close()
	sleep(1.5)
	look(o)
	s:send('late')
	sleep(0.1)
	o['then'] = rows(A:sockets{peer_port = port})
	o['send'] = repr(s:send('x'))
end)
finish(l, s)

A:sysctl('net.ipv4.tcp_fin_timeout', 61)
l, c, s = start()
phase('tcp_fin_timeout 61: a FIN', function(o)
	c:close()
	sleep(0.2)
	look(o)
	s:close()
	sleep(0.1)
	o['then'] = rows(A:sockets{peer_port = port})
end)
finish(l)
l, c, s = start()
phase('tcp_fin_timeout 61: data and FIN', function(o)
	c:close()
	sleep(0.2)
	s:set('TCP_CORK', 1)
	s:send('hello')
	s:close()
	sleep(0.1)
	look(o)
end)
finish(l)
A:sysctl('net.ipv4.tcp_fin_timeout', 60)

-- ---- a close() that waits ----
l, c, s = start(lingering(1))
phase('lingering from CLOSE-WAIT', function(o)
	s:shutdown('w')
	sleep(0.1)
	close(o, c)
end)
finish(l, s)

l, c, s = start(lingering(1))
phase('lingering from CLOSE-WAIT, the peer is deaf', function(o)
	s:shutdown('w')
	sleep(0.1)
	deaf()
	close(o, c)
end)
finish(l, s)

for what, does in pairs{
	data = function() s:send('late') end,
	['a FIN'] = function() s:shutdown('w') end,
	['a RST'] = function()
		s:linger(0)
		s:close()
	end,
} do
	l, c, s = start(lingering(2))
	phase('lingering, data unacknowledged, then ' .. what, function(o)
		B:rule(('INPUT -p tcp --dport %d --tcp-flags RST NONE -j DROP'):format(port))
		spawn(function()
			sleep(0.5)
			does()
		end)
		c:send('x')
		close(o, c)
	end)
	finish(l, s)
end

l, c, s = start(lingering(2, -1))
phase('lingering and TCP_LINGER2 -1 from FIN-WAIT-2', function(o)
	c:shutdown('w')
	sleep(0.2)
	close(o, c)
end)
finish(l, s)

for _, seconds in ipairs{0, 1} do
	port = port + 1
	deaf()
	phase(('SO_LINGER %d in SYN-SENT'):format(seconds), function(o)
		local x = A:socket()
		x:linger(seconds)
		x:connect_start(B.addr, port)
		sleep(0.1)
		close(o, x)
	end)
	B:drop_clear()
end

-- ---- SO_LINGER {1, 0} ----
local function reach(state)
	if state == 'FIN-WAIT-1' or state == 'CLOSING' then deaf() end
	if state == 'CLOSE-WAIT' or state == 'LAST-ACK' then s:shutdown('w') else c:shutdown('w') end
	sleep(0.1)
	if state == 'LAST-ACK' then
		deaf()
		c:shutdown('w')
	elseif state == 'CLOSING' then
		s:shutdown('w')
	end
	sleep(0.03)
end
for _, state in ipairs{'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK'} do
	l, c, s = start(lingering(0))
	phase('SO_LINGER 0 in ' .. state, function(o)
		reach(state)
		o['before'] = rows(A:sockets{peer_port = port})
		close(o, c)
		o['server error'] = repr(s:error())
	end)
	finish(l, s)
end

l, c, s = start{listener = function(x) x:set('SO_RCVBUF', 4096) end, client = function(x) x:linger(0) end}
while c:send_now(('z'):rep(1000)) do end
sleep(0.5)
phase('SO_LINGER 0 with a shut window', function(o)
	close(o, c)
	o['server error'] = repr(s:error())
end)
finish(l, s)

-- ---- nobody answers ----
A:sysctl('net.ipv4.tcp_retries2', 1)
A:sysctl('net.ipv4.tcp_orphan_retries', 2)
l, c, s = start()
phase('FIN-WAIT-1 of a program: tcp_retries2 1', function(o)
	deaf()
	c:shutdown('w')
	sleep(2.4)
	look(o)
	o['error'] = repr(c:error())
end)
finish(l, s, c)

l, c, s = start()
phase('LAST-ACK of an orphan: tcp_orphan_retries 2', function(o)
	s:shutdown('w')
	sleep(0.1)
	deaf()
	c:close()
	sleep(4.2)
	look(o)
end)
finish(l, s)

l, c, s = start()
phase('CLOSING of an orphan: tcp_orphan_retries 2', function(o)
	deaf()
	c:close()
	sleep(0.02)
	s:shutdown('w')
	sleep(0.05)
	look(o)
	sleep(4.2)
	o['then'] = rows(A:sockets{peer_port = port})
end)
finish(l, s)

l, c, s = start()
phase('an orphan with data in flight', function(o)
	deaf()
	c:send(('x'):rep(3000))
	c:close()
	sleep(4.2)
	look(o)
end)
finish(l, s)

l, c, s = start()
phase('an orphan, ICMP 3/1', function(o)
	deaf()
	c:close()
	sleep(0.05)
	complain(1, function(p) return p:has('F') end)
	sleep(4.2)
	look(o)
end)
finish(l, s)

l, c, s = start()
phase('data, ICMP 3/3, silence: the error is the ICMP\'s', function(o)
	deaf()
	c:send('x')
	sleep(0.02)
	complain(3, function(p) return p.len > 0 end)
	sleep(2.4)
	look(o)
	o['error'] = repr(c:error())
end)
finish(l, s, c)

-- ---- shut down, and data comes ----
l, c, s = start()
phase('shutdown of both directions, then data', function(o)
	c:shutdown('rw')
	sleep(0.1)
	s:send('x')
	sleep(0.1)
	look(o)
	o['errors'] = list{repr(c:error()), repr(s:error())}
end)
finish(l, s, c)

l, c, s = start()
phase('shutdown for reading, data, close()', function(o)
	c:shutdown('r')
	sleep(0.05)
	s:send('x')
	sleep(0.1)
	close(o, c)
	o['server error'] = repr(s:error())
end)
finish(l, s)
