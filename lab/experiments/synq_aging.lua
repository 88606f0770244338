-- More than half of the SYN queue in use: old half-open requests get fewer SYN+ACKs, so that young ones find room.
-- All but the last phase with net.ipv4.tcp_rto_max_ms 1000: a SYN+ACK a second.  Kernel: 45 seconds.

experiment{settle = 0.05, limit = 120}
B:sysctl('net.ipv4.tcp_syncookies', 0)

local port, ghosts = 9000, 0

local function some(n)
	for _ = 1, n do
		ghosts = ghosts + 1
		B:ghost(port, ghosts):syn()
	end
end

-- tcp_synack_retries r: a request nobody hurries dies r + 1 seconds after its SYN, a hurried one after 3.
-- check: seconds after the first SYN at which those still there are counted; more: {seconds, n}: n SYNs that come later
local function case(name, o)
	B:sysctl('net.ipv4.tcp_rto_max_ms', o.rto_max or 1000)
	B:sysctl('net.ipv4.tcp_synack_retries', o.retries or 4)
	local l = B:listen(port, o.backlog or 10, function(s) if o.syncnt then s:set('TCP_SYNCNT', o.syncnt) end end)
	phase(name, function(seen)
		local first, began, alive = ghosts + 1, now(), {}
		some(o.old)
		for _, at in ipairs(o.check) do
			if o.more and now() - began < o.more[1] and o.more[1] < at then
				sleep(began + o.more[1] - now())
				some(o.more[2])
			end
			sleep(began + at - now())
			alive[('after %.1f s'):format(at)] = #B:sockets{port = port, state = 'SYN-RECV'}
		end
		seen['half-open'] = alive
		local answers, each = {}, list()
		for _, p in ipairs(wire.packets(function(p) return p.dport >= 20000 + first and p.way == 'b>a' end)) do
			answers[p.dport] = (answers[p.dport] or 0) + 1
		end
		for _, n in pairs(answers) do each[#each + 1] = n end
		table.sort(each)
		seen['SYN+ACKs each'] = each
	end)
	l:close()
	port = port + 1
end

case('backlog 10, 5 requests: half of the queue, nobody is hurried', {old = 5, check = {2.5, 3.6, 4.6, 5.6}})
case('backlog 10, 6 requests: one dies early, then it is half', {old = 6, check = {2.5, 3.6, 4.6, 5.6}})
case('backlog 10, 11 requests: six die early', {old = 11, check = {2.5, 3.6, 4.6, 5.6}})
case('backlog 4, 5 requests: half is never less than 4', {old = 5, backlog = 4, check = {2.5, 3.6, 4.6, 5.6}})
case('backlog 3, 4 requests: a small queue hurries nobody', {old = 4, backlog = 3, check = {2.5, 3.6, 4.6, 5.6}})
-- Many young ones protect the old: only when young * 2, 4, 8 ... is less than all, a retry is taken away.
case('backlog 10, 4 old and 7 young requests', {old = 4, more = {2.5, 7}, check = {2.4, 3.3, 4.3, 5.3, 6.3, 8.3}})
case('backlog 10, 8 old and 3 young requests', {old = 8, more = {2.5, 3}, check = {2.4, 3.3, 4.3, 5.3, 6.3, 8.3}})
case('TCP_SYNCNT 1 at the listener', {old = 2, syncnt = 1, check = {0.5, 1.6, 2.6}})
case('backlog 10, 11 requests, tcp_rto_max_ms as it is: at 7 s instead of 15', {old = 11, rto_max = 120000, retries = 3,
	check = {6, 8.5, 14, 17}})
