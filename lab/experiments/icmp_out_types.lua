-- Each kind of ICMP message that a host sends of its own, and what raw sockets send.
experiment{settle = 0.08}
B:route('198.18.1.0')
wire.lose_to('198.18.1.0/24')
local G <const> = '198.18.1.5'
B:sysctl('net.ipv4.icmp_ratelimit', 0)

local function answers()
	return wire.packets(function(p) return p.way == 'b>a' and p.proto == 1 end)
end

local function one(name, packet, wait)
	phase(name, function(o)
		sleep(wait or 0)
		local n = #answers()
		B:inject(packet)
		sleep(0.08)
		local now = answers()
		local p = now[#now]
		o['answer'] = #now > n and ('%d/%d len %d tos 0x%x'):format(p.type, p.code, #p.raw, p.tos) or nil
	end)
end

local function datagram(src, dst, data, more)
	local p = {src = src, dst = dst, sport = 1000, dport = 2000, data = data}
	for k, v in pairs(more or {}) do p[k] = v end
	return udp(p)
end
local function echo(src, data, more)
	local p = {src = src, dst = B.addr, type = 8, ident = 1, seq = 1, data = data}
	for k, v in pairs(more or {}) do p[k] = v end
	return icmp(p)
end
local x20 <const> = ('x'):rep(20)

one('UDP to a closed port (3/3)', datagram(G, B.addr, x20))
one('UDP of 1400 bytes to a closed port (how much is quoted)', datagram(G, B.addr, ('x'):rep(1372)))
one('UDP to closed port, bad checksum', datagram(G, B.addr, x20, {bad_checksum = true}))
one('unknown protocol 200 (3/2)', ip{src = G, dst = B.addr, proto = 200, data = ('\0'):rep(20)})
B:sysctl('net.ipv4.ip_forward', 1)
local D <const> = '198.18.1.9'
one('to forward, ttl 1 (11/0)', datagram(A.addr, D, x20, {ttl = 1}))
one('to forward, no route (3/0)', datagram(A.addr, '192.0.2.8', 'x'), 1.2)
B:route_add{to = '192.0.2.9', type = 'unreachable'}
B:route_add{to = '192.0.2.10', type = 'prohibit'}
one('to forward, unreachable route (3/1)', datagram(A.addr, '192.0.2.9', 'x'), 1.2)
one('to forward, prohibit route (3/13)', datagram(A.addr, '192.0.2.10', 'x'), 1.2)
B:route_add{to = '192.0.2.11', link = 0, mtu = 600}
one('to forward, DF and larger than the route MTU 600 (3/4)', datagram(A.addr, '192.0.2.11', ('x'):rep(800), {frag = 0x4000}))
one('to forward, larger than MTU, no DF', datagram(A.addr, '192.0.2.11', ('x'):rep(800)))
one('to forward, sends a redirect (5/x) when it goes back out of the same link', datagram(A.addr, D, x20))
one('bad IP option (12/0)', datagram(A.addr, B.addr, x20, {options = '\x07\x03\x01\x00'}))
one('strict source route forwarding not next hop', datagram(A.addr, B.addr, x20, {options = '\x89\x07\x04\xc6\x12\x01\x09\0'}))
B:sysctl('net.ipv4.ip_forward', 0)
one('fragment never completed: see ip_fragments (11/1)', ip{src = G, dst = B.addr, proto = 17, data = ('\0'):rep(24), frag = 0x2000})
one('echo', echo(G, 'abc'))
one('echo, tos 0xbb', echo(G, 'abc', {tos = 0xbb}))
one('UDP to closed port, tos 0xbb', datagram(G, B.addr, 'x', {tos = 0xbb}))
one('timestamp', echo(G, ('\0'):rep(12), {type = 13}))
one('UDP closed port, source broadcast (no answer)', datagram('198.18.0.255', B.addr, 'x'))
one('UDP to broadcast, closed port (no answer)', datagram(A.addr, '198.18.0.255', 'x'))
one('TCP to a closed port: RST, no ICMP', tcp{src = G, dst = B.addr, sport = 1000, dport = 2000, seq = 1, flags = 'S'})
B:rule('-A INPUT -p udp --dport 5555 -j REJECT --reject-with icmp-admin-prohibited')
one('nft reject admin-prohibited', datagram(G, B.addr, 'x', {dport = 5555}))
B:drop_clear()

local s = B:socket('raw')
for _, type in ipairs{0, 3, 4, 5, 8, 11, 12, 13, 14, 17, 18, 9, 100} do
	phase('raw socket sends type ' .. type, function()
		s:sendto(icmp_message{type = type, data = '\0\0\0\0'}, G)
	end)
end
local h = B:socket('raw', 255)
local mine <const> = icmp{src = B.addr, dst = G, type = 8}
phase('IP_HDRINCL raw socket (IPPROTO_RAW) sends an echo', function() h:sendto(mine, G) end)
s:set('IP_HDRINCL', 1)
phase('IP_HDRINCL raw socket (IPPROTO_ICMP) sends an echo', function() s:sendto(mine, G) end)
phase('IP_HDRINCL raw socket (IPPROTO_ICMP) sends a UDP packet', function()
	s:sendto(udp{src = B.addr, dst = G, sport = 1, dport = 2, data = 'x'}, G)
end)
