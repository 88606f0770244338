-- The three-way handshake: first as a whole, then split by a raw client, which shows when TcpPassiveOpens counts.
-- The document's "tcp 3-way handshake".

local l = B:listen(9000, 1)
local c, s

phase('kernel client connects', {document = {
	A = {TcpActiveOpens = 1, TcpInSegs = 1, TcpOutSegs = 2},
	B = {TcpPassiveOpens = 1, TcpInSegs = 2, TcpOutSegs = 1, TcpExtTCPPureAcks = 1},
}}, function()
	c = A:connect(9000)
end)

phase('application accepts', function()
	s = l:accept(2)
end)

-- A client that exists nowhere: its packets are put on the wire by hand, the answers are seen there and lost.
local RAW = '198.18.0.77'
wire.lose_to(RAW)
local syn = tcp{
	src = RAW, dst = B.addr, sport = 40000, dport = 9000, seq = 1000, flags = 'S', opts = {mss = 1460, sackok = true},
}
local synack

phase('raw SYN only', {settle = 0.3, document = {B = {TcpPassiveOpens = 1}}}, function(o)
	B:inject(syn)
	synack = wire.find(function(p) return p.dst == RAW and p:has('S') end, 1)
	o['ss'] = B:ss{port = 9000}
end)

phase('raw duplicate SYN (same)', {settle = 0.3}, function()
	B:inject(syn)
end)

phase('raw final ACK', {settle = 0.3, document = {B = {TcpPassiveOpens = 0}}}, function(o)
	B:inject(tcp{src = RAW, dst = B.addr, sport = 40000, dport = 9000, seq = 1001, ack = synack.seq + 1, flags = '.'})
	sleep(0.1)
	o['ss'] = B:ss{port = 9000}
end)
