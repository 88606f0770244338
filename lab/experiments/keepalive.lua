-- SO_KEEPALIVE: when an idle connection is probed and when it is given up; what counts as idle, and what the sysctls and the
-- options do to a connection that there is already. TcpExtTCPKeepAlive, TcpExtTCPAbortOnTimeout.

experiment{settle = 0.1, limit = 120}

local port = 9000

local function keepalive(idle, interval, count)
	return function(x)
		x:set('SO_KEEPALIVE', 1)
		x:set('TCP_KEEPIDLE', idle)
		x:set('TCP_KEEPINTVL', interval)
		x:set('TCP_KEEPCNT', count)
	end
end

local function start(o)
	port = port + 1
	local l, c, s = pair(port, nil, o.listener, o.client)
	if o.deaf then B:drop{dport = port} end
	return l, c, s
end

local function finish(...)
	B:drop_clear()
	for _, s in ipairs{...} do
		s:linger(0)
		s:close()
	end
	sleep(0.1)
end

local function how_it_ended(o, c)
	o['states'] = A:states{peer_port = port}
	o['error'] = repr(c:error())
end

local l, c, s = start{client = keepalive(1, 1, 3)}
phase('idle 1, interval 1, count 3: the peer answers for 4.5 s', function(o)
	sleep(4.5)
	how_it_ended(o, c)
end)
finish(l, s, c)

l, c, s = start{client = keepalive(1, 1, 3), deaf = true}
phase('the same, the peer is deaf', function(o)
	sleep(4.5)
	how_it_ended(o, c)
	o['recv'] = repr(c:recv_now(10))
end)
finish(l, s, c)

l, c, s = start{client = keepalive(2, 1, 1), deaf = true}
phase('idle 2, interval 1, count 1, deaf', function(o)
	sleep(3.5)
	how_it_ended(o, c)
end)
finish(l, s, c)

l, c, s = start{client = keepalive(2, 1, 3)}
B:drop{hook = 'output', sport = port, flags = 'R'}
s:linger(0)
s:close()
B:drop_clear()
phase('the peer knows the connection no more', function(o)
	sleep(2.5)
	how_it_ended(o, c)
end)
finish(l, c)

l, c, s = start{client = keepalive(2, 1, 3)}
phase('data each 0.6 s', function(o)
	for _ = 1, 4 do
		s:send('x')
		sleep(0.6)
	end
	how_it_ended(o, c)
end)
phase('data of its own each 0.6 s', function(o)
	for _ = 1, 4 do
		c:send('x')
		sleep(0.6)
	end
	how_it_ended(o, c)
end)
finish(l, s, c)

l, c, s = start{client = keepalive(1, 1, 1), deaf = true}
phase('data unacknowledged: no probe', function(o)
	c:send('x')
	sleep(3.5)
	how_it_ended(o, c)
end)
finish(l, s, c)

l, c, s = start{client = function(x)
	keepalive(1, 1, 3)(x)
	x:set('SO_KEEPALIVE', 0)
end}
phase('off', function(o)
	sleep(1.5)
	how_it_ended(o, c)
end)
phase('on after 1.5 s without a word', function(o)
	c:set('SO_KEEPALIVE', 1)
	local before = A:counter('TcpExtTCPKeepAlive')
	sleep(0.5)
	o['probes after 0.5 s'] = A:counter('TcpExtTCPKeepAlive') - before
	sleep(1)
	how_it_ended(o, c)
end)
phase('on again changes nothing', function(o)
	sleep(0.2)
	c:set('SO_KEEPALIVE', 1)
	sleep(0.7)
	how_it_ended(o, c)
end)
phase('TCP_KEEPIDLE 2', function(o)
	c:set('TCP_KEEPIDLE', 2)
	sleep(1.6)
	how_it_ended(o, c)
end)
finish(l, s, c)

l, c, s = start{}
sleep(1.3)
phase('TCP_KEEPIDLE 1 after 1.3 s without a word: at once', function(o)
	c:set('SO_KEEPALIVE', 1)
	c:set('TCP_KEEPIDLE', 1)
	sleep(0.3)
	how_it_ended(o, c)
end)
finish(l, s, c)

l, c, s = start{client = keepalive(1, 1, 3)}
c:shutdown('w')
sleep(0.1)
phase('FIN-WAIT-2 of a program', function(o)
	sleep(2.5)
	o['states'] = A:states{peer_port = port}
end)
finish(l, s, c)

l, c, s = start{listener = keepalive(1, 1, 3)}
c:shutdown('w')
sleep(0.1)
phase('a listener\'s keepalive is its children\'s; CLOSE-WAIT', function(o)
	sleep(2.5)
	o['states'] = B:states{port = port, peer_port = select(2, c:name())}
end)
finish(l, s, c)

l, c, s = start{listener = function(x) x:set('SO_RCVBUF', 4096) end, client = keepalive(1, 1, 3)}
while c:send_now(('z'):rep(1000)) do end
sleep(0.5)
phase('a shut window is probed, not kept alive', function(o)
	sleep(2)
	o['states'] = A:states{peer_port = port}
end)
finish(l, s, c)

for _, name in ipairs{'time', 'intvl', 'probes'} do
	A:sysctl('net.ipv4.tcp_keepalive_' .. name, name == 'time' and 2 or 1)
end
l, c, s = start{client = function(x) x:set('SO_KEEPALIVE', 1) end, deaf = true}
phase('by the sysctls: 2, 1, 1; deaf', function(o)
	o['options'] = list{c:get('TCP_KEEPIDLE'), c:get('TCP_KEEPINTVL'), c:get('TCP_KEEPCNT')}
	sleep(3.5)
	how_it_ended(o, c)
end)
finish(l, s, c)

l, c, s = start{client = function(x) x:set('SO_KEEPALIVE', 1) end, deaf = true}
phase('sysctls that change are those of connections that there are', function(o)
	A:sysctl('net.ipv4.tcp_keepalive_probes', 3)
	A:sysctl('net.ipv4.tcp_keepalive_time', 3)
	o['options'] = list{c:get('TCP_KEEPIDLE'), c:get('TCP_KEEPINTVL'), c:get('TCP_KEEPCNT')}
	sleep(6.5)
	how_it_ended(o, c)
end)
finish(l, s, c)
