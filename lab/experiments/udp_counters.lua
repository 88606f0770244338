-- UDP's counters: read and unread, closed ports, bad checksums and lengths, a full receive buffer, to all.

experiment{settle = 0.1}

local r = B:socket('udp')
r:bind(B.addr, 7000)
local s = A:socket('udp')

local function send(name, data, addr, port)
	phase(name, function() s:sendto(data, addr, port) end)
end

local function injected(name, what)
	what.src, what.dst, what.sport, what.data = A.addr, B.addr, 1, 'x'
	what.dport = what.dport or 7000
	phase(name, function() B:inject(udp(what)) end)
end

send('datagram to an open port', 'hello', B.addr, 7000)
phase('application reads it', function() r:recv(10) end)
send('datagram to a closed port', 'hello', B.addr, 7001)
injected('bad checksum', {bad_checksum = true})
injected('checksum 0 (none)', {no_checksum = true})
injected('UDP length larger than the packet', {length = 100})
injected('UDP length 7', {length = 7})
injected('bad checksum to a closed port', {dport = 7001, bad_checksum = true})
r:set('SO_RCVBUF', 2304)
phase('receive buffer full (2304): 20 datagrams of 1000 bytes', function()
	for _ = 1, 20 do s:sendto(('\0'):rep(1000), B.addr, 7000) end
end)
A:route('224.0.0.0', 4)
send('A sends to multicast group 224.0.0.1 (joined by every host)', 'hello', '224.0.0.1', 7000)
send('A sends to multicast group 224.9.9.9 (not joined)', 'hello', '224.9.9.9', 7000)
s:set('SO_BROADCAST', 1)
send('A sends to the broadcast address, B has a socket on 198.18.0.2', 'hello', '198.18.0.255', 7000)
