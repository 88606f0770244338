-- SYNs answered before the accept queue filled: the final ACK finds it full.  Drops, retransmitted SYN+ACKs, 63 s of life.
-- With tcp_abort_on_overflow: RST.  With cookies: nothing is kept, nothing is sent again.  Kernel: 70 seconds.

experiment{settle = 0.02, limit = 120}

-- The backlog notes: "the server rejects (ignores) it and adds 1 to ListenOverflows and ListenDrops".
local ignored = {B = {TcpInSegs = 1, TcpExtListenOverflows = 1, TcpExtListenDrops = 1}}
local port = 9000
local OPTIONS <const> = {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7}

local function look(o, ghost)
	observe_all(o, B:queue(port))
	o['skmem'] = B:skmem(port)
	o['server ss'] = B:states{port = port}
	o['the client heard'] = ghost:heard()
end

-- A listener with backlog 1 whose accept queue is full, and a client whose SYN was answered before that.
local function full(n)
	local l, ghost = B:listen(port, 1), B:ghost(port, n, OPTIONS)
	ghost:syn()
	ghost:synack()
	A:connect(port)
	A:connect(port)
	sleep(0.002) -- the last final ACK
	return l, ghost
end

local function one(tag, n, cookies, abort)
	B:sysctl('net.ipv4.tcp_syncookies', cookies)
	B:sysctl('net.ipv4.tcp_abort_on_overflow', abort)
	local l, ghost = full(n)
	phase(tag .. ': final ACK', {document = cookies == 1 and abort == 0 and ignored or nil}, function(o)
		ghost:ack()
		sleep(0.01)
		look(o, ghost)
	end)
	phase(tag .. ': the ACK once more', function(o)
		ghost:ack()
		sleep(0.01)
		look(o, ghost)
	end)
	phase(tag .. ': data', function(o)
		ghost:ack{data = 'hello'}
		sleep(0.01)
		look(o, ghost)
	end)
	-- The notes: "as the server processes elements, tasks move from the SYN-RECV queue to the ESTAB queue".
	phase(tag .. ': accept()', {document = {B = {TcpCurrEstab = 1}}}, function(o)
		l:accept(2)
		sleep(0.01)
		look(o, ghost)
	end)
	phase(tag .. ': the data once more', function(o)
		ghost:ack{data = 'hello'}
		sleep(0.01)
		look(o, ghost)
	end)
	l:close()
	sleep(0.1)
	port = port + 1
end

one('tcp_abort_on_overflow 0', 1, 1, 0)
one('tcp_abort_on_overflow 1', 2, 1, 1)
one('cookie', 3, 2, 0)
one('cookie, tcp_abort_on_overflow 1', 4, 2, 1)
B:sysctl('net.ipv4.tcp_syncookies', 1)
B:sysctl('net.ipv4.tcp_abort_on_overflow', 0)

-- The client believes to be connected and answers each SYN+ACK; what it says is lost at the server until accept().
-- Its final ACK is held up on the wire until the accept queue is full.
do
	local l, slow, late = B:listen(port, 1), nil, nil
	wire.rule(function(p) if p.sport == 40001 and not p:has('S') and not late then late = true return 0.1 end end)
	phase('a real client whose final ACK is late', {settle = 0.2, document = {B = {TcpExtListenOverflows = 1, TcpExtListenDrops = 1}}},
		function(o)
			slow = A:connect(port, {from_port = 40001})
			A:connect(port)
			A:connect(port)
			sleep(0.2)
			observe_all(o, B:queue(port))
			o['server ss'] = B:states{port = port}
			o['client ss'] = A:states{peer_port = port}
		end)
	phase('two retransmitted SYN+ACKs later', {settle = 0}, function(o)
		sleep(3.5)
		o['skmem'] = B:skmem(port)
		o['server ss'] = B:states{port = port}
		o['client ss'] = A:states{peer_port = port}
	end)
	phase('accept(), and the next SYN+ACK', {settle = 0}, function(o)
		l:accept(2)
		sleep(4.5)
		observe_all(o, B:queue(port))
		o['server ss'] = B:states{port = port}
	end)
	phase('it sends data', {settle = 0.2}, function(o)
		slow:send('hello')
		sleep(0.05)
		l:accept(2)
		local s = l:accept(2)
		o['received'] = repr(s and s:recv(10, 2))
	end)
	wire.rule(nil)
	l:close()
	slow:close()
	sleep(0.2)
	port = port + 1
end

-- The notes: SYN+ACK again after 1, 2, 4, 8, 16 s; 32 s later the entry leaves the queue: 63 s in all.
phase('the life of the entry: one final ACK, then silence', {settle = 0, document = {B = {TcpRetransSegs = 5}}}, function(o)
	local _, ghost = full(5)
	local began = now()
	ghost:ack()
	sleep(0.1)
	while now() - began < 70 and B:states{port = port}['SYN-RECV'] do sleep(0.1) end
	o['entry gone after'] = round(now() - began)
	look(o, ghost)
end)
