-- The receive buffer follows what the program reads in a round trip: twice that, and room for a sender that is getting faster.
-- The round trip is measured by timestamps, once for each that comes back.

experiment{settle = 0.3, limit = 60}

for _, h in ipairs{A, B} do
	h:sysctl('net.ipv4.tcp_rmem', '4096 131072 33554432')
	h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
	h:sysctl('net.ipv4.tcp_slow_start_after_idle', 0)
end

local MSS <const> = 1448

wire.set{delay = 0.1, rate = 1500 * 8 / 0.001}
local l, c, s = pair()
c:set('TCP_CONGESTION', 'reno') -- without HyStart

local function read(bytes)
	while bytes > 0 do bytes = bytes - #s:recv(bytes, 5) end
end

-- One segment, read alone, ends the measure of the round trip before; the others come in the same one.
local function round_trip(segments)
	c:send(('x'):rep(MSS))
	sleep(0.07) -- the delayed ACK comes before the others do
	c:send(('x'):rep((segments - 1) * MSS))
	read(segments * MSS)
	sleep(0.2)
end

for _, segments in ipairs{8, 10, 15, 22, 33, 50, 75, 60, 60} do
	phase(('%d segments a round trip'):format(segments), function(o)
		round_trip(segments)
		local info = s:info()
		o['rcvbuf'] = s:get('SO_MEMINFO').rcvbuf
		o['rcv_space'], o['rcv_ssthresh'] = info.rcv_space, info.rcv_ssthresh
		o['window'] = wire.find(function(p) return p.way == 'b>a' end).win
	end)
end

-- A pause of the sender counts as a longer round trip, but not while data wait to be read.
local function longer_by_pauses(reading)
	local before = s:info().rcv_rtt
	for _ = 1, 5 do
		c:send(('x'):rep(2 * MSS))
		if reading then read(2 * MSS) end
		sleep(0.6)
	end
	return s:info().rcv_rtt > before + 20000
end

phase('the sender pauses', function(o) o['longer'] = longer_by_pauses(true) end)
phase('a segment that waits', function()
	c:send(('x'):rep(MSS))
	sleep(0.4)
end)
phase('the sender pauses, nobody reads', function(o) o['longer'] = longer_by_pauses(false) end)
