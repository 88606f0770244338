-- A network that the experiment declares: hosts, links, addresses, routes, wires.  The same in both worlds.
network{
	links = {{'A', 'R', net = '198.18.0.0/24'}, {'R', 'S', net = '198.19.0.0/30', mtu = 1400}, {'S', 'Bob', net = '198.18.2.0/24'}, {'S'},
	         {'A', 'Bob', net = '198.18.5.0/24', offload = true}},
	forward = {'R', 'S'},
}
local function is(have, want, what) expect(have == want, '%s is %s, not %s', what, have, want) end

phase('names, addresses, links', function()
	is(B, nil, 'B')
	is(A.addr, '198.18.0.1', 'A.addr')
	is(S.addrs[0], '198.19.0.2', 'S.addrs[0]')
	is(S.addrs[1], '198.18.2.1', 'S.addrs[1]')
	is(S.addrs[2], '198.18.4.1', 'S.addrs[2]')
	is(S.link_to.Bob, 1, 'S.link_to.Bob')
	is(A.other, Bob, 'A.other')
	is(R.other, nil, 'R.other')
	is(R:sysctl('net.ipv4.ip_forward'), '1', 'ip_forward of R')
	is(A:sysctl('net.ipv4.ip_forward'), '0', 'ip_forward of A')
end)

phase('routes', function()
	local function way(h, to, link, via, src)
		local r = h:route_get(to)
		is(r and r.link, link, 'link of ' .. h.name .. ' to ' .. to)
		is(r and r.via, via, 'via of ' .. h.name .. ' to ' .. to)
		is(r and r.src, src, 'src of ' .. h.name .. ' to ' .. to)
	end
	local function none(h, to, name)
		local r, _, code = h:route_get(to)
		is(r == nil and code, name, h.name .. ' to ' .. to)
	end
	way(A, '198.18.0.9', 0, nil, '198.18.0.1')
	way(A, Bob.addr, 0, '198.18.0.2', '198.18.0.1')
	way(A, A.addr, nil, nil, A.addr)
	way(R, Bob.addr, 1, '198.19.0.2', '198.19.0.1')
	way(S, A.addr, 0, '198.19.0.1', '198.19.0.2')
	way(S, '198.18.4.77', 2, nil, '198.18.4.1')
	none(R, '192.0.2.1', 'ENETUNREACH')
	for type, code in pairs{unreachable = 'EHOSTUNREACH', blackhole = 'EINVAL', prohibit = 'EACCES'} do
		R:route_add{to = '192.0.2.0/24', type = type}
		none(R, '192.0.2.1', code)
		R:route_del{to = '192.0.2.0/24', type = type}
	end
	R:route_add{to = '192.0.2.0/24', via = S}
	R:route_add{to = '192.0.2.0/24', via = A, metric = 7}
	R:route_add{to = '192.0.2.16/28', link = A}
	way(R, '192.0.2.1', 1, '198.19.0.2', '198.19.0.1')
	way(R, '192.0.2.17', 0, nil, '198.18.0.2')
	R:route_del{to = '192.0.2.0/24', via = S}
	way(R, '192.0.2.1', 0, '198.18.0.1', '198.18.0.2')
	R:addr_add('198.18.0.66/24', A)
	R:route_add{to = 'default', via = '198.18.0.1', src = '198.18.0.66'}
	way(R, '203.0.113.1', 0, '198.18.0.1', '198.18.0.66')
	R:route_del{to = 'default'}
	R:addr_del('198.18.0.66/24', A)
	none(R, '203.0.113.1', 'ENETUNREACH')
	expect(not pcall(R.route_add, R, {to = '192.0.2.0/24', via = A, metric = 7}), 'a route is added twice')
	expect(not pcall(R.route_del, R, {to = '192.0.9.0/24'}), 'a route that is not there is deleted')
	expect(not pcall(R.route_add, R, {to = '192.0.2.0/24', via = Bob}), 'R has no link to Bob')
	expect(not pcall(network, {links = {{'A', 'B'}}}), 'network{} comes first')
end)

phase('a wire knows its hosts, and each is set by itself', function()
	wire.set{from = R, to = S, delay = 0.2}
	local l = Bob:listen(9000)
	local begun = now()
	local c = A:connect(9000)
	expect(now() - begun > 0.19 and now() - begun < 0.35, 'the SYN waited once: %f s', now() - begun)
	wire.set{delay = 0}
	local s = l:accept(1)
	local known = #wire.packets()
	c:send('data')
	is(s:recv(10, 1), 'data', 'what arrives')
	local ways, ttls = {}, {}
	for i, p in ipairs(wire.packets(function(p) return p.len > 0 end)) do ways[i], ttls[i] = p.way, p.ttl end
	is(table.concat(ways, ' '), 'a>r r>s s>bob', 'the way of the data')
	is(table.concat(ttls, ' '), '64 63 62', 'its TTL')
	local p = wire.find(function(p) return p.way == 's>bob' and p.len > 0 end)
	is(p.from .. p.to .. p.link, 'SBob1', 'from, to, link')
	expect(p.new and p.nth == 1, 'it is new on this wire, too')
	wire.rule(function(q) if q.way == 's>r' then return 'drop' end end)
	s:send('lost')
	expect(not c:recv(10, 0.1), 'a rule drops on one wire')
	wire.rule()
end)

phase('where nobody is, packets are seen and gone', function()
	S:socket('ping'):sendto(icmp_message{type = 8}, '198.18.4.2')
	local p = wire.find(function(p) return p.dst == '198.18.4.2' end, 1)
	is(p and p.way, 's>-', 'its way')
end)

phase('a narrow link in the middle makes segments smaller', function()
	wire.set{delay = 0.005} -- otherwise the microseconds that ACKs need here are a train for the kernel.s HyStart
	local l = Bob:listen(9001)
	local c = A:connect(9001)
	local s = l:accept(1)
	spawn(function() c:send(('x'):rep(20000)) end)
	local got = 0
	while got < 20000 do got = got + #s:recv(65536, 2) end
	local large = wire.packets(function(p) return p.way == 'r>s' and #p.raw > 1400 end)
	is(#large, 0, 'packets of more than 1400 bytes behind R')
	is(#wire.packets(function(p) return p.way == 'r>a' and p.proto == 1 and p.type == 3 and p.code == 4 end) > 0, true, 'R said so')
	sleep(0.1) -- the last ACKs arrive
	wire.set{delay = 0}
end)

phase('a link with offloads on carries segments in one piece', function()
	local l = Bob:listen(9002)
	wire.set{from = A, to = Bob, delay = 0.02}
	local c = A:connect(9002, {to = Bob.addrs[1]})
	local s = l:accept(1)
	local sent, got = ('0123456789'):rep(1200), ''
	c:send(sent)
	while #got < #sent do got = got .. s:recv(65536, 2) end
	is(got == sent, true, 'the same bytes')
	expect(#wire.packets(function(p) return p.way == 'a>bob' and p.len > 1460 end) > 0, 'a packet of several segments')
	wire.set{delay = 0}
	Bob:inject(icmp{src = A.addrs[1], dst = Bob.addrs[1], type = 8}, 0, A)
	expect(wire.find(function(p) return p.way == 'bob>a' and p.proto == 1 and p.type == 0 end, 1), 'a packet put there is answered')
end)

phase('a packet is put on a wire towards a link', function()
	R:inject(icmp{src = '198.19.0.2', dst = R.addrs[1], type = 8}, 0, S)
	local p = wire.find(function(p) return p.way == 'r>s' and p.proto == 1 and p.type == 0 end, 1)
	expect(p, 'R answers on that link')
end)
