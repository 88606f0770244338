-- 64 connections are closed while the server drops everything and tcp_max_orphans is 10. TcpExtTCPAbortOnMemory: 6.18 compares a
-- count renewed each 100 ms, 4.15 an approximate one and then the exact one. The document's experiment is (d), as 4.15.

experiment{
	settle = 0.05,
	generations = '4.15',
	not_on_kernel = 'tcp_max_orphans is the whole machine\'s, and would end the connections of others',
}

local port = 9000

A:sysctl('net.ipv4.tcp_orphan_retries', 2)
local unlimited = A:sysctl('net.ipv4.tcp_max_orphans')

local function connected(n)
	port = port + 1
	local l, clients, servers = B:listen(port, 128), {}, {}
	for i = 1, n do clients[i] = A:connect(port) end
	for i = 1, n do servers[i] = l:accept(5) end
	B:rule(('INPUT -p tcp --dport %d -j DROP'):format(port))
	sleep(0.3)
	return l, clients, servers
end

local function states() return A:states{peer_port = port} end

local function case(o)
	local l, clients, servers = connected(o.n or 64)
	phase(o.name, {document = o.document}, function(seen)
		A:sysctl('net.ipv4.tcp_max_orphans', 10)
		for _, c in ipairs(clients) do
			c:close()
			sleep(o.gap or 0)
		end
		if not o.keep then A:sysctl('net.ipv4.tcp_max_orphans', unlimited) end
		seen['client states'] = states()
		if o.keep then
			sleep(o.keep)
			A:sysctl('net.ipv4.tcp_max_orphans', unlimited)
			seen['client states later'] = states()
		end
	end)
	phase(o.name .. ': until the orphans are gone', {settle = 0.1, document = o.document_later}, function(seen)
		local began = now()
		while now() - began < 20 and next(states()) do sleep(0.2) end
		seen['gone after'] = round(now() - began, 1)
	end)
	B:drop_clear()
	for _, s in ipairs(servers) do
		s:linger(0)
		s:close()
	end
	l:close()
	sleep(0.2)
end

case{name = '(a) 64 closed at once, limit restored at once'}
case{name = '(b) 64 closed 20 ms apart, limit restored', gap = 0.02}
case{name = '(c) 11 closed 20 ms apart, limit restored', gap = 0.02, n = 11, document = {A = {TcpExtTCPAbortOnMemory = 0}}}
case{name = '(d) 64 closed at once, limit kept 1.5 s (FIN retransmissions)', keep = 1.5,
	document = {A = {TcpExtTCPAbortOnMemory = 54}}, document_later = {A = {TcpExtTCPAbortOnTimeout = 10}}}
