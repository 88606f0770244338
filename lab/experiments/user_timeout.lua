-- TCP_USER_TIMEOUT: how long what was sent may go unacknowledged, in each state: data, SYN, FIN of an orphan, a shut window,
-- keepalive. TcpExtTCPAbortOnTimeout, and the error that the program gets.

experiment{settle = 0.1, limit = 120}

local port = 9000

local function user_timeout(ms)
	return function(x) x:set('TCP_USER_TIMEOUT', ms) end
end

local function start(o)
	port = port + 1
	local l, c, s = pair(port, nil, o.listener, o.client)
	sleep(0.1)
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

-- When the client's segments left, pure ACKs aside
local function times()
	local out, first = list(), nil
	for _, p in ipairs(wire.packets(function(p)
		return p.way == 'a>b' and p.dport == port and (p.len > 0 or p:has('F') or p:has('R') or p:has('S'))
	end)) do
		first = first or p.t
		out[#out + 1] = round(p.t - first, 2)
	end
	return out
end

local function gone(o, limit)
	local began = now()
	while now() - began < limit and #A:sockets{peer_port = port} > 0 do sleep(0.02) end
	o['socket gone after'] = round(now() - began, 1)
end

local function ended(o, c, limit)
	gone(o, limit or 20)
	o['error'] = repr(c:error())
	o['send'] = repr(c:send('y'))
	o['recv'] = repr(c:recv_now(10))
end

for _, ms in ipairs{100, 500, 1000} do
	local l, c, s = start{deaf = true, client = user_timeout(ms)}
	phase(('%d ms, data unacknowledged'):format(ms), function(o)
		local after = #times()
		c:send('x')
		ended(o, c)
		local t = times()
		o['data times'] = list{table.unpack(t, after + 1)}
		for i = #o['data times'], 1, -1 do o['data times'][i] = round(o['data times'][i] - o['data times'][1], 2) end
	end)
	finish(l, s, c)
end

local l, c, s = start{deaf = true}
phase('set after 1 s of silence: it is over', function(o)
	c:send('x')
	sleep(1)
	c:set('TCP_USER_TIMEOUT', 500)
	ended(o, c)
end)
finish(l, s, c)

l, c, s = start{deaf = true, client = user_timeout(400)}
phase('taken away in time', function(o)
	c:send('x')
	sleep(0.3)
	c:set('TCP_USER_TIMEOUT', 0)
	sleep(1)
	o['states'] = A:states{peer_port = port}
end)
finish(l, s, c)

port = port + 1
B:drop{dport = port}
phase('SYN, 1500 ms', function(o)
	local x, began = A:socket(), now()
	x:set('TCP_USER_TIMEOUT', 1500)
	o['connect'] = repr(x:connect(B.addr, port, 20))
	o['failed after'] = round(now() - began, 1)
	o['SYN times'] = times()
	x:close()
end)
B:drop_clear()

l, c, s = start{deaf = true, client = user_timeout(1000)}
phase('FIN of an orphan, 1000 ms', function(o)
	c:close()
	gone(o, 20)
end)
finish(l, s)

local function shut_window(o)
	o.listener = function(x) x:set('SO_RCVBUF', 4096) end
	local l, c, s = start(o)
	while c:send_now(('z'):rep(1000)) do end
	sleep(0.5)
	while c:send_now(('z'):rep(1000)) do end
	return l, c, s
end

l, c, s = shut_window{client = user_timeout(1500)}
phase('shut window, probes answered, 1500 ms', function(o) ended(o, c) end)
finish(l, s, c)

l, c, s = shut_window{client = user_timeout(1500)}
B:drop{dport = port}
phase('shut window, probes unanswered, 1500 ms', function(o) ended(o, c) end)
finish(l, s, c)

l, c, s = shut_window{client = user_timeout(1500)}
phase('shut window, an orphan, 1500 ms', function(o)
	c:close()
	gone(o, 20)
end)
finish(l, s)

local function keepalive(ms, count)
	return function(x)
		x:set('SO_KEEPALIVE', 1)
		x:set('TCP_KEEPIDLE', 1)
		x:set('TCP_KEEPINTVL', 1)
		x:set('TCP_KEEPCNT', count)
		x:set('TCP_USER_TIMEOUT', ms)
	end
end

for _, case in ipairs{{500, 5}, {2500, 5}} do
	local l, c, s = start{deaf = true, client = keepalive(case[1], case[2])}
	phase(('keepalive 1, 1, %d with %d ms'):format(case[2], case[1]), function(o) ended(o, c) end)
	finish(l, s, c)
end

l, c, s = start{listener = user_timeout(700)}
A:drop{sport = port}
phase('a listener\'s is its children\'s', function(o)
	o['TCP_USER_TIMEOUT'] = s:get('TCP_USER_TIMEOUT')
	s:send('x')
	local began = now()
	while now() - began < 10 and B:states{port = port}.ESTAB do sleep(0.02) end
	o['socket gone after'] = round(now() - began, 1)
	o['error'] = repr(s:error())
end)
A:drop_clear()
finish(l, s, c)
