-- What the sender of data makes of D-SACKs: which are believed, which are ignored and why; and which undo a recovery.

experiment{settle = 0.2, limit = 60}

local MSS <const> = 1448
local port = 9000
local l, c, s

local function new()
	port = port + 1
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_early_retrans', 0)
		h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
	end
	l, c, s = pair(port)
	c:set('TCP_NODELAY', 1)
	sleep(0.1)
end

local function shut()
	wire.rule(nil)
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.06)
end

-- B says, by hand, what its last packet said, with these SACK blocks (relative to the last ACK)
local function says(blocks, o)
	o = o or {}
	local p = wire.find(function(p) return p.way == 'b>a' and p.sport == port and not p:has('S') end)
	local sack = {}
	for i, b in ipairs(blocks) do sack[i] = {p.ack + b[1] & 0xffffffff, p.ack + b[2] & 0xffffffff} end
	A:inject(tcp{
		src = B.addr, dst = A.addr, sport = port, dport = p.dport, seq = p.seq, ack = p.ack + (o.ack or 0) & 0xffffffff, flags = '.', win = p.win,
		opts = {ts = {p.opts.ts[1] + 1, p.opts.ts[2]}, sack = sack},
	})
	sleep(0.1)
end

local function info(o)
	local i = c:info()
	o['dsack_dups'], o['ca_state'], o['reord_seen'] = i.dsack_dups, i.ca_state, i.reord_seen
	o['snd_cwnd'], o['total_retrans'], o['reordering'] = i.snd_cwnd, i.total_retrans, i.reordering
end

wire.set{delay = 0.02, rate = 1e8}

for _, b in ipairs{
	{'the last 100 bytes', {{-100, 0}}}, {'all that was sent, of which nothing twice', {{-1000, 0}}},
	{'no bytes', {{-100, -100}}}, {'from behind to before', {{-50, -100}}}, {'of what was never sent', {{100, 200}}},
	{'far before the beginning', {{-5000000, -4999900}}},
} do
	new()
	for _ = 1, 10 do
		c:send(('x'):rep(100))
		sleep(0.06)
	end
	phase('a D-SACK: ' .. b[1], function(o)
		says(b[2])
		info(o)
	end)
	shut()
end

new()
c:send(('x'):rep(100))
sleep(0.1)
wire.rule(function(p) return p.way == 'a>b' and p.len > 0 and p.new and 'drop' or nil end)
phase('out of order: the first block lies in the second, above the ACK', {settle = 0.6}, function(o)
	c:send(('x'):rep(3 * MSS))
	sleep(0.05)
	says{{MSS, 2 * MSS}, {MSS, 3 * MSS}}
	wire.rule(nil)
	sleep(0.4)
	info(o)
end)
shut()

-- ACKs stand still until a timeout has sent something again.
for _, how in ipairs{{'a timeout, and the D-SACK of the segment that it sent again', 1, 1}, {'the same without timestamps', 1, 0}, {'two', 2, 0}} do
	for _, h in ipairs{A, B} do h:sysctl('net.ipv4.tcp_timestamps', how[3]) end
	new()
	local began, held = nil, 0
	wire.rule(function(p)
		if p.way ~= 'b>a' or p.sport ~= port or not began or now() - began >= 0.32 * how[2] then return end
		held = held + 1
		return began + 0.32 * how[2] + held * 0.002 - now()
	end)
	phase(how[1], {settle = 0.5}, function(o)
		began = now()
		c:send(('x'):rep(4 * MSS))
		sleep(1.2)
		info(o)
	end)
	shut()
end
for _, h in ipairs{A, B} do h:sysctl('net.ipv4.tcp_timestamps', 1) end

-- Late beyond the window of reordering: a recovery begins, the D-SACK says that it was for nothing.
new()
wire.rule(function(p)
	if p.way ~= 'a>b' or p.dport ~= port or p.len == 0 or not p.new then return end
	return p.nth == 2 and 0.03 or nil
end)
phase('a segment 30 ms late: sent again for nothing, undone', {settle = 0.5}, function(o)
	c:send(('x'):rep(10 * MSS))
	sleep(0.5)
	info(o)
end)
shut()
