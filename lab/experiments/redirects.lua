-- A router tells a host of a shorter way (ICMP 5/1): when it says so, how often, and which hosts believe it.
experiment{settle = 0.05}
network{links = {{'A', 'R', net = '198.18.0.0/24'}}, forward = {'R'}}

local NEAR <const> = '198.18.0.9' -- a second router on the network of A and R, which exists on the wire only
for i = 1, 9 do R:route_add{to = '192.0.2.' .. i, via = NEAR} end
wire.rule(function(p)
	if p.way == 'r>a' and p.dst:match('^192%.0%.2%.') then return 'drop' end
end)

local function redirects()
	local out = list()
	for _, p in ipairs(wire.packets(function(p) return p.proto == 1 and p.type == 5 end)) do
		local to = {p.raw:byte(25, 28)}
		out[#out + 1] = ('%s 5/%d use %d.%d.%d.%d'):format(p.way, p.code, table.unpack(to))
	end
	return out
end

-- What is said since, and A's way there now.
local function watch(o, to, fn)
	local known = #redirects()
	o['via before'] = A:route_get(to).via
	fn()
	sleep(0.02)
	local said = redirects()
	o['redirects'] = list(table.move(said, known + 1, #said, 1, {}))
	o['via'] = A:route_get(to).via
end

-- An echo request; its socket stays open until the phase is over.
local socket = A:socket('ping')
local function ping(to) socket:sendto(icmp_message{type = 8, data = 'data'}, to) end

phase('an echo request: R passes it on and says so; A believes it', function(o)
	watch(o, '192.0.2.1', function() ping('192.0.2.1') end)
end)
phase('A knows one host\'s way; the next host\'s is R', function(o)
	o['192.0.2.1'] = A:route_get('192.0.2.1').via
	o['192.0.2.2'] = A:route_get('192.0.2.2').via
end)
sleep(1)
phase('a SYN', function(o)
	watch(o, '192.0.2.2', function()
		local s = A:connect_start(80, {to = '192.0.2.2'})
		sleep(0.01)
		s:close()
	end)
end)
sleep(1)
phase('a datagram', function(o)
	watch(o, '192.0.2.3', function() A:socket('udp'):sendto('data', '192.0.2.3', 9) end)
end)

A:sysctl('net.ipv4.conf.all.accept_redirects', 0)
sleep(1)
phase('accept_redirects 0: A does not believe it', function(o)
	watch(o, '192.0.2.4', function() ping('192.0.2.4') end)
end)
phase('at once again: R does not say it again', function(o)
	watch(o, '192.0.2.4', function() ping('192.0.2.4') end)
end)
sleep(3)
phase('three seconds later it does', function(o)
	watch(o, '192.0.2.4', function() ping('192.0.2.4') end)
end)
A:sysctl('net.ipv4.conf.all.accept_redirects', 1)

R:sysctl('net.ipv4.conf.all.send_redirects', 0)
sleep(1)
phase('send_redirects 0: R says nothing', function(o)
	watch(o, '192.0.2.5', function() ping('192.0.2.5') end)
end)
R:sysctl('net.ipv4.conf.all.send_redirects', 1)

phase('a source that is not on that network gets none', function(o)
	watch(o, '192.0.2.5', function() R:inject(icmp{src = '203.0.113.9', dst = '192.0.2.5', type = 8}) end)
end)

-- By hand: to is the way that the message tells, from is who says it; it quotes what a socket of A's has sent.
local u = A:socket('udp')
u:bind(A.addr, 5000)
local function told(o, dst, from, to, code)
	watch(o, dst, function()
		local way = string.char(to:match('(%d+)%.(%d+)%.(%d+)%.(%d+)'))
		local quoted = udp{src = A.addr, dst = dst, sport = 5000, dport = 9, data = 'data'}
		A:inject(icmp{src = from, dst = A.addr, type = 5, code = code or 1, ident = way:byte(1) << 8 | way:byte(2),
			seq = way:byte(3) << 8 | way:byte(4), data = quoted})
	end)
end
phase('by hand, from R', function(o) told(o, '192.0.2.6', R.addr, NEAR) end)
phase('by hand, of a socket that there is not', function(o)
	u:close()
	told(o, '192.0.2.7', R.addr, NEAR)
	u = A:socket('udp')
	u:bind(A.addr, 5000)
end)
phase('from somebody who is not the way there', function(o) told(o, '192.0.2.7', '198.18.0.8', NEAR) end)
phase('to what is not on A\'s network', function(o) told(o, '192.0.2.5', R.addr, '198.18.5.9') end)
A:sysctl('net.ipv4.conf.all.shared_media', 0)
phase('the same with shared_media 0', function(o) told(o, '192.0.2.7', R.addr, '198.18.5.9') end)
phase('to a router that is not a default one', function(o) told(o, '192.0.2.7', R.addr, NEAR) end)
A:sysctl('net.ipv4.conf.all.secure_redirects', 0)
phase('the same with secure_redirects 0', function(o) told(o, '192.0.2.4', R.addr, NEAR) end)
A:sysctl('net.ipv4.conf.all.shared_media', 1)
A:sysctl('net.ipv4.conf.all.secure_redirects', 1)
phase('to A itself', function(o) told(o, '192.0.2.7', R.addr, A.addr) end)
phase('to a broadcast address', function(o) told(o, '192.0.2.7', R.addr, '198.18.0.255') end)
phase('to a multicast address', function(o) told(o, '192.0.2.7', R.addr, '224.0.0.1') end)
phase('to the way that it goes already', function(o) told(o, '192.0.2.7', R.addr, R.addr) end)
phase('code 0, a network', function(o) told(o, '192.0.2.7', R.addr, NEAR, 0) end)
phase('code 2, a type of service', function(o) told(o, '192.0.2.8', R.addr, NEAR, 2) end)
phase('code 4, which there is not', function(o) told(o, '192.0.2.9', R.addr, NEAR, 4) end)
A:sysctl('net.ipv4.ip_forward', 1)
phase('a host that forwards does not believe it', function(o) told(o, '192.0.2.9', R.addr, NEAR) end)
