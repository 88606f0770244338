-- D-SACKs: for what was acknowledged (Old), for what waits out of order (Ofo), for a part; and what lost ACKs make of it.

experiment{settle = 0.4, limit = 60}

local port = 9000

local function open(dsack, sack)
	port = port + 1
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_dsack', dsack or 1)
		h:sysctl('net.ipv4.tcp_sack', sack or 1)
		h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
	end
	local l, c, s = pair(port)
	c:set('TCP_NODELAY', 1)
	return l, c, s
end

local function shut(...)
	wire.rule(nil)
	for _, s in ipairs{...} do
		s:linger(0)
		s:close()
	end
	sleep(0.05)
end

local function is_data(p) return p.way == 'a>b' and p.dport == port and p.len > 0 end

-- What becomes of the n-th segment when it is sent for the first time
local function firsts(fates)
	wire.rule(function(p) return is_data(p) and p.new and fates[p.nth] or nil end)
end

for _, how in ipairs{{1, 1}, {0, 1}, {1, 0}} do
	local l, c, s = open(how[1], how[2])
	wire.rule(function(p) return is_data(p) and p.nth == 1 and {0, 0.05} or nil end)
	phase(('duplicate 50 ms later of an acknowledged 100-byte segment (tcp_dsack %d tcp_sack %d)'):format(how[1], how[2]),
		function() c:send(('x'):rep(100)) end)
	shut(c, s, l)
end

wire.set{delay = 0.05}
local l, c, s = open()
sleep(0.1)
-- 16 ms late: no retransmission yet, the round trip takes 100
firsts{[1] = 0.016, [3] = {0.0, 0.008}}
phase('out-of-order segment 3 delivered twice, segment 1 late by 16 ms', function()
	for _ = 1, 3 do c:send(('x'):rep(100)) end
end)
shut(c, s, l)

l, c, s = open()
sleep(0.1)
firsts{[1] = 0.016, [2] = 'drop', [3] = 'drop'}
phase('in-order data overlapping acknowledged data: bytes 0:200 after 0:100 (injected)', function()
	c:send(('x'):rep(100))
	sleep(0.25)
	local p = wire.find(is_data)
	B:inject(tcp{
		src = A.addr, dst = B.addr, sport = p.sport, dport = port, seq = p.seq, ack = p.ack, flags = 'P.', win = p.win,
		opts = {ts = {p.opts.ts[1] + 1, p.opts.ts[2]}}, data = ('x'):rep(200),
	})
end)
shut(c, s, l)
wire.set{delay = 0}

for _, o in ipairs{{'ACKs lost for 0.35 s: spurious retransmissions', 100}, {'ACKs of 10 segments lost for 0.35 s', 14480}} do
	l, c, s = open()
	local began
	wire.rule(function(p)
		if p.way == 'b>a' and p.sport == port and began and now() - began < 0.35 then return 'drop' end
	end)
	phase(o[1], {settle = 1.0}, function()
		began = now()
		c:send(('x'):rep(o[2]))
		sleep(0.5)
	end)
	shut(c, s, l)
end
