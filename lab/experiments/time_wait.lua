-- TIME-WAIT and an orphan's FIN-WAIT-2: what makes a bucket, what it answers and how often, what ends it, which SYN takes
-- its place: sequence and timestamp rules, the new first number; RFC 1337, tcp_max_tw_buckets, tcp_fin_timeout.

experiment{settle = 0.02, limit = 300}

local port <const> = 9000
local TS <const> = {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7}
local PLAIN <const> = {mss = 1460, sackok = true, wscale = 7}
local l, ghosts = B:listen(port, 64), 0

-- What the client heard since it had heard n packets: numbers relative to both sides' first; the window
local function said(g, n)
	local out = list()
	for i, p in ipairs(wire.packets(function(p) return p.dport == g.port and p.dst == g.addr end)) do
		if i > n then
			local seq = p.seq == 0 and '0 itself' or (p.seq - g.heard_synack.seq) & 0xffffffff
			out[#out + 1] = ('%s seq %s%s win %d%s'):format(p.flags, seq,
				p:has('.') and ' ack ' .. ((p.ack - g.isn) & 0xffffffff) or '', p.win, p.opts.ts and ' ts' or '')
		end
	end
	return out
end

-- The options of what the client says at its time t (its SYN was at 1000); none without timestamps
local function at(g, t)
	return g.opts.ts and {ts = {t, g.heard_synack.opts.ts[1]}} or ''
end

local function heard_count(g)
	return #wire.packets(function(p) return p.dport == g.port and p.dst == g.addr end)
end

-- A connection that the server has closed; fin: has the client, too?
local function closed(opts, fin)
	ghosts = ghosts + 1
	local g = B:ghost(port, ghosts, opts)
	g:syn()
	g:synack()
	g:ack()
	l:accept(1):close()
	sleep(0.002)
	g:ack{ack = g.heard_synack.seq + 2, opts = at(g, 1002)}
	if fin then
		g:ack{ack = g.heard_synack.seq + 2, flags = 'F.', opts = at(g, 1003)}
		sleep(0.002)
	end
	return g
end

-- Any segment of the client that acknowledges all, its number relative to what is expected
local function say(g, seq, flags, o)
	o = o or {}
	o.seq, o.flags = (g.isn + g.expected + seq) & 0xffffffff, flags
	o.ack = flags:find('.', 1, true) and g.heard_synack.seq + 2 or 0
	o.opts = o.opts or at(g, o.t or 1004)
	if flags == 'S' then g.syn_seq = o.seq end
	g:put(o)
end

-- A RST ends the bucket, and a request that took its place
local function sweep(g)
	for _, seq in ipairs{g.isn + 1, g.isn + 2, (g.syn_seq or 0) + 1} do
		g:put{seq = seq & 0xffffffff, flags = 'R', opts = ''}
	end
	sleep(0.001)
end

local function case(name, opts, fin, fn)
	local g = closed(opts, fin)
	g.expected = fin and 2 or 1
	sleep(0.005)
	phase(name .. (opts.ts and '' or ' (no timestamps)'), function(o)
		local n = heard_count(g)
		fn(g)
		sleep(0.01)
		o['the client heard'] = said(g, n)
		o['server ss'] = B:states{port = port, peer_port = g.port}
		local s = l:accept(0.001)
		if s then s:close() end
	end)
	sweep(g)
end

local function time_wait(name, fn)
	case('TIME-WAIT: ' .. name, TS, true, fn)
	case('TIME-WAIT: ' .. name, PLAIN, true, fn)
end

local function fin_wait2(name, fn)
	case('FIN-WAIT-2: ' .. name, TS, false, fn)
	case('FIN-WAIT-2: ' .. name, PLAIN, false, fn)
end

-- ---- what makes them ----

local function makes(name, fn)
	phase(name, function(o)
		local g = fn()
		sleep(0.01)
		o['server ss'] = B:states{port = port, peer_port = g.port}
		o['client said it all'] = g:heard()
	end)
end

makes('the server closes, and is acknowledged', function() return closed(TS, false) end)
makes('then the client does', function() return closed(TS, true) end)
makes('the client closes first', function()
	ghosts = ghosts + 1
	local g = B:ghost(port, ghosts, TS)
	g:syn()
	g:ack()
	g:ack{flags = 'F.'}
	sleep(0.01)
	l:accept(1):close()
	sleep(0.002)
	g:ack{seq = g.isn + 2, ack = g.heard_synack.seq + 2}
	return g
end)
makes('both at once', function()
	ghosts = ghosts + 1
	local g = B:ghost(port, ghosts, TS)
	g:syn()
	g:ack()
	l:accept(1):close()
	sleep(0.002)
	g:ack{flags = 'F.'}
	sleep(0.002)
	g:ack{seq = g.isn + 2, ack = g.heard_synack.seq + 2}
	return g
end)
makes('the server has closed, and both FINs are acknowledged at once', function()
	ghosts = ghosts + 1
	local g = B:ghost(port, ghosts, TS)
	g:syn()
	g:ack()
	l:accept(1):close()
	sleep(0.002)
	g:ack{flags = 'F.', ack = g.heard_synack.seq + 2}
	return g
end)

-- ---- what TIME-WAIT answers ----

time_wait('nothing', function() end)
time_wait('the last ACK again', function(g) say(g, 0, '.') end)
time_wait('the FIN again', function(g) say(g, -1, 'F.') end)
time_wait('the FIN three times again', function(g) for _ = 1, 3 do say(g, -1, 'F.') end end)
time_wait('an old ACK three times', function(g) for _ = 1, 3 do say(g, -2, '.') end end)
time_wait('old data three times', function(g) for _ = 1, 3 do say(g, -9, 'P.', {data = 'old'}) end end)
time_wait('new data', function(g) say(g, 0, 'P.', {data = 'new'}) end)
time_wait('an ACK far beyond', function(g) say(g, 0x40000000, '.') end)
time_wait('no flags', function(g) say(g, 0, '') end)
time_wait('a RST', function(g) say(g, 0, 'R') end)
time_wait('a RST with data', function(g) say(g, 0, 'R', {data = 'oh'}) end)
time_wait('an old RST', function(g) say(g, -1, 'R') end)
time_wait('a RST in the window', function(g) say(g, 1, 'R') end)
case('TIME-WAIT: an older timestamp', TS, true, function(g) say(g, 0, '.', {t = 1000}) end)
case('TIME-WAIT: three of them', TS, true, function(g) for _ = 1, 3 do say(g, 0, '.', {t = 1000}) end end)
case('TIME-WAIT: an older timestamp with data, twice', TS, true, function(g)
	for _ = 1, 2 do say(g, 0, 'P.', {t = 1000, data = 'old'}) end
end)
case('TIME-WAIT: a RST with an older timestamp', TS, true, function(g) say(g, 0, 'R', {t = 1000}) end)
case('TIME-WAIT: a newer timestamp counts from then on', TS, true, function(g)
	say(g, 0, '.', {t = 2000})
	say(g, 0, '.', {t = 1500})
end)
case('TIME-WAIT: but not that of an old segment', TS, true, function(g)
	say(g, -1, 'F.', {t = 2000})
	say(g, 0, '.', {t = 1500})
end)

B:sysctl('net.ipv4.tcp_rfc1337', 1)
time_wait('a RST, tcp_rfc1337 1', function(g) say(g, 0, 'R') end)
case('TIME-WAIT: its timestamp is believed, tcp_rfc1337 1', TS, true, function(g)
	say(g, 0, 'R', {t = 2000})
	say(g, 0, '.', {t = 1500})
end)
B:sysctl('net.ipv4.tcp_rfc1337', 0)

B:sysctl('net.ipv4.tcp_invalid_ratelimit', 0)
time_wait('an old ACK three times, tcp_invalid_ratelimit 0', function(g) for _ = 1, 3 do say(g, -2, '.') end end)
B:sysctl('net.ipv4.tcp_invalid_ratelimit', 500)

-- ---- a SYN ----

time_wait('a SYN with the number after the last', function(g) say(g, 1, 'S', {opts = g.opts}) end)
time_wait('a SYN with the last number', function(g) say(g, 0, 'S', {opts = g.opts}) end)
time_wait('a SYN with a lower number', function(g) say(g, -1000, 'S', {opts = g.opts}) end)
time_wait('a SYN with a lower number, three times', function(g) for _ = 1, 3 do say(g, -1000, 'S', {opts = g.opts}) end end)
time_wait('a SYN half a world away', function(g) say(g, 0x7fffffff, 'S', {opts = g.opts}) end)
for _, t in ipairs{1002, 1003, 1004} do
	local opts = {mss = 1460, sackok = true, ts = {t, 0}, wscale = 7}
	case(('TIME-WAIT: a SYN with a lower number at %d; the last one was at 1003'):format(t), TS, true, function(g)
		say(g, -1000, 'S', {opts = opts})
	end)
	case(('TIME-WAIT: a SYN with a higher number at %d'):format(t), TS, true, function(g) say(g, 1000, 'S', {opts = opts}) end)
end
case('TIME-WAIT: a SYN with a higher number, without a timestamp', TS, true, function(g) say(g, 1000, 'S', {opts = PLAIN}) end)
case('TIME-WAIT: a SYN with a lower number, without a timestamp', TS, true, function(g) say(g, -1000, 'S', {opts = PLAIN}) end)
case('TIME-WAIT: a SYN with a lower number, with a timestamp now', PLAIN, true, function(g) say(g, -1000, 'S', {opts = TS}) end)
time_wait('a SYN with ACK', function(g) say(g, 1000, 'S.') end)
time_wait('a SYN with RST', function(g) say(g, 1000, 'SR') end)
time_wait('a SYN with data', function(g) say(g, 1000, 'S', {opts = g.opts, data = 'early'}) end)
time_wait('a SYN with FIN', function(g) say(g, 1000, 'SF', {opts = g.opts}) end)
B:sysctl('net.ipv4.tcp_syncookies', 2)
case('TIME-WAIT: a SYN with a higher number, tcp_syncookies 2', TS, true, function(g)
	say(g, 1000, 'S', {opts = {mss = 1460, sackok = true, ts = {1005, 0}, wscale = 7}})
end)
B:sysctl('net.ipv4.tcp_syncookies', 1)

-- ---- FIN-WAIT-2 ----

fin_wait2('nothing', function() end)
fin_wait2('the ACK again', function(g) say(g, 0, '.') end)
fin_wait2('an old ACK three times', function(g) for _ = 1, 3 do say(g, -1, '.') end end)
fin_wait2('a RST', function(g) say(g, 0, 'R') end)
fin_wait2('a RST in the window', function(g) say(g, 1000, 'R') end)
fin_wait2('an old RST, twice', function(g) for _ = 1, 2 do say(g, -1, 'R') end end)
fin_wait2('data', function(g) say(g, 0, 'P.', {data = 'late'}) end)
fin_wait2('data in the window', function(g) say(g, 1000, 'P.', {data = 'late'}) end)
fin_wait2('data that ends beyond the window', function(g) say(g, 65534, 'P.', {data = 'late'}) end)
fin_wait2('data beyond the window', function(g) say(g, 0x40000000, 'P.', {data = 'late'}) end)
fin_wait2('data without ACK', function(g) say(g, 0, 'P', {data = 'late'}) end)
fin_wait2('old data', function(g) say(g, -4, 'P.', {data = 'late'}) end)
fin_wait2('data and FIN', function(g) say(g, 0, 'FP.', {data = 'late'}) end)
fin_wait2('the FIN', function(g) say(g, 0, 'F.') end)
fin_wait2('the FIN without ACK', function(g) say(g, 0, 'F') end)
fin_wait2('a FIN of later', function(g) say(g, 1, 'F.') end)
fin_wait2('a SYN', function(g) say(g, 0, 'S', {opts = g.opts}) end)
fin_wait2('a SYN in the window', function(g) say(g, 1000, 'S', {opts = g.opts}) end)
fin_wait2('an old SYN, twice', function(g) for _ = 1, 2 do say(g, -1000, 'S', {opts = g.opts}) end end)
fin_wait2('a SYN far beyond', function(g) say(g, 0x40000000, 'S', {opts = g.opts}) end)
case('FIN-WAIT-2: an older timestamp, three times', TS, false, function(g) for _ = 1, 3 do say(g, 0, '.', {t = 900}) end end)
case('FIN-WAIT-2: the FIN with an older timestamp', TS, false, function(g) say(g, 0, 'F.', {t = 900}) end)

-- ---- how many, for how long ----

B:sysctl('net.ipv4.tcp_max_tw_buckets', 0)
case('TIME-WAIT: tcp_max_tw_buckets 0', TS, true, function(g) say(g, 0, '.') end)
phase('tcp_max_tw_buckets 0: how it came so', function() closed(TS, true) end)
B:sysctl('net.ipv4.tcp_max_tw_buckets', 4096)

B:sysctl('net.ipv4.tcp_fin_timeout', 1)
local short
phase('tcp_fin_timeout 1: FIN-WAIT-2', function() short = closed(TS, false) end)
phase('2 seconds later', function(o)
	sleep(2)
	o['server ss'] = B:states{port = port, peer_port = short.port}
	local n = heard_count(short)
	short.expected = 1
	say(short, 0, '.')
	sleep(0.01)
	o['the client heard'] = said(short, n)
end)
phase('tcp_fin_timeout 1: TIME-WAIT lasts as ever', function(o)
	local g = closed(TS, true)
	sleep(2)
	o['server ss'] = B:states{port = port, peer_port = g.port}
end)
B:sysctl('net.ipv4.tcp_fin_timeout', 60)

local quiet, again
phase('one that nobody disturbs, and one that hears the FIN again after 30 seconds', function()
	quiet, again = closed(TS, true), closed(TS, true)
	again.expected = 2
	sleep(30)
	say(again, -1, 'F.', {t = 31000})
end)
phase('after 55 seconds', function(o)
	sleep(25)
	o['one'] = B:states{port = port, peer_port = quiet.port}
	o['the other'] = B:states{port = port, peer_port = again.port}
end)
phase('after 75 seconds', function(o)
	sleep(20)
	o['one'] = B:states{port = port, peer_port = quiet.port}
	o['the other'] = B:states{port = port, peer_port = again.port}
end)
