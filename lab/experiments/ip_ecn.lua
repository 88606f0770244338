-- The ECN bits of what arrives: counted before the checksum and the length are looked at.

experiment{settle = 0.2}

local P <const> = ('\0'):rep(16)
local function one(tag, packet) phase(tag, function() B:inject(packet) end) end
local function datagram(tos) return udp{src = A.addr, dst = B.addr, sport = 1, dport = 2, data = 'x', tos = tos} end

for tos, name in pairs{[0] = 'Not-ECT', 'ECT(1)', 'ECT(0)', 'CE'} do one(name .. ', valid UDP', datagram(tos)) end
one('ECT(0), bad IP checksum', ip{src = A.addr, dst = B.addr, proto = 17, data = P, tos = 2, checksum = 1})
one('CE, truncated (counted before the check?)', ip{src = A.addr, dst = B.addr, proto = 17, data = P, tos = 3, total = 99})
one('tos 0xb8 (DSCP EF, Not-ECT)', datagram(0xb8))
