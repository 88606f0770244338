-- The document's InAddrErrors, InNoRoutes and OutNoRoutes: B is told to pass on what it cannot; addresses that no packet has.
experiment{settle = 0.3}
local D <const> = '192.0.2.8'

A:route_add{to = D .. '/32', via = B}
B:sysctl('net.ipv4.conf.all.send_redirects', 0)
B:sysctl('net.ipv4.ip_forward', 0)

local function connect(o, seconds)
	local s = A:connect_start(53, {to = D})
	sleep(seconds)
	local ok, message = s:error()
	o['SO_ERROR'] = ok and 'Success' or message
	s:close()
end

phase('forwarding 0 on B: 3 SYNs in 2.5 s', {document = {B = {IpInAddrErrors = 3}}}, function(o) connect(o, 2.5) end)
B:sysctl('net.ipv4.ip_forward', 1)
phase('forwarding 1, no route on B', {document = {B = {IpExtInNoRoutes = 1}}}, function(o) connect(o, 0.5) end)
phase('B itself sends to 192.0.2.8: ping', {settle = 0.1, document = {B = {IpOutNoRoutes = 1}}}, function(o)
	o['sendto'] = repr(B:socket('raw'):sendto('\x08\0\xf7\xff\0\0\0\0', D))
end)
phase('B itself: UDP sendto', {settle = 0.1}, function(o) o['sendto'] = repr(B:socket('udp'):sendto('x', D, 9)) end)
phase('B itself: TCP connect', {settle = 0.1}, function(o) o['connect'] = repr(B:socket():connect_start(D, 9)) end)
phase('B itself: UDP connect()', {settle = 0.1, document = {B = {IpOutNoRoutes = 1}}}, function(o)
	o['connect'] = repr(B:socket('udp'):connect_start(D, 9))
end)
B:route_add{to = D .. '/32', type = 'unreachable'}
phase('unreachable route: B UDP sendto', {settle = 0.1}, function(o)
	o['sendto'] = repr(B:socket('udp'):sendto('x', D, 9))
end)
phase('unreachable route, A connects through B', function(o) connect(o, 0.5) end)
B:route_del{to = D .. '/32', type = 'unreachable'}
B:route_add{to = D .. '/32', type = 'blackhole'}
phase('blackhole route, A sends one SYN through B', function(o) connect(o, 0.5) end)
B:route_del{to = D .. '/32', type = 'blackhole'}
B:sysctl('net.ipv4.ip_forward', 0)

local function one(name, src, dst)
	phase(name, function() B:inject(udp{src = src, dst = dst, sport = 1000, dport = 2000, data = '12345678'}) end)
end
one('source 127.0.0.1 (martian)', '127.0.0.1', B.addr)
one('destination 127.0.0.1 (martian)', A.addr, '127.0.0.1')
one('source 255.255.255.255', '255.255.255.255', B.addr)
one('source multicast 224.1.1.1', '224.1.1.1', B.addr)
one('source 0.0.0.0 unicast dst', '0.0.0.0', B.addr)
one('destination 0.0.0.0', A.addr, '0.0.0.0')
one('source = B\'s own address', B.addr, B.addr)
one('destination not local, forwarding 0', A.addr, '198.18.0.99')
one('destination class E 240.0.0.1', A.addr, '240.0.0.1')
one('source not routable (no route back), rp_filter 0', '203.0.113.9', B.addr)
B:sysctl('net.ipv4.conf.all.rp_filter', 1)
one('source not routable, rp_filter 1', '203.0.113.9', B.addr)
one('multicast not joined 224.5.5.5', A.addr, '224.5.5.5')
one('multicast joined 224.0.0.1', A.addr, '224.0.0.1')
one('broadcast 198.18.0.255', A.addr, '198.18.0.255')
