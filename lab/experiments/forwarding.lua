-- A router between two networks: what it passes on, what it answers, what it drops (three hosts: A - R - B).
network{links = {{'A', 'R', net = '198.18.0.0/24'}, {'R', 'B', net = '198.18.2.0/24'}}, forward = {'R'}}

local D <const> = '192.0.2.8' -- nowhere: A sends it to R, as all that is not its own network

-- ICMP messages so far, as who says what to whom
local function messages(known)
	local out = list()
	for i, p in ipairs(wire.packets(function(p) return p.proto == 1 end)) do
		if i > known then out[#out + 1] = ('%s %d/%d ttl %d'):format(p.way, p.type, p.code, p.ttl) end
	end
	return out
end
local function count() return #wire.packets(function(p) return p.proto == 1 end) end

-- An echo request of A's, of n bytes of data; its IP_TTL, and whether it may be fragmented, are told.
local function ping(to, o, wait, n, ttl)
	local known, s = count(), A:socket('ping')
	if ttl then s:set('IP_TTL', ttl) end
	s:sendto(icmp_message{type = 8, data = ('x'):rep(n or 8)}, to)
	sleep(wait or 0.05)
	s:close()
	o['messages'] = messages(known)
end

local l = B:listen(9000)
local c, s
phase('a connection through R', function()
	c = A:connect(9000)
	s = l:accept(1)
	c:send('hello')
	s:send(s:recv() .. ' world')
end)
phase('each hop costs one of the TTL', function(o)
	c:recv()
	for _, way in ipairs{'a>r', 'r>b', 'b>r', 'r>a'} do
		o[way] = wire.find(function(p) return p.way == way and p.len > 0 end).ttl
	end
end)
phase('both close', function()
	c:close()
	s:recv()
	s:close()
end)

phase('an echo through R', function(o) ping(B.addr, o) end)
phase('to R, near side', function(o) ping(R.addrs[0], o) end)
phase('to R, far side', function(o) ping(R.addrs[1], o) end)
phase('ttl 1: R says time exceeded', function(o) ping(B.addr, o, 1.2, 8, 1) end)
phase('ttl 2 is enough', function(o) ping(B.addr, o, 0.05, 8, 2) end)

phase('R has no route', function(o) ping(D, o, 1.2) end)
R:route_add{to = D .. '/32', type = 'unreachable'}
phase('R has an unreachable route', function(o) ping(D, o, 1.2) end)
R:route_del{to = D .. '/32'}
R:route_add{to = D .. '/32', type = 'prohibit'}
phase('R has a prohibit route', function(o) ping(D, o, 1.2) end)
R:route_del{to = D .. '/32'}
R:route_add{to = D .. '/32', type = 'blackhole'}
phase('R has a blackhole route', function(o) ping(D, o, 1.2) end)
R:route_add{to = D .. '/32', via = B, metric = 5}
phase('a route of a larger metric does not count', function(o) ping(D, o, 1.2) end)
R:route_del{to = D .. '/32', type = 'blackhole'}
phase('until it is the only one; B has no use for it', function(o) ping(D, o, 1.2) end)
B:addr_add(D .. '/32')
phase('B has the address', function(o) ping(D, o) end)
B:addr_del(D .. '/32')

R:sysctl('net.ipv4.ip_forward', 0)
phase('R does not forward', function(o)
	ping(B.addr, o)
end)
phase('but answers itself', function(o) ping(R.addrs[1], o) end)
R:sysctl('net.ipv4.ip_forward', 1)
phase('R forwards again', function(o) ping(B.addr, o) end)

phase('what R gets for the broadcast address of B\'s network', function()
	R:inject(icmp{src = A.addr, dst = '198.18.2.255', type = 8}, 0, A)
end)
phase('a bad checksum in the IP header', function()
	local p = icmp{src = A.addr, dst = B.addr, type = 8}
	R:inject(p:sub(1, 10) .. '\x12\x34' .. p:sub(13), 0, A)
end)
phase('a bad checksum behind it is B\'s matter', function()
	R:inject(icmp{src = A.addr, dst = B.addr, type = 8, bad_checksum = true}, 0, A)
end)
phase('a source that R does not know, to B', function()
	R:inject(icmp{src = '203.0.113.9', dst = B.addr, type = 8}, 0, A)
	sleep(1.2)
end)
phase('a source of B\'s network, from A\'s side', function()
	R:inject(icmp{src = '198.18.2.77', dst = B.addr, type = 8}, 0, A)
end)
R:sysctl('net.ipv4.conf.all.rp_filter', 1)
phase('the same with rp_filter 1', function()
	R:inject(icmp{src = '198.18.2.77', dst = B.addr, type = 8}, 0, A)
end)
