-- How many half-open requests a listener holds, and what the SYNs beyond count: backlog, tcp_max_syn_backlog, tcp_syncookies.
-- The backlog notes' "Cola backlog syn-rech": raw SYNs, and nobody answers the SYN+ACKs.

experiment{settle = 0.25, limit = 120}

-- The notes: the queue has backlog + 1 places, rounded up to a power of two; no counter tells of the SYNs that find no room.
local function says(backlog)
	local places = 1
	while places < backlog + 1 do places = places * 2 end
	return {B = {TcpOutSegs = places, TcpExtListenDrops = 0}}
end

local port, ghosts = 9000, 0

local function flood(n)
	for _ = 1, n do
		ghosts = ghosts + 1
		B:ghost(port, ghosts, {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7}):syn()
		sleep(0.002)
	end
end

local function half_open() return #B:sockets{port = port, state = 'SYN-RECV'} end

local function case(backlog, max_syn, cookies, n)
	B:sysctl('net.ipv4.tcp_max_syn_backlog', max_syn)
	B:sysctl('net.ipv4.tcp_syncookies', cookies)
	local l = B:listen(port, backlog)
	local name = ('backlog %d, tcp_max_syn_backlog %d, syncookies %d, %d SYNs'):format(backlog, max_syn, cookies, n)
	phase(name, {document = cookies == 0 and max_syn == 2048 and says(backlog) or nil}, function(o)
		flood(n)
		sleep(0.1)
		o['SYN-RECV'] = half_open()
		local q = B:queue(port)
		q.skmem = B:skmem(port)
		o['listener'] = q
	end)
	l:close()
	port = port + 1
end

for cookies = 0, 2 do
	for _, backlog in ipairs{0, 1, 2, 4, 10} do case(backlog, 2048, cookies, backlog + 6) end
end
for _, max_syn in ipairs{0, 1, 2, 3, 4, 5, 7, 8, 10, 16} do case(64, max_syn, 0, 24) end
for _, max_syn in ipairs{4, 8} do case(64, max_syn, 1, 24) end
case(64, 8, 2, 24)

-- A peer that a completed connection has proven (its round trip time is remembered) is let in beyond three quarters.
B:sysctl('net.ipv4.tcp_max_syn_backlog', 8)
B:sysctl('net.ipv4.tcp_syncookies', 0)
local l = B:listen(port, 64)
do
	local c = A:connect(port)
	local s = l:accept(2)
	c:send('x')
	s:recv(1, 2)
	s:send('y')
	c:recv(1, 2)
	c:close()
	s:close()
	sleep(0.2)
end
phase('backlog 64, tcp_max_syn_backlog 8, syncookies 0: 12 SYNs unproven, then a client A with tcp_metrics', function(o)
	flood(12)
	o['SYN-RECV'] = half_open()
	local c = A:connect_start(port)
	sleep(0.2)
	o['proven client connected'] = c:ready('out')
end)
