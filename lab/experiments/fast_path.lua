-- Header prediction: what makes a segment count as TCPHPHits, TCPHPAcks, TCPPureAcks.
-- The receiver's skmem says why: a data segment whose buffer is larger than f, the memory reserved, takes the slow path.

experiment{settle = 0.12}

local OOB <const> = 1 -- MSG_OOB
local port = 9000
local l, c, s

local function new()
	port = port + 1
	l, c, s = pair(port)
end

local function skmem(h)
	local r = h:sockets{port = h == B and port or nil, peer_port = h == A and port or nil, state = 'ESTAB'}[1]
	return ('(r%d,rb%d,t%d,tb%d,f%d,w%d,o0,bl0,d%d)'):format(r.rmem_alloc, r.rcvbuf, r.wmem_alloc, r.sndbuf, r.fwd_alloc,
		r.wmem_queued, r.drops)
end

local function seg(name, fn, h)
	phase(name, function(o)
		o['receiver skmem before'] = skmem(h or B)
		fn()
		sleep(0.05)
		o['receiver skmem after'] = skmem(h or B)
	end)
end

new()
seg('unread: 1st 6 bytes', function() c:send('hello\n') end)
seg('unread: 2nd', function() c:send('world\n') end)
seg('unread: 3rd', function() c:send('third\n') end)
seg('unread: 4th', function() c:send('fourth\n') end)
s:recv(100, 2)
seg('all read, then 5th', function() c:send('fifth\n') end)
s:recv(100, 2)
seg('all read, then 6th', function() c:send('sixth\n') end)
seg('6th unread, 7th', function() c:send('seven\n') end)
s:recv(3, 2)
seg('half of the 6th read, then 8th', function() c:send('eight\n') end)
s:recv(100, 2)
seg('reader blocked in recv() when the segment comes', function()
	spawn(function() s:recv(10, 2) end)
	sleep(0.05)
	c:send('nine\n')
end)
seg('server sends 6 bytes (client is a receiver for the first time)', function() s:send('reply\n') end, A)
seg('server sends again, client has not read', function() s:send('reply\n') end, A)
seg('client sends again (both directions have data)', function() c:send('again\n') end)
seg('client sends again, unread', function() c:send('again\n') end)
seg('no PSH difference: 1448 bytes', function() c:send(('x'):rep(1448)) end)
seg('urgent byte', function() c:send_now('u', OOB) end)
seg('after the urgent byte (not read)', function() c:send('after\n') end)
s:recv(5000, 2)
s:recv_now(1, OOB)
if s:ready('in') then s:recv(5000, 2) end
seg('after urgent data was read: 1st', function() c:send('after\n') end)
seg('after urgent data was read: 2nd unread', function() c:send('after\n') end)

for _, how in ipairs{{0, 1}, {0, 0}, {1, 0}} do
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_timestamps', how[1])
		h:sysctl('net.ipv4.tcp_window_scaling', how[2])
	end
	new()
	local tag = ('timestamps %d wscale %d: '):format(how[1], how[2])
	seg(tag .. '1st', function() c:send('hello\n') end)
	seg(tag .. '2nd unread', function() c:send('world\n') end)
	s:recv(100, 2)
	seg(tag .. '3rd, all read', function() c:send('third\n') end)
	seg(tag .. 'server sends 1st', function() s:send('reply\n') end, A)
	seg(tag .. 'server sends 2nd, unread', function() s:send('reply\n') end, A)
end
for _, h in ipairs{A, B} do
	h:sysctl('net.ipv4.tcp_timestamps', 1)
	h:sysctl('net.ipv4.tcp_window_scaling', 1)
end
new()
wire.set{from = A, rate = 1e9} -- without a width, the ACKs of a round would come at one moment, which is no train
phase('1 MiB with a blocked reader', {settle = 0.3}, function()
	local reader = spawn(function()
		local n = 0
		while n < 1 << 20 do n = n + #s:recv(65536, 5) end
	end)
	c:send(('x'):rep(1 << 20))
	reader:join(20)
end)
