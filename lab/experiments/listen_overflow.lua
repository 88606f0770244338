-- A full accept queue: backlog 1, one client accepted, two queued, the fourth one's SYN is dropped again and again.
-- The document's "TcpExtListenOverflows and TcpExtListenDrops"; counters are read at 0.5, 1.5 ... 11.5 s.

experiment{settle = 0.05}

-- The document shows 4 of each after four SYNs of the fourth client: one a SYN.
local says = {B = {
	IpInReceives = 1, IpInDelivers = 1, TcpInSegs = 1, TcpExtListenOverflows = 1, TcpExtListenDrops = 1,
	IpExtInOctets = 60, IpExtInNoECTPkts = 1,
}}

local l = B:listen(9000, 1)
A:connect(9000)
l:accept(2)

phase('clients 2 and 3 fill the accept queue', function(o)
	A:connect(9000)
	A:connect(9000)
	sleep(0.001) -- the last final ACK
	local row = B:sockets{port = 9000, state = 'LISTEN'}[1]
	o['ss -ltn'] = {row.state, tostring(row.recv_q), tostring(row.send_q), '0.0.0.0:9000', '0.0.0.0:*'}
	o['skmem'] = B:skmem(9000)
end)

local fourth, began
local base = B:counters()

for _, at in ipairs{0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 7.5, 11.5} do
	phase(('4th client, up to %.1f s'):format(at), {settle = 0, document = says}, function(o)
		if not fourth then
			began = now()
			fourth = A:connect_start(9000)
		end
		sleep(began + at - now())
		o['skmem'] = B:skmem(9000)
		local row = A:sockets{state = 'SYN-SENT'}[1]
		o['client ss'] = ('%d %d %s:%d %s:%d'):format(row.recv_q, row.send_q, row.addr, row.port, row.peer_addr, row.peer_port)
		local c, so_far = B:counters(), {}
		for _, name in ipairs{'TcpExtListenOverflows', 'TcpExtListenDrops', 'TcpInSegs', 'TcpOutSegs'} do
			so_far[name] = c[name] - base[name]
		end
		o['drops so far'] = so_far
	end)
end

phase('server accepts one, the next SYN retry succeeds', {settle = 0}, function(o)
	l:accept(2)
	fourth:wait('out', 12)
	sleep(0.1)
	o['connected after'] = round(now() - began, 1)
	local ok, message = fourth:error()
	o['error'] = ok and 0 or message
	o['ss'] = B:ss{port = 9000}
end)
