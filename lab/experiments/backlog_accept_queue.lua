-- listen(n) holds n+1 connections: Recv-Q and Send-Q, the clamp by net.core.somaxconn, listen() again, a burst.
-- The backlog notes' experiments.

experiment{settle = 0.1}

local port = 9000

-- n clients one after the other (a burst would find the SYN queue full and get cookies)
local function many(n, gap)
	local out = {}
	for i = 1, n do
		out[i] = A:connect_start(port)
		sleep(gap or 0.02)
	end
	return out
end

local function connected(clients)
	local n = 0
	for _, c in ipairs(clients) do
		if c:ready('out') then n = n + 1 end
	end
	return n
end

local function shut(clients, l)
	for _, c in ipairs(clients) do
		c:linger(0)
		c:close()
	end
	sleep(0.1)
	l:close()
	sleep(0.2)
	port = port + 1
end

for _, n in ipairs{0, 1, 2, 5} do
	local l, clients
	phase(('listen(%d), %d clients, none accepted'):format(n, n + 4), function(o)
		l = B:listen(port, n)
		clients = many(n + 4)
		sleep(0.2)
		o['established without accept()'] = connected(clients)
		observe_all(o, B:queue(port))
		o['server ss'] = B:states{port = port}
		o['client ss'] = A:states{peer_port = port}
	end)
	shut(clients, l)
end

do
	local l, clients, s
	phase('listen(1): 1 accepted, then 4 more clients', function(o)
		l = B:listen(port, 1)
		local first = A:connect(port)
		s = l:accept(2)
		clients = many(4)
		sleep(0.2)
		o['established (without the accepted one)'] = connected(clients)
		observe_all(o, B:queue(port))
		o['server ss'] = B:states{port = port}
		table.insert(clients, 1, first)
	end)
	s:close()
	shut(clients, l)
end

do
	local l, clients
	phase('somaxconn', function(o)
		o['default net.core.somaxconn'] = B:sysctl('net.core.somaxconn')
		o['default tcp_max_syn_backlog'] = B:sysctl('net.ipv4.tcp_max_syn_backlog')
		B:sysctl('net.core.somaxconn', 3)
		l = B:listen(port, 100)
		o['somaxconn 3, listen(100): Send-Q'] = B:queue(port)['Send-Q']
		clients = many(8)
		sleep(0.2)
		o['somaxconn 3, 8 clients: established'] = connected(clients)
		o['ss'] = B:queue(port)
		B:sysctl('net.core.somaxconn', 50)
		o['somaxconn raised to 50 afterwards: Send-Q'] = B:queue(port)['Send-Q']
		l:listen(20)
		o['listen(20) again: Send-Q'] = B:queue(port)['Send-Q']
		sleep(1.3)
		o['after the next SYN retries: established'] = connected(clients)
		o['ss2'] = B:queue(port)
		l:listen(2)
		o['listen(2) again with more queued'] = B:queue(port)
		l:listen(-1)
		o['listen(-1): Send-Q'] = B:queue(port)['Send-Q']
		l:listen(0x7fffffff)
		o['listen(INT_MAX): Send-Q'] = B:queue(port)['Send-Q']
	end)
	shut(clients, l)
end

-- 0.2 ms apart, as fast as a program connects: each handshake is over before the next one begins, so the queue fills up
-- with three.  In one instant (gap 0) the first three SYNs would fill the SYN queue and nine would get cookies.
do
	local l, clients
	phase('burst: 12 clients at once to listen(2), syncookies 1 (timing dependent)', function(o)
		l = B:listen(port, 2)
		clients = many(12, 0.0002)
		sleep(0.2)
		o['clients that believe to be connected'] = connected(clients)
		observe_all(o, B:queue(port))
		o['server ss'] = B:states{port = port}
	end)
	shut(clients, l)
end
