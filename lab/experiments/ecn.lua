-- ECN (RFC 3168): who asks for it, who grants it; a mark on the way, its echo and the answer to that.

experiment{settle = 0.3, limit = 60}

local MSS <const> = 1448
local port = 9000

local function asks(a, b)
	A:sysctl('net.ipv4.tcp_ecn', a)
	B:sysctl('net.ipv4.tcp_ecn', b)
end

local function flags_of(way, syn)
	local p = wire.find(function(p)
		return p.way == way and (p.dport == port or p.sport == port) and p:has('S') == syn
	end, 0)
	return p and p.flags, p and p.tos & 3
end

local function shut(...)
	for _, s in ipairs{...} do
		s:linger(0)
		s:close()
	end
	sleep(0.05)
end

for _, how in ipairs{{0, 1}, {2, 1}, {1, 0}, {1, 2}, {1, 1}} do
	asks(how[1], how[2])
	port = port + 1
	local l, c, s
	phase(('tcp_ecn %d asks %d'):format(how[1], how[2]), function(o)
		l, c, s = pair(port)
		o['SYN'] = flags_of('a>b', true)
		o['SYN+ACK'] = flags_of('b>a', true)
		c:send('hello')
		sleep(0.05)
		o['options of A'], o['options of B'] = c:info().options & 24, s:info().options & 24
		o['data'], o['their mark'] = flags_of('a>b', false)
	end)
	shut(c, s, l)
end

local function word(s, at) return s:byte(at) << 8 | s:byte(at + 1) end

-- The same packet with other ECN bits
local function marked(raw, mark)
	local head = raw:sub(1, 1) .. string.char(raw:byte(2) & 0xfc | mark) .. raw:sub(3, 10) .. '\0\0' .. raw:sub(13, 20)
	local sum = 0
	for i = 1, 19, 2 do sum = sum + word(head, i) end
	while sum > 0xffff do sum = (sum & 0xffff) + (sum >> 16) end
	sum = ~sum & 0xffff
	return head:sub(1, 10) .. string.char(sum >> 8, sum & 255) .. head:sub(13) .. raw:sub(21)
end

asks(1, 1)
wire.set{delay = 0.01, rate = 1e8}

local function mark(name, n, bytes, which, mark_bits)
	port = port + 1
	local l, c, s = pair(port)
	sleep(0.05)
	local count, reduced = 0, 0
	wire.rule(function(p)
		if p.way ~= 'a>b' or p.dport ~= port or p.len == 0 then return end
		count = count + 1
		if p.flags:find('W') or p.flags:find('C') then reduced = reduced + 1 end
		if which[count] then return {{0, marked(p.raw, mark_bits or 3)}} end
	end)
	phase(name, function(o)
		for _ = 1, n do
			c:send(('x'):rep(bytes))
			sleep(0.1)
		end
		local i = c:info()
		o['delivered'] = s:unread()
		o['segments with CWR'] = reduced
		o['snd_cwnd'], o['snd_ssthresh'], o['ca_state'] = i.snd_cwnd, i.snd_ssthresh, i.ca_state
		o['delivered_ce'] = i.delivered_ce
		local b = s:info()
		o['B: received_ce'], o['B: bytes by mark'] = b.received_ce, {e0 = b.received_e0_bytes, e1 = b.received_e1_bytes, ce = b.received_ce_bytes}
		o['A: delivered bytes by mark'] = {e0 = i.delivered_e0_bytes, e1 = i.delivered_e1_bytes, ce = i.delivered_ce_bytes}
	end)
	wire.rule(nil)
	shut(c, s, l)
end

mark('no mark', 3, 5 * MSS, {})
mark('one of 15 segments marked', 3, 5 * MSS, {[3] = true})
mark('two of one round', 3, 5 * MSS, {[2] = true, [4] = true})
mark('one in each of two rounds', 3, 5 * MSS, {[3] = true, [8] = true})
mark('ECT(1) is no mark', 3, 5 * MSS, {[3] = true}, 1)
mark('single small segments, the second marked', 5, 100, {[2] = true})
asks(0, 0)
mark('nobody asked for ECN, and there are marks', 3, 5 * MSS, {[3] = true, [4] = true})
asks(1, 1)
wire.set{delay = 0}

port = port + 1
local l = B:listen(port)
local syns = 0
wire.rule(function(p)
	if p.way ~= 'a>b' or p.dport ~= port or not p:has('S') then return end
	syns = syns + 1
	return syns <= 2 and 'drop' or nil
end)
phase('two SYNs that ask are lost: the next does not', {settle = 0.2}, function(o)
	local c = A:connect(port, {timeout = 10})
	o['SYN'] = flags_of('a>b', true)
	o['options'] = c:info().options & 24
	shut(c)
end)
l:close()
