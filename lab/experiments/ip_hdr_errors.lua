-- What is wrong with a header, and what the host counts for it: form, checksum, length, options, protocol.
-- Each phase is one packet to B; icmp_ratelimit is off.

experiment{settle = 0.08}
A:sysctl('net.ipv4.icmp_ratelimit', 0)
B:sysctl('net.ipv4.icmp_ratelimit', 0)

local P <const> = ('\0'):rep(16)
local function one(tag, packet) phase(tag, function() B:inject(packet) end) end
local function bare(o)
	o.src, o.dst, o.proto, o.data = A.addr, B.addr, o.proto or 17, o.data or P
	return ip(o)
end
local function datagram(o)
	o.src, o.dst, o.sport, o.dport, o.data = A.addr, B.addr, 1, 2, o.data or 'x'
	return udp(o)
end

one('version 5', bare{version = 5})
one('ihl 4', bare{ihl = 4})
one('ihl 15 beyond the packet', bare{ihl = 15})
one('bad header checksum', bare{checksum = 0x1111})
one('total length 19 < header', bare{total = 19})
one('total length larger than the data (truncated)', bare{total = 100})
one('total length smaller than the data (trailing padding)', datagram{data = '12345678'} .. ('\0'):rep(10))
one('packet of 10 bytes', bare{}:sub(1, 10))
one('packet of 20 bytes, protocol UDP, no UDP header', bare{data = ''})
one('TCP with 10 bytes of header', bare{proto = 6, data = ('\0'):rep(10)})
one('ttl 0 to a local address', datagram{ttl = 0})
one('bad IP option', datagram{options = '\7\3\1\0'})
one('good option: record route', datagram{options = '\7\7\4\0\0\0\0\0'})
one('unknown option 30 length 4', datagram{options = '\x1e\4\0\0'})
one('loose source route, accept_source_route 0', datagram{options = '\x83\7\8\xc6\x12\0\1\0'})
one('unknown protocol 200', bare{proto = 200})
one('unknown protocol 200, bad IP checksum', bare{proto = 200, checksum = 1})

local r = B:socket('raw', 200)
one('unknown protocol 200, a raw socket listens', bare{proto = 200})
observe('raw socket got bytes', #r:recvfrom(100, 0.2))
r:close()
r = B:socket('raw', 17)
one('UDP to closed port, raw UDP socket listens', datagram{})
r:close()
r = B:socket('raw')
one('ICMP echo reply, raw ICMP socket listens', icmp{src = A.addr, dst = B.addr, type = 0})
r:close()
r = B:socket('raw')
r:set('SO_RCVBUF', 2304)
phase('raw socket receive buffer full: 20 packets of 1400 bytes', function()
	for _ = 1, 20 do B:inject(icmp{src = A.addr, dst = B.addr, type = 0, data = ('\0'):rep(1370)}) end
end)
r:close()

B:sysctl('net.ipv4.conf.all.forwarding', 1)
local function beyond(ttl) return udp{src = A.addr, dst = '198.18.0.200', sport = 1, dport = 2, data = 'x', ttl = ttl} end
one('forwarding 1: ttl 1 to another host', beyond(1))
one('forwarding 1: ttl 0 to another host', beyond(0))
