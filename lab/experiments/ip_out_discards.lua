-- The document's IpOutDiscards: a packet of the host's own is made and then dropped by its output rules.
experiment{settle = 0.1}
local l = B:listen(9000)
local c = A:connect(9000)
local s = l:accept(1)

local function echo(h, to)
	local p, o = h:socket('ping'), {}
	local n, message, code = p:sendto(icmp_message{type = 8, data = 'data'}, to)
	p:close()
	return n or code
end

A:drop{hook = 'output', dst = B.addr, proto = 'icmp'}
phase('an echo request of a ping socket', function(o) o['sendto'] = echo(A, B.addr) end)
phase('two more', function(o)
	o['sendto'] = {echo(A, B.addr), echo(A, B.addr)}
end)
phase('one to somebody else', function(o) o['sendto'] = echo(A, '198.18.0.77') end)
phase('a raw socket\'s', function(o)
	local r = A:socket('raw')
	local n, message, code = r:sendto(icmp_message{type = 8, data = 'data'}, B.addr)
	o['sendto'] = n or code
	r:close()
end)
phase('the answer to an echo request', function() A:inject(icmp{src = B.addr, dst = A.addr, type = 8}) end)
phase('an error about a protocol that is not there', function()
	A:inject(ip{src = B.addr, dst = A.addr, proto = 200, data = 'data'})
end)
A:drop_clear()
phase('without the rule', function(o) o['sendto'] = echo(A, B.addr) end)

A:drop{hook = 'output', proto = 'tcp', dport = 9001}
phase('a SYN, and its retransmission', function(o)
	local n = A:socket()
	local _, message, code = n:connect_start(B.addr, 9001)
	o['connect'] = code
	sleep(1.2)
	n:close()
end)
A:drop_clear()
A:drop{hook = 'output', proto = 'tcp', dport = 9000}
phase('data of a connection', function(o) o['send'] = c:send_now('hello') end)
A:drop_clear()
phase('until it is sent again', function(o)
	o['recv'] = s:recv(100, 2)
	sleep(0.1)
end)
B:drop{hook = 'output', proto = 'tcp', sport = 9002}
phase('a RST', function()
	B:inject(tcp{src = A.addr, dst = B.addr, sport = 5000, dport = 9002, seq = 1, flags = 'S'})
end)
B:drop{hook = 'output', proto = 'tcp', sport = 9000}
phase('a SYN+ACK', function()
	B:inject(tcp{src = A.addr, dst = B.addr, sport = 5000, dport = 9000, seq = 1, flags = 'S'})
end)
B:drop_clear()
