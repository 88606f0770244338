-- UDP_SEGMENT: one send of several datagrams; cut at the link, in one piece on the way to oneself, refused.

experiment{settle = 0.05}

local function answer(...)
	local value, _, code = ...
	return code or value
end

local function heard(s)
	local out = list()
	while true do
		local data = s:recv_now(65536)
		if not data then return out end
		out[#out + 1] = #data
	end
end

local r = B:socket('udp')
r:bind('0.0.0.0', 7000)
local s = A:socket('udp')
s:set('UDP_SEGMENT', 1000)

local function packets(known)
	local out, first = list(), nil
	for i, p in ipairs(wire.packets()) do
		if i > known then
			first = first or p.id
			out[#out + 1] = ('%d bytes, id +%d, fragment bits %d'):format(#p.raw, (p.id - first) & 0xffff, p.frag)
		end
	end
	return out
end

for _, bytes in ipairs{1000, 1001, 2500, 60000} do
	phase(('%d bytes'):format(bytes), function(o)
		local known = #wire.packets()
		o['send'] = answer(s:sendto(('x'):rep(bytes), B.addr, 7000))
		sleep(0.03)
		o['packets'] = packets(known)
		o['heard'] = heard(r)
	end)
end
phase('connected, never to be cut by others', function(o)
	local c = A:socket('udp')
	c:set('IP_MTU_DISCOVER', 2)
	c:set('UDP_SEGMENT', 1472)
	c:connect_start(B.addr, 7000)
	local known = #wire.packets()
	o['send'] = answer(c:send_now(('x'):rep(4000)))
	sleep(0.03)
	o['packets'] = packets(known)
	o['heard'] = heard(r)
end)
phase('nobody listens', function() s:sendto(('x'):rep(2500), B.addr, 7001) end)
phase('the receive buffer takes some of it', function(o)
	local small = B:socket('udp')
	small:bind('0.0.0.0', 7002)
	small:set('SO_RCVBUF', 4000)
	s:sendto(('x'):rep(9000), B.addr, 7002)
	sleep(0.03)
	o['heard'] = heard(small)
end)
phase('to oneself', function(o)
	local own = A:socket('udp')
	own:bind('127.0.0.1', 7000)
	s:sendto(('x'):rep(2500), '127.0.0.1', 7000)
	sleep(0.02)
	o['one by one'] = heard(own)
	own:set('UDP_GRO', 1)
	s:sendto(('x'):rep(2500), '127.0.0.1', 7000)
	sleep(0.02)
	o['with UDP_GRO'] = heard(own)
end)
phase('refused', function(o)
	o['UDP_SEGMENT 65536'] = answer(s:set('UDP_SEGMENT', 65536))
	o['UDP_SEGMENT -1'] = answer(s:set('UDP_SEGMENT', -1))
	s:set('UDP_SEGMENT', 1473)
	o['1473 at a time'] = answer(s:sendto(('x'):rep(3000), B.addr, 7000))
	s:set('UDP_SEGMENT', 10)
	o['129 datagrams'] = answer(s:sendto(('x'):rep(1281), B.addr, 7000))
	o['128 datagrams'] = answer(s:sendto(('x'):rep(1280), B.addr, 7000))
	s:set('SO_NO_CHECK', 1)
	o['without a checksum'] = answer(s:sendto(('x'):rep(20), B.addr, 7000))
end)
