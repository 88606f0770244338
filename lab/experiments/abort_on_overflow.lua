-- tcp_abort_on_overflow: a client whose final ACK finds the accept queue full is left waiting (0) or reset (1).
-- It never answers a SYN with a RST, and it is ignored for connections made by cookies.
-- The backlog notes know the first: "the server rejects (ignores) it and adds 1 to ListenOverflows and ListenDrops".

experiment{settle = 0.2}

local port = 9000

-- Connects, but what the client says after its SYN is held up for 0.1 s; meanwhile two others fill the queue.
local function late_client(data)
	local client
	wire.rule(function(p) if p.sport == 31000 + port and not p:has('S') then return 0.1 end end)
	client = A:connect(port, {from_port = 31000 + port})
	if data then client:send(data) end
	A:connect(port)
	A:connect(port)
	sleep(0.12)
	wire.rule(nil)
	return client
end

local function look(o, client)
	observe_all(o, B:queue(port))
	o['skmem'] = B:skmem(port)
	o['server ss'] = B:states{port = port}
	o['client ss'] = A:states{peer_port = port}
	local ok, message, code = client:error()
	o["the client's error"] = ok and 'none' or repr(nil, message, code)
end

local ignored <const> = {B = {TcpExtListenOverflows = 1, TcpExtListenDrops = 1}}

for _, case in ipairs{
	{'final ACK', 0, 1}, {'final ACK', 1, 1},
	{'final ACK and data', 0, 1, 'hello'}, {'final ACK and data', 1, 1, 'hello'},
	{'cookie', 0, 2}, {'cookie', 1, 2},
} do
	local what, abort, cookies, data = table.unpack(case)
	B:sysctl('net.ipv4.tcp_abort_on_overflow', abort)
	B:sysctl('net.ipv4.tcp_syncookies', cookies)
	local l, client = B:listen(port, 1), nil
	local name = ('tcp_abort_on_overflow %d, syncookies %d: %s'):format(abort, cookies, what)
	phase(name, {settle = 0, document = abort == 0 and cookies == 1 and not data and ignored or nil}, function(o)
		client = late_client(data)
		sleep(0.03)
		look(o, client)
	end)
	phase(name .. ': a SYN', {settle = 0.05}, function(o)
		local another = A:connect_start(port)
		sleep(0.1)
		o['it'] = another:ready('out') and 'got an answer' or 'got no answer'
		another:close()
	end)
	client:close()
	l:close()
	sleep(0.3)
	port = port + 1
end
