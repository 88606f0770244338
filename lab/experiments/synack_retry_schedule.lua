-- How often a server sends its SYN+ACK again, and when the half-open entry is gone, if the client never answers.
-- tcp_synack_retries 0, 1, 2, 3 and 5, the default.  On the kernel this takes a minute and a half.

experiment{settle = 0.05, limit = 180}

-- The backlog notes: SYN+ACKs again after 1, 2, 4, 8, 16 s, and 32 s later the entry leaves the queue (63 s in all).
local says = {[5] = {B = {TcpRetransSegs = 5}}}

local clients = {}
for n = 1, 5 do clients[n] = '198.18.1.' .. n end
B:route('198.18.1.0')
wire.lose_to(clients)

B:listen(9000, 100)
for n, retries in ipairs{0, 1, 2, 3, 5} do
	B:sysctl('net.ipv4.tcp_synack_retries', retries)
	phase('tcp_synack_retries ' .. retries, {settle = 0.05, document = says[retries]}, function(o)
		B:inject(tcp{
			src = clients[n], dst = B.addr, sport = 20000 + n, dport = 9000, seq = 7000, flags = 'S', opts = {mss = 1460},
		})
		local began = now()
		sleep(0.1)
		while now() - began < 70 and #B:sockets{port = 9000, state = 'SYN-RECV'} > 0 do sleep(0.1) end
		o['entry gone after'] = round(now() - began, 1)
		local times, first = list(), nil
		for _, p in ipairs(wire.packets(function(p) return p.way == 'b>a' and p.dport == 20000 + n end)) do
			first = first or p.t
			times[#times + 1] = round(p.t - first, 2)
		end
		o['SYN+ACK times'] = times
	end)
end
