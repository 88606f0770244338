-- Loss recovery: one data segment lost (with SACK, without), two, the tail (probe, timeout), a retransmission, too.
-- The server reads nothing: the fast path counts the same in each run.

experiment{settle = 0.6, limit = 100}

local MSS <const> = 1448
local port = 9000

-- Sends nseg full segments at once; drop['n:k'] loses the k-th transmission of the n-th.
local function run(name, drop, o)
	o = o or {}
	local nseg, mss = o.nseg or 10, o.ts == 0 and MSS + 12 or MSS
	port = port + 1
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_sack', o.sack or 1)
		h:sysctl('net.ipv4.tcp_timestamps', o.ts or 1)
		h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
	end
	local l, c, s = pair(port)
	c:set('TCP_NODELAY', 1)
	local first, sent = nil, {}
	wire.rule(function(p)
		if p.way ~= 'a>b' or p.dport ~= port or p.len == 0 then return end
		first = first or p.seq
		local n = (p.seq - first & 0xffffffff) // mss + 1
		sent[n] = (sent[n] or 0) + 1
		if drop[n .. ':' .. sent[n]] then return 'drop' end
	end)
	phase(name, {settle = o.settle}, function(seen)
		local began = now()
		c:send(('x'):rep(nseg * mss))
		while now() - began < 8 and s:unread() < nseg * mss do sleep(0.002) end
		seen['delivered'] = s:unread() == nseg * mss
		seen['seconds'] = round(now() - began, 1)
	end)
	wire.rule(nil)
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.05)
end

local all_once = {}
for n = 1, 10 do all_once[n .. ':1'] = true end

for _, sack in ipairs{1, 0} do
	local tag = sack == 1 and 'SACK: ' or 'Reno: '
	run(tag .. 'no loss', {}, {sack = sack})
	run(tag .. '3rd of 10 lost', {['3:1'] = true}, {sack = sack})
	run(tag .. '2nd and 5th of 10 lost', {['2:1'] = true, ['5:1'] = true}, {sack = sack})
	run(tag .. 'last of 10 lost (tail)', {['10:1'] = true}, {sack = sack})
	run(tag .. 'last two of 10 lost', {['9:1'] = true, ['10:1'] = true}, {sack = sack})
	run(tag .. 'the only segment lost', {['1:1'] = true}, {sack = sack, nseg = 1})
	run(tag .. 'all 10 lost once', all_once, {sack = sack, settle = 1.2})
	run(tag .. '3rd lost, and its retransmission', {['3:1'] = true, ['3:2'] = true}, {sack = sack, settle = 1.2})
	run(tag .. '8th of 10 lost (2 duplicate ACKs only)', {['8:1'] = true}, {sack = sack})
end
run('SACK, no timestamps: 3rd of 10 lost', {['3:1'] = true}, {ts = 0})
