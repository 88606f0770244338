-- ICMP messages of every kind come in: named ones, unknown ones, damaged, cut short, errors about packets that nobody sent.

experiment{settle = 0.08, limit = 60}

local G <const> = '198.18.1.5'
B:route('198.18.1.0')
wire.lose_to(G)

local inner = udp{src = B.addr, dst = G, sport = 33000, dport = 33001, data = '12345678'} -- what an error quotes
local before = B:counters()

local function one(name, packet)
	phase(name, function() B:inject(packet) end)
end

local function message(type, code, m)
	m = m or {}
	m.src, m.dst, m.type, m.code = m.src or G, m.dst or B.addr, type, code
	return icmp(m)
end

local function asked(data) return {ident = 1, seq = 1, data = data} end

local function quoting(data) return {data = data} end

local function zeros(n) return ('\0'):rep(n) end

local gateway <const> = {ident = 198 << 8 | 18, seq = 1}

one('type 0 echo reply', message(0, 0, asked('data')))
for _, code in ipairs{0, 1, 2, 3, 4, 5, 9, 13, 15, 16} do
	one('type 3 code ' .. code, message(3, code, quoting(inner)))
end
one('type 4 source quench', message(4, 0, quoting(inner)))
one('type 5 redirect', message(5, 1, {ident = gateway.ident, seq = gateway.seq, data = inner}))
one('type 8 echo', message(8, 0, asked('data')))
one('type 8 code 1', message(8, 1, asked('data')))
one('type 8 echo, no data', message(8, 0, asked()))
one('type 11 time exceeded', message(11, 0, quoting(inner)))
one('type 12 parameter problem', message(12, 0, quoting(inner)))
one('type 13 timestamp', message(13, 0, asked(zeros(12))))
one('type 13 timestamp, too short', message(13, 0, asked()))
one('type 14 timestamp reply', message(14, 0, asked(zeros(12))))
one('type 15 information request', message(15, 0, asked()))
one('type 16 information reply', message(16, 0, asked()))
one('type 17 address mask', message(17, 0, asked(zeros(4))))
one('type 18 address mask reply', message(18, 0, asked(zeros(4))))
for _, type in ipairs{1, 2, 6, 7, 9, 10, 19, 30, 40, 41, 42, 43, 44, 100, 255} do
	one('type ' .. type, message(type, 0, asked(zeros(8))))
end
one('type 8, bad checksum', message(8, 0, {ident = 1, seq = 1, data = 'data', bad_checksum = true}))
one('type 3, bad checksum', message(3, 1, {data = inner, bad_checksum = true}))
one('type 100, bad checksum', message(100, 0, {ident = 1, seq = 1, bad_checksum = true}))
one('ICMP of 4 bytes (checksum right)', ip{src = G, dst = B.addr, proto = 1, data = '\x08\0\xf7\xff'})
one('ICMP of 0 bytes', ip{src = G, dst = B.addr, proto = 1, data = ''})
one('type 3 quoting nothing', message(3, 1))
for _, n in ipairs{19, 20, 27} do
	one(('type 3 quoting %d bytes'):format(n), message(3, 1, quoting(inner:sub(1, n))))
end
one('type 3 quoting ihl < 5', message(3, 1, quoting('\x44' .. inner:sub(2))))
one('type 3 quoting an unknown TCP connection', message(3, 1,
	quoting(tcp{src = B.addr, dst = G, sport = 1, dport = 2, seq = 3, ack = 4, flags = '.'})))
one('type 3 quoting unknown protocol 200', message(3, 1, quoting(ip{src = B.addr, dst = G, proto = 200, data = zeros(8)})))
one('type 11 quoting ICMP echo', message(11, 0, quoting(icmp{src = B.addr, dst = G, type = 8, code = 0, ident = 1, seq = 1})))
one('type 5 quoting unknown UDP, code 0', message(5, 0, {ident = gateway.ident, seq = gateway.seq, data = inner}))
one('type 8 to broadcast address', message(8, 0, {src = A.addr, dst = '198.18.0.255', ident = 1, seq = 1, data = 'x'}))
B:sysctl('net.ipv4.icmp_echo_ignore_all', 1)
one('type 8, icmp_echo_ignore_all 1', message(8, 0, asked('data')))

local after, moved = B:counters(), {}
for name, n in pairs(after) do moved[name] = n - (before[name] or 0) end
local function sum(prefix)
	local total = 0
	for name, n in pairs(moved) do
		if name:sub(1, #prefix) == prefix then total = total + n end
	end
	return total
end
local it, ot = sum('IcmpMsgInType'), sum('IcmpMsgOutType')
observe('formula', {
	['sum IcmpMsgInType'] = it, IcmpInErrors = moved.IcmpInErrors, IcmpInMsgs = moved.IcmpInMsgs,
	['sum IcmpMsgOutType'] = ot, IcmpOutMsgs = moved.IcmpOutMsgs,
	['sum InType + InErrors >= InMsgs'] = it + moved.IcmpInErrors >= moved.IcmpInMsgs,
	['sum OutType == OutMsgs'] = ot == moved.IcmpOutMsgs,
})
