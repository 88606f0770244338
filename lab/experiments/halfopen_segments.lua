-- What may come for a half-open request instead of the final ACK: the SYN again, another SYN, RST, a bad ACK, data, FIN,
-- old timestamps, segments beyond the window, an ICMP error.  What the server says, what it counts, who survives.
-- The backlog notes know only the final ACK: "as the server has not received the ACK, it sends the SYN+ACK again".

experiment{settle = 0.02}

local port <const> = 9000
local OPTIONS <const> = {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7}
local l, ghosts = B:listen(port, 64), 0

-- What the client heard: flags, and numbers relative to both sides' first (a RST's 0 is 0 itself)
local function said(g)
	local out, first = list(), nil
	for _, p in ipairs(wire.packets(function(p) return p.dport == g.port and p.dst == g.addr end)) do
		first = first or p.seq
		local seq = p.seq == 0 and 'seq 0 itself' or 'seq ' .. ((p.seq - first) & 0xffffffff)
		out[#out + 1] = p.flags .. ' ' .. seq .. (p:has('.') and ' ack ' .. ((p.ack - g.isn) & 0xffffffff) or '')
	end
	return out
end

local function accepted(o)
	local s = l:accept(0.01)
	if not s then
		o['accept()'] = 'nobody'
		return
	end
	o['accept()'] = 'a connection'
	o['received'] = repr(s:recv_now(100))
	o['state'] = B:sockets{port = port, peer_port = select(2, s:peer())}[1].state
	s:linger(0)
	s:close() -- with a RST: later phases are not to see it
end

-- A request; then fn(ghost); what became of it, and whether its final ACK would still be taken
local function case(name, opts, fn)
	ghosts = ghosts + 1
	local g = B:ghost(port, ghosts, opts)
	local before = B:sockets{port = port, state = 'LISTEN'}[1].drops
	g:syn()
	g.heard_synack = g:synack()
	sleep(0.005)
	phase(name, function(o)
		fn(g)
		sleep(0.01)
		o['the client heard'] = said(g)
		o['server ss'] = B:states{port = port, peer_port = g.port}
		o['drops'] = B:sockets{port = port, state = 'LISTEN'}[1].drops - before
		accepted(o)
	end)
	phase(name .. ': then the final ACK', function(o)
		g:ack()
		sleep(0.01)
		o['the client heard'] = said(g)
		accepted(o)
	end)
	sleep(0.05)
end

local function both(name, fn)
	case(name, OPTIONS, fn)
	case(name .. ' (no timestamps)', {mss = 1460}, fn)
end

both('nothing', function() end)
both('the SYN again', function(g) g:syn() end)
both('the SYN three times again', function(g) for _ = 1, 3 do g:syn() end end)
both('the SYN again with data', function(g) g:put{seq = g.isn, flags = 'S', opts = g.opts, data = 'early'} end)
both('a SYN with ACK', function(g) g:ack{seq = g.isn, flags = 'S.'} end)
-- In the window: the old request is given up (RFC 9293 3.10.7.4); outside of it: an ACK says what is expected.
both('a SYN with another ISN, in the window', function(g) g:put{seq = g.isn + 100, flags = 'S', opts = g.opts} end)
both('a SYN with another ISN, below it', function(g) g:put{seq = g.isn - 100, flags = 'S', opts = g.opts} end)
both('a SYN with another ISN, far beyond it', function(g) g:put{seq = g.isn + 0x40000000, flags = 'S', opts = g.opts} end)
both('RST at the next number', function(g) g:put{seq = g.isn + 1, flags = 'R'} end)
both('RST in the window', function(g) g:put{seq = g.isn + 100, flags = 'R'} end)
both('RST in the window, twice', function(g) for i = 1, 2 do g:put{seq = g.isn + 100 * i, flags = 'R'} end end)
both('RST at the SYN\'s number', function(g) g:put{seq = g.isn, flags = 'R'} end)
both('RST beyond the window', function(g) g:put{seq = g.isn + 0x40000000, flags = 'R'} end)
both('RST with ACK', function(g) g:ack{flags = 'R.'} end)
both('RST with a bad ACK', function(g) g:ack{flags = 'R.', ack = g.heard_synack.seq + 100} end)
both('RST with a bad ACK, in the window', function(g)
	g:ack{flags = 'R.', seq = g.isn + 100, ack = g.heard_synack.seq + 100}
end)
both('RST with a bad ACK, beyond the window', function(g)
	g:ack{flags = 'R.', seq = g.isn + 0x40000000, ack = g.heard_synack.seq + 100}
end)
both('SYN, RST and ACK at once', function(g) g:ack{flags = 'SR.'} end)
both('an ACK of too much', function(g) g:ack{ack = (g.heard_synack.seq + 2) & 0xffffffff} end)
both('an ACK of nothing', function(g) g:ack{ack = g.heard_synack.seq} end)
both('no flags at all', function(g) g:put{seq = g.isn + 1, flags = ''} end)
both('data without ACK', function(g) g:put{seq = g.isn + 1, flags = 'P', data = 'hello'} end)
both('data on the final ACK', function(g) g:ack{data = 'hello'} end)
both('data behind a gap', function(g) g:ack{seq = g.isn + 6, data = 'hello'} end)
both('FIN on the final ACK', function(g) g:ack{flags = 'F.'} end)
both('data and FIN on the final ACK', function(g) g:ack{flags = 'FP.', data = 'bye'} end)
both('FIN without ACK', function(g) g:put{seq = g.isn + 1, flags = 'F'} end)
both('an ACK below the window', function(g) g:ack{seq = g.isn - 100} end)
both('an ACK beyond the window', function(g) g:ack{seq = g.isn + 0x40000000} end)
both('an ACK below the window, three times', function(g) for i = 1, 3 do g:ack{seq = g.isn - 100 * i} end end)
both('data below the window, three times', function(g) for i = 1, 3 do g:ack{seq = g.isn - 100 * i, data = 'old'} end end)
both('a SYN below the window, then an ACK below it', function(g)
	g:put{seq = g.isn - 100, flags = 'S', opts = g.opts}
	g:ack{seq = g.isn - 100}
end)
both('the SYN again, then an ACK below the window', function(g)
	g:syn()
	g:ack{seq = g.isn - 100}
end)
both('an ACK below the window, then the SYN again', function(g)
	g:ack{seq = g.isn - 100}
	g:syn()
end)
both('data that begins before the window', function(g) g:ack{seq = g.isn - 4, data = 'oldandnew'} end)
case('an ACK with an old timestamp', OPTIONS, function(g)
	g:ack{opts = {ts = {900, g.heard_synack.opts.ts[1]}}}
end)
case('three ACKs with an old timestamp', OPTIONS, function(g)
	for i = 1, 3 do g:ack{opts = {ts = {900 + i, g.heard_synack.opts.ts[1]}}} end
end)
case('an ACK without its timestamp', OPTIONS, function(g) g:ack{opts = ''} end)
case('an ACK that echoes a timestamp never sent', OPTIONS, function(g)
	g:ack{opts = {ts = {1001, (g.heard_synack.opts.ts[1] + 100000) & 0xffffffff}}}
end)
case('the SYN again with an old timestamp', OPTIONS, function(g)
	g:put{seq = g.isn, flags = 'S', opts = {mss = 1460, sackok = true, ts = {900, 0}, wscale = 7}}
end)
both('a bad checksum', function(g) g:ack{bad_checksum = true} end)

-- What routers say about the SYN+ACK: its IP header and eight bytes of TCP.
local function error_about(g, seq, type, code)
	local quoted = tcp{src = B.addr, dst = g.addr, sport = port, dport = g.port, seq = seq, ack = g.isn + 1, flags = 'S.'}
	B:inject(icmp{src = A.addr, dst = B.addr, type = type, code = code, data = quoted:sub(1, 28)})
end
case('ICMP: host unreachable, about its SYN+ACK', OPTIONS, function(g) error_about(g, g.heard_synack.seq, 3, 1) end)
case('ICMP: port unreachable, about its SYN+ACK', OPTIONS, function(g) error_about(g, g.heard_synack.seq, 3, 3) end)
case('ICMP: port unreachable, about another number', OPTIONS, function(g)
	error_about(g, (g.heard_synack.seq + 5000) & 0xffffffff, 3, 3)
end)
case('ICMP: protocol unreachable, about its SYN+ACK', OPTIONS, function(g) error_about(g, g.heard_synack.seq, 3, 2) end)
case('ICMP: net unreachable, about its SYN+ACK', OPTIONS, function(g) error_about(g, g.heard_synack.seq, 3, 0) end)
case('ICMP: parameter problem, about its SYN+ACK', OPTIONS, function(g) error_about(g, g.heard_synack.seq, 12, 0) end)
case('ICMP: time exceeded, about its SYN+ACK', OPTIONS, function(g) error_about(g, g.heard_synack.seq, 11, 0) end)

phase('the listener closes: an ACK comes', function(o)
	ghosts = ghosts + 1
	local g = B:ghost(port, ghosts, OPTIONS)
	g:syn()
	g:synack()
	l:close()
	g:ack()
	sleep(0.01)
	o['the client heard'] = said(g)
end)
