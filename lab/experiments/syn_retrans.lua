-- A SYN, a SYN+ACK, the final ACK is lost: TCPSynRetrans, TcpRetransSegs, TCPTimeouts on both sides.

experiment{settle = 0.3, limit = 60}

local port = 9000

-- lost(p, k): is this packet, the k-th of its kind, to be lost?
local function case(name, lost, o)
	o = o or {}
	port = port + 1
	local l = B:listen(port, 5)
	local count = {}
	wire.rule(function(p)
		if p.sport ~= port and p.dport ~= port then return end
		local kind = p.way .. (p:has('S') and 'S' or '') .. (p:has('F') and 'F' or '') .. (p:has('.') and '.' or '')
			.. (p.len > 0 and 'data' or '')
		count[kind] = (count[kind] or 0) + 1
		if lost(p, count[kind]) then return 'drop' end
	end)
	local c
	phase(name, function(seen)
		c = A:connect_start(port)
		sleep(0.05)
		if o.data then c:send(o.data) end
		sleep(o.wait or 1.3)
		seen['client'] = list{A:sockets{peer_port = port}[1].state}
		local server = list()
		for _, r in ipairs(B:sockets{port = port}) do server[#server + 1] = r.state end
		seen['server'] = server
	end)
	wire.rule(nil)
	c:linger(0)
	c:close()
	l:close()
	sleep(0.1)
end

local function syn(p) return p:has('S') and p.way == 'a>b' end
local function synack(p) return p:has('S') and p.way == 'b>a' end
local function bare_ack(p) return p.way == 'a>b' and not p:has('S') and p.len == 0 end

case('nothing lost', function() end, {wait = 0.2})
case('first SYN lost', function(p, k) return syn(p) and k == 1 end)
case('two SYNs lost', function(p, k) return syn(p) and k <= 2 end, {wait = 2.4})
case('first SYN+ACK lost', function(p, k) return synack(p) and k == 1 end)
case('two SYN+ACKs lost', function(p, k) return synack(p) and k <= 2 end, {wait = 3.5})
case('final ACK lost, client silent', function(p, k) return bare_ack(p) and k == 1 end)
case('final ACK lost, client sends data', function(p, k) return bare_ack(p) and k == 1 end, {wait = 0.3, data = 'hello'})
