-- struct tcp_info, field by field, at the moments of a connection's short life; both ends.

experiment{settle = 0.1, limit = 60}

local MSS <const> = 1448
local port = 9000
wire.set{delay = 0.03, rate = 1e8}

-- Times are told in tenths of a second, round trips in 20 ms; what no two runs have in common is left out.
local tenths <const> = {'last_data_sent', 'last_data_recv', 'last_ack_recv', 'total_rto_time'}
local tenths_us <const> = {'busy_time', 'rwnd_limited', 'sndbuf_limited'}
local fields <const> = {
	'state', 'ca_state', 'retransmits', 'probes', 'backoff', 'options', 'snd_wscale', 'rcv_wscale', 'fastopen_client_fail',
	'snd_mss', 'rcv_mss', 'unacked', 'sacked', 'lost', 'retrans', 'fackets', 'last_ack_sent', 'pmtu', 'rcv_ssthresh',
	'snd_ssthresh', 'snd_cwnd', 'advmss', 'reordering', 'rcv_space', 'total_retrans', 'bytes_acked', 'bytes_received',
	'segs_out', 'segs_in', 'notsent_bytes', 'data_segs_in', 'data_segs_out', 'delivered', 'delivered_ce', 'bytes_sent',
	'bytes_retrans', 'dsack_dups', 'reord_seen', 'rcv_ooopack', 'snd_wnd', 'rcv_wnd', 'rehash', 'total_rto',
	'total_rto_recoveries', 'received_ce', 'delivered_e1_bytes', 'delivered_e0_bytes', 'delivered_ce_bytes',
	'received_e1_bytes', 'received_e0_bytes', 'received_ce_bytes', 'accecn_fail_mode', 'accecn_opt_seen',
}

local function seen_of(s)
	local i, o = s:info(), {}
	for _, f in ipairs(fields) do o[f] = i[f] end
	for _, f in ipairs(tenths) do o[f] = i.state ~= 7 and i.state ~= 2 and round(i[f] / 1000, 1) or nil end -- ago, if ever
	if i.state == 7 then o['lost'], o['retrans'] = nil, nil end -- what Linux has left there means nothing
	o['ato'] = round(i.ato / 10000) * 10
	for _, f in ipairs(tenths_us) do o[f] = round(i[f] / 1000000, 1) end
	o['rto'] = round(i.rto / 1000000, 1)
	o['rtt'] = round(i.rtt / 20000) * 20
	o['min_rtt'] = i.min_rtt < 0xffffffff and round(i.min_rtt / 20000) * 20 or 'none'
	return o
end

local l, c, s
local function moment(name, fn)
	phase(name, function(o)
		fn()
		if c then observe_all(o, {['A'] = seen_of(c)}) end
		if s then observe_all(o, {['B'] = seen_of(s)}) end
	end)
end

moment('a socket', function()
	c = A:socket()
	c:set('TCP_CONGESTION', 'reno') -- no HyStart: a busy machine makes round trips longer
end)
moment('SYN sent', function()
	l = B:listen(port)
	c:connect_start(B.addr, port)
	sleep(0.02)
end)
moment('connected', function()
	c:wait('out', 1)
	s = l:accept(2)
	c:set('TCP_NODELAY', 1)
	sleep(0.2)
end)
moment('100 bytes on their way', function()
	c:send(('x'):rep(100))
	sleep(0.02)
end)
moment('and there', function() sleep(0.1) end)
moment('an answer', function()
	s:recv(100)
	s:send(('y'):rep(200))
	sleep(0.15)
	c:recv(200)
end)
moment('20 segments', function()
	c:send(('x'):rep(20 * MSS))
	sleep(0.3)
	s:recv(20 * MSS)
	sleep(0.1)
end)
local losing = true
wire.rule(function(p)
	if p.way == 'a>b' and p.len > 0 and losing then return 'drop' end
end)
moment('3 segments are lost, 0.5 s ago', function()
	c:send(('x'):rep(3 * MSS))
	sleep(0.5)
end)
moment('repaired', function()
	losing = false
	sleep(1.2)
end)
local third
wire.rule(function(p)
	if p.way ~= 'a>b' or p.len == 0 or third then return end
	third = p.seq
	return 'drop'
end)
moment('one of 5 is lost, and repaired', function()
	c:send(('x'):rep(5 * MSS))
	sleep(0.4)
end)
wire.rule(nil)
moment('the reader stands still', function()
	s:set('SO_RCVBUF', 20000)
	s:recv(8 * MSS)
	c:set('SO_SNDBUF', 100000)
	while c:send_now(('x'):rep(MSS)) do end
	sleep(0.7)
end)
for _, x in ipairs{c, s} do
	x:linger(0)
	x:close()
end
l:close()
sleep(0.1)

port = port + 1
l, c, s = pair(port)
sleep(0.2)
moment('another connection: a FIN behind 100 bytes', function()
	c:send(('x'):rep(100))
	c:shutdown('w')
	sleep(0.2)
	s:recv(200)
end)
moment('closed by both', function()
	s:close()
	s = nil
	sleep(0.2)
end)
