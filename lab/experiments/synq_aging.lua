-- More than half of the SYN queue in use: old half-open requests get fewer SYN+ACKs, so that young ones find room.
-- tcp_synack_retries 3: a request that nobody hurries dies after 15 s, a hurried one after 7 s.  Kernel: 30 seconds.
-- The backlog notes know only "after the last wait the connection leaves the queue".

experiment{settle = 0.05, limit = 60}
B:sysctl('net.ipv4.tcp_syncookies', 0)
B:sysctl('net.ipv4.tcp_synack_retries', 3)

local ghosts = 0

local function some(case, n)
	for _ = 1, n do
		ghosts = ghosts + 1
		B:ghost(case.port, ghosts):syn()
	end
end

-- SYNs at 0 s (old) and at 6.5 s (young): at 7 s the old ones' third timer asks how many are young.
local cases <const> = {
	{'backlog 10, 5 old: half of the queue, nobody is hurried', backlog = 10, old = 5},
	{'backlog 10, 6 old: one dies early, then it is half', backlog = 10, old = 6},
	{'backlog 10, 11 old: six die early', backlog = 10, old = 11},
	{'backlog 4, 5 old: half is never less than 4', backlog = 4, old = 5},
	{'backlog 3, 4 old: a small queue hurries nobody', backlog = 3, old = 4},
	-- Many young ones protect the old: a retry is taken away only when young * 2, 4, 8 ... is not more than all.
	{'backlog 10, 4 old and 7 young: hurried are the young, later', backlog = 10, old = 4, young = 7},
	{'backlog 10, 8 old and 3 young: hurried are the old', backlog = 10, old = 8, young = 3},
	{'backlog 10, 2 old, TCP_SYNCNT 1 at the listener: gone after 3 s', backlog = 10, old = 2, syncnt = 1},
}

phase('eight listeners at once', function(o)
	local began = now()
	for i, case in ipairs(cases) do
		case.port = 9000 + i
		case.alive = list()
		B:listen(case.port, case.backlog, function(s) if case.syncnt then s:set('TCP_SYNCNT', case.syncnt) end end)
		some(case, case.old)
	end
	for _, at in ipairs{2, 6, 6.5, 8.2, 10.5, 14.6, 17, 23} do
		sleep(began + at - now())
		for _, case in ipairs(cases) do
			if at == 6.5 then
				some(case, case.young or 0)
			else
				case.alive[#case.alive + 1] = ('%.1f s: %d'):format(at, #B:sockets{port = case.port, state = 'SYN-RECV'})
			end
		end
	end
	for _, case in ipairs(cases) do
		local answers, each = {}, list()
		for _, p in ipairs(wire.packets(function(p) return p.sport == case.port and p.way == 'b>a' end)) do
			answers[p.dport] = (answers[p.dport] or 0) + 1
		end
		for _, n in pairs(answers) do each[#each + 1] = n end
		table.sort(each)
		o[case[1]] = {['half-open'] = case.alive, ['SYN+ACKs each'] = each}
	end
end)

-- As data, a SYN+ACK could come again after a second at most; it does not.
phase('tcp_rto_max_ms 1000 is not for SYN+ACKs', function(o)
	B:sysctl('net.ipv4.tcp_rto_max_ms', 1000)
	B:sysctl('net.ipv4.tcp_synack_retries', 2)
	local l = B:listen(9100, 10)
	local case = {port = 9100}
	some(case, 1)
	sleep(3.8)
	local times, first = list(), nil
	for _, p in ipairs(wire.packets(function(p) return p.sport == 9100 and p.way == 'b>a' end)) do
		first = first or p.t
		times[#times + 1] = round(p.t - first, 2)
	end
	o['SYN+ACK times'] = times
	l:set('TCP_DEFER_ACCEPT', 10)
	o['TCP_DEFER_ACCEPT 10 read back'] = l:get('TCP_DEFER_ACCEPT')
end)
