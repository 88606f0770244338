-- TCP Fast Open: a cookie is asked for, data goes on a SYN, the SYN is lost, the server wants no data, nobody answers, the
-- cookie is bad.

experiment{settle = 0.3, limit = 60}

for _, h in ipairs{A, B} do h:sysctl('net.ipv4.tcp_fastopen', 3) end

local port = 9000

local function fast(s) s:set('TCP_FASTOPEN', 5) end

local l = B:listen(port, 5, fast)

-- A program that blocks in sendto() lets its data take the last ACK of the handshake along.  Nothing blocks here: instead
-- the client that has to wait for a cookie asks for delayed ACKs.
local function client(asks)
	local s = A:socket()
	if asks then s:set('TCP_QUICKACK', 0) end
	local n = s:fastopen('hello', B.addr, port, 5)
	return s, n
end

local function serve(o, asks)
	local c, n = client(asks)
	local s = l:accept(2)
	local got = repr(s:recv(10, 2))
	if o then o['sendto'], o['server got'] = n, got end
	return c, s
end

local function ended(c, s)
	c:close()
	s:close()
	sleep(0.2)
end

local c, s
phase('first connection: cookie requested', function(o) c, s = serve(o, true) end)
ended(c, s)
phase('second connection: data in SYN accepted', function(o) c, s = serve(o) end)
ended(c, s)

phase('SYN with data is dropped, plain retransmission gets through', function(o)
	B:drop{flags = 'S'}
	local again = spawn(function()
		sleep(0.5)
		B:drop_clear()
	end)
	c, s = serve(o)
	again:join()
end)
ended(c, s)

ended(serve())
B:sysctl('net.ipv4.tcp_fastopen', 1) -- the server's side is off
l:close()
l = B:listen(port, 5)
phase('server no longer does TFO: SYN data not acknowledged', function(o) c, s = serve(o) end)
ended(c, s)
l:close()

B:sysctl('net.ipv4.tcp_fastopen', 3)
port = port + 1
l = B:listen(port, 5, fast)
ended(serve())
B:drop{flags = 'S'}
phase('every SYN lost: connect times out (tcp_syn_retries 1)', {settle = 0.1}, function(o)
	A:sysctl('net.ipv4.tcp_syn_retries', 1)
	A:sysctl('net.ipv4.tcp_syn_linear_timeouts', 0)
	local _, message = A:socket():fastopen('hello', B.addr, port, 10)
	o['error'] = message
end)
B:drop_clear()

phase('server gets a SYN with a bad cookie', function()
	B:inject(tcp{src = '198.18.0.99', dst = B.addr, sport = 20000, dport = port, seq = 5000, flags = 'S',
		opts = '\x02\x04\x05\xb4\x22\x0abadcooki', data = 'hello'})
end)
