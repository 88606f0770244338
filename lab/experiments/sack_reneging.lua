-- A receiver SACKs segments 2 to 5, then acknowledges the first one only and never speaks of the others again.

experiment{settle = 0.1, limit = 60}

local STATES <const> = {[0] = 'Open', 'Disorder', 'CWR', 'Recovery', 'Loss'}
local l = B:listen(9000, 5)
local ghosts = 0

local function milliseconds() return 1000 + math.floor(now() * 1000) end

-- NOP NOP timestamps NOP NOP SACK, as everybody lays them out: header prediction looks for that
local function options(g, sack)
	local out = ''
	if g.opts.ts then out = ('>BBBBI4I4'):pack(1, 1, 8, 10, milliseconds(), g.tsecr) end
	if sack then out = out .. ('>BBBBI4I4'):pack(1, 1, 5, 10, g.irs + sack[1] & 0xffffffff, g.irs + sack[2] & 0xffffffff) end
	return out
end

-- What the ghost was sent since packet number `from`: {[time since began,] relative number, length}
local function heard(g, from, began)
	local out = list()
	for i, p in ipairs(wire.packets()) do
		if i > from and p.dst == g.addr and p.dport == g.port then
			local row = list{p.seq - g.irs & 0xffffffff, p.len}
			if began then table.insert(row, 1, round(p.t - began, 3)) end
			out[#out + 1] = row
			if p.opts.ts then g.tsecr = p.opts.ts[1] end
		end
	end
	return out
end

local function ack(g, relative, sack)
	g:put{seq = g.isn + 1, ack = g.irs + relative, flags = '.', opts = options(g, sack)}
end

for _, with_ts in ipairs{false, true} do
	local tag = with_ts and 'mss,ws,sack,ts' or 'mss,ws,sack'
	local g, s, mss
	phase(tag .. ': handshake and 5 segments', function(o)
		ghosts = ghosts + 1
		g = B:ghost(9000, ghosts, {mss = 1460, wscale = 7, sackok = true, ts = with_ts and {milliseconds(), 0} or nil})
		g:syn()
		local synack = g:synack()
		g.irs = synack.seq
		g.tsecr = synack.opts.ts and synack.opts.ts[1]
		ack(g, 1)
		s = l:accept(2)
		mss = 1460 - (with_ts and 12 or 0)
		local from = #wire.packets()
		s:send(('x'):rep(5 * mss))
		sleep(0.1) -- long enough for the tail loss probe
		o['segments'] = heard(g, from)
	end)
	phase(tag .. ': SACK 2..5, segment 1 missing', {settle = 0.05}, function(o)
		local from = #wire.packets()
		ack(g, 1, {1 + mss, 1 + 5 * mss})
		sleep(0.05)
		o['answer'] = heard(g, from, 0)
	end)
	phase(tag .. ': cumulative ACK of segment 1 only, no SACK (reneged)', {settle = 0.05}, function(o)
		local from, began = #wire.packets(), now()
		ack(g, 1 + mss)
		sleep(0.65)
		o['retransmissions after the reneging ACK (s, seq, len)'] = heard(g, from, began)
		local i = s:info()
		o['ca_state'] = STATES[i.ca_state]
		o['cwnd'] = i.snd_cwnd
	end)
	phase(tag .. ': everything acknowledged', {settle = 0.1}, function() ack(g, 1 + 5 * mss) end)
	s:linger(0)
	s:close()
	sleep(0.05)
end
