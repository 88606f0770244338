-- The tail loss probe (RFC 8985): when it is sent, what it repairs, what its D-SACK says; and without it the timeout.

experiment{settle = 0.6, limit = 100}

local MSS <const> = 1448
local port = 9000

local function run(name, o, rule)
	port = port + 1
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_early_retrans', o.early or 3)
		h:sysctl('net.ipv4.tcp_sack', o.sack or 1)
		h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
	end
	wire.set{delay = 0.03, rate = 1e8}
	local l, c, s = pair(port)
	c:set('TCP_NODELAY', 1)
	local sent, at, began, first = {}, {}, nil, nil
	wire.rule(function(p)
		if p.way == 'a>b' and p.dport == port and p.len > 0 then
			first = first or p.seq
			local n = (p.seq - first & 0xffffffff) // MSS + 1
			sent[#sent + 1], at[#at + 1] = n, round(now() - began, 2)
			return rule(n, p.new, p)
		end
		if p.way == 'b>a' and p.sport == port and began then return rule(0, false, p) end
	end)
	wire.set{delay = 0.035, rate = 1e8} -- longer than at first: no answer is faster than the fastest
	phase(name, {settle = o.settle}, function(seen)
		began = now()
		c:send(('x'):rep((o.segs or 3) * MSS))
		if o.more then
			sleep(o.more)
			c:send(('x'):rep(MSS))
		end
		sleep(o.sleep or 1)
		seen['sent'], seen['seconds'] = list(sent), list(at)
		seen['delivered'] = s:unread()
		local i = c:info()
		seen['total_retrans'], seen['total_rto'], seen['ca_state'], seen['snd_cwnd'] = i.total_retrans, i.total_rto, i.ca_state, i.snd_cwnd
	end)
	wire.rule(nil)
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.06)
end

local function lose_new(...)
	local lost = {}
	for _, n in ipairs{...} do lost[n] = true end
	return function(n, new) return new and lost[n] and 'drop' or nil end
end

run('the last of 3 is lost', {}, lose_new(3))
run('the last two of 3', {}, lose_new(2, 3))
run('the only one: an ACK might be delayed', {segs = 1}, lose_new(1))
run('all of 3: the probe is the last of them', {sleep = 2}, lose_new(1, 2, 3))
local probes = 0
run('the last of 3, and the probe', {sleep = 2}, function(n, new)
	if n ~= 3 then return end
	probes = probes + 1
	return probes <= 2 and 'drop' or nil
end)
local acks = 0
run('nothing is lost but the ACKs of 0.2 s: the probe is a duplicate', {}, function(n)
	if n ~= 0 then return end
	acks = acks + 1
	return acks <= 2 and 'drop' or nil
end)
run('tcp_early_retrans 0: no probe', {early = 0}, lose_new(3))
run('without SACK: no probe', {sack = 0}, lose_new(3))
