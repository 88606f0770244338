-- SYN cookies: when they are sent (tcp_syncookies 0, 1, 2), and which ACKs make a connection: valid, wrong, moved, repeated,
-- with data, after the accept queue has filled, after they were switched off.  The backlog notes want tcp_syncookies 0.

experiment{settle = 0.02}

local OPTIONS <const> = {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7}
local port, ghosts, l = 9000, 0, nil

local function ghost(options)
	ghosts = ghosts + 1
	return B:ghost(port, ghosts, options or OPTIONS)
end

local function look(o, g)
	sleep(0.01)
	observe_all(o, B:queue(port))
	o['drops'] = B:sockets{port = port, state = 'LISTEN'}[1].drops
	o['server ss'] = B:states{port = port}
	if g then o['the client heard'] = g:heard() end
end

-- A new listener; with how many half-open requests?
local function listener(cookies, backlog, half_open)
	if l then l:close() end
	port = port + 1
	B:sysctl('net.ipv4.tcp_syncookies', cookies)
	l = B:listen(port, backlog)
	for _ = 1, half_open do ghost():syn() end
	sleep(0.01)
end

-- One client: its SYN, then what it says
local function answered()
	local g = ghost()
	g:syn()
	g:synack()
	sleep(0.002)
	return g
end

listener(0, 1, 2)
phase('tcp_syncookies 0: a SYN finds the SYN queue full', function(o)
	local g = ghost()
	g:syn()
	look(o, g)
end)
phase('tcp_syncookies 0: an ACK out of nowhere', function(o)
	local g = ghost()
	g:put{seq = 7001, ack = 12345, flags = '.'}
	look(o, g)
end)

listener(1, 1, 1)
phase('tcp_syncookies 1, room in the SYN queue: a SYN', function(o)
	local g = ghost()
	g:syn()
	look(o, g)
end)
phase('tcp_syncookies 1, no cookie was ever sent: an ACK out of nowhere', function(o)
	local g = ghost()
	g:put{seq = 7001, ack = 12345, flags = '.'}
	look(o, g)
end)

-- The notes: with the SYN queue full "the server does not answer", and syncookies are to be left at 0.
phase('tcp_syncookies 1, the SYN queue is full: a SYN', {document = {B = {TcpOutSegs = 0}}}, function(o)
	local g = ghost()
	g:syn()
	look(o, g)
end)
phase('tcp_syncookies 1, the SYN queue is full: the same SYN twice', function(o)
	local g = ghost()
	g:syn()
	g:syn()
	look(o, g)
	local isn = {}
	for i, p in ipairs(wire.packets(function(p) return p.dport == g.port and p.dst == g.addr end)) do isn[i] = p.seq end
	o['the same cookie'] = isn[1] == isn[2]
end)

listener(1, 3, 4)
local valid = answered()
phase('valid cookie', function(o)
	valid:ack()
	look(o, valid)
end)
phase('valid cookie, again: it belongs to a connection now', function(o)
	valid:ack()
	look(o, valid)
end)
phase('valid cookie with data', function(o)
	local g = answered()
	g:ack{data = 'hello'}
	look(o, g)
	l:accept(1)
	local s = l:accept(1)
	o['received'] = s and repr(s:recv(10, 0.5))
end)
phase('valid cookie with data and FIN', function(o)
	local g = answered()
	g:ack{data = 'bye', flags = 'FP.'}
	look(o, g)
	local s = l:accept(1)
	o['received'] = s and repr(s:recv(10, 0.5))
	o['then'] = s and repr(s:recv(10, 0.5))
end)
phase('valid cookie in data that comes before the bare ACK, which is lost', function(o)
	local g = answered()
	g:ack{seq = 7001, data = 'first'}
	g:ack{seq = 7006, data = 'second'}
	look(o, g)
	local s = l:accept(1)
	o['received'] = s and repr(s:recv(20, 0.5))
end)
for _, wrong in ipairs{{'one more', 2}, {'none', 1000000}} do
	phase(('wrong cookie: %s'):format(wrong[1]), function(o)
		local g = answered()
		g:ack{ack = g:synack().seq + 1 + wrong[2] * 16}
		look(o, g)
	end)
end
phase("another client's cookie", function(o)
	local g, thief = answered(), ghost()
	thief:put{seq = 7001, ack = g:synack().seq + 1, flags = '.'}
	look(o, thief)
end)
phase('a cookie with another sequence number', function(o)
	local g = answered()
	g:ack{seq = g.isn + 2}
	look(o, g)
end)
phase('a cookie with RST', function(o)
	local g = answered()
	g:ack{flags = 'R.'}
	look(o, g)
end)
phase('a cookie with SYN', function(o)
	local g = answered()
	g:ack{flags = 'S.'}
	look(o, g)
end)
phase('a cookie with FIN', function(o)
	local g = answered()
	g:ack{flags = 'F.'}
	look(o, g)
end)
phase('a cookie that comes back after tcp_syncookies 0', function(o)
	local g = answered()
	B:sysctl('net.ipv4.tcp_syncookies', 0)
	g:ack()
	look(o, g)
	B:sysctl('net.ipv4.tcp_syncookies', 1)
end)
phase('a cookie for another listener', function(o)
	local g, other = answered(), B:listen(9100, 3)
	local synack = g:synack()
	g.dport = 9100
	g:put{seq = 7001, ack = synack.seq + 1, flags = '.'}
	look(o, g)
	other:close()
end)

-- The accept queue has filled since the cookie was sent.
listener(1, 1, 2)
local first, second, third = answered(), answered(), answered()
phase('two cookies fill the accept queue', function(o)
	first:ack()
	second:ack()
	look(o)
end)
phase('the third finds it full', function(o)
	third:ack()
	look(o, third)
end)
phase('and again, with data', function(o)
	third:ack{data = 'hello'}
	look(o, third)
end)
phase('a SYN', function(o)
	local g = ghost()
	g:syn()
	look(o, g)
end)
phase('after an accept() it gets in', function(o)
	l:accept(1)
	third:ack{data = 'hello'}
	look(o, third)
end)

listener(2, 4, 0)
phase('tcp_syncookies 2: a SYN at an empty queue', function(o)
	valid = answered()
	look(o, valid)
end)
phase('tcp_syncookies 2: its ACK', function(o)
	valid:ack()
	look(o, valid)
end)
phase('tcp_syncookies 2: a real client', function(o)
	local c = A:connect(port)
	sleep(0.01)
	c:send('hello')
	look(o)
end)
l:close()
