-- How many connections without a program it takes until tcp_max_orphans (10) ends one: by 6.18's count, renewed each 100 ms, and by
-- 4.15's: a CPU tells of 32 at a time, then they are counted exactly. The document's "additional explanation about orphan
-- socket count": 11 connections change nothing.

experiment{
	settle = 0.01,
	generations = '4.15',
	not_on_kernel = 'tcp_max_orphans is the whole machine\'s, and would end the connections of others',
}

local port = 9000

A:sysctl('net.ipv4.tcp_max_orphans', 10)
A:sysctl('net.ipv4.tcp_orphan_retries', 2)

local function states() return A:states{peer_port = port} end

local function opened(n)
	port = port + 1
	local l, clients = B:listen(port, 128), {}
	for i = 1, n do clients[i] = A:connect(port) end
	sleep(0.03)
	B:drop{dport = port}
	return l, clients
end

local function finish(l)
	while next(states()) do sleep(0.1) end
	B:drop_clear()
	l:close()
	sleep(0.2)
end

-- of 11 the document says it
local function document(n) return n == 11 and {A = {TcpExtTCPAbortOnMemory = 0}} or nil end

for _, n in ipairs{10, 11, 31, 32, 33, 64} do
	local l, clients = opened(n)
	phase(('%d closed at once'):format(n), {document = document(n)}, function(o)
		for _, c in ipairs(clients) do c:close() end
		o['orphans'] = states()
	end)
	phase(('%d closed at once: the first timeouts'):format(n), {document = document(n)}, function(o)
		sleep(0.45)
		o['orphans'] = states()
	end)
	phase(('%d closed at once: until they are gone'):format(n), function() while next(states()) do sleep(0.1) end end)
	finish(l)
end

-- 6.18: who is closed after the count was renewed
for _, n in ipairs{10, 11} do
	local l, clients = opened(n + 1)
	phase(('%d closed at once, one more 100 ms later'):format(n), function(o)
		for i = 1, n do clients[i]:close() end
		sleep(0.1)
		clients[n + 1]:close()
		o['orphans'] = states()
	end)
	finish(l)
end

-- Whom an ICMP error has been about counts double, when its FIN is sent again
for _, n in ipairs{5, 6} do
	local l, clients = opened(n)
	phase(('%d closed at once, a router complains about each'):format(n), function(o)
		for _, c in ipairs(clients) do c:close() end
		sleep(0.01)
		for _, p in ipairs(wire.packets(function(p) return p.dport == port and p:has('F') end)) do
			A:inject(icmp{src = '198.18.0.77', dst = A.addr, type = 3, code = 10, seq = 0, data = p.raw:sub(1, 28)})
		end
		sleep(0.45)
		o['orphans'] = states()
	end)
	finish(l)
end
