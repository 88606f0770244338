-- TCP's memory above tcp_mem's second value: what pressure changes, and when it ends; above the third: what a socket still gets.

experiment{settle = 0.02, limit = 30}

local normal = A:sysctl('net.ipv4.tcp_mem') -- of the whole machine on the kernel: changed for a second
local port = 9000
local lost = {} -- clients whose data and FINs do not arrive

wire.rule(function(p)
	if p.way == 'b>a' and p.dst:find('^198%.18%.1%.') then return 'drop' end
	if p.way == 'a>b' and p.dport >= 9000 and lost[p.dport] and (p.len > 0 or p:has('F')) then return 'drop' end
end)

-- Margins are wide: each CPU of a kernel may have 256 pages of which the others do not know.
local function tcp_mem(...) A:sysctl('net.ipv4.tcp_mem', ('%d %d %d'):format(...)) end

local function connected()
	port = port + 1
	return pair(port)
end

-- What A offers when so many bytes have come and nobody has read them.
local function windows(s)
	local out = list()
	for i = 1, 2 do
		s:send(('x'):rep(14480))
		sleep(0.06)
		local acks = wire.packets(function(p) return p.way == 'a>b' and p.dport == port end)
		out[i] = acks[#acks].win
	end
	return out
end

local holder_l, holder = connected()
holder:set('SO_SNDBUF', 4 << 20)
lost[port] = true
local l, c, s = connected()
phase('without pressure: two times 14480 bytes to A', function(o) o['windows'] = windows(s) end)

local base = A:sockstat().TCP.mem
local low, pressure = base + 700, base + 800
local began

phase('A has 6 MB to send: pressure begins', function(o)
	tcp_mem(low, pressure, 1 << 30)
	began = now()
	for _ = 1, 100 do holder:send_now(('x'):rep(65536)) end
	o['1000 pages more'] = A:sockstat().TCP.mem > base + 1000
	sleep(0.25) -- the first timeout
end)

l, c, s = connected()
phase('under pressure: two times 14480 bytes to A', function(o) o['windows'] = windows(s) end)

l, c, s = connected()
phase('under pressure: a FIN behind data that were sent', function(o)
	lost[port] = true
	c:send(('x'):rep(100))
	sleep(0.01)
	c:shutdown('w')
	sleep(0.5)
	local flags = list()
	for i, p in ipairs(wire.packets(function(p) return p.dport == port and p.len > 0 end)) do flags[i] = p.flags end
	o['flags'] = flags
end)

-- For no longer than it takes: on the kernel it is everybody's memory.
local function without_memory(what)
	tcp_mem(1, 2, 3)
	local result = what()
	tcp_mem(low, pressure, 1 << 30)
	return result
end

phase('above the third value: a new connection sends', function(o)
	for _, size in ipairs{0, 1 << 20} do
		l, c, s = connected()
		lost[port] = true
		if size > 0 then c:set('SO_SNDBUF', size) end
		local n = without_memory(function() return c:send_now(('x'):rep(100000)) end)
		local name = size > 0 and 'a buffer of its own choice: ' or 'a buffer of ours: '
		o[name .. 'bytes taken'] = n
		o[name .. 'limit'] = A:sockets{peer_port = port}[1].sndbuf
		c:linger(0)
		c:close()
		sleep(0.01)
	end
end)

local reader_l = A:listen(9100, 4)
local ghosts = {}
for i = 1, 2 do
	ghosts[i] = A:ghost(9100, i, {mss = 1460})
	ghosts[i]:syn()
	ghosts[i]:ack()
	ghosts[i].next = ghosts[i].isn + 1
end
sleep(0.01)

local function says(g, bytes, gap)
	g:put{seq = g.next + (gap or 0), ack = g.heard_synack.seq + 1, flags = '.', data = ('x'):rep(bytes)}
	g.next = g.next + bytes
end

local function arrives(name, g, gap)
	phase('above the third value: ' .. name, function(o)
		says(g, 100)
		says(g, 1400)
		sleep(0.001)
		without_memory(function()
			says(g, 1400, gap)
			sleep(0.001)
		end)
		o['queued'] = A:sockets{port = 9100, peer_port = g.port}[1].recv_q
		local acks = wire.packets(function(p) return p.dport == g.port end)
		o['window'] = acks[#acks].win
	end)
end
arrives('the next segment comes', ghosts[1])
arrives('a later segment comes', ghosts[2], 1000)

phase('what waited is thrown away: pressure ends', function(o)
	holder:linger(0)
	holder:close()
	local lasted = now() - began
	sleep(0.05)
	local counted = A:counter('TcpExtTCPMemoryPressuresChrono')
	o['as long as it was'] = math.abs(counted / 1000 - lasted) < 0.06 or {counted, lasted}
end)
A:sysctl('net.ipv4.tcp_mem', normal)
