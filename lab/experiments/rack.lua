-- RACK (RFC 8985): how late a segment may be before it is lost, what a D-SACK makes of that, and retransmissions that are lost.

experiment{settle = 0.8, limit = 100}

local MSS <const> = 1448
local port = 9000
-- fates: of the first transmission of the n-th segment; again: of the second
local function run(name, o, fates, again)
	port = port + 1
	for _, h in ipairs{A, B} do
		h:sysctl('net.ipv4.tcp_recovery', o.recovery or 1)
		h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
	end
	wire.set{delay = 0.02, rate = 1e8} -- a round trip takes 40 ms, a quarter is 10
	local l, c, s = pair(port)
	c:set('TCP_NODELAY', 1)
	sleep(0.1)
	local count, first = {}, nil
	wire.rule(function(p)
		if p.way ~= 'a>b' or p.dport ~= port or p.len == 0 then return end
		first = first or p.seq
		local n = (p.seq - first & 0xffffffff) // MSS + 1
		count[n] = (count[n] or 0) + 1
		if count[n] == 1 then return fates[n] end
		if count[n] == 2 and again then return again[n] end
	end)
	wire.set{delay = 0.021, rate = 1e8} -- longer than at first: no answer is faster than the fastest
	phase(name, function(seen)
		for i = 1, o.rounds or 1 do
			c:send(('x'):rep((o.segs or 10) * MSS))
			sleep(o.pause or 0.5)
		end
		local i = c:info()
		seen['delivered'] = s:unread()
		seen['reordering'], seen['reord_seen'], seen['ca_state'] = i.reordering, i.reord_seen, i.ca_state
		seen['dsack_dups'], seen['total_retrans'] = i.dsack_dups, i.total_retrans
	end)
	wire.rule(nil)
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.06)
end

run('the 2nd of 10 is 4 ms late: three duplicate ACKs are enough, nobody has seen reordering', {}, {[2] = 0.004})
run('the 9th of 10 is 4 ms late: no three duplicate ACKs', {}, {[9] = 0.004})
run('the 9th of 10 is 25 ms late: later than a quarter of the round trip', {}, {[9] = 0.025})
run('the 9th of 10, then the 12th of 20 is 4 ms late: reordering has been seen', {rounds = 2}, {[9] = 0.004, [12] = 0.004})
run('the same, tcp_recovery 4: three duplicate ACKs mean nothing', {rounds = 2, recovery = 5}, {[9] = 0.004, [12] = 0.004})
run('the same, tcp_recovery 2: the window of reordering stays as it is', {rounds = 2, recovery = 3}, {[9] = 0.004, [12] = 0.03})
run('the 9th, the 12th and the 22nd are later and later', {rounds = 3}, {[9] = 0.004, [12] = 0.03, [22] = 0.03})
run('the 3rd is lost, and its retransmission', {segs = 20}, {[3] = 'drop'}, {[3] = 'drop'})
run('the 3rd and the 7th are lost, and the retransmission of the 3rd', {segs = 20}, {[3] = 'drop', [7] = 'drop'}, {[3] = 'drop'})
