-- A retransmission is due while the original still waits in the host's own queue (a link of 100 kbit/s): it is left out,
-- TCPSpuriousRtxHostQueues.

experiment{settle = 0.02, limit = 30}

local l, c, s = pair()
local u = A:socket('udp')
A:egress_rate(1e5, 2000)

local function fill()
	for _ = 1, 18 do u:sendto(('x'):rep(1400), B.addr, 7) end -- 2 seconds
end

phase('100 bytes behind 2 seconds of datagrams: the first second', {expect = {A = {TcpRetransSegs = 0}}}, function(o)
	fill()
	c:send(('x'):rep(100))
	sleep(1)
	o['unacknowledged'] = c:unacked()
end)
phase('until all have left', function(o)
	sleep(2.5)
	o['unacknowledged'] = c:unacked()
end)
phase('a FIN likewise', {expect = {A = {TcpRetransSegs = 0}}}, function()
	fill()
	c:close()
	sleep(1)
end)
