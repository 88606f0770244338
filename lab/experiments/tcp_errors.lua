-- What is wrong with a segment, and which counter says so: TcpInErrs, TcpInCsumErrors, TcpOutRsts, TcpAttemptFails, TcpEstabResets,
-- TcpExtTCPChallengeACK and those of ICMP errors. A segment at a time, for a connection, a listener and nobody.

experiment{settle = 0.02}

local port <const> = 9000
local l, ghosts = B:listen(port, 64), 0
A:sysctl('net.ipv4.tcp_invalid_ratelimit', 0)
B:sysctl('net.ipv4.tcp_invalid_ratelimit', 0)

local OPTIONS <const> = {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7}

-- A client that exists only on the wire, and the server's end of its connection
local function connected()
	ghosts = ghosts + 1
	local g = B:ghost(port, ghosts, OPTIONS)
	g:syn()
	g:ack()
	local s = l:accept(2)
	g.nxt, g.acked, g.ts = g.isn + 1, g.heard_synack.seq + 1, {ts = {1010, g.heard_synack.opts.ts[1]}}
	sleep(0.01)
	return g, s
end

-- What it was told since the connection is there: flags, and numbers relative to both sides' first
local function said(g, known)
	local out = list()
	for i, p in ipairs(wire.packets(function(p) return p.dport == g.port and p.dst == g.addr end)) do
		if i > known then
			local first = g.heard_synack and g.heard_synack.seq or 0
			out[#out + 1] = ('%s seq %d ack %d'):format(p.flags, p.seq == 0 and 0 or (p.seq - first) & 0xffffffff,
				p:has('.') and (p.ack - g.isn) & 0xffffffff or 0)
		end
	end
	return out
end

local function heard_count(g)
	return #wire.packets(function(p) return p.dport == g.port and p.dst == g.addr end)
end

-- fields: what differs from an in-order segment of 4 bytes
local function to_connection(name, fields)
	local g, s = connected()
	local o = {seq = g.nxt, ack = g.acked, flags = 'P.', data = 'data', opts = g.ts}
	for k, v in pairs(fields) do
		if k == 'dseq' then o.seq = o.seq + v
		elseif k == 'dack' then o.ack = o.ack + v
		else o[k] = v ~= 'none' and v or nil end
	end
	phase('a connection gets ' .. name, function(seen)
		local known = heard_count(g)
		g:put(o)
		sleep(0.06)
		seen['it says'] = said(g, known)
		local row = B:sockets{port = port, peer_port = g.port}[1]
		seen['state'] = row and row.state or 'gone'
		seen['received'] = repr(s:recv_now(100))
		seen['error'] = repr(s:error())
	end)
	s:linger(0)
	s:close()
	sleep(0.02)
end

to_connection('what it expects', {})
to_connection('a wrong checksum', {bad_checksum = true})
to_connection('a header length of 16', {doff = 4})
to_connection('a header length beyond the segment', {doff = 15})
to_connection('no flag at all', {flags = ''})
to_connection('FIN, PSH and URG without ACK', {flags = 'FPU'})
to_connection('a SYN in the window', {flags = 'S', data = 'none'})
to_connection('a SYN with ACK', {flags = 'S.', data = 'none'})
to_connection('a SYN beyond the window', {flags = 'S', data = 'none', dseq = 10000000})
to_connection('SYN and FIN', {flags = 'SF', data = 'none'})
to_connection('a RST that is exact', {flags = 'R', data = 'none', opts = 'none'})
to_connection('a RST within the window', {flags = 'R', data = 'none', dseq = 1, opts = 'none'})
to_connection('a RST before the window', {flags = 'R', data = 'none', dseq = -1, opts = 'none'})
to_connection('a RST beyond the window', {flags = 'R', data = 'none', dseq = 10000000, opts = 'none'})
to_connection('a RST with data', {flags = 'R', opts = 'none'})
to_connection('a RST with an old timestamp', {flags = 'R', data = 'none', opts = {ts = {1, 1}}})
to_connection('an old timestamp', {opts = {ts = {1, 1}}})
to_connection('no timestamp', {opts = 'none'})
to_connection('an ACK of what was never sent', {dack = 1000})
to_connection('a much too old ACK', {dack = -100000000})
to_connection('an old segment', {dseq = -4})
to_connection('a segment beyond the window', {dseq = 10000000})
to_connection('a segment that leaves a hole', {dseq = 4})
to_connection('urgent data that is none', {urg = 4})

-- ---- nobody ----
local function to_nobody(name, fields)
	ghosts = ghosts + 1
	local g = B:ghost(9999, ghosts)
	local o = {seq = 1000, ack = 2000, flags = '.'}
	for k, v in pairs(fields) do o[k] = v end
	g.isn = 0
	phase('a port without a listener gets ' .. name, function(seen)
		g:put(o)
		sleep(0.01)
		seen['it says'] = said(g, 0)
	end)
end

to_nobody('a SYN', {flags = 'S', ack = 0})
to_nobody('a SYN with data', {flags = 'S', ack = 0, data = 'hello'})
to_nobody('an ACK', {})
to_nobody('data', {flags = 'P.', data = 'hello'})
to_nobody('a FIN', {flags = 'F.'})
to_nobody('a FIN without ACK', {flags = 'F', ack = 0})
to_nobody('a RST', {flags = 'R'})
to_nobody('no flag', {flags = '', ack = 0})
to_nobody('a wrong checksum', {bad_checksum = true})
to_nobody('a header length of 16', {doff = 4})

-- ---- a connect() that fails ----
phase('connect() to nobody', function(o) o['connect'] = repr(A:socket():connect(B.addr, 9998, 2)) end)
B:drop{dport = 9997}
for _, code in ipairs{0, 1, 2, 3, 10, 13} do
	phase(('connect(): ICMP 3/%d'):format(code), function(o)
		local x = A:socket()
		x:connect_start(B.addr, 9997)
		sleep(0.01)
		local sent = wire.packets(function(p) return p.dport == 9997 end)
		A:inject(icmp{src = '198.18.0.77', dst = A.addr, type = 3, code = code, seq = 0, data = sent[#sent].raw:sub(1, 28)})
		sleep(0.01)
		o['error'] = repr(x:error())
		o['states'] = A:states{peer_port = 9997}
		x:close()
	end)
end
phase('connect(): ICMP of another sequence number', function(o)
	local x = A:socket()
	x:connect_start(B.addr, 9997)
	sleep(0.01)
	local sent = wire.packets(function(p) return p.dport == 9997 end)
	local raw = sent[#sent].raw
	A:inject(icmp{src = '198.18.0.77', dst = A.addr, type = 3, code = 1, seq = 0,
		data = raw:sub(1, 24) .. string.pack('>I4', (sent[#sent].seq + 1000) & 0xffffffff)})
	sleep(0.01)
	o['error'] = repr(x:error())
	o['states'] = A:states{peer_port = 9997}
	x:close()
end)
B:drop_clear()
