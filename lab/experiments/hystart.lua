-- CUBIC's hybrid slow start: an ACK train behind a bottleneck, delay that rises.  Reno in the same place has none.

experiment{settle = 0.3, limit = 60}

for _, h in ipairs{A, B} do
	h:sysctl('net.ipv4.tcp_rmem', '4096 6291456 6291456')
	h:sysctl('net.ipv4.tcp_wmem', '4096 4194304 4194304')
	h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
end

local port = 9000
local MSS <const> = 1448
local BOTTLENECK <const> = 1500 * 8 / 0.0004 -- a full packet takes 0.4 ms

local function go(name, segments, o)
	o = o or {}
	port = port + 1
	wire.set{delay = (o.rtt or 0.1) / 2}
	local function cc(sock) sock:set('TCP_CONGESTION', o.cc or 'cubic') end
	local l, c, s = pair(port, nil, cc, cc)
	sleep(0.2)
	wire.rule(o.rule)
	wire.set{from = A, delay = (o.rtt or 0.1) / 2, rate = o.rate}
	phase(name, function(seen)
		local began, bytes = now(), segments * MSS
		c:send(('x'):rep(bytes))
		while now() - began < 20 and s:unread() < bytes do sleep(0.002) end
		seen['seconds'] = round(now() - began, 1)
		sleep(0.15)
		local i = c:info()
		seen['cwnd'], seen['ssthresh'] = i.snd_cwnd, i.snd_ssthresh
	end)
	wire.rule(nil)
	wire.set{delay = 0.05}
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.3)
end

go('no bottleneck, 8 segments: nothing', 8)
go('train: 0.4 ms per segment, RTT 10 ms', 120, {rate = BOTTLENECK, rtt = 0.01})
local seen = 0
go('delay: +60 ms from the 76th segment on', 400, {rule = function(p)
	if p.way == 'a>b' and p.len > 0 then
		seen = seen + 1
		if seen > 75 then return 0.06 end
	end
end})
go('reno: train conditions, no hystart', 120, {rate = BOTTLENECK, rtt = 0.01, cc = 'reno'})
