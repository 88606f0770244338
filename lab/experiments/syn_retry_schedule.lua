-- When a client sends its SYN again and when it gives up: tcp_syn_retries, tcp_syn_linear_timeouts, TCP_SYNCNT.
-- The server drops every SYN.  On the kernel this takes 5 minutes.

experiment{limit = 420}
B:drop{flags = 'S'}

local function syn_times(fn)
	local out, first = list(), nil
	for _, p in ipairs(wire.packets(fn)) do
		first = first or p.t
		out[#out + 1] = round(p.t - first, 2)
	end
	return out
end

local function gave_up(ok, message)
	return not ok and message or nil
end

-- {tcp_syn_retries or 0 for TCP_SYNCNT 1, tcp_syn_linear_timeouts}
for _, case in ipairs{{0, 4}, {1, 0}, {2, 0}, {1, 4}, {2, 1}} do
	local retries, linear = case[1], case[2]
	A:sysctl('net.ipv4.tcp_syn_retries', math.max(retries, 1))
	A:sysctl('net.ipv4.tcp_syn_linear_timeouts', linear)
	local name = ('tcp_syn_retries %d, tcp_syn_linear_timeouts %d'):format(retries, linear)
	phase(retries > 0 and name or 'TCP_SYNCNT 1, linear 4', {settle = 0.05}, function(o)
		local s, began = A:socket(), now()
		if retries == 0 then s:set('TCP_SYNCNT', 1) end
		o['error'] = gave_up(s:connect(B.addr, 9000, 60))
		o['failed after'] = round(now() - began, 1)
		local last = wire.packets(function(p) return p.dport == 9000 end)
		local port = last[#last].sport
		o['SYN times'] = syn_times(function(p) return p.sport == port end)
		s:close()
	end)
end

local function patient(name, linear, port)
	A:sysctl('net.ipv4.tcp_syn_linear_timeouts', linear)
	A:sysctl('net.ipv4.tcp_syn_retries', 6)
	phase(name, function()
		local s, began = A:socket(), now()
		local error_text = gave_up(s:connect(B.addr, port, 140))
		observe('retries 6 linear ' .. linear, {
			['SYN times'] = syn_times(function(p) return p.dport == port and p:has('S') end),
			['end'] = {round(now() - began, 1), error_text},
		})
		s:close()
	end)
end

patient("retries 6 linear 4 (today's default)", 4, 9100)
patient('retries 6 linear 0 (the old default)', 0, 9101)
