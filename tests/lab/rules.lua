-- Wire rules and raw packets do the same in both worlds.

local l, c, s = pair(9000, 4)

-- 'drop': the first data packet is lost, the retransmission arrives.
wire.rule(function(p)
	if p.way == 'a>b' and p.len > 0 and p.new and p.nth == 1 then return 'drop' end
end)
phase('a data packet is lost', {settle = 0.1, expect = {
	A = {TcpOutSegs = 1, TcpRetransSegs = 1, TcpExtTCPOrigDataSent = 1}, B = {TcpInSegs = 1},
}}, function(o)
	c:send('hello')
	o['received'] = s:recv(10, 3)
	expect(o['received'] == 'hello', 'the retransmission brings hello, not %s', o['received'])
end)

-- a number delays, a list of two makes a copy
wire.rule(function(p) if p.way == 'a>b' and p.len > 0 then return 0.05 end end)
phase('50 ms late', {settle = 0.2}, function()
	local began = now()
	c:send('late')
	expect(s:recv(10, 2) == 'late', 'it arrives')
	expect(now() - began >= 0.05 and now() - began < 0.09, 'after %.3f s', now() - began)
end)
wire.rule(function(p) if p.way == 'a>b' and p.len > 0 then return {0, 0.01} end end)
phase('twice', {settle = 0.3, expect = {
	B = {TcpInSegs = 2, TcpExtTCPDSACKOldSent = 1}, A = {TcpExtTCPDSACKRecv = 1},
}}, function()
	c:send('twice')
	expect(s:recv(10, 2) == 'twice', 'it arrives')
end)

-- {seconds, bytes}: other bytes instead; here the checksum is broken
wire.rule(function(p)
	if p.way == 'a>b' and p.len > 0 and p.new then
		return {{0, p.raw:sub(1, -2) .. string.char(p.raw:byte(-1) ~ 1)}}
	end
end)
phase('a flipped bit', {settle = 0.3, expect = {B = {TcpInErrs = 1, TcpInCsumErrors = 1, TcpInSegs = 2}}}, function()
	c:send('flipped')
	expect(s:recv(10, 2) == 'flipped', 'the retransmission arrives')
end)
wire.rule(nil)

-- a text: what matches it is lost
wire.rule('-p tcp --dport 9000 --tcp-flags PSH PSH')
phase('lost by iptables\' words', {settle = 0.1, expect = {A = {TcpOutSegs = 1}, B = {IpInReceives = 0}}}, function()
	c:send('lost')
	sleep(0.05)
end)
wire.rule(nil)
expect(s:recv(10, 3) == 'lost', 'and not any more')
sleep(0.3) -- for the last ACK
expect(not pcall(wire.rule, '--dport 9000'), '--dport needs -p tcp')
expect(not pcall(wire.rule, '-i eth0'), 'a wire has no -i')

-- a rule of the host, in iptables' words; and as a table
phase('host B rejects what comes to port 9000', {settle = 0.1, expect = {
	A = {TcpActiveOpens = 1, TcpOutSegs = 1, TcpAttemptFails = 1, IcmpInDestUnreachs = 1},
	B = {TcpInSegs = 0, IpInReceives = 1, IpInDelivers = 0, IcmpOutDestUnreachs = 1},
}}, function()
	B:rule('INPUT -s 198.18.0.1 -p tcp --dport 9000 --syn -j REJECT')
	local x = A:socket()
	local ok, _, code = x:connect(B.addr, 9000, 1)
	expect(not ok and code == 'ECONNREFUSED', 'refused, not %s', code)
	x:close()
	B:drop_clear()
end)
expect(not pcall(B.rule, B, 'INPUT -p tcp'), 'a rule without -j')
phase('host B drops what comes to port 9000', {settle = 0.1, expect = {
	A = {TcpActiveOpens = 1, TcpOutSegs = 1}, B = {TcpInSegs = 0, IpInReceives = 1, IpInDelivers = 0},
}}, function()
	B:drop{dport = 9000, flags = 'S'}
	local x = A:connect_start(9000)
	expect(not x:wait('out', 0.3), 'nobody answers')
	x:linger(0)
	x:close()
	B:drop_clear()
end)

-- a raw packet: an ACK to a port where nobody listens is answered by a RST
wire.lose_to('198.18.0.77')
phase('an ACK for nobody', {settle = 0.1, expect = {B = {TcpInSegs = 1, TcpOutSegs = 1, TcpOutRsts = 1}}}, function()
	B:inject(tcp{src = '198.18.0.77', dst = B.addr, sport = 7, dport = 7, seq = 5, ack = 99, flags = '.'})
	local rst = wire.find(function(p) return p.dst == '198.18.0.77' end, 1)
	expect(rst and rst.flags == 'R' and rst.seq == 99, 'a RST with the ACK\'s number')
end)
phase('a bad checksum', {settle = 0.1, expect = {
	B = {TcpInSegs = 1, TcpInErrs = 1, TcpInCsumErrors = 1, TcpOutSegs = 0},
}}, function()
	B:inject(tcp{src = '198.18.0.77', dst = B.addr, sport = 7, dport = 7, seq = 5, ack = 99, flags = '.', bad_checksum = true})
end)
