-- A connection is closed while TCP's memory is above tcp_mem's third value: reset if more than 4608 bytes wait to be sent.
-- The document's "TcpExtTCPAbortOnMemory", its first condition.

experiment{settle = 0.05, limit = 30}

local normal = A:sysctl('net.ipv4.tcp_mem') -- of the whole machine on the kernel: lowered for no longer than a close() takes
local l, c, s = pair()
wire.rule(function(p)
	if p.way == 'a>b' and (p.len > 0 or p:has('P') or p:has('F') or p:has('R')) then return 'drop' end
end)

c:set('SO_SNDBUF', 3 << 20)
local queued, n = 0, c:send_now(('x'):rep(65536))
while n do
	queued = queued + n
	n = c:send_now(('x'):rep(65536))
end
local small = A:connect(9000)
small:send_now(('x'):rep(100))
sleep(0.005) -- the other one's loss probe
local pages = A:sockstat().TCP.mem

local function closing(socket)
	A:sysctl('net.ipv4.tcp_mem', '10 20 30')
	socket:close()
	A:sysctl('net.ipv4.tcp_mem', normal)
end

phase('100 bytes queued (below SOCK_MIN_SNDBUF)', function() closing(small) end)
phase('3 MB queued, memory above tcp_mem[2]', {document = {A = {TcpExtTCPAbortOnMemory = 1}}}, function(o)
	o['pages allocated > 30'] = pages > 30
	o['queued bytes > 1e6'] = queued > 1000000
	closing(c)
	sleep(0.05)
	o['client ss'] = list{A:ss{peer_port = 9000}[1]:match('%S+')}
end)
