-- Raw sockets: ICMP of every type, headers of the program's own (IP_HDRINCL), filters, names.

experiment{settle = 0.05}

local s = B:socket('raw')
local function raw_message(type)
	return icmp{src = B.addr, dst = A.addr, type = type, code = 0, data = 'data', message_only = true}
end
for _, type in ipairs{0, 3, 4, 5, 8, 11, 12, 13, 14, 17, 18, 9, 100} do
	phase('raw socket sends type ' .. type, function() s:sendto(raw_message(type), A.addr) end)
end

local function answer(...)
	local value, _, code = ...
	return code or value
end

local h = B:socket('raw', 255)
phase('IP_HDRINCL raw socket (IPPROTO_RAW) sends an echo', function(o)
	o['IP_HDRINCL'] = h:get('IP_HDRINCL')
	h:sendto(icmp{src = B.addr, dst = A.addr, type = 8, code = 0, data = 'data'}, A.addr)
end)
s:set('IP_HDRINCL', 1)
phase('IP_HDRINCL raw socket (IPPROTO_ICMP) sends an echo', function()
	s:sendto(icmp{src = B.addr, dst = A.addr, type = 8, code = 0, data = 'data'}, A.addr)
end)
phase('IP_HDRINCL raw socket (IPPROTO_ICMP) sends a UDP packet', function()
	s:sendto(udp{src = B.addr, dst = A.addr, sport = 1, dport = 2, data = 'x'}, A.addr)
end)
phase('headers that are refused', function(o)
	o['1 byte'] = answer(h:sendto('x', A.addr))
	o['a header longer than the packet'] = answer(h:sendto('\x4f' .. ('\0'):rep(30), A.addr))
	o['a header of nothing'] = answer(h:sendto('\x40' .. ('\0'):rep(30), A.addr))
	o['1501 bytes'] = answer(h:sendto('\x45' .. ('\0'):rep(1500), A.addr))
end)
phase('what is 0 in a header is filled in', function(o)
	local known = #wire.packets()
	local p = ip{src = '0.0.0.0', dst = A.addr, proto = 200, id = 0, data = 'hello'}
	h:sendto(p:sub(1, 2) .. '\xff\xff' .. p:sub(5), A.addr)
	local out = wire.find(function(q) return q.way == 'b>a' and q.proto == 200 end, 1, known)
	o['source'], o['identification is 0'], o['length'] = out.src, out.id == 0, #out.raw
end)

local r = B:socket('raw', 201)
phase('a protocol with a socket is known', function(o)
	B:inject(ip{src = A.addr, dst = B.addr, proto = 201, data = 'hello'})
	o['bytes'] = #r:recvfrom(100, 1)
end)
phase('a raw socket that was disconnected is deaf', function(o)
	o['connect'] = answer(r:connect_start(A.addr, 0))
	o['send'] = answer(r:send_now('x'))
	o['disconnect'] = answer(r:disconnect())
	B:inject(ip{src = A.addr, dst = B.addr, proto = 201, data = 'hello'})
	sleep(0.02)
	o['recv'] = answer(r:recv_now(100))
	o['name'] = {r:name()}
end)
phase('no byte at all', function(o) o['sent'] = answer(B:socket('raw', 202):sendto('', A.addr)) end)
phase('shutdown stops nothing', function(o)
	local x = B:socket('raw', 203)
	o['connect'] = answer(x:connect_start(A.addr, 0))
	o['shutdown'] = answer(x:shutdown('w'))
	o['send'] = answer(x:send_now('x'))
end)

local f = B:socket('raw')
f:set('ICMP_FILTER', ~(1 << 13) & 0x7fffffff)
phase('ICMP_FILTER lets one type through', function(o)
	B:inject(icmp{src = A.addr, dst = B.addr, type = 14, code = 0, data = 'a'})
	B:inject(icmp{src = A.addr, dst = B.addr, type = 13, code = 0, data = 'bcde'})
	B:inject(icmp{src = A.addr, dst = B.addr, type = 100, code = 0, data = 'c'})
	sleep(0.02)
	o['heard'] = list()
	while true do
		local p = f:recv_now(100)
		if not p then break end
		table.insert(o['heard'], p:byte(21))
	end
end)
phase('names', function(o)
	local x = B:socket('raw', 204)
	o['bind to the broadcast address'] = answer(x:bind('198.18.0.255', 0))
	o['bind to an address of nobody'] = answer(x:bind('198.18.0.9', 0))
	o['bind to a multicast address'] = answer(x:bind('224.1.2.3', 0))
	o['bind to loopback'] = answer(x:bind('127.0.0.7', 9))
	o['name'] = {x:name()}
	o['send without a peer'] = answer(x:send_now('x'))
	o['broadcast'] = answer(B:socket('raw', 204):sendto('x', '198.18.0.255'))
end)
