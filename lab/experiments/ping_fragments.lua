-- Fragments out and in, by ping: sizes, order, duplicates, overlaps, contradictions, marks, distance, memory, time.
-- ipfrag_time is 2 s; what is injected are pieces of an echo request to B, which answers if it is whole.

experiment{settle = 0.15, limit = 120}
A:sysctl('net.ipv4.ipfrag_time', 2)
B:sysctl('net.ipv4.ipfrag_time', 2)
A:sysctl('net.ipv4.icmp_ratelimit', 0)
B:sysctl('net.ipv4.icmp_ratelimit', 0)

local function bytes(n)
	local t = {}
	for i = 1, n do t[i] = string.char(i * 7 % 256) end
	return table.concat(t)
end

local s = A:socket('ping')
for _, n in ipairs{1472, 1473, 2952, 2953, 8000, 60000} do
	phase(('echo of %d bytes'):format(n), function(o)
		s:sendto(icmp_message{type = 8, seq = n, data = bytes(n)}, B.addr)
		local got = s:recvfrom(70000, 1)
		o['reply'] = got and #got
		o['intact'] = got and got:sub(9) == bytes(n)
	end)
end
for value, name in pairs{[0] = 'DONT', 'WANT', 'DO', 'PROBE', 'INTERFACE', 'OMIT'} do
	s:set('IP_MTU_DISCOVER', value)
	phase('3000 bytes, IP_PMTUDISC_' .. name, function(o)
		local ok, err = s:sendto(icmp_message{type = 8, seq = value, data = bytes(3000)}, B.addr)
		o['error'] = err
		if ok then s:recvfrom(70000, 1) end
	end)
end
s:close()

local D <const> = icmp_message{type = 8, ident = 5, data = bytes(2048)} -- 2056 bytes
local ident = 0
local function piece(from, to, more, o)
	o = o or {}
	o.src, o.dst, o.proto, o.id, o.data = A.addr, B.addr, 1, o.id or ident, D:sub(from + 1, to)
	o.frag = from // 8 | (more and 0x2000 or 0) | (o.df and 0x4000 or 0)
	return ip(o)
end
local function pieces(tag, list, wait)
	ident = ident + 1
	phase(tag, function()
		for _, p in ipairs(list) do
			B:inject(piece(p[1], p[2], p[3], p[4] and {tos = p[4].tos, df = p[4].df, options = p[4].options}))
			sleep(0.002)
		end
		sleep(wait or 0)
	end)
end
local EXPIRE <const> = 2.6

pieces('2 fragments in order', {{0, 1024, true}, {1024, 2056}})
pieces('2 fragments reversed', {{1024, 2056}, {0, 1024, true}})
pieces('exact duplicate of the first', {{0, 1024, true}, {0, 1024, true}, {1024, 2056}})
pieces('a duplicate of parts of two in one run', {{0, 512, true}, {512, 1024, true}, {256, 768, true}, {1024, 2056}})
pieces('the same, which came in another order', {{512, 1024, true}, {0, 512, true}, {256, 768, true}, {1024, 2056}}, EXPIRE)
pieces('overlapping fragments', {{0, 1024, true}, {512, 1536, true}, {1024, 2056}}, EXPIRE)
pieces('two last ones', {{0, 1024, true}, {1024, 2056}, {1024, 2056}}, EXPIRE)
pieces('two last ones before the first', {{1024, 2056}, {1024, 2048}, {0, 1024, true}}, EXPIRE)
pieces('one behind the last', {{1024, 2048}, {2048, 2056, true}}, EXPIRE)
pieces('a last one that ends before others', {{1024, 2048, true}, {512, 1024}}, EXPIRE)
pieces('fragment not a multiple of 8 with MF', {{0, 1021, true}, {1024, 2056}}, EXPIRE)
pieces('a fragment of 6 bytes with MF', {{0, 1024, true}, {1024, 1030, true}}, EXPIRE)
pieces('first only: times out after 2 s, ICMP 11/1', {{0, 1024, true}}, EXPIRE)
pieces('last only: times out, no ICMP', {{1024, 2056}}, EXPIRE)
pieces('12 fragments in disorder', (function()
	local t = {}
	for i = 0, 11 do
		local at = i * 5 % 12 * 176
		table.insert(t, {at, math.min(at + 176, 2056), at + 176 < 2056})
	end
	return t
end)())
for _, marks in ipairs{{0, 0}, {1, 2}, {2, 3}, {1, 3}, {3, 3}, {0, 2}, {0, 3}} do
	pieces(('ECN %d and %d'):format(marks[1], marks[2]), {{0, 1024, true, {tos = marks[1]}}, {1024, 2056, false, {tos = marks[2]}}})
end
pieces('record route in both', {{0, 1024, true, {options = '\7\7\4\0\0\0\0\0'}}, {1024, 2056, false, {options = '\7\7\4\0\0\0\0\0'}}})
pieces("don't fragment in both", {{0, 1024, true, {df = true}}, {1024, 2056, false, {df = true}}})

phase('fragment beyond 65535', function()
	B:inject(ip{src = A.addr, dst = B.addr, proto = 1, id = 7000, frag = 0x1fff, data = ('\0'):rep(1000)})
	sleep(EXPIRE)
end)
phase('a packet of 65536 bytes', function()
	for at = 0, 65511, 1432 do
		local last = at + 1432 > 65516
		B:inject(ip{src = A.addr, dst = B.addr, proto = 1, id = 7001, frag = at // 8 | (last and 0 or 0x2000),
		            data = ('x'):rep(math.min(1432, 65516 - at))})
	end
	sleep(0.1)
end)
for _, others in ipairs{63, 64} do
	phase(('%d fragments of other packets between two'):format(others), function()
		B:inject(piece(0, 1024, true, {id = 8000 + others}))
		for i = 1, others do B:inject(piece(8, 16, true, {id = 8100 + others * 100 + i})) end
		B:inject(piece(1024, 2056, false, {id = 8000 + others}))
		sleep(EXPIRE)
	end)
end
B:sysctl('net.ipv4.ipfrag_low_thresh', 5000)
for _, size in ipairs{8, 400, 1024, 1480} do
	B:sysctl('net.ipv4.ipfrag_high_thresh', 20000)
	phase(('20000 bytes of memory, fragments of %d'):format(size), function()
		for i = 1, 40 do
			B:inject(ip{src = A.addr, dst = B.addr, proto = 200, id = 9000 + i, frag = 0x2001, data = ('\0'):rep(size)})
			sleep(0.001)
		end
		sleep(EXPIRE)
	end)
end
