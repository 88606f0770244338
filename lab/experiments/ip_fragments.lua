-- UDP in fragments: cut by A, put together by B; reversed, twice, overlapping, too few, of many datagrams at once.
-- ipfrag_time is 2 s.

experiment{settle = 0.15}
A:sysctl('net.ipv4.ipfrag_time', 2)
B:sysctl('net.ipv4.ipfrag_time', 2)

local r = B:socket('udp')
r:bind(B.addr, 7000)
local function got()
	local data = r:recvfrom(70000, 0.3)
	return data and #data
end

local s = A:socket('udp')
for _, n in ipairs{1472, 1473, 3000, 8000} do
	phase(('UDP datagram of %d bytes'):format(n), function(o)
		s:sendto(('\0'):rep(n), B.addr, 7000)
		o['received'] = got()
	end)
end
s:set('IP_MTU_DISCOVER', 2)
phase('3000 bytes with DF (IP_PMTUDISC_DO)', function(o)
	local _, message = s:sendto(('\0'):rep(3000), B.addr, 7000)
	o['error'] = message
end)

local function fragment(ident, data, offset, flags)
	return ip{src = A.addr, dst = B.addr, proto = 17, id = ident, frag = offset // 8 | flags, data = data}
end
local MORE <const>, DF <const> = 0x2000, 0x4000

local bytes = {}
for i = 0, 2047 do bytes[#bytes + 1] = string.char(i % 256) end
local D <const> = udp{src = A.addr, dst = B.addr, sport = 6000, dport = 7000, data = table.concat(bytes)}:sub(21) -- 2056 bytes
local function put(ident, from, to, more)
	B:inject(fragment(ident, D:sub(from + 1, to), from, more and MORE or 0))
end
local function pieces(name, list, ident, wait)
	phase(name, function(o)
		for _, p in ipairs(list) do
			put(ident, p[1], p[2], p[3])
			sleep(0.005)
		end
		o['received'] = got()
		sleep(wait or 0)
	end)
end
local EXPIRE <const> = 2.6

pieces('2 fragments in order', {{0, 1024, true}, {1024, 2056}}, 1)
pieces('2 fragments reversed', {{1024, 2056}, {0, 1024, true}}, 2)
pieces('exact duplicate of the first', {{0, 1024, true}, {0, 1024, true}, {1024, 2056}}, 3)
pieces('overlapping fragments', {{0, 1024, true}, {512, 1536, true}, {1024, 2056}}, 4, EXPIRE)
pieces('fragment not a multiple of 8 with MF', {{0, 1021, true}, {1024, 2056}}, 5, EXPIRE)
phase('fragment beyond 65535', function()
	B:inject(fragment(7, ('\0'):rep(1000), 0x1fff * 8, 0))
	sleep(EXPIRE)
end)
pieces('first only: times out after 2 s, ICMP 11/1', {{0, 1024, true}}, 8, EXPIRE)
pieces('last only: times out, no ICMP', {{1024, 2056}}, 9, EXPIRE)
phase('single "fragment" with offset 0, MF 0, DF (whole)', function()
	B:inject(fragment(10, D:sub(1, 4) .. string.pack('>I2I2', 1000, 0) .. D:sub(9, 1000), 0, DF))
end)
phase('65 fragments of other datagrams (ipfrag_max_dist 64)', {settle = EXPIRE}, function()
	put(100, 0, 1024, true)
	for i = 200, 265 do
		put(i, 0, 1024, true)
		put(i, 1024, 2056)
		got()
	end
	put(100, 1024, 2056)
end)
