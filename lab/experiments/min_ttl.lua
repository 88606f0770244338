-- IP_MINTTL: segments, and ICMP errors that quote segments, with a smaller TTL are dropped (TCPMinTTLDrop); a final ACK is not.

experiment{settle = 0.02, limit = 30}

local l = B:listen(9000, 4)
l:set('IP_MINTTL', 64)
local g = B:ghost(9000, 1, {mss = 1460})
local synack

local function drops(state) return B:sockets{port = 9000, state = state}[1].drops end

local function put(o, ttl)
	o.ttl = ttl
	o.ack = o.ack or synack and synack.seq + 1
	g:put(o)
	sleep(0.05)
end

for _, ttl in ipairs{63, 64} do
	phase('a SYN of ttl ' .. ttl, function(o)
		g.known = 0
		put({seq = g.isn, flags = 'S', opts = g.opts}, ttl)
		synack = g:synack(0.05)
		o['answered'] = synack ~= nil
		o['drops'] = drops('LISTEN')
	end)
end
phase('its final ACK of ttl 1', function(o)
	put({seq = g.isn + 1, flags = '.'}, 1)
	o['states'] = B:states{port = 9000}
end)
local s = l:accept(1)
for _, ttl in ipairs{63, 64} do
	phase('data of ttl ' .. ttl, function(o)
		put({seq = g.isn + 1, flags = 'P.', data = 'x'}, ttl)
		o['unread'] = s:unread()
		o['drops'] = drops('ESTAB')
	end)
end
observe('inherited', s:get('IP_MINTTL'))

s:set('IP_RECVERR', 1)
s:send('hello')
sleep(0.02)
for _, ttl in ipairs{63, 64} do
	phase('ICMP 3/3 that quotes a segment of ttl ' .. ttl, function(o)
		local quoted = tcp{src = B.addr, dst = g.addr, sport = 9000, dport = g.port, seq = synack.seq + 1, ack = g.isn + 2,
			flags = 'P.', ttl = ttl}
		B:inject(icmp{src = A.addr, dst = B.addr, type = 3, code = 3, data = quoted:sub(1, 28)})
		sleep(0.02)
		o['error'] = repr(s:error())
	end)
end
for _, ttl in ipairs{256, -1} do observe('set ' .. ttl, repr(s:set('IP_MINTTL', ttl))) end
