-- What a connection made by a cookie knows of the options in the SYN: with timestamps all, without only a rounded MSS.
-- The timestamp of the SYN+ACK carries window scale and SACK in its low six bits, and so its echo tells the round trip time
-- only roughly; without one there is none, and the timeout is 3 s.  Goes beyond the backlog notes, whose queues have
-- tcp_syncookies 0.

experiment{settle = 0.05}

B:sysctl('net.ipv4.tcp_syncookies', 2)
local port, ghosts = 9000, 0
local l = B:listen(port, 100)

local function text(opts)
	local out = {}
	for k, v in pairs(opts) do
		out[#out + 1] = k == 'ts' and 'ts' or v == true and k or k .. ' ' .. tostring(v)
	end
	return #out > 0 and table.concat(out, ', ') or 'nothing'
end

-- What the connection got, by TCP_INFO and by what it sends: how much in a segment, with which window and options
local function look(o, g, s)
	local info = s:info()
	for _, k in ipairs{'options', 'snd_wscale', 'rcv_wscale', 'snd_mss', 'advmss', 'rcv_mss', 'snd_cwnd', 'rcv_ssthresh',
		'rcv_space', 'snd_wnd', 'pmtu', 'total_retrans'} do
		o[k] = info[k]
	end
	o['round trip time'] = info.rtt > 0 and info.rtt < 0.1e6 and 'below 0.1 s' or info.rtt
	o['retransmission timeout'] = info.rto > 0.2e6 and info.rto < 0.31e6 and 'below 0.31 s' or info.rto
	s:send(('x'):rep(info.snd_mss + 1)) -- Nagle keeps the last byte
	local p = wire.find(function(p) return p.dport == g.port and p.len > 0 end)
	o['a segment'] = ('%d bytes, win %d, %s'):format(p.len, p.win, text(p.opts))
end

local function case(name, opts, more)
	more = more or {}
	ghosts = ghosts + 1
	local g, s = B:ghost(port, ghosts, opts), nil
	phase(name, function(o)
		g:syn()
		o['SYN+ACK'] = text(g:synack().opts)
		o['its window'] = g:synack().win
		if more.between then more.between() end
		g:ack{opts = more.opts and more.opts(g:synack()), data = more.data}
		sleep(0.01)
		o['the client heard'] = g:heard()
		s = l:accept(0.05)
		if not s then return end
		look(o, g, s)
		g:put{seq = 7001 + #(more.data or ''), flags = 'R'} -- before a loss probe
	end)
	if s then s:close() end
	if more.after then more.after() end
	sleep(0.02)
end

local function turn(name, value)
	return function() B:sysctl('net.ipv4.' .. name, value) end
end

case('all options', {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7})
case('no timestamps: the rest is forgotten', {mss = 1460, sackok = true, wscale = 7})
case('timestamps, no SACK, no window scale', {mss = 1460, ts = {1000, 0}})
case('timestamps and SACK', {mss = 1460, ts = {1000, 0}, sackok = true})
case('timestamps and window scale', {mss = 1460, ts = {1000, 0}, wscale = 3})
case('window scale 0', {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 0})
case('window scale 14', {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 14})
case('window scale 15, of which 14 is taken', {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 15})
case('no options at all', {})
for _, mss in ipairs{100, 536, 537, 1299, 1300, 1439, 1440, 1459, 1460, 9000} do
	case('MSS ' .. mss, {mss = mss})
end
case('MSS 1400, all options', {mss = 1400, sackok = true, ts = {1000, 0}, wscale = 7})
case('all options, data in the ACK', {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7}, {data = 'hello'})

-- The low six bits of the timestamp that comes back are believed: 1 0111 is SACK and window scale 7.
local function echo(p, less) return {ts = {1001, (p.opts.ts[1] - less) & 0xffffffff}} end
local all = {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7}
case('the ACK has no timestamp', all, {opts = function() return '' end})
case('the timestamp says: no SACK', all, {opts = function(p) return echo(p, 0x10) end})
case('the timestamp says: another window scale', all, {opts = function(p) return echo(p, 2) end})
case('timestamps are switched off before the ACK comes', all,
	{between = turn('tcp_timestamps', 0), after = turn('tcp_timestamps', 1)})
case('SACK is switched off before the ACK comes', all, {between = turn('tcp_sack', 0), after = turn('tcp_sack', 1)})
case('window scaling is switched off before the ACK comes', all,
	{between = turn('tcp_window_scaling', 0), after = turn('tcp_window_scaling', 1)})
