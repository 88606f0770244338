-- TCPAutoCorking: small writes while earlier segments wait in the sender's own queue (a link of 1 Mbit/s), with and
-- without tcp_autocorking, with and without Nagle; and none where there is no queue.

experiment{settle = 1.0, limit = 60}

local port = 9000

local function connected(autocorking, nodelay)
	port = port + 1
	A:sysctl('net.ipv4.tcp_autocorking', autocorking)
	local l, c, s = pair(port)
	c:set('TCP_NODELAY', nodelay)
	sleep(0.1)
	return l, c, s
end

local function done(l, c, s)
	l:close()
	c:close()
	s:close()
	sleep(0.2)
end

A:egress_rate(1e6, 2000)
for _, autocorking in ipairs{1, 0} do
	for _, nodelay in ipairs{1, 0} do
		local l, c, s = connected(autocorking, nodelay)
		phase(('tcp_autocorking %d TCP_NODELAY %d: 3 full segments then 40 writes of 50 bytes'):format(autocorking, nodelay),
			function()
				for _ = 1, 3 do c:send(('x'):rep(1448)) end
				for _ = 1, 40 do c:send(('y'):rep(50)) end
			end)
		done(l, c, s)
	end
end

A:egress_rate(0)
local l, c, s = connected(1, 1)
phase('no queue (plain veth), autocorking 1, NODELAY: 40 writes of 50 bytes', function()
	for _ = 1, 40 do
		c:send(('y'):rep(50))
		sleep(0.005)
	end
end)
done(l, c, s)
