-- F-RTO (RFC 5682) and Eifel: was a timeout needless?  The path stands still for a while, and then gives everything.

experiment{settle = 0.8, limit = 100}

local MSS <const> = 1448
local port = 9000
wire.set{delay = 0.02, rate = 1e8}

-- Everything towards B (or towards A) that enters the wire in the time after the beginning comes at its end, two milliseconds apart.
local function run(name, o)
	port = port + 1
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_frto', o.frto or 2)
		h:sysctl('net.ipv4.tcp_timestamps', o.ts or 1)
		h:sysctl('net.ipv4.tcp_sack', o.sack or 1)
		h:sysctl('net.ipv4.tcp_dsack', o.sack or 1)
		h:sysctl('net.ipv4.tcp_early_retrans', 0)
		h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
	end
	local l, c, s = pair(port)
	c:set('TCP_NODELAY', 1)
	sleep(0.1)
	local began, held, still, lose = nil, 0, o.still or 0.4, o.lose or 0
	wire.rule(function(p)
		if not began or p.way ~= (o.acks and 'b>a' or 'a>b') or (p.dport ~= port and p.sport ~= port) then return end
		if p.len > 0 and lose > 0 then
			lose = lose - 1
			return 'drop'
		end
		if now() - began < still then
			held = held + 1
			return began + still + held * 0.002 - now()
		end
	end)
	phase(name, function(seen)
		began = now()
		c:send(('x'):rep((o.segs or 10) * MSS))
		sleep(0.3)
		if o.more then c:send(('x'):rep(o.more * MSS)) end
		sleep(1)
		local i = c:info()
		seen['delivered'] = s:unread()
		seen['ca_state'], seen['snd_cwnd'], seen['snd_ssthresh'] = i.ca_state, i.snd_cwnd, i.snd_ssthresh
		seen['total_rto'], seen['total_rto_recoveries'] = i.total_rto, i.total_rto_recoveries
		seen['total_retrans'] = i.total_retrans
	end)
	wire.rule(nil)
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.06)
end

run('ACKs stand still for 0.4 s: timestamps prove it', {acks = true})
run('the same, with more to send meanwhile', {acks = true, more = 4})
run('the same without timestamps', {acks = true, ts = 0})
run('the same without timestamps, with more to send', {acks = true, ts = 0, more = 4})
run('tcp_frto 0, without timestamps', {acks = true, ts = 0, frto = 0, more = 4})
run('neither timestamps nor SACK', {acks = true, ts = 0, sack = 0, more = 4})
run('data stand still for 0.4 s', {})
run('data stand still for 0.4 s, with more to send', {more = 4})
run('the first three are lost: the timeout was right', {lose = 3, segs = 3, still = 0})
