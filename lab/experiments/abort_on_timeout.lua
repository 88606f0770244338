-- Every timer of TCP that gives up: orphans (tcp_orphan_retries), data (tcp_retries2), TCP_USER_TIMEOUT, keepalive, probes of a
-- shut window; and FIN_WAIT2, which counts nothing. TcpExtTCPAbortOnTimeout. The last of tcp_orphan_retries takes 108 s.

experiment{settle = 0.1, limit = 300}

local port = 9000

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

-- When what the client sends leaves, acknowledgements aside
local function times()
	local out, first = list(), nil
	for _, p in ipairs(wire.packets(function(p) return p.way == 'a>b' and p.dport == port and (p.len > 0 or p:has('F') or p:has('R')) end)) do
		first = first or p.t
		out[#out + 1] = round(p.t - first, 2)
	end
	return out
end

local function gone(o, limit)
	local began = now()
	while now() - began < limit and #A:sockets{peer_port = port} > 0 do sleep(0.1) end
	o['socket gone after'] = round(now() - began, 1)
end

local function next_send(o, c)
	local ok, message = c:send('y')
	if not ok then o['error of the next send'] = message end
end

for _, retries in ipairs{1, 2, 3, 0} do
	A:sysctl('net.ipv4.tcp_orphan_retries', retries)
	local l, c, s = start{deaf = true}
	phase(('orphan in FIN_WAIT1, tcp_orphan_retries %d'):format(retries), function(o)
		c:close()
		gone(o, 150)
		o['FIN times'] = times()
	end)
	finish(l, s)
end
A:sysctl('net.ipv4.tcp_orphan_retries', 2)

for _, retries in ipairs{1, 2, 3} do
	A:sysctl('net.ipv4.tcp_retries2', retries)
	local l, c, s = start{deaf = true}
	phase(('100 bytes unacknowledged, tcp_retries2 %d'):format(retries), function(o)
		c:send(('x'):rep(100))
		gone(o, 30)
		o['data times'] = times()
		next_send(o, c)
	end)
	finish(l, s, c)
end
A:sysctl('net.ipv4.tcp_retries2', 15)

local l, c, s = start{deaf = true, client = function(x) x:set('TCP_USER_TIMEOUT', 1500) end}
phase('TCP_USER_TIMEOUT 1500 ms, data unacknowledged', function(o)
	c:send(('x'):rep(100))
	gone(o, 30)
	o['data times'] = times()
end)
finish(l, s, c)

local function keepalive(x)
	x:set('SO_KEEPALIVE', 1)
	x:set('TCP_KEEPIDLE', 1)
	x:set('TCP_KEEPINTVL', 1)
	x:set('TCP_KEEPCNT', 2)
end
l, c, s = start{deaf = true, client = keepalive}
-- the kernel's document: no RST is sent
phase('keepalive idle 1 interval 1 count 2, peer deaf', {document = {A = {TcpExtTCPAbortOnTimeout = 1, TcpOutRsts = 0}}}, function(o)
	gone(o, 10)
	next_send(o, c)
end)
finish(l, s, c)
l, c, s = start{client = keepalive}
phase('keepalive, peer answers, 2.5 s', function() sleep(2.4) end)
finish(l, s, c)

local function shut_window()
	local l, c, s = start{listener = function(x) x:set('SO_RCVBUF', 4096) end}
	while c:send_now(('z'):rep(1000)) do end
	sleep(0.5)
	while c:send_now(('z'):rep(1000)) do end
	B:drop{dport = port}
	return l, c, s
end
A:sysctl('net.ipv4.tcp_retries2', 2)
l, c, s = shut_window()
phase('zero window, probes unanswered, owned socket, tcp_retries2 2', function(o) gone(o, 40) end)
finish(l, s, c)
l, c, s = shut_window()
phase('zero window, probes unanswered, orphan, tcp_orphan_retries 2', function(o)
	c:close()
	gone(o, 40)
end)
finish(l, s)

A:sysctl('net.ipv4.tcp_fin_timeout', 2)
l, c, s = start{}
phase('FIN_WAIT2 for tcp_fin_timeout 2 s', function(o)
	c:close()
	sleep(0.1)
	gone(o, 20)
end)
finish(l, s)
